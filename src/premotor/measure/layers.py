"""Every layer of one model against every layer of another.

The best of many pairs looks good by luck. So the largest value is held against the largest value of
the same pairs for shuffled partners, one shuffling for all pairs at a time: a test of the maximum.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, Real
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.findings import LayerPair, LayerStudy, Null
from premotor.measure.catalog import BY_NAME, Measure, Prepared
from premotor.measure.nulls import Trade, permutation_null
from premotor.measure.plan import Plan, StudyConfig
from premotor.measure.reading import calibrated, prepared, taken, trades_of
from premotor.measure.sides import Sides
from premotor.measure.similarity import Statistic
from premotor.progress import Progress, no_progress

Values = Real[np.ndarray, "n _"]


@dataclass(frozen=True, eq=False)
class Layers:
    """Layers of two models by name, all over the same episodes."""

    u: Mapping[str, Values]  # of the model that watches
    e: Mapping[str, Values]  # of the model that acts
    labels: Sides  # the same rows, with their tasks and variations


def layer_study(
    layers: Layers, measure: str, config: StudyConfig, progress: Progress = no_progress
) -> LayerStudy:
    """One measure of every pair of layers, the best told against the null of the maximum.

    Args:
        layers: One row per episode.
        measure: Name in `catalog.MEASURES`.
        config: Draws of the nulls; fewer where the layers are so long or wide that each is costly.
        progress: Told how many draws are done.

    Raises:
        ConfigError: There is no such measure, or it compares rows of u with rows of e, which layers
            of two models are not made for; or no pair of layers can be measured.
    """
    free = [m.name for m in BY_NAME.values() if not m.one_space and not m.low_is_good]
    if measure not in free:
        raise ConfigError(f"layers are compared by one of {', '.join(free)}, got {measure!r}")
    wanted, pairs, absent = BY_NAME[measure], list[_Pair](), dict[tuple[str, str], str]()
    draws = config.permutations
    for name_u, u in layers.u.items():
        for name_e, e in layers.e.items():
            sides = layers.labels.with_sides(u, e)
            draws = min(draws, Plan(sides, "raw", config).permutations(wanted))
            rows = prepared(sides, config.measure)
            found = taken(wanted, rows)
            if isinstance(found, str) or not isinstance(rows, Prepared):
                absent[name_u, name_e] = str(found)
            else:
                pairs.append(_Pair((name_u, name_e), *found, wanted.best(rows)))
    if not pairs:
        reason = next(iter(absent.values()))
        raise ConfigError(f"no pair of layers can be measured by {measure}: {reason}")
    with threadpool_limits(1):
        shuffled = _Shuffled(layers.labels, replace(config, permutations=draws), progress)
        return _study(wanted, pairs, list(absent), shuffled)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two layers, ready to be shuffled."""

    names: tuple[str, str]
    statistic: Statistic
    value: float
    best: float  # what the value can be at most


@dataclass(frozen=True, eq=False)
class _Shuffled:
    """How partners are shuffled."""

    labels: Sides
    config: StudyConfig
    progress: Progress

    def nulls(self, measure: Measure, statistic: Statistic) -> tuple[Null, ...]:
        """Over all rows and, where tasks are known, within the task."""
        trades = [t for t in trades_of(measure.trades, self.labels) if t.stratum != "variation"]
        done, total = 0, len(trades) * self.config.permutations

        def on_draw() -> None:
            nonlocal done
            done += 1
            self.progress(f"layers, {measure.name}", done, total, "")

        found = (self._null(statistic, trade, on_draw) for trade in trades)
        return tuple(null for null in found if null is not None)

    def _null(self, statistic: Statistic, trade: Trade, on_draw: Callable[[], None]) -> Null | None:
        rng = np.random.default_rng(self.config.seed)
        return permutation_null(statistic, trade, rng, self.config.permutations, on_draw)


def _study(
    measure: Measure, pairs: list[_Pair], absent: list[tuple[str, str]], shuffled: _Shuffled
) -> LayerStudy:
    seen: list[Float[np.ndarray, " pairs"]] = []

    def largest(order: Int[np.ndarray, " n"]) -> float:
        seen.append(np.array([pair.statistic(order) for pair in pairs]))
        return float(seen[-1].max())

    nulls = shuffled.nulls(measure, largest)
    # the first values are those of the pairing itself, the next the draws over all rows
    means = np.mean(seen[1 : 1 + shuffled.config.permutations], axis=0).tolist()
    found = [
        LayerPair(
            layer_u=pair.names[0],
            layer_e=pair.names[1],
            value=pair.value,
            score=calibrated(pair.value, mean, pair.best),
        )
        for pair, mean in zip(pairs, means, strict=True)
    ]
    missing = (LayerPair(layer_u=u, layer_e=e, value=None) for u, e in absent)
    return LayerStudy(
        measure=measure.name,
        label=measure.label,
        num_rows=len(shuffled.labels),
        pairs=(*found, *missing),
        best=found[int(np.argmax([pair.value for pair in pairs]))],
        nulls=nulls,
    )
