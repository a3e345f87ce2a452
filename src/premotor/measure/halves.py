"""How sure a measure is, from random halves of the rows (a delete-half jackknife).

Rows are never doubled, which would count as perfect neighbors in k-NN measures and retrieval. Each
task is halved by itself, so the interval is about these tasks and says nothing of others.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.measure.sides import LEAST
from premotor.records import Interval


def halves(
    strata: Int[np.ndarray, " n"], rng: np.random.Generator, resamples: int
) -> Iterator[Int[np.ndarray, " m"]]:
    """Random halves of the rows, in ascending order, with half of the rows of each stratum.

    Args:
        strata: Task of each row; all alike where tasks are not known.
        rng: Source of the halves.
        resamples: How many.

    Raises:
        ConfigError: There are too few rows to halve.
    """
    if len(strata) < LEAST:
        raise ConfigError(f"got {len(strata)} rows, need at least {LEAST} to halve them")
    names = np.unique(strata)
    for _ in range(resamples):
        line = [rng.permutation(np.flatnonzero(strata == name)) for name in rng.permutation(names)]
        yield np.sort(np.concatenate(line)[len(strata) % 2 :: 2])


def interval_of_halves(value: float, draws: Float[np.ndarray, " k"], num_rows: int) -> Interval:
    """A value on all rows with its 95 % interval, from its draws on `halves`.

    With m of n rows the spread is that of n rows times sqrt((n - m) / m), so it is scaled back. The
    interval stands around the value on all rows: measures that hang on the number of rows (recall,
    k-NN) are compared by spread, not by level. It is value +- t SD, with the t quantile of k - 1
    degrees of freedom; quantiles of so few draws would be too narrow.
    """
    half = num_rows // 2
    spread = float(draws.std(ddof=1)) * np.sqrt(half / (num_rows - half))
    quantile = float(t.ppf(0.975, len(draws) - 1))  # pyright: ignore[reportUnknownMemberType]
    reach = quantile * float(spread)
    return Interval(value=value, low=value - reach, high=value + reach, count=num_rows)
