"""What a measure of alignment would say if the pairing meant nothing.

The partners are shuffled over all rows, or only among rows of one task or of one variation. The
first null asks "is there any alignment?"; the others ask whether it goes beyond knowing the task
or the variation, which is the mirror-like part (recognition.md i).
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from premotor.errors import ConfigError
from premotor.measure.similarity import Statistic
from premotor.records import NullRecord

PERMUTATIONS = 1000  # draws of a null; at least 200 (recognition.md i)


def permutations(
    strata: Int[np.ndarray, " n"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, "count n"]:
    """Random orders of the rows in which a row only trades places within its stratum."""
    orders = np.tile(np.arange(len(strata)), (count, 1))
    for stratum in np.unique(strata):
        (rows,) = np.nonzero(strata == stratum)
        if len(rows) > 1:
            orders[:, rows] = rng.permuted(np.tile(rows, (count, 1)), axis=1)
    return orders


def stratum_codes(names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """One integer per distinct name, e.g. of "task" or of "task/variation"."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def permutation_null(
    statistic: Statistic,
    strata: Int[np.ndarray, " n"],
    stratum: str,
    rng: np.random.Generator,
    count: int = PERMUTATIONS,
    on_draw: Callable[[], None] | None = None,
) -> NullRecord:
    """A measure against its null of permuted partners.

    Args:
        statistic: The measure as a function of the order of the rows of one side.
        strata: Rows with equal values may trade partners; all equal for the plain null.
        stratum: Name of the null for the record: "all", "task" or "variation".
        rng: Source of the permutations.
        count: Number of permutations.
        on_draw: Called after each.

    Returns:
        Mean, sd (ddof 1), 95 % quantile, z = (value - mean) / sd and the one-sided
        p = (1 + #{null >= value}) / (1 + count). Where no two rows share a stratum nothing can
        be permuted: `permutations` is 0 then, z 0 and p 1.
    """
    if count < 2:
        raise ConfigError(f"a null needs at least 2 permutations, got {count}; take 200 or more")
    value = statistic(np.arange(len(strata)))
    if len(np.unique(strata)) == len(strata):
        return _empty_null(stratum, value)
    draws = np.empty(count)
    for draw, order in enumerate(permutations(strata, count, rng)):
        draws[draw] = statistic(order)
        if on_draw is not None:
            on_draw()
    mean, sd = float(draws.mean()), float(draws.std(ddof=1))
    at_least = int(np.sum(draws >= value - 1e-12))
    return NullRecord(
        stratum=stratum,
        null_mean=mean,
        null_sd=sd,
        null_q95=float(np.quantile(draws, 0.95)),
        z_score=(value - mean) / sd if sd > 1e-12 else 0.0,
        p_value=(1 + at_least) / (1 + count),
        permutations=count,
    )


def _empty_null(stratum: str, value: float) -> NullRecord:
    return NullRecord(
        stratum=stratum,
        null_mean=value,
        null_sd=0.0,
        null_q95=value,
        z_score=0.0,
        p_value=1.0,
        permutations=0,
    )


def strata_of(
    tasks: Sequence[str], variations: Sequence[int] | Sequence[str]
) -> dict[str, Int[np.ndarray, " n"]]:
    """Which rows may trade partners under each of the three nulls."""
    names = [f"{task}/{variation}" for task, variation in zip(tasks, variations, strict=True)]
    return {
        "all": np.zeros(len(names), dtype=np.int64),
        "task": stratum_codes(tasks),
        "variation": stratum_codes(names),
    }


def alignment_nulls(
    statistic: Statistic,
    tasks: Sequence[str],
    variations: Sequence[int],
    rng: np.random.Generator,
    count: int = PERMUTATIONS,
) -> tuple[NullRecord, NullRecord, NullRecord]:
    """The three nulls of one measure: over all rows, within the task, within the variation."""
    over_all, in_task, in_variation = (
        permutation_null(statistic, codes, name, rng, count)
        for name, codes in strata_of(tasks, variations).items()
    )
    return over_all, in_task, in_variation
