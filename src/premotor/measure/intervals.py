"""How sure a number is: 95 % intervals."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.errors import ConfigError
from premotor.records import Interval

Z95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal


def wilson(successes: int, count: int) -> Interval:
    """Success rate with its 95 % Wilson score interval.

    Without observations the value is 0 and the interval is [0, 1]: nothing is known.
    """
    if not 0 <= successes <= count:
        raise ConfigError(f"got {successes} successes of {count}; need 0 <= successes <= count")
    if count == 0:
        return Interval(value=0.0, low=0.0, high=1.0, count=0)
    rate = successes / count
    spread = 1.0 + Z95**2 / count
    center = (rate + Z95**2 / (2 * count)) / spread
    half = Z95 * np.sqrt(rate * (1 - rate) / count + Z95**2 / (4 * count**2)) / spread
    low = 0.0 if successes == 0 else max(0.0, float(center - half))
    high = 1.0 if successes == count else min(1.0, float(center + half))
    return Interval(value=rate, low=low, high=high, count=count)


def paired_difference(ours: Bool[np.ndarray, " n"], theirs: Bool[np.ndarray, " n"]) -> Interval:
    """Difference of two success rates on the same episodes with its 95 % interval.

    The score interval for paired proportions (Newcombe 1998, method 10): Wilson's two intervals,
    joined by the correlation of the pairs. Unlike a bootstrap it stays honest where all agree.

    Args:
        ours: Whether each episode succeeded.
        theirs: The same episodes under what is compared with.
    """
    count = len(ours)
    if count == 0 or len(theirs) != count:
        raise ConfigError(f"got {count} and {len(theirs)} outcomes; need as many of each, >= 1")
    one, two = wilson(int(ours.sum()), count), wilson(int(theirs.sum()), count)
    difference, phi = one.value - two.value, _correlation(ours, theirs)
    low = _joined(one.value - one.low, two.high - two.value, phi)
    high = _joined(one.high - one.value, two.value - two.low, phi)
    return Interval(value=difference, low=difference - low, high=difference + high, count=count)


def _correlation(ours: Bool[np.ndarray, " n"], theirs: Bool[np.ndarray, " n"]) -> float:
    """Phi of the 2 x 2 table of pairs, a positive one corrected for continuity."""
    count = len(ours)
    a, d = int((ours & theirs).sum()), int((~ours & ~theirs).sum())
    b, c = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if product == 0:
        return 0.0
    excess = a * d - b * c
    corrected = max(excess - count / 2, 0.0) if excess > 0 else float(excess)
    return corrected / float(np.sqrt(product))


def _joined(x: float, y: float, phi: float) -> float:
    return float(np.sqrt(max(x * x - 2.0 * phi * x * y + y * y, 0.0)))


def mean_rate(rates: Sequence[Interval]) -> Interval:
    """Mean over tasks of success rates, every task counting alike, with its 95 % interval.

    The Wilson intervals [l, u] of the tasks' rates p are joined by the recovery of their variances
    (MOVER; Zou, Huang & Zhang, Comput. Stat. Data Anal. 53, 2009, linear functions of binomial
    proportions): with T tasks and mean m the limits are

    m - sqrt(sum (p - l)^2) / T,  m + sqrt(sum (u - p)^2) / T

    Tasks are the strata and are not resampled: the interval is about these tasks, and one policy.
    It has a width where every rate is 0 or 1, which a bootstrap has not; it is too wide there.

    Args:
        rates: One per task, each from `wilson`.
    """
    if not rates:
        raise ConfigError("no rates to average; measure at least one task")
    mean = sum(r.value for r in rates) / len(rates)
    below = np.sqrt(sum((r.value - r.low) ** 2 for r in rates)) / len(rates)
    above = np.sqrt(sum((r.high - r.value) ** 2 for r in rates)) / len(rates)
    return Interval(
        value=mean,
        low=float(mean - below),
        high=float(mean + above),
        count=sum(r.count for r in rates),
    )


def bootstrap(
    values: Float[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"],
    rng: np.random.Generator,
    resamples: int = 2000,
) -> Interval:
    """Mean with its 95 % percentile interval, resampling whole groups (episodes) of rows.

    Args:
        values: One number per row, e.g. whether retrieval found the partner.
        groups: Episode of each row; `np.arange(n)` where every row is its own episode.
        rng: Source of the resamples.
        resamples: How many.
    """
    if len(values) == 0:
        raise ConfigError("no values to bootstrap; measure on at least one episode")
    codes = np.unique(groups, return_inverse=True)[1]
    sums = np.bincount(codes, weights=values.astype(np.float64))
    sizes = np.bincount(codes)
    drawn = rng.integers(0, len(sums), size=(resamples, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(value=float(values.mean()), low=float(low), high=float(high), count=len(sums))
