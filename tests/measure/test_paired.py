import numpy as np
import pytest
from scipy.stats import binomtest

from premotor.errors import ConfigError
from premotor.measure.intervals import paired_difference
from premotor.measure.paired import mcnemar, sign_flip, t_interval


def outcomes(both: int, ours: int, theirs: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = (both, ours, theirs, neither)
    return (
        np.repeat([True, True, False, False], counts),
        np.repeat([True, False, True, False], counts),
    )


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (1, 0), (6, 0), (9, 3), (40, 61), (5, 5)])
def test_the_p_value_is_the_exact_binomial_one(ours: int, theirs: int):
    found = mcnemar(*outcomes(17, ours, theirs, 4))
    assert (found.only_ours, found.only_theirs) == (ours, theirs)
    expected = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    assert found.p_value == pytest.approx(expected)


def test_episodes_on_which_both_agree_say_nothing():
    assert mcnemar(*outcomes(0, 7, 1, 0)).p_value == mcnemar(*outcomes(400, 7, 1, 90)).p_value


def test_the_two_models_are_interchangeable():
    ours, theirs = outcomes(3, 9, 2, 1)
    assert mcnemar(ours, theirs).p_value == mcnemar(theirs, ours).p_value


def test_no_episodes_are_refused():
    with pytest.raises(ConfigError, match="same episodes"):
        mcnemar(np.ones(0, bool), np.ones(0, bool))


def test_the_t_interval_over_seeds_has_the_textbook_value():
    interval = t_interval(np.array([1.0, 2.0, 3.0, 4.0]))  # sd 1.2910, t(3) = 3.1824
    assert (interval.value, interval.count) == (2.5, 4)
    assert (interval.low, interval.high) == pytest.approx((0.4457, 4.5543), abs=1e-4)


def test_two_seeds_make_a_wide_interval():
    interval = t_interval(np.array([0.02, 0.04]))  # sd / sqrt(2) = 0.01, t(1) = 12.706
    assert (interval.low, interval.high) == pytest.approx((-0.0971, 0.1571), abs=1e-4)


def test_one_seed_has_no_interval_over_seeds():
    with pytest.raises(ConfigError, match="at least 2"):
        t_interval(np.array([0.3]))


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ((1.0, 2.0, 3.0, 4.0), 2 / 16),
        ((-1.0, 2.0, 3.0, 4.0), 4 / 16),  # sums of +-8 or more: all alike, or 1 against the rest
        ((0.1, 0.1, -0.1), 1.0),  # all patterns are as far from 0
        ((0.1, 0.1, 0.1, -0.1), 10 / 16),  # 1 + 4 patterns on each side
        ((0.0, 0.3), 1.0),
        ((0.0, 0.0), 1.0),
        ((-0.2,), 1.0),
    ],
)
def test_the_sign_flip_test_counts_the_patterns(differences, p_value):
    found = sign_flip(np.array(differences))
    assert found.p_value == p_value
    assert found.least_p == 2 / 2 ** len(differences)
    assert sign_flip(-np.array(differences)) == found


def test_six_seeds_are_the_fewest_that_reach_five_percent():
    assert sign_flip(np.ones(5)).p_value == 0.0625
    assert sign_flip(np.ones(6)).p_value == 0.03125


@pytest.mark.parametrize("count", [0, 21])
def test_patterns_that_cannot_be_gone_through_are_refused(count):
    with pytest.raises(ConfigError, match=f"got {count} differences"):
        sign_flip(np.ones(count))


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_the_spread_between_seeds_is_not_taken_for_an_effect(seeds):
    rng = np.random.default_rng(seeds)
    told, flipped, pooled = [], [], []
    for _ in range(1500):  # two arms alike: 69 % with an SD of 2.3 points between seeds
        chances = rng.normal(0.69, 0.023, size=(2, seeds, 1))
        ours, theirs = rng.random((2, seeds, 450)) < chances
        differences = ours.mean(1) - theirs.mean(1)
        interval = t_interval(differences)
        told.append(not interval.low <= 0.0 <= interval.high)
        flipped.append(sign_flip(differences).p_value <= 0.05)
        as_episodes = paired_difference(ours.ravel(), theirs.ravel())
        pooled.append(not as_episodes.low <= 0.0 <= as_episodes.high)
    assert 0.03 <= np.mean(told) <= 0.07
    assert np.mean(flipped) <= 0.05
    assert np.mean(pooled) > 0.12  # what pairing over seeds prevents
