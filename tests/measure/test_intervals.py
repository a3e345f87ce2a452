"""Intervals: textbook values and coverage."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure.intervals import bootstrap, mean_rate, paired_difference, wilson


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


def test_the_mean_over_tasks_is_that_of_the_rates_and_its_interval_joins_theirs():
    # 5 of 10: 0.2366 to 0.7634; 10 of 10: 0.7225 to 1; sqrt(0.2634^2 + 0.2775^2) / 2 = 0.1913
    mean = mean_rate([wilson(5, 10), wilson(10, 10)])
    assert (mean.value, mean.count) == (0.75, 20)
    assert mean.low == pytest.approx(0.75 - 0.1913, abs=1e-4)
    assert mean.high == pytest.approx(0.75 + 0.2634 / 2, abs=1e-4)


def test_every_task_counts_alike_however_many_episodes_it_has():
    assert mean_rate([wilson(0, 10), wilson(90, 90)]).value == 0.5


def test_the_mean_over_one_task_is_its_rate():
    mean, own = mean_rate([wilson(3, 20)]), wilson(3, 20)
    assert (mean.low, mean.value, mean.high) == pytest.approx((own.low, own.value, own.high))


def test_the_mean_over_tasks_is_covered_at_least_as_often_as_it_says():
    rng = np.random.default_rng(4)
    chances = rng.choice([0.0, 0.05, 0.3, 0.6, 0.9, 1.0], 18)
    covered = 0
    for _ in range(400):
        mean = mean_rate([wilson(int(rng.binomial(20, chance)), 20) for chance in chances])
        covered += mean.low <= chances.mean() <= mean.high
    assert covered / 400 >= 0.94


def test_a_mean_over_no_task_is_refused():
    with pytest.raises(ConfigError, match="at least one task"):
        mean_rate([])


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
