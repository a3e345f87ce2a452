"""A score against success: hand-computed areas, honest intervals, and what a stratum takes away."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from premotor.errors import ConfigError
from premotor.findings import Relation
from premotor.measure.intervals import wilson
from premotor.measure.relation import relation


def related(scores, success, strata, permutations: int = 2, seed: int = 0) -> Relation:
    found = relation(
        np.array(scores, dtype=np.float64),
        np.array(success, dtype=bool),
        strata,
        np.random.default_rng(seed),
        permutations,
    )
    assert found is not None
    return found


def drawn(
    rng: np.random.Generator, failures: tuple[int, ...], shift: float = 0.0, sd: float = 1.0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """25 episodes of each task, so many failures, with scores of this sd; successes' are 1."""
    success = np.concatenate([np.arange(25) >= count for count in failures])
    strata = [f"task {i}" for i in range(len(failures)) for _ in range(25)]
    return (
        rng.normal(size=len(success)) * np.where(success, 1.0, sd) + shift * success,
        success,
        strata,
    )


def test_the_area_of_one_task_is_the_share_of_pairs_in_order():
    # 4 beats 1, 2, 3; 2.5 beats 1, 2: 5 of 6
    found = related([4.0, 2.5, 1.0, 2.0, 3.0], [True, True, False, False, False], ["a"] * 5)
    assert found.auc.value == pytest.approx(5 / 6)
    assert (found.auc.count, found.num_pairs) == (5, 6)
    assert found.by_stratum == {"a": found.auc}


def test_a_tie_counts_half():
    # 2 against 1, 2, 3: one won, one half; 3: two won, one half; 4 of 6
    found = related([2.0, 3.0, 1.0, 2.0, 3.0], [True, True, False, False, False], ["a"] * 5)
    assert found.auc.value == pytest.approx(4 / 6)
    assert related(
        [7.0] * 5, [True, True, False, False, False], ["a"] * 5
    ).auc.value == pytest.approx(0.5)


def test_the_area_is_that_of_the_mann_whitney_statistic():
    scores, success, strata = drawn(np.random.default_rng(1), (9,), 0.4)
    u = mannwhitneyu(scores[success], scores[~success]).statistic
    assert related(scores, success, strata).auc.value == pytest.approx(u / (9 * 16))


def test_tasks_are_joined_by_the_inverse_of_their_variances_under_the_null():
    # a: 1 of 1 pairs, weight 1 / 3; b: 1 of 4 pairs, weight 4 / 5
    scores, success = [2.0, 1.0, 1.5, 3.0, 2.0, 4.0], [True, False, True, True, False, False]
    found = related(scores, success, ["a", "a", "b", "b", "b", "b"])
    own = {name: auc.value for name, auc in found.by_stratum.items()}
    assert own == pytest.approx({"a": 1.0, "b": 0.25})
    assert found.auc.value == pytest.approx((1 / 3 + 4 / 5 * 0.25) / (1 / 3 + 4 / 5))
    assert (found.auc.count, found.num_pairs) == (6, 5)


def test_the_order_of_the_episodes_changes_nothing():
    scores, success, strata = drawn(np.random.default_rng(2), (1, 5, 20), 0.5)
    order = np.random.default_rng(3).permutation(len(scores))
    mixed = related(scores[order], success[order], [strata[i] for i in order])
    straight = related(scores, success, strata)
    assert mixed.auc.value == pytest.approx(straight.auc.value)
    assert mixed.auc.low == pytest.approx(straight.auc.low)


def test_tasks_that_always_or_never_succeed_take_no_part():
    scores, success, strata = drawn(np.random.default_rng(4), (0, 6, 25), 0.5)
    found, alone = related(scores, success, strata), related(*drawn_of(scores, success, strata, 1))
    assert found == alone
    assert list(found.by_stratum) == ["task 1"]


def drawn_of(scores, success, strata, task: int):
    rows = [i for i, name in enumerate(strata) if name == f"task {task}"]
    return scores[rows], success[rows], [strata[i] for i in rows]


