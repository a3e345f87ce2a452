"""Measures of one pair of sides, with their nulls."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from premotor.errors import NoVariation
from premotor.findings import Null, Reading, Stratum
from premotor.measure.catalog import Measure, MeasureConfig, Prepared
from premotor.measure.nulls import Trade, permutation_null
from premotor.measure.plan import Plan
from premotor.measure.sides import Sides
from premotor.measure.similarity import Statistic

OnDraw = Callable[[], None]


def prepared(sides: Sides, config: MeasureConfig) -> Prepared | NoVariation:
    """Sides ready to be measured, or why they cannot be."""
    try:
        return Prepared(sides, config)
    except NoVariation as error:
        return error


def value_of(measure: Measure, rows: Prepared | NoVariation) -> float | None:
    """A measure of rows as they are paired; None where it cannot be taken of them."""
    if isinstance(rows, NoVariation) or measure.needs(rows):
        return None
    try:
        return measure.statistic(rows)(np.arange(len(rows)))
    except NoVariation:
        return None


def read(
    rows: Prepared | NoVariation, sides: Sides, plan: Plan, on_draw: OnDraw, *, every_null: bool
) -> dict[str, Reading]:
    """Each measure of one pair of sides by name.

    Args:
        rows: The sides, prepared.
        sides: The same.
        plan: Measures and draws.
        on_draw: Called after each draw.
        every_null: Whether all nulls are taken, or only the one that decides of a control.
    """
    strata = sides.strata
    if not every_null:
        decides: Stratum = "task" if "task" in strata else "all"
        strata = {decides: strata[decides]}
    return {m.name: _reading(m, rows, len(sides), plan, strata, on_draw) for m in plan.measures}


def _reading(  # noqa: PLR0913
    measure: Measure,
    rows: Prepared | NoVariation,
    num_rows: int,
    plan: Plan,
    strata: Mapping[Stratum, np.ndarray],
    on_draw: OnDraw,
) -> Reading:
    if isinstance(rows, NoVariation):
        return Reading(value=None, num_rows=num_rows, absent=str(rows))
    if lacking := measure.needs(rows):
        return Reading(value=None, num_rows=num_rows, absent=lacking)
    try:
        statistic = measure.statistic(rows)
        value = statistic(np.arange(num_rows))
    except NoVariation as error:
        return Reading(value=None, num_rows=num_rows, absent=str(error))
    blocks = rows.groups if measure.trades == "variations" else None
    trades = [
        Trade(stratum, codes, blocks)
        for stratum, codes in strata.items()
        if blocks is None or stratum != "variation"
    ]
    nulls = (_null(measure, statistic, trade, plan, on_draw) for trade in trades)
    found = tuple(null for null in nulls if null is not None)
    return Reading(value=value, num_rows=num_rows, nulls=found)


def _null(
    measure: Measure, statistic: Statistic, trade: Trade, plan: Plan, on_draw: OnDraw
) -> Null | None:
    sign = -1.0 if measure.low_is_good else 1.0
    rng = np.random.default_rng(plan.config.seed)
    found = permutation_null(
        lambda order: sign * statistic(order), trade, rng, plan.permutations(measure), on_draw
    )
    return found and replace(found, mean=sign * found.mean, q95=sign * found.q95)
