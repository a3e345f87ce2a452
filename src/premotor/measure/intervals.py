"""How sure a number is: 95 % intervals."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.errors import ConfigError
from premotor.records import Interval

Z95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal
_HALVINGS = 50  # of the logarithm of a Lagrange multiplier, to 1e-13


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

    The limits are those of `mean_limits`. The interval is about these tasks, which are the strata
    and are not resampled, about episodes like those that were run, and about one policy. It has a
    width where every rate is 0 or 1.

    Args:
        rates: One per task, of its own episodes.

    Raises:
        ConfigError: There is no task, or one without episodes.
    """
    if not rates or min(r.count for r in rates) < 1:
        raise ConfigError(
            f"got {[r.count for r in rates]} episodes by task; need at least one task, and at "
            "least one episode of each"
        )
    counts = np.array([float(r.count) for r in rates])
    low, high = mean_limits(np.array([[r.value * r.count for r in rates]]), counts)
    return Interval(
        value=sum(r.value for r in rates) / len(rates),
        low=float(low[0]),
        high=float(high[0]),
        count=sum(r.count for r in rates),
    )


def mean_limits(
    successes: Float[np.ndarray, "r t"], counts: Float[np.ndarray, " t"]
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    """95 % limits of the mean m of the rates of T tasks: a score interval.

    A mean M below m is the lower limit where m is as far above it as luck would carry it in one
    of 40 experiments, had the tasks the likeliest rates p_t whose mean is M:

    m - M = z s + (z^2 - 1) / 6 k / s^2 + 1 / (8 N),
    s^2 = sum p_t (1 - p_t) / n_t / T^2,  k = sum p_t (1 - p_t) (1 - 2 p_t) / n_t^2 / T^3

    with n_t episodes of a task, N of all and z = 1.96; the upper limit is the lower one of the
    failures. The first term alone, at rates so restricted, is the score interval of a linear
    combination of proportions (Martin Andres, Herranz Tejedor & Alvarez Hernandez, J. Stat.
    Comput. Simul., 2012), for one task Wilson's; the second is its correction for skewness by
    Cornish and Fisher (Gart & Nam, Biometrics 44, 1988; Laud, Pharm. Stat. 16, 2017); the last one
    is for continuity, and its eighth of an episode was found by simulation: coverage and widths by
    rates, tasks and episodes stand in docs/intervals.md.

    Args:
        successes: By experiment and task; where ties are shared out they need not be whole.
        counts: Episodes of each task, >= 1.
    """
    return _lower_limits(successes, counts), 1.0 - _lower_limits(counts - successes, counts)


def _lower_limits(
    successes: Float[np.ndarray, "r t"], counts: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " r"]:
    """Halve the logarithm of the pull on the rates until the mean is just far enough below."""
    means = (successes / counts).mean(1)
    near, far = np.full(len(means), -10.0), np.full(len(means), 20.0 + np.log(counts.sum()))
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        enough = _far_enough(means, _pulled_down(successes, counts, middle), counts)
        near, far = np.where(enough, near, middle), np.where(enough, middle, far)
    return np.where(means > 0.0, _pulled_down(successes, counts, far).mean(1), 0.0)


def _pulled_down(
    successes: Float[np.ndarray, "r t"],
    counts: Float[np.ndarray, " t"],
    log_pull: Float[np.ndarray, " r"],
) -> Float[np.ndarray, "r t"]:
    """The likeliest rates p of a lower mean: x - n p = pull p (1 - p), a Lagrange multiplier."""
    pull = np.exp(log_pull)[:, None]
    both = counts + pull
    return 2.0 * successes / (both + np.sqrt(np.maximum(both**2 - 4.0 * pull * successes, 0.0)))


def _far_enough(
    means: Float[np.ndarray, " r"],
    rates: Float[np.ndarray, "r t"],
    counts: Float[np.ndarray, " t"],
) -> Bool[np.ndarray, " r"]:
    """Whether the mean of the rates is so low that luck would hardly carry it to what was seen.

    Never within one standard deviation: there the expansion of Cornish and Fisher fails where all
    tasks but few are at 0 or 1.
    """
    spread = rates * np.maximum(1.0 - rates, 0.0) / counts
    variance, tasks = spread.sum(1), len(counts)
    skewed = (spread * (1.0 - 2.0 * rates) / counts).sum(1) / np.maximum(variance, 1e-300)
    away, deviation = means - rates.mean(1), np.sqrt(variance) / tasks
    needed = Z95 * deviation + (Z95**2 - 1.0) / 6.0 * skewed / tasks + 0.125 / counts.sum()
    return (away >= deviation) & (away > needed)


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
