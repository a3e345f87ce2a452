"""The verdict follows its rules, and on made-up features finds the structure put into them."""

from dataclasses import replace

import numpy as np
import pytest

from premotor.findings import Control, Finding, Null, Reading, Verdict
from premotor.measure.catalog import MeasureConfig
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import CONTROLS, Sides
from premotor.measure.study import study
from premotor.measure.verdict import HEADLINE, KINDS, stands, verdict
from premotor.records import Interval

S, F = 0.001, 0.4  # p with which a value stands, and falls


def reading(least: float = 0.001, draws: int = 999, **p: float) -> Reading:
    """A value with its p by stratum."""
    nulls = tuple(
        Null(stratum=name, mean=0.0, sd=0.1, q95=0.2, z=0.0, p=value, least=least, draws=draws)
        for name, value in p.items()
    )
    return Reading(value=0.5, num_rows=90, nulls=nulls)


def finding(measure: str = "mutual_knn", *controls: Control, **p: float) -> Finding:
    return Finding(
        measure=measure, label=measure, unit="score", own=reading(**p), controls=controls
    )


def control(name: str, p: float, **given) -> Control:
    return Control(name=name, reading=reading(task=p), **given)


def with_controls(p: str, *more: Control, **changed) -> list[Finding]:
    """A finding that stands within the task, and its p under the three controls; "-": none."""
    values = {"S": S, "F": F}
    known = [control(name, values[c]) for name, c in zip(CONTROLS, p, strict=True) if c in values]
    return [replace(finding("mutual_knn", *known, *more, all=S, task=S), **changed)]


def gained(low: float) -> Interval:
    return Interval(value=0.1, low=low, high=0.3, count=90)


@pytest.mark.parametrize(
    ("p", "kind"),
    [
        ({"all": F, "task": F}, "none"),
        ({"all": F}, "none"),
        ({"all": S, "task": F}, "scene"),
        ({"all": S}, "unresolved"),
        ({}, "unresolved"),
    ],
)
def test_without_controls_a_value_falls_or_is_not_resolved(p, kind):
    found = verdict([finding(**p)])
    assert found.kind == kind
    assert len(found.because) > 20


@pytest.mark.parametrize(
    ("p", "kind"),  # words withheld, another episode, both at once
    [
        ("SSS", "mirror"),
        ("SSF", "scene or language"),
        ("FSS", "language"),
        ("FSF", "language"),
        ("F--", "language"),
        ("SFS", "scene"),
        ("SFF", "scene"),
        ("-F-", "scene"),
        ("FFS", "scene and language"),
        ("FFF", "scene and language"),
        ("FF-", "scene and language"),
        ("--S", "mirror"),  # what stands under both stands under each
        ("S-S", "mirror"),
        ("SS-", "unresolved"),
        ("S--", "unresolved"),
        ("-S-", "unresolved"),
        ("S-F", "unresolved"),
        ("-SF", "unresolved"),
        ("--F", "unresolved"),
        ("---", "unresolved"),
    ],
)
def test_each_combination_of_controls_has_its_verdict(p, kind):
    found = verdict(with_controls(p))
    assert found.kind == kind
    if kind == "unresolved":
        missing = [CONTROLS[n] for n, c in zip(CONTROLS, p, strict=True) if c == "-"]
        assert all(f"{name}: not measured" in found.because for name in missing)


def test_every_kind_is_explained_after_its_name():
    assert set(KINDS) == {
        "none",
        "scene",
        "language",
        "scene and language",
        "scene or language",
        "mirror",
        "unresolved",
    }
    assert all(": " in text for text in KINDS.values())


@pytest.mark.parametrize(("low", "kind"), [(-0.01, "scene"), (0.0, "scene"), (0.01, "mirror")])
def test_what_untrained_networks_have_as_well_is_of_the_scene(low, kind):
    found = verdict(with_controls("SSS", gain=gained(low)))
    assert found.kind == kind
    assert ("untrained networks" in found.because) is (kind == "scene")


