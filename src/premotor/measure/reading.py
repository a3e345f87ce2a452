"""Measures of one pair of sides, with their nulls."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from premotor.errors import NoVariation
from premotor.findings import Null, Reading
from premotor.measure.catalog import Measure, MeasureConfig, Prepared, Trades
from premotor.measure.nulls import Trade, permutation_null
from premotor.measure.plan import Plan
from premotor.measure.sides import Sides
from premotor.measure.similarity import Statistic

Rows = Prepared | NoVariation  # sides ready to be measured, or why they cannot be
_NO_WAY = 1e-12  # of the best value; shuffled partners that come so near it are as good


def prepared(sides: Sides, config: MeasureConfig) -> Rows:
    """Sides ready to be measured, or why they cannot be."""
    try:
        return Prepared(sides, config)
    except NoVariation as error:
        return error


def taken(measure: Measure, rows: Rows) -> tuple[Statistic, float] | str:
    """A measure of rows and its value as they are paired, or why it cannot be taken of them."""
    if isinstance(rows, NoVariation):
        return str(rows)
    if lacking := measure.needs(rows):
        return lacking
    try:
        statistic = measure.statistic(rows)
        return statistic, statistic(np.arange(len(rows)))
    except NoVariation as error:
        return str(error)


def value_of(measure: Measure, rows: Rows) -> float | None:
    """A measure of rows as they are paired; None where it cannot be taken of them."""
    found = taken(measure, rows)
    return None if isinstance(found, str) else found[1]


def trades_of(kind: Trades, sides: Sides) -> list[Trade]:
    """Which partners may be traded by row or by variation, one entry for each null.

    Where whole variations trade, none can within a variation, and that null is none.
    """
    blocks = sides.groups if kind == "variations" else None
    return [Trade(stratum, codes, blocks) for stratum, codes in sides.strata.items()]


def _deciding(trades: list[Trade]) -> Trade:
    return next((trade for trade in trades if trade.stratum == "task"), trades[0])


def calibrated(value: float, mean: float, best: float) -> float | None:
    """How far a value lies on the way from shuffled partners to the best that is possible."""
    way = best - mean
    return (value - mean) / way if abs(way) > _NO_WAY * max(1.0, abs(best)) else None


@dataclass(frozen=True, eq=False)
class Reader:
    """Takes the measures of a plan, and the nulls that it can afford."""

    plan: Plan
    on_draw: Callable[[], None]  # called after each draw

    def read(self, rows: Rows, sides: Sides, *, every_null: bool) -> dict[str, Reading]:
        """Each measure of one pair of sides by name.

        Args:
            rows: The sides, prepared.
            sides: The same.
            every_null: Whether all nulls are taken, or only the one that decides of a control.
        """
        trades: dict[Trades, list[Trade]] = {}
        kinds: set[Trades] = {measure.trades for measure in self.plan.measures}
        for kind in kinds:
            found = trades_of(kind, sides)
            trades[kind] = found if every_null else [_deciding(found)]
        return {m.name: self._reading(m, rows, trades[m.trades]) for m in self.plan.measures}

    def _reading(self, measure: Measure, rows: Rows, trades: list[Trade]) -> Reading:
        num_rows = len(trades[0].strata)
        found = taken(measure, rows)
        if isinstance(found, str):
            return Reading(value=None, num_rows=num_rows, absent=found)
        statistic, value = found
        nulls = (self._null(measure, statistic, trade) for trade in trades)
        known = tuple(null for null in nulls if null is not None)
        return Reading(value=value, num_rows=num_rows, nulls=known)

    def _null(self, measure: Measure, statistic: Statistic, trade: Trade) -> Null | None:
        sign = -1.0 if measure.low_is_good else 1.0
        found = permutation_null(
            lambda order: sign * statistic(order),
            trade,
            np.random.default_rng(self.plan.config.seed),
            self.plan.permutations(measure),
            self.on_draw,
        )
        if found is None or (found.sd <= 1e-12 and found.p == 1.0):
            return None  # these trades change nothing, as among rows that count as one anyway
        return replace(found, mean=sign * found.mean, q95=sign * found.q95)
