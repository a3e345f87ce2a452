import numpy as np
import pytest
from scipy.stats import nct, t, ttest_1samp

from premotor.errors import ConfigError
from premotor.measure.power import (
    least_difference,
    power,
    sd_of_differences,
    sd_of_episodes,
    sensitivity,
)
from premotor.measure.seeds import over_seeds


@pytest.mark.parametrize(("effect", "seeds", "level"), [(3.0, 10, 0.05), (3.0, 6, 0.025)])
def test_power_is_how_often_the_t_test_tells(effect: float, seeds: int, level: float):
    drawn = np.random.default_rng(0).normal(effect, 3.5, size=(20_000, seeds))
    told = (ttest_1samp(drawn, 0.0, axis=1).pvalue < level).mean()
    assert power(effect, 3.5, seeds, level) == pytest.approx(told, abs=0.012)  # 3.5 sd


@pytest.mark.parametrize("effect", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("seeds", [3, 6, 10])
def test_power_is_that_of_the_noncentral_t_distribution(effect: float, seeds: int):
    limit, center = t.ppf(0.975, seeds - 1), effect * np.sqrt(seeds) / 3.0
    expected = nct.sf(limit, seeds - 1, center) + nct.cdf(-limit, seeds - 1, center)
    assert power(effect, 3.0, seeds) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seeds", [2, 6, 20])
def test_an_effect_far_beyond_the_spread_is_always_told(seeds: int):
    assert power(1.0, 1e-7, seeds) == pytest.approx(1.0, abs=1e-6)


def test_without_an_effect_power_is_the_level():
    assert power(0.0, 2.0, 5) == pytest.approx(0.05, abs=1e-4)
    assert power(0.0, 0.0, 5, 0.01) == 0.01


def test_a_loss_is_told_as_well_as_a_gain():
    assert power(-2.0, 3.0, 8) == power(2.0, 3.0, 8)


@pytest.mark.parametrize("seeds", [2, 3, 6, 10, 20])
def test_the_least_difference_has_power_of_four_fifths(seeds: int):
    assert power(least_difference(0.03, seeds), 0.03, seeds) == pytest.approx(0.8, abs=1e-6)


def test_the_least_difference_of_three_seeds_is_the_textbook_one():
    assert least_difference(1.0, 3) == pytest.approx(3.26, abs=0.01)  # t(2) = 4.303
    assert least_difference(1.0, 10) == pytest.approx(1.00, abs=0.01)
    assert least_difference(0.0, 3) == 0.0


def test_what_makes_runs_scatter_adds_up():
    assert sd_of_differences(3.0, 4.0) == pytest.approx(np.sqrt(2 * 25.0))
    assert sd_of_differences(3.0, 4.0, correlation=1.0) == pytest.approx(np.sqrt(2 * 16.0))


def test_few_episodes_scatter_the_mean_over_tasks():
    rates = {"lid": 0.5, "tap": 0.9, "jar": 1.0}
    drawn = np.random.default_rng(0).binomial(25, list(rates.values()), size=(40_000, 3)) / 25
    assert sd_of_episodes(rates, 25) == pytest.approx(drawn.mean(1).std(), rel=0.02)


def test_what_was_run_could_show_what_its_spread_allows():
    found = sensitivity(over_seeds({0: 0.01, 1: 0.03, 2: 0.06}), 0.03)
    assert found is not None
    assert found.least == least_difference(found.sd, 3)
    assert found.least_of_two == least_difference(found.sd, 3, 0.025) > found.least
    assert found.power == power(0.03, found.sd, 3)
    shifted = sensitivity(over_seeds({0: 0.51, 1: 0.53, 2: 0.56}), 0.03)
    assert shifted is not None
    assert shifted.least == pytest.approx(found.least)  # it does not hang on what was found


def test_one_seed_could_show_nothing():
    assert sensitivity(over_seeds({0: 0.01}), 0.03) is None
    with pytest.raises(ConfigError, match="got 1 seeds"):
        power(0.03, 0.02, 1)
