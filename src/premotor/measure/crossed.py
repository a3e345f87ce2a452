"""A few measures of two sides, before and after their maps, as curves over training show them.

No nulls and no intervals of their own: how sure a point is, the repetitions tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from premotor.errors import ConfigError
from premotor.findings import Space, Unit
from premotor.measure.catalog import MeasureConfig
from premotor.measure.retrieval import information_bound, recall_at_k
from premotor.measure.sides import Sides
from premotor.measure.similarity import debiased_cka, mutual_knn


@dataclass(frozen=True, kw_only=True)
class CurveMeasure:
    """One measure that is followed over training."""

    label: str
    unit: Unit
    space: Space
    of: Callable[[Sides, MeasureConfig], float]
    chance: Callable[[int, MeasureConfig], float]  # by the number of rows
    ceiling: Callable[[int], float] | None = None  # likewise; None: 1


def _recall(sides: Sides, _: MeasureConfig) -> float:
    return (recall_at_k(sides.u, sides.e) + recall_at_k(sides.e, sides.u)) / 2.0


def _bound(sides: Sides, config: MeasureConfig) -> float:
    return information_bound(sides.u, sides.e, config.temperature)


def _knn(sides: Sides, config: MeasureConfig) -> float:
    return mutual_knn(sides.u, sides.e, config.neighbors)


def _cka(sides: Sides, _: MeasureConfig) -> float:
    return debiased_cka(sides.u, sides.e)


def _none(_: int, __: MeasureConfig) -> float:
    return 0.0


def _by_place(n: int, config: MeasureConfig) -> float:
    return config.neighbors / (n - 1)


CURVES: Mapping[str, CurveMeasure] = {
    "recall_at_1": CurveMeasure(
        label="partner found first, mean of both ways",
        unit="share",
        space="z",
        of=_recall,
        chance=lambda n, _: 1.0 / n,
    ),
    "bound": CurveMeasure(
        label="log B - L_align",
        unit="nat",
        space="z",
        of=_bound,
        chance=_none,
        ceiling=lambda n: float(np.log(n)),
    ),
    "mutual_knn": CurveMeasure(
        label="shared neighbors", unit="share", space="z", of=_knn, chance=_by_place
    ),
    "debiased_cka": CurveMeasure(
        label="debiased CKA", unit="score", space="z", of=_cka, chance=_none
    ),
    "mutual_knn_raw": CurveMeasure(
        label="shared neighbors of u and e", unit="share", space="raw", of=_knn, chance=_by_place
    ),
    "debiased_cka_raw": CurveMeasure(
        label="debiased CKA of u and e", unit="score", space="raw", of=_cka, chance=_none
    ),
}


def curve_values(
    spaces: Mapping[Space, Sides], config: MeasureConfig, *, centered: bool = False
) -> dict[str, float | None]:
    """Every measure of `CURVES`; None where it cannot be taken.

    So it is of a side whose rows are all the same, of fewer rows than neighbors, and of centered
    rows of one task.

    Args:
        spaces: The same rows as u and e ("raw") and after their maps ("z").
        config: Temperature and neighbors.
        centered: Take each task's mean off both sides first.
    """
    seen = {name: sides.centered if centered else sides for name, sides in spaces.items()}
    return {name: _value(measure, seen[measure.space], config) for name, measure in CURVES.items()}


def _value(measure: CurveMeasure, sides: Sides | None, config: MeasureConfig) -> float | None:
    if sides is None:
        return None
    try:
        return measure.of(sides, config)
    except ConfigError:
        return None