@pytest.mark.parametrize("outcome", [True, False])
def test_of_success_everywhere_or_nowhere_nothing_is_said(outcome):
    rng = np.random.default_rng(0)
    assert relation(np.arange(6.0), np.full(6, outcome), ["a", "b"] * 3, rng) is None


def test_a_score_that_only_tells_easy_tasks_from_hard_ones_says_nothing_within_them():
    easy = {True: [10, 11, 12, 15, 16, 17], False: [13, 14]}
    hard = {True: [3, 4], False: [0, 1, 2, 5, 6, 7]}
    scores, success, strata = [], [], []
    for _ in range(4):
        for name, task in (("easy", easy), ("hard", hard)):
            for outcome, values in task.items():
                scores += values
                success += [outcome] * len(values)
                strata += [name] * len(values)
    pooled = related(scores, success, ["all"] * len(scores), permutations=400)
    within = related(scores, success, strata, permutations=400)
    assert pooled.auc.value == pytest.approx(0.75)
    assert pooled.auc.low > 0.5
    assert pooled.p < 0.01
    assert within.auc.value == pytest.approx(0.5)
    assert within.p == 1.0


def test_unrelated_scores_give_uniform_p_values():
    rng = np.random.default_rng(5)
    p_values = np.array(
        [related(*drawn(rng, (2, 12)), permutations=99, seed=i).p for i in range(50)]
    )
    assert p_values.mean() == pytest.approx(0.5, abs=0.12)
    assert np.mean(p_values <= 0.05) < 0.15


def test_a_score_against_success_is_as_surprising_as_one_that_goes_with_it():
    scores, success, strata = drawn(np.random.default_rng(6), (5, 10, 20), 1.2)
    along = related(scores, success, strata, permutations=200)
    against = related(-scores, success, strata, permutations=200)
    assert along.p == against.p < 0.05
    assert along.auc.value == pytest.approx(1.0 - against.auc.value)
    assert along.auc.low == pytest.approx(1.0 - against.auc.high)


def test_the_interval_of_one_pair_is_that_of_one_toss():
    toss, found = wilson(1, 1), related([1.0, 0.0], [True, False], ["a", "a"]).auc
    assert (found.low, found.value, found.high) == pytest.approx((toss.low, 1.0, 1.0))


def test_one_failure_per_task_below_every_success_is_no_certainty():
    scores, success, strata = drawn(np.random.default_rng(7), (1, 1, 1), 20.0)
    found = related(scores, success, strata)
    assert found.auc.value == pytest.approx(1.0)
    assert found.auc.low < 0.8
    assert found.by_stratum["task 0"].low < found.auc.low


def test_a_half_never_lies_outside_the_interval_where_van_elterens_test_does_not_reject():
    rng, failures, outside = np.random.default_rng(8), (1, 3, 12, 24), 0
    weights = np.array([(25 - f) * f / 26 for f in failures])
    variances = np.array([26 / (12 * f * (25 - f)) for f in failures])
    sd = float(np.sqrt(np.sum(weights**2 * variances))) / weights.sum()
    for _ in range(40):
        auc = related(*drawn(rng, failures, 0.5)).auc
        if not auc.low <= 0.5 <= auc.high:
            outside += 1
            assert abs(auc.value - 0.5) > 1.95 * sd
    assert 0 < outside < 40


def test_what_cannot_be_related_is_refused():
    rng = np.random.default_rng(0)
    success = np.array([True, False])
    with pytest.raises(ConfigError, match="2 scores, 2 outcomes and 1 strata"):
        relation(np.zeros(2), success, ["a"], rng)
    with pytest.raises(ConfigError, match="at least one episode"):
        relation(np.zeros(0), np.zeros(0, dtype=bool), [], rng)
    with pytest.raises(ConfigError, match="1 of 2 scores"):
        relation(np.array([0.0, np.nan]), success, ["a", "a"], rng)