def test_one_measure_that_gained_is_enough():
    one = with_controls("SSS", measure="debiased_cka", gain=gained(-0.1))
    two = with_controls("SSS", gain=gained(0.1))
    assert verdict([*one, *two]).kind == "mirror"
    assert verdict([*one, *with_controls("SSS", gain=gained(-0.2))]).kind == "scene"


def test_furniture_is_the_reason_where_shuffling_within_the_task_matches_as_well():
    assert "within the task" in verdict([finding(all=S, task=F)]).because


def test_tasks_that_are_not_given_leave_it_open():
    because = verdict([finding(all=S)]).because
    assert "furniture alone tells tasks apart" in because
    assert "tasks are not given" in because


def test_a_null_that_shuffling_does_not_change_leaves_it_open():
    assert "shuffled partners change nothing" in verdict([finding()]).because


def test_several_measures_are_judged_by_two_chosen_beforehand():
    lucky = [
        finding("svcca", all=S, task=S),
        finding("debiased_cka", all=F),
        finding("mutual_knn", all=F),
    ]
    assert verdict(lucky).kind == "none"
    twice = [finding("debiased_cka", all=0.03, task=F), finding("mutual_knn", all=F, task=F)]
    assert verdict(twice).kind == "none"  # 0.03 twice is too much
    assert verdict(twice[:1]).kind == "scene"
    assert verdict([finding("svcca", all=S, task=F)]).kind == "scene"  # where it is all there is


def test_the_smaller_p_counts_times_the_number_of_measures():
    found = [finding("debiased_cka", all=0.02), finding("mutual_knn", all=0.3)]
    assert stands(found, "all").p == pytest.approx(0.04)
    assert stands(found, "all").stands is True
    assert stands([finding(all=0.9), finding("debiased_cka", all=0.8)], "all").p == 1.0
    assert stands(found, "task").stands is None


@pytest.mark.parametrize(
    ("draws", "count", "kind"), [(20, 2, "unresolved"), (39, 2, "unresolved"), (40, 2, "scene")]
)
def test_too_few_draws_for_any_p_to_matter_are_told(draws, count, kind):
    p = 1 / (1 + draws)
    own = {"all": p, "task": 0.9, "least": p, "draws": draws}
    found = verdict([finding(name, **own) for name in HEADLINE[:count]])
    assert found.kind == kind
    if kind == "unresolved":
        assert f"{draws} permutations cannot show p < 0.05 for 2 measures" in found.because
        assert "take at least 40" in found.because


def test_one_measure_alone_needs_half_the_draws():
    assert verdict([finding(all=1 / 21, task=F, least=1 / 21, draws=20)]).kind == "scene"
    because = verdict([finding(all=1 / 20, least=1 / 20, draws=19)]).because
    assert "19 permutations cannot show p < 0.05 for 1 measure; take at least 20" in because


def test_too_few_rows_that_may_trade_are_told():
    found = verdict([finding(all=0.07, least=1 / 16, draws=999)])
    assert found.kind == "unresolved"
    assert "too few episodes may trade partners" in found.because


def test_a_control_of_too_few_draws_decides_nothing():
    weak = Control(name="both", reading=reading(task=1 / 11, least=1 / 11, draws=10))
    found = verdict(with_controls("SS-", weak))
    assert found.kind == "unresolved"
    assert f"{CONTROLS['both']}: 10 permutations cannot show" in found.because


def test_a_control_is_held_against_its_null_within_the_task_and_else_over_all():
    nulls = reading(all=S, task=F)
    assert verdict(with_controls("-S-", Control(name="blanked", reading=nulls))).kind == "language"
    over_all = [Control(name=name, reading=reading(all=S)) for name in CONTROLS]
    assert verdict(with_controls("---", *over_all)).kind == "mirror"


