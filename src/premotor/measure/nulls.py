"""What a measure of alignment would say if the pairing meant nothing.

The partners are shuffled over all rows, or only among rows of one task or of one variation. The
first null asks "is there any alignment?"; the others ask whether it goes beyond knowing the task
or the variation, which is the mirror-like part.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from premotor.errors import ConfigError
from premotor.findings import Null, Stratum
from premotor.measure.similarity import Statistic

PERMUTATIONS = 1000  # draws of a null where nothing else is asked for
SIGNIFICANT = 0.05
_CHUNK = 100  # orders drawn at a time
_ROUNDING = 1e-12  # of the spread: values closer than this are equal


@dataclass(frozen=True, eq=False)
class Trade:
    """Which rows may trade partners: those of one stratum, alone or by whole blocks.

    Blocks trade where a measure holds out whole variations: a row that traded alone would carry
    its held-out variation into the rows learned from.
    """

    stratum: Stratum
    strata: Int[np.ndarray, " n"]
    blocks: Int[np.ndarray, " n"] | None = None  # None: rows trade one by one

    @cached_property
    def _pools(self) -> list[list[Int[np.ndarray, " m"]]]:
        """What may trade places: blocks of equal size in one stratum; rows are blocks of one."""
        blocks = np.arange(len(self.strata)) if self.blocks is None else self.blocks
        pools: dict[tuple[int, int], list[np.ndarray]] = {}
        order = np.argsort(blocks, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1):
            pools.setdefault((int(self.strata[rows[0]]), len(rows)), []).append(rows)
        return [pool for pool in pools.values() if len(pool) > 1]

    @property
    def log_orders(self) -> float:
        """Log of how many pairings there are; 0 where nothing can trade."""
        return math.fsum(math.lgamma(len(pool) + 1) for pool in self._pools)

    def orders(self, count: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, " n"]]:
        """Random orders of the rows in which only these trades happen."""
        pools = [np.stack(pool) for pool in self._pools]  # (blocks, rows of each)
        for start in range(0, count, _CHUNK):
            chunk = np.tile(np.arange(len(self.strata)), (min(_CHUNK, count - start), 1))
            for pool in pools:
                taken = rng.permuted(np.tile(np.arange(len(pool)), (len(chunk), 1)), axis=1)
                moved = pool[taken]  # (draws, blocks, rows of each)
                if pool.shape[1] > 1:
                    moved = rng.permuted(moved, axis=2)
                chunk[:, pool.ravel()] = moved.reshape(len(chunk), -1)
            yield from chunk


def permutation_null(
    statistic: Statistic,
    trade: Trade,
    rng: np.random.Generator,
    count: int = PERMUTATIONS,
    on_draw: Callable[[], None] | None = None,
) -> Null | None:
    """A measure against its null of traded partners, large values being the good ones.

    Args:
        statistic: The measure as a function of the order of the rows of one side.
        trade: Which partners are traded.
        rng: Source of the permutations.
        count: Number of permutations.
        on_draw: Called after each.

    Returns:
        Mean, sd (ddof 1), 95 % quantile, z = (value - mean) / sd, the one-sided
        p = (1 + #{null >= value}) / (1 + count), no less than one over the number of pairings, and
        the least p that these trades and draws can give. None where no two rows may trade.
    """
    if count < 2:
        raise ConfigError(f"a null needs at least 2 permutations, got {count}; take 200 or more")
    pairings = trade.log_orders
    if pairings == 0.0:
        return None
    value, draws = statistic(np.arange(len(trade.strata))), np.empty(count)
    for draw, order in enumerate(trade.orders(count, rng)):
        draws[draw] = statistic(order)
        if on_draw is not None:
            on_draw()
    mean, sd = float(draws.mean()), float(draws.std(ddof=1))
    equal = _ROUNDING * max(1.0, abs(value))
    at_least = int(np.sum(draws >= value - equal))
    fewest = math.exp(-pairings)  # the share of the pairings that are the given one
    return Null(
        stratum=trade.stratum,
        mean=mean,
        sd=sd,
        q95=float(np.quantile(draws, 0.95)),
        z=(value - mean) / sd if sd > equal else 0.0,
        p=max((1 + at_least) / (1 + count), fewest),
        least=max(1.0 / (1 + count), fewest),
        draws=count,
    )


def draws_needed(tests: int) -> int:
    """Draws without which the smallest of some p-values, times their number, cannot matter."""
    return math.ceil(tests / SIGNIFICANT)
