"""A study has every measure with what it is held against, and says why one was not measured."""

from dataclasses import replace

import numpy as np
import pytest

import premotor.measure.study
from premotor.errors import ConfigError
from premotor.findings import SIDES, Finding, Study
from premotor.measure import plan
from premotor.measure.catalog import BY_NAME, MEASURES, MeasureConfig, Prepared
from premotor.measure.halves import halves
from premotor.measure.nulls import permutation_null
from premotor.measure.plan import LEAST_DRAWS, StudyConfig
from premotor.measure.reading import calibrated, trades_of
from premotor.measure.sides import CONTROLS, Sides, controls_of, stand_ins_of
from premotor.measure.study import study
from premotor.measure.verdict import HEADLINE

QUICK = StudyConfig(permutations=40, halves=0, only=HEADLINE, measure=MeasureConfig(neighbors=4))
NEW = ("ridge_r2_u_to_e_new_variation", "ridge_r2_e_to_u_new_variation")


def sides(n: int = 48, width: int = 6, noise: float = 0.3) -> Sides:
    """Two tasks of two variations, each episode known to both sides."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(n, width))
    return Sides(
        u,
        u + noise * rng.normal(size=u.shape),
        ("reach",) * (n // 2) + ("push",) * (n - n // 2),
        tuple("01"[i % 2] for i in range(n)),
    )


def taken(given: Sides, config: StudyConfig = QUICK, space: str = "raw") -> Study:
    found = study(given, config, checkpoint="trained", space=space)[0]
    assert found.sides == SIDES
    return found


def only(*measures: str, **changed) -> StudyConfig:
    return replace(QUICK, only=measures, **changed)


def found_of(given: Sides, measure: str, config: StudyConfig | None = None) -> Finding:
    space = "z" if BY_NAME[measure].one_space else "raw"
    found = taken(given, config or only(measure), space).finding(measure)
    assert found is not None
    return found


def test_a_shared_space_has_every_measure_and_two_spaces_those_of_either():
    given = replace(sides(96, 3), variations=tuple(str(i % 12) for i in range(96)))
    config = StudyConfig(permutations=2, halves=0, measure=MeasureConfig(neighbors=4))
    shared, apart = (taken(given, config, space) for space in ("z", "raw"))
    assert [f.measure for f in shared.findings] == [m.name for m in MEASURES]
    assert all(f.own.value is not None for f in shared.findings)
    assert [f.measure for f in apart.findings] == [m.name for m in MEASURES if not m.one_space]
    assert (shared.num_rows, shared.space, shared.checkpoint) == (96, "z", "trained")


def test_every_number_has_the_nulls_of_its_strata():
    for finding in taken(sides()).findings:
        assert [null.stratum for null in finding.own.nulls] == ["all", "task", "variation"]
        assert {null.draws for null in finding.own.nulls} == {40}
    bare = replace(sides(), tasks=(), variations=())
    assert [null.stratum for null in found_of(bare, "mutual_knn").own.nulls] == ["all"]


def test_every_number_stands_beside_its_controls():
    given, rng = sides(), np.random.default_rng(1)
    controls = controls_of(given, blanked=rng.normal(size=(48, 6)), void="")
    refitted = {"both": replace(controls["both"], void="maps learned nothing")}
    found = taken(replace(given, controls=controls, refitted=refitted))
    cka = found.finding("debiased_cka")
    assert cka is not None
    assert cka.own.value > 0.8
    assert [(c.name, c.refitted) for c in cka.controls] == [
        *((name, False) for name in CONTROLS),
        ("both", True),
    ]
    for control in cka.controls:
        assert abs(control.reading.value) < 0.2
        assert [null.stratum for null in control.reading.nulls] == ["task"]
        assert control.void == ("maps learned nothing" if control.refitted else "")


def test_without_tasks_a_control_is_held_against_its_null_over_all_rows():
    given = replace(sides(), tasks=())
    found = found_of(replace(given, controls=controls_of(given)), "mutual_knn")
    (control,) = found.controls
    assert [null.stratum for null in control.reading.nulls] == ["all"]


def test_an_interval_stands_around_every_value():
    for finding in taken(sides(), StudyConfig(permutations=2, halves=20)).findings:
        if finding.measure == "cca" or finding.own.value is None:
            assert finding.interval is None  # half the rows are too few for it
            continue
        assert finding.interval is not None
        assert finding.interval.low < finding.interval.value < finding.interval.high
        assert (finding.interval.value, finding.interval.count) == (finding.own.value, 48)


def test_the_halves_for_intervals_are_those_of_each_task(monkeypatch):
    drawn = []

    def spy(strata: np.ndarray, rng: np.random.Generator, resamples: int):
        for rows in halves(strata, rng, resamples):
            drawn.append(rows)
            yield rows

    monkeypatch.setattr(premotor.measure.study, "halves", spy)
    taken(sides(), only("debiased_cka", halves=20))
    assert len(drawn) == 20
    assert {int(np.sum(rows < 24)) for rows in drawn} == {12}  # 24 episodes of either task


def test_ranks_are_good_where_they_are_small():
    rank = found_of(sides(), "median_rank_u_to_e")
    null = rank.own.null("all")
    assert rank.low_is_good
    assert rank.own.value < 2.0 < null.q95 < null.mean
    assert null.p == pytest.approx(1 / 41)
    assert null.z > 3.0
    assert rank.calibrated > 0.9


def test_the_gain_over_untrained_networks_has_an_interval():
    given, rng = sides(), np.random.default_rng(2)
    noise = Sides(rng.normal(size=(48, 9)), rng.normal(size=(48, 7)))
    for untrained, better in ((noise, True), (Sides(given.u, given.e), False)):
        config = only("debiased_cka", halves=20)
        cka = found_of(replace(given, untrained=untrained), "debiased_cka", config)
        assert cka.gain is not None
        assert cka.gain.value == pytest.approx(cka.own.value - cka.untrained)
        assert (cka.gain.low > 0.0) is better


def test_a_gain_of_ranks_is_what_they_are_smaller_by():
    given, rng = sides(), np.random.default_rng(2)
    noise = Sides(rng.normal(size=(48, 6)), rng.normal(size=(48, 6)))
    config = only("median_rank_u_to_e", halves=20)
    rank = found_of(replace(given, untrained=noise), "median_rank_u_to_e", config)
    assert rank.gain.value == pytest.approx(rank.untrained - rank.own.value)
    assert rank.gain.value > 10.0


def test_the_score_is_zero_at_the_mean_of_shuffled_partners_and_one_at_the_best():
    assert calibrated(0.2, 0.2, 1.0) == 0.0
    assert calibrated(1.0, 0.2, 1.0) == 1.0
    assert calibrated(3.0, 5.0, 1.0) == 0.5  # of ranks, which are good where they are small
    assert calibrated(1.0, 1.0, 1.0) is None
    finding = found_of(sides(), "debiased_cka")
    null = finding.own.null("all")
    assert finding.calibrated == pytest.approx((finding.own.value - null.mean) / (1 - null.mean))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "measure", ["mutual_knn", "cknna", "debiased_cka", "linear_cka", "cca", "svcca"]
)
def test_identical_sides_have_a_score_of_one(measure, tied):
    rows = np.random.default_rng(3).normal(size=(48, 3))
    rows = np.round(rows) if tied else rows
    assert found_of(Sides(rows, rows), measure).calibrated == pytest.approx(1.0)


def test_unrelated_sides_have_a_score_of_zero_on_average():
    scores = {name: [] for name in HEADLINE}
    for seed in range(15):
        rng = np.random.default_rng(seed)
        found = taken(Sides(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))))
        for finding in found.findings:
            scores[finding.measure].append(finding.calibrated)
    for values in scores.values():
        assert np.mean(values) == pytest.approx(0.0, abs=3 * np.std(values) / np.sqrt(15))


def test_what_only_knows_the_task_is_gone_where_its_mean_is_off():
    rng = np.random.default_rng(4)
    tasks = np.repeat(np.arange(3), 16)
    centers = 4.0 * np.eye(3)[tasks]
    u, e = (centers + rng.normal(size=(48, 3)) for _ in "ue")
    given = Sides(u, e, tuple(map(str, tasks)))
    finding = found_of(given, "debiased_cka")
    assert finding.own.value > 0.6
    assert finding.centered is not None
    assert abs(finding.centered.value) < 0.15
    assert [null.stratum for null in finding.centered.nulls] == ["task"]
    assert found_of(replace(given, tasks=()), "debiased_cka").centered is None


def test_measures_that_fade_are_shown_on_fewer_rows():
    config = only("mutual_knn", "debiased_cka", permutations=2, halves=20)
    found = taken(sides(160, noise=1.0), config)
    knn, cka = found.finding("mutual_knn"), found.finding("debiased_cka")
    assert [level.num_rows for level in knn.by_rows] == [20, 40]
    assert [level.chance for level in knn.by_rows] == pytest.approx([4 / 19, 4 / 39])
    assert knn.by_rows[0].value > knn.by_rows[1].value > knn.own.value > 4 / 159
    assert cka.by_rows == ()
    assert found_of(sides(160), "mutual_knn").by_rows == ()  # without halves nothing is drawn


def test_stand_ins_are_measured_beside_without_a_verdict():
    given, rng = sides(), np.random.default_rng(5)
    pixels, path = rng.normal(size=(48, 30)), rng.normal(size=(48, 8))
    given = replace(given, stand_ins=stand_ins_of(given, pixels, path))
    found = study(given, QUICK, checkpoint="trained", space="z")
    assert [(s.sides, s.space) for s in found] == [
        (SIDES, "z"),
        ("pixels-e", "raw"),
        ("u-path", "raw"),
        ("pixels-path", "raw"),
    ]
    assert [s.verdict is None for s in found] == [False, True, True, True]
    for stand_in in found[1:]:
        assert abs(stand_in.finding("debiased_cka").own.value) < 0.2


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_constant_side_stops_nothing_and_is_the_reason(place):
    given = sides()
    constant = np.full((48, 6), 0.1)
    u, e = (constant, given.e) if place == "first" else (given.u, constant)
    noise = Sides(given.e, given.u)
    given = replace(given, u=u, e=e, controls=controls_of(given), untrained=noise)
    found = taken(given, replace(QUICK, halves=20, only=()), "z")
    assert len(found.findings) == len(MEASURES)
    assert {finding.own.value for finding in found.findings} == {None}
    assert all(f"the {place} side are the same" in f.own.absent for f in found.findings)
    assert all(f.own.nulls == () and f.interval is None for f in found.findings)
    assert found.verdict.kind == "unresolved"
    assert f"all 48 rows of the {place} side are the same" in found.verdict.because


def test_a_side_of_one_direction_leaves_the_measures_of_geometry():
    rows = np.outer(np.arange(1.0, 49.0), [1.0, 2.0, 3.0])
    found = taken(Sides(rows, np.random.default_rng(0).normal(size=(48, 3))))
    assert "point the same way" in found.finding("mutual_knn").own.absent
    assert found.finding("debiased_cka").own.value is not None


@pytest.mark.parametrize("names", [("both",), tuple(CONTROLS)])
def test_constant_controls_leave_the_verdict_open_with_their_reason(made_up, names):
    given = made_up(action=1.0)
    assert taken(given).verdict.kind == "mirror"
    constant = {n: replace(given.controls[n], e=np.full((96, 12), 0.3)) for n in names}
    found = taken(replace(given, controls={**given.controls, **constant}))
    for finding in found.findings:
        for control in finding.controls:
            assert (control.reading.value is None) is (control.name in names)
    assert found.verdict.kind == "unresolved"
    for name in names:
        reason = f"{CONTROLS[name]}: all 96 rows of the second side are the same"
        assert reason in found.verdict.because


def test_constant_untrained_networks_are_no_gain_and_stop_nothing():
    given = sides()
    untrained = Sides(np.full((48, 4), 0.1), given.e)
    found = taken(replace(given, untrained=untrained), replace(QUICK, halves=20))
    for finding in found.findings:
        assert finding.own.value is not None
        assert finding.interval is not None
        assert (finding.untrained, finding.gain) == (None, None)


def test_what_cannot_be_taken_says_what_it_needs():
    bare = Sides(sides().u, sides().e)
    assert "the variations are not given" in found_of(bare, NEW[0]).own.absent
    few = sides()
    assert "needs at least 10 variations, got 4" in found_of(few, NEW[0]).own.absent
    assert "four rows for each of 12 columns" in found_of(sides(47), "cca").own.absent
    alone = replace(few, variations=tuple(map(str, range(48))))
    within = "recall_at_1_u_to_e_within_variation"
    assert "no two episodes share a variation" in found_of(alone, within).own.absent
    ten = found_of(replace(sides(10), tasks=(), variations=()), "recall_at_10_u_to_e")
    assert "more than 10 rows, got 10" in ten.own.absent


def varied(seed: int, link: float) -> Sides:
    """Two tasks of ten variations of two episodes, whose variations both sides know by `link`."""
    rng = np.random.default_rng(seed)
    variations = np.repeat(np.arange(20), 2)
    shared = rng.normal(size=(20, 3))[variations]
    own = [rng.normal(size=(20, 3))[variations] for _ in "ue"]
    u, e = ((link * shared + x) @ rng.normal(size=(3, 4)) for x in own)
    u, e = (x + 0.1 * rng.normal(size=x.shape) for x in (u, e))
    return Sides(u, e, tuple("ab"[v // 10] for v in variations), tuple(map(str, variations)))


@pytest.mark.parametrize("measure", NEW)
def test_a_link_between_variations_is_found_within_the_task(measure):
    finding = found_of(varied(0, 3.0), measure, only(measure, permutations=99))
    assert finding.own.value > 0.3
    assert [null.stratum for null in finding.own.nulls] == ["all", "task"]
    assert finding.own.null("task").p == pytest.approx(0.01)


def test_variations_without_a_link_have_any_p_alike():
    measure, p = BY_NAME[NEW[0]], []
    for seed in range(30):
        given = varied(seed, 0.0)
        statistic = measure.statistic(Prepared(given, MeasureConfig()))
        (trade,) = [t for t in trades_of(measure.trades, given) if t.stratum == "task"]
        p.append(permutation_null(statistic, trade, np.random.default_rng(seed), 39).p)
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) <= 0.1) < 0.3


def test_repeated_rows_are_counted():
    given = sides()
    repeated = np.vstack([given.u[:40], given.u[:8]])
    assert taken(replace(given, u=repeated)).repeated == (8, 0)


def test_what_was_drawn_less_often_is_remarked(monkeypatch):
    given = Sides(sides().u, sides().e)
    assert taken(given).remarks == ()
    monkeypatch.setattr(plan, "_NULL_FLOPS", 1.0)
    found = taken(given, replace(QUICK, permutations=LEAST_DRAWS + 1))
    assert {null.draws for f in found.findings for null in f.own.nulls} == {LEAST_DRAWS}
    assert found.remarks == (
        "mutual_knn, debiased_cka: nulls of 100 draws instead of 101, as each is costly on 48 rows",
    )


def test_progress_ends_where_it_said_it_would():
    told: list[tuple[str, int, int]] = []
    given = sides()
    given = replace(
        given, controls=controls_of(given), stand_ins=stand_ins_of(given, given.e, None)
    )

    def progress(stage: str, done: int, total: int, remark: str) -> None:
        told.append((stage, done, total))

    study(given, replace(QUICK, halves=20), checkpoint="trained", space="z", progress=progress)
    assert {stage for stage, _, _ in told} == {"measure trained z"}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == told[-1][2]
    assert told[-2][1] > 0.9 * told[-1][2]


def test_the_same_seed_gives_the_same_study():
    given = replace(sides(), controls=controls_of(sides()))
    config = replace(QUICK, halves=20)
    assert taken(given, config) == taken(given, config)
    assert taken(given, replace(config, seed=1)) != taken(given, config)


def test_one_space_of_two_widths_is_refused():
    given = sides()
    with pytest.raises(ConfigError, match="one space has one width, got 6 and 4"):
        taken(replace(given, e=given.e[:, :4]), space="z")


def test_what_is_no_number_is_refused():
    given = sides()
    with pytest.raises(ConfigError, match="NaN"):
        taken(replace(given, u=np.where(given.u > 2.0, np.nan, given.u)))