def test_a_control_whose_rows_may_not_trade_decides_nothing():
    found = verdict(with_controls("SS-", Control(name="both", reading=reading())))
    assert found.kind == "unresolved"
    assert f"{CONTROLS['both']}: no two episodes may trade partners" in found.because


@pytest.mark.parametrize(("refitted", "kind"), [("S", "mirror"), ("F", "scene or language")])
def test_a_control_through_maps_fitted_anew_decides_over_the_old_maps(refitted, kind):
    anew = control("both", {"S": S, "F": F}[refitted], refitted=True)
    old = {"S": "SSF", "F": "SSS"}[refitted]
    assert verdict(with_controls(old, anew)).kind == kind


def test_a_void_control_decides_nothing_and_its_reason_is_told():
    blind = "U names nothing through the other camera"
    voids = [control(name, F, void=blind) for name in ("another", "both")]
    found = verdict(with_controls("S--", *voids))
    assert found.kind == "unresolved"
    assert found.because.count(blind) == 2
    assert verdict(with_controls("F--", *voids)).kind == "language"  # words decide alone


def test_what_could_not_be_measured_is_the_reason():
    absent = Reading(value=None, num_rows=90, absent="all 90 rows of the second side are the same")
    alone = Finding(measure="debiased_cka", label="", unit="score", own=absent)
    assert verdict([alone]) == Verdict(kind="unresolved", because=absent.absent)
    assert verdict([]) == Verdict(kind="unresolved", because="nothing was measured")
    constant = Control(name="blanked", reading=absent)
    found = verdict(with_controls("-S-", constant))
    assert f"{CONTROLS['blanked']}: {absent.absent}" in found.because
    assert verdict([alone, *with_controls("SSS")]).kind == "mirror"  # the other measure decides


def judge(sides: Sides, *measures: str, draws: int = 99, halves: int = 0) -> Verdict:
    config = StudyConfig(
        permutations=draws, halves=halves, only=measures, measure=MeasureConfig(neighbors=6)
    )
    (found,) = study(sides, config, checkpoint="trained", space="raw")
    assert found.verdict is not None
    return found.verdict


@pytest.mark.parametrize("measure", HEADLINE)
@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"task": 0.0}, "none"),
        ({}, "scene"),
        ({"scene": 1.0}, "scene"),
        ({"words": 1.0}, "language"),
        ({"told": 1.0}, "scene and language"),
        ({"words": 1.0, "scene": 1.0}, "scene or language"),
        ({"action": 1.0}, "mirror"),
        ({"action": 1.0, "words": 1.0, "scene": 1.0}, "mirror"),
    ],
)
def test_the_structure_of_made_up_features_is_named(made_up, parts, kind, measure):
    assert judge(made_up(**parts), measure).kind == kind


@pytest.mark.parametrize("seed", range(8))
def test_repeated_rows_are_no_alignment(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(4, w))[rng.integers(4, size=450)] for w in (16, 24))
    found = judge(Sides(a, b), *HEADLINE, draws=200, halves=20 if seed == 0 else 0)
    assert found.kind == "none"


def test_identical_features_of_too_few_draws_are_not_called_none():
    rows = np.random.default_rng(0).normal(size=(60, 5))
    config = StudyConfig(permutations=20, halves=0, only=HEADLINE)
    (found,) = study(Sides(rows, rows), config, checkpoint="trained", space="raw")
    assert found.verdict is not None
    assert found.verdict.kind == "unresolved"
    assert "20 permutations cannot show p < 0.05" in found.verdict.because
    assert "take at least 40" in found.verdict.because


def test_identical_features_of_too_small_tasks_are_not_called_scene_alignment():
    rows = np.random.default_rng(0).normal(size=(8, 5))
    tasks = ("a", "a", "b", "b", "c", "c", "d", "d")
    found = judge(Sides(rows, rows, tasks), *HEADLINE)
    assert found.kind == "unresolved"
    assert "too few episodes may trade partners" in found.because
