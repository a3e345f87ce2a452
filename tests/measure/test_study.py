"""A study has every measure with its controls, and says what was not at hand by leaving it out."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure.catalog import MeasureConfig
from premotor.measure.sample import Sample, another_episode
from premotor.measure.study import Condition, Controls, StudyConfig, study

QUICK = StudyConfig(permutations=20, halves=20, measure=MeasureConfig(neighbors=4))


def sample(n: int = 40, width: int = 6, noise: float = 0.3) -> Sample:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, width))
    tasks = tuple("reach" if i < n // 2 else "push" for i in range(n))
    return Sample(
        a, a + noise * rng.normal(size=a.shape), tasks, tuple("01"[i % 2] for i in range(n))
    )


def test_a_shared_space_has_every_measure_of_the_issue():
    found = study(sample(120, 3), Controls(), Condition(space="z"), QUICK)
    names = {r.measure.replace("u_to_e", "*").replace("e_to_u", "*") for r in found}
    assert names == {
        "recall_at_1_*",
        "recall_at_5_*",
        "recall_at_10_*",
        "recall_at_1_*_of_the_variation",
        "recall_at_1_*_within_variation",
        "median_rank_*",
        "mutual_knn",
        "cknna",
        "debiased_cka",
        "linear_cka",
        "svcca",
        "cca",
        "ridge_r2_*",
        "bound",
    }


def test_every_number_stands_beside_its_controls():
    given = sample()
    rng = np.random.default_rng(1)
    found = study(given, Controls(blanked=rng.normal(size=(40, 6))), Condition(), QUICK)
    conditions = [(r.measure, r.instruction, r.episode) for r in found]
    for start in range(0, len(found), 3):
        name = conditions[start][0]
        assert conditions[start : start + 3] == [
            (name, "given", "same"),
            (name, "blanked", "same"),
            (name, "given", "another"),
        ]
    cka = [r for r in found if r.measure == "debiased_cka"]
    assert cka[0].value > 0.8
    assert abs(cka[1].value) < 0.2
    assert abs(cka[2].value) < 0.2
    assert cka[0].interval is not None
    assert cka[0].interval.low < cka[0].value < cka[0].interval.high


def test_ranks_are_good_where_they_are_small():
    (rank,) = [
        r
        for r in study(sample(), Controls(), Condition(space="z"), QUICK)
        if (r.measure, r.episode) == ("median_rank_u_to_e", "same")
    ]
    assert rank.value < 2.0 < rank.nulls[0].null_q95 < rank.nulls[0].null_mean
    assert rank.nulls[0].p_value == pytest.approx(1 / 21)
    assert rank.nulls[0].z_score > 3.0


def test_the_gain_over_untrained_networks_has_an_interval():
    given, rng = sample(), np.random.default_rng(2)
    noise = rng.normal(size=(40, 9)), rng.normal(size=(40, 7))
    for untrained, better in ((noise, True), ((given.a, given.b), False)):
        found = study(given, Controls(untrained=untrained), Condition(), QUICK)
        (cka,) = [r for r in found if (r.measure, r.episode) == ("debiased_cka", "same")]
        assert cka.gain is not None
        assert (cka.gain.low > 0.0) is better


def test_stand_ins_are_measured_beside():
    rng = np.random.default_rng(3)
    stand_ins = {"pixels": rng.normal(size=(40, 30)), "path": rng.normal(size=(40, 8))}
    found = study(sample(), Controls(stand_ins=stand_ins), Condition(), QUICK)
    assert {r.sides for r in found} == {"u-e", "pixels-e", "u-path", "pixels-path"}
    shared = study(sample(), Controls(stand_ins=stand_ins), Condition(space="z"), QUICK)
    assert {r.sides for r in shared} == {"u-e"}


def test_clips_from_elsewhere_stand_in_where_another_episode_is_shown():
    given = sample()
    blind = Controls(elsewhere=np.random.default_rng(4).normal(size=(40, 3)))
    found = study(given, blind, Condition(), QUICK)
    one, other = [r for r in found if r.measure == "debiased_cka"]
    assert one.value > 0.8
    assert (other.episode, abs(other.value) < 0.2) == ("another", True)


def test_without_variations_no_control_is_made_up():
    given = sample()
    found = study(Sample(given.a, given.b), Controls(), Condition(), QUICK)
    assert {(r.episode, r.instruction) for r in found} == {("same", "given")}
    assert {n.stratum for r in found for n in r.nulls} == {"all"}


def test_progress_ends_where_it_said_it_would():
    told: list[tuple[int, int]] = []
    study(sample(), Controls(), Condition(), QUICK, lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == len(told)


def test_another_episode_is_another_and_of_the_same_variation():
    groups = np.array([0, 0, 0, 1, 2, 2])
    rows, partners = another_episode(groups, np.random.default_rng(0))
    assert sorted(rows) == [0, 1, 2, 4, 5]  # the only one of variation 1 has no other
    assert np.all(groups[rows] == groups[partners])
    assert np.all(rows != partners)
    assert sorted(partners) == sorted(rows)


def test_draws_that_say_nothing_are_refused():
    with pytest.raises(ConfigError, match="try 1000 and 100"):
        StudyConfig(permutations=1)
