"""How large a difference between two ways to train so many training seeds can show."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import (  # pyright: ignore[reportMissingTypeStubs]
    gammaincinv,  # pyright: ignore[reportUnknownVariableType]
    ndtr,  # pyright: ignore[reportUnknownVariableType]
    stdtrit,  # pyright: ignore[reportUnknownVariableType]
)

from premotor.errors import ConfigError
from premotor.measure.seeds import OverSeeds

POWER = 0.8
_HALVINGS = 40
_QUANTILES = 4000  # of the spread that is seen: power to 1e-4


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """What the seeds that were run could show, had the true spread been the one that was seen."""

    seeds: int
    sd: float  # of the differences, between seeds
    least: float  # difference told from 0 at level 0.05 in four of five cases
    least_of_two: float  # the same at 0.025, which Holm asks of the first of two outcomes
    power: float  # at level 0.05, of the smallest effect of interest


def power(effect: float, sd: float, seeds: int, level: float = 0.05) -> float:
    """How often the two-sided t test over seeds tells a true difference from 0.

    With S seeds t = mean / (sd / sqrt(S)) follows the noncentral t distribution of S - 1 degrees of
    freedom around effect sqrt(S) / sd (Johnson & Welch, Biometrika 31, 1940). Either side counts.
    It is summed over the spreads that may be seen, as scipy's function of it knows no answer where
    two seeds meet a large effect.

    Args:
        effect: True mean of the differences.
        sd: True standard deviation of the differences between seeds, in the same unit.
        seeds: How many, >= 2.
        level: Of the test.
    """
    if seeds < 2 or sd < 0.0:
        raise ConfigError(f"got {seeds} seeds and an sd of {sd}; power needs >= 2 seeds, sd >= 0")
    if sd == 0.0:
        return 1.0 if effect else level
    limit = float(stdtrit(seeds - 1, 1.0 - level / 2.0)) * _spreads(seeds - 1)
    center = abs(effect) * np.sqrt(seeds) / sd
    return float((ndtr(center - limit) + ndtr(-center - limit)).mean())


@lru_cache(maxsize=32)
def _spreads(freedom: int) -> Float[np.ndarray, " q"]:
    """Evenly spaced quantiles of the standard deviation that is seen over the true one."""
    middles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return np.sqrt(2.0 * gammaincinv(freedom / 2.0, middles) / freedom)


def least_difference(sd: float, seeds: int, level: float = 0.05) -> float:
    """The true difference that is told from 0 in four of five cases: see `power`."""
    if sd == 0.0:
        return 0.0
    low, high = 0.0, sd
    while power(high, sd, seeds, level) < POWER:
        high *= 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if power(middle, sd, seeds, level) >= POWER else (middle, high)
    return high


def sd_of_differences(between_runs: float, of_episodes: float, correlation: float = 0.0) -> float:
    """Between seeds, of the difference of two arms, from what makes one arm's runs scatter.

    sqrt(2 (1 - rho) between_runs^2 + 2 of_episodes^2)

    Args:
        between_runs: Standard deviation of the true task mean between runs of one arm.
        of_episodes: What few episodes add to one run's mean: see `sd_of_episodes`.
        correlation: Of the true means of two arms of one seed, rho; 0 is the careful choice.
    """
    return float(np.sqrt(2.0 * (1.0 - correlation) * between_runs**2 + 2.0 * of_episodes**2))


def sd_of_episodes(rates: Mapping[str, float], episodes: int) -> float:
    """Standard deviation of the mean of T rates p_t over n episodes each: binomial, tasks fixed.

    sqrt(sum p_t (1 - p_t) / n) / T
    """
    p = np.array(list(rates.values()))
    return float(np.sqrt((p * (1.0 - p)).sum() / episodes) / len(p))


def sensitivity(found: OverSeeds, smallest_effect: float) -> Sensitivity | None:
    """What the seeds of a contrast could show; None with fewer than two.

    It rests on the spread, never on the difference that was found: power at that is no more than
    its p said anew (Hoenig & Heisey, The American Statistician 55, 2001).
    """
    if found.sd is None:
        return None
    seeds = len(found.seeds)
    return Sensitivity(
        seeds=seeds,
        sd=found.sd,
        least=least_difference(found.sd, seeds),
        least_of_two=least_difference(found.sd, seeds, 0.025),
        power=power(smallest_effect, found.sd, seeds),
    )
