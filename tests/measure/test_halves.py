"""Halves of the rows: whole tasks stay halved, and their spread is that of the measure."""

import numpy as np
import pytest
from scipy.stats import t

from premotor.errors import ConfigError
from premotor.measure.halves import halves, interval_of_halves


@pytest.mark.parametrize("sizes", [(4, 4), (5, 5, 5), (10, 3, 1, 7)])
def test_each_task_is_halved_by_itself(sizes):
    tasks = np.repeat(np.arange(len(sizes)), sizes)
    drawn = list(halves(tasks, np.random.default_rng(0), 40))
    for rows in drawn:
        assert len(rows) == len(tasks) // 2
        assert np.all(np.diff(rows) > 0)
        counts = np.bincount(tasks[rows], minlength=len(sizes))
        assert np.all(np.abs(counts - np.array(sizes) / 2) <= 0.5)
    assert np.bincount(np.concatenate(drawn), minlength=len(tasks)).min() > 0
    assert len({tuple(rows) for rows in drawn}) > 10


def test_too_few_rows_are_not_halved():
    with pytest.raises(ConfigError, match="7 rows, need at least 8"):
        list(halves(np.zeros(7, dtype=np.int64), np.random.default_rng(0), 1))


@pytest.mark.parametrize("num_rows", [40, 41])
def test_the_interval_stands_around_the_value_with_a_t_quantile_and_scaled_spread(num_rows):
    draws = np.random.default_rng(1).normal(3.0, 0.5, 20)
    found = interval_of_halves(0.7, draws, num_rows)
    reach = t.ppf(0.975, 19) * draws.std(ddof=1) * np.sqrt(20 / (num_rows - 20))
    assert (found.value, found.count) == (0.7, num_rows)
    assert (found.low, found.high) == pytest.approx((0.7 - reach, 0.7 + reach))
    assert reach > 1.05 * 1.96 * draws.std(ddof=1) * np.sqrt(20 / (num_rows - 20))


def test_halves_give_the_spread_of_the_mean():
    rng = np.random.default_rng(2)
    values = rng.normal(size=100)
    drawn = halves(np.zeros(100, dtype=np.int64), rng, 1000)
    means = np.array([values[rows].mean() for rows in drawn])
    interval = interval_of_halves(float(values.mean()), means, 100)
    half_width = 1.96 * values.std(ddof=1) / 10
    assert (interval.high - interval.low) / 2 == pytest.approx(half_width, rel=0.15)


def test_what_differs_between_tasks_alone_makes_no_interval_wide():
    tasks = np.repeat(np.arange(5), 20)
    values = 100.0 * tasks + np.random.default_rng(3).normal(size=100)
    drawn = halves(tasks, np.random.default_rng(4), 50)
    means = np.array([values[rows].mean() for rows in drawn])
    interval = interval_of_halves(float(values.mean()), means, 100)
    assert interval.high - interval.low < 0.6
