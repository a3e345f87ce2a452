import itertools

import pytest

from premotor.errors import ConfigError
from premotor.train.schedule import ScheduleConfig, learning_rate


def test_warm_up_ends_at_the_peak_and_the_cosine_at_its_floor():
    config = ScheduleConfig(warmup=10, floor=0.02)
    rates = [learning_rate(i, 110, 2.0, config) for i in range(110)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[10] == pytest.approx(2.0)
    assert rates[60] == pytest.approx(1.02)
    assert rates[109] == pytest.approx(0.04, rel=0.02)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_the_reference_form_does_not_reach_its_floor():
    config = ScheduleConfig(warmup=50, floor=0.01, warmup_counts=False)
    assert learning_rate(99, 100, 1.0, config) > 0.4


def test_a_run_shorter_than_its_warm_up_still_has_rates():
    assert learning_rate(3, 4, 1.0, ScheduleConfig(warmup=100)) == pytest.approx(0.04)


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="floor"):
        ScheduleConfig(floor=2.0)
