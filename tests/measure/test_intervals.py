"""Intervals: textbook values and coverage."""

import numpy as np
import pytest
from scipy.optimize import brentq

from premotor.errors import ConfigError
from premotor.measure.intervals import (
    bootstrap,
    mean_limits,
    mean_rate,
    paired_difference,
    wilson,
)
from premotor.records import Interval


def test_wilson_has_the_textbook_values():
    interval = wilson(8, 10)
    assert (interval.value, interval.count) == (0.8, 10)
    assert interval.low == pytest.approx(0.4902, abs=1e-4)
    assert interval.high == pytest.approx(0.9433, abs=1e-4)


def test_wilson_is_honest_at_the_ends():
    assert wilson(0, 20).low == 0.0
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=1e-4)
    assert wilson(20, 20).high == 1.0
    assert wilson(20, 20).low == pytest.approx(0.8389, abs=1e-4)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_more_successes_than_episodes_are_refused():
    with pytest.raises(ConfigError, match="3 successes of 2"):
        wilson(3, 2)


def pairs(a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Both succeed a times, only ours b, only theirs c, none d times."""
    ours, theirs = [True] * (a + b) + [False] * (c + d), [True] * a + [False] * b + [True] * c
    return np.array(ours, dtype=bool), np.array(theirs + [False] * d, dtype=bool)


def test_a_paired_difference_has_the_published_values():
    interval = paired_difference(*pairs(36, 12, 2, 0))  # Newcombe 1998, method 10
    assert (interval.value, interval.count) == (pytest.approx(0.2), 50)
    assert interval.low == pytest.approx(0.0569, abs=1e-4)
    assert interval.high == pytest.approx(0.3404, abs=1e-4)


def test_swapping_the_pair_turns_the_difference_around():
    ours, theirs = pairs(20, 9, 3, 8)
    one, two = paired_difference(ours, theirs), paired_difference(theirs, ours)
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low))
    assert one.value == pytest.approx(6 / 40)


def test_pairs_that_all_agree_are_no_certainty():
    interval = paired_difference(np.ones(20, dtype=bool), np.ones(20, dtype=bool))
    assert (interval.low, interval.value, interval.high) == pytest.approx(
        (-0.1611, 0.0, 0.1611), abs=1e-4
    )


def test_the_paired_interval_covers_the_true_difference_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(400):
        luck = rng.random(30)
        ours = np.where(rng.random(30) < 0.7, luck, rng.random(30)) < 0.8
        interval = paired_difference(ours, luck < 0.65)
        covered += interval.low <= 0.15 <= interval.high
    assert 0.92 <= covered / 400 <= 0.995


def test_a_difference_of_no_pairs_is_refused():
    with pytest.raises(ConfigError, match="0 and 0 outcomes"):
        paired_difference(np.ones(0, dtype=bool), np.ones(0, dtype=bool))


def test_every_task_counts_alike_however_many_episodes_it_has():
    mean = mean_rate([wilson(0, 10), wilson(90, 90)])
    assert (mean.value, mean.count) == (0.5, 100)


@pytest.mark.parametrize(("successes", "count"), [(1, 20), (3, 20), (30, 60), (447, 450)])
def test_over_one_task_the_limits_solve_the_equation_of_the_docstring(successes, count):
    def short(limit: float, rate: float) -> float:  # how far the limit is from far enough
        deviation = np.sqrt(limit * (1 - limit) / count)
        skewed = (1 - 2 * limit) / count  # k / s^2
        return rate - limit - 1.96 * deviation - 0.4736 * skewed - 1 / (8 * count)

    mean, own = mean_rate([wilson(successes, count)]), wilson(successes, count)
    middle_low, middle_high = (own.low + own.value) / 2, (own.high + own.value) / 2
    low = brentq(short, 1e-12, middle_low, (own.value,))
    high = 1 - brentq(short, 1e-12, 1 - middle_high, (1 - own.value,))
    assert (mean.low, mean.high) == pytest.approx((low, high), abs=1e-5)
    assert (mean.low, mean.high) == pytest.approx((own.low, own.high), abs=0.9 / count)


def test_many_tasks_alike_are_one_task_with_all_their_episodes():
    many, one = mean_rate([wilson(7, 10)] * 5), mean_rate([wilson(35, 50)])
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize(
    "successes", [(20,) * 18, (0,) * 3, (0, 20), (20,) * 17 + (0,), (20, 20, 1), (19,) + (0,) * 17]
)
def test_the_mean_has_an_interval_that_holds_it_where_rates_are_0_or_1(successes):
    mean = mean_rate([wilson(count, 20) for count in successes])
    assert 0.0 <= mean.low <= mean.value <= mean.high <= 1.0
    assert mean.high - mean.low > 2 / (20 * len(successes))  # more than two episodes wide
    assert (mean.low == 0.0, mean.high == 1.0) == (mean.value == 0.0, mean.value == 1.0)
    turned = mean_rate([wilson(20 - count, 20) for count in successes])
    assert (turned.low, turned.high) == pytest.approx((1 - mean.high, 1 - mean.low))


def test_hits_that_are_shared_out_have_a_mean_too():
    mean = mean_rate([Interval(value=0.725, low=0.5, high=0.9, count=20), wilson(14, 20)])
    assert mean_rate([wilson(14, 20)] * 2).low < mean.low < mean_rate([wilson(15, 20)] * 2).low


MIXED = (0.05, 0.1, 0.5, 0.9, 0.99, 0.99)
CHANCES = [
    *[(p,) * tasks for p in (0.5, 0.7, 0.9, 0.99) for tasks in (1, 3, 18)],
    *[MIXED, MIXED * 3, (0.5, 0.99) * 9, (0.01, 0.99) * 9, (0.3,) * 3 + (0.99,) * 15],
]


@pytest.mark.parametrize("count", [20, 25, 50])
def test_the_mean_over_tasks_is_covered_as_often_as_it_says(count):
    rng = np.random.default_rng(4)
    for chances in CHANCES:
        drawn = np.sort(rng.binomial(count, chances, size=(4000, len(chances))))
        rows, times = np.unique(drawn, axis=0, return_counts=True)
        low, high = mean_limits(rows.astype(float), np.full(len(chances), float(count)))
        truth = np.mean(chances)
        covered = times[(low <= truth) & (truth <= high)].sum() / 4000
        assert covered >= 0.93 - 0.008, chances  # two standard errors of the simulation
        if sum(count * p * (1 - p) for p in chances) > 5:
            assert covered <= 0.97 + 0.006, chances


def test_a_mean_over_no_task_is_refused():
    with pytest.raises(ConfigError, match="at least one task"):
        mean_rate([])


def test_a_task_without_episodes_has_no_part_in_a_mean():
    with pytest.raises(ConfigError, match=r"got \[0, 20\] episodes"):
        mean_rate([wilson(0, 0), wilson(3, 20)])


def test_bootstrap_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        interval = bootstrap(rng.normal(size=50), np.arange(50), rng, 300)
        covered += interval.low <= 0.0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_resamples_episodes_not_their_rows():
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 100)
    rng = np.random.default_rng(1)
    by_row = bootstrap(values, np.arange(400), rng)
    by_episode = bootstrap(values, np.repeat(np.arange(4), 100), rng)
    assert by_row.high - by_row.low < 0.11
    assert by_episode.high - by_episode.low > 0.4
    assert by_episode.count == 4


def test_bootstrap_of_nothing_is_refused():
    with pytest.raises(ConfigError):
        bootstrap(np.zeros(0), np.zeros(0, dtype=np.int64), np.random.default_rng(0))
