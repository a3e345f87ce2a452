"""The charts of the page as plain geometry, which its template draws as SVG.

Across, places are percent of the width, so that a chart fits any screen; down, they are pixels.
Colors come from the page's style, so that a chart is read on light and dark alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from premotor.comparison_records import Comparison, Outcome
from premotor.measure.seeds import ArmLevel, OverSeeds
from premotor.records import Interval
from premotor.report.comparison.tables import minus, of_difference, primary, spread
from premotor.report.table import CellKind, percent, shown
from premotor.report.tables import words


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float  # [%] across, or [px] down
    label: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a strip: points, and where their mean lies."""

    name: str
    said: str  # the same in words
    dots: tuple[Tick, ...] = ()  # one per seed, and which
    mean: float | None = None  # [%]
    low: float | None = None  # [%] of the interval; None where there is none
    high: float | None = None  # [%]
    color: str = "ink"  # a class of the style
    total: bool = False  # sums up the others


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Rows over one axis across."""

    title: str
    note: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    zero: float | None = None  # [%] where a difference is none
    band: tuple[float, float] | None = None  # [%] differences that do not matter


@dataclass(frozen=True)
class Scale:
    """Values to places, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float | int) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 2)

    @property
    def values(self) -> list[float]:
        """Round ones within, for ticks."""
        found = MaxNLocator(5).tick_values(self.low, self.high)
        return [v for v in map(float, found) if self.low <= v <= self.high]


def scale_of(values: Sequence[float], start: float, end: float, zero: bool = False) -> Scale:
    """Wide enough for all, and a little more."""
    finite = [v for v in values if math.isfinite(v)] + ([0.0] if zero else [])
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    reach = 0.06 * (high - low) or 0.05
    return Scale(low - reach, high + reach, start, end)


def claim_strips(found: Comparison) -> dict[str, Strip]:
    """The primary contrast by outcome, on one scale: each seed's difference, mean, interval."""
    over = {
        outcome: contrast.over_seeds
        for outcome in primary(found)
        if (contrast := found.contrast(found.claim, outcome.name)) and contrast.over_seeds.seeds
    }
    small = found.smallest_effect
    ends = [v for own in over.values() for v in (*own.differences, *ends_of(own.interval))]
    scale = scale_of([*ends, -small, small], 0.0, 100.0)
    return {
        outcome.name: Strip(
            title=outcome.words,
            note=f"{minus(found)} [points]; each point one training seed",
            rows=(_row("", own, scale, "points", color="align"),),
            ticks=ticks_of(scale, "points"),
            zero=scale(0.0),
            band=(scale(-small), scale(small)),
        )
        for outcome, own in over.items()
    }


def forest(found: Comparison) -> tuple[Strip, ...]:
    """For each co-primary outcome a strip with a row per task, the mean over tasks first."""
    strips = (_forest(found, outcome) for outcome in primary(found))
    return tuple(strip for strip in strips if strip)


def _forest(found: Comparison, outcome: Outcome) -> Strip | None:
    contrast = found.contrast(found.claim, outcome.name)
    if contrast is None or not contrast.tasks:
        return None
    own = {task.task: task for task in contrast.tasks}
    ends = [end for t in contrast.tasks for end in (t.mean, *ends_of(t.interval))]
    scale = scale_of([*ends, *ends_of(contrast.over_seeds.interval)], 0.0, 100.0, zero=True)
    kind = of_difference(outcome.kind)
    rows = [_row("mean over tasks", contrast.over_seeds, scale, kind, "align", total=True)]
    for name in found.tasks:
        if name not in own:
            rows.append(Row(name=words(name), said="not judged"))
            continue
        mean, interval = own[name].mean, own[name].interval
        low, high = _limits(interval, scale)
        said = shown(interval or mean, kind)
        rows.append(Row(name=words(name), said=said, mean=scale(mean), low=low, high=high))
    small = found.smallest_effect
    return Strip(
        title=outcome.words,
        note=f"{minus(found)} [{kind}], t intervals over seeds",
        rows=tuple(rows),
        ticks=ticks_of(scale, kind),
        zero=scale(0.0),
        band=(scale(-small), scale(small)),
    )


def spreads(found: Comparison) -> tuple[Strip, ...]:
    """For each co-primary outcome a strip with a row per arm: every run a point."""
    outcomes = primary(found)
    judged = {(v.arm, v.outcome): v for v in found.levels if v.seeds}
    arms = [arm for arm in found.arms if any((arm, o.name) in judged for o in outcomes)]
    of = {o: [(arm, judged.get((arm, o.name))) for arm in arms] for o in outcomes if arms}
    return tuple(_spread(found, outcome, levels) for outcome, levels in of.items())


def _spread(
    found: Comparison, outcome: Outcome, levels: Sequence[tuple[str, ArmLevel | None]]
) -> Strip:
    known = [level for _, level in levels if level]
    scale = scale_of(
        [v for own in known for v in (*own.values, *ends_of(own.interval))], 0.0, 100.0
    )
    rows: list[Row] = []
    for arm, level in levels:
        if level is None:
            rows.append(Row(name=arm, said="not judged"))
            continue
        low, high = _limits(level.interval, scale)
        sd = spread(level.values)
        between = "" if sd is None else f"\nSD {100 * sd:.1f} points"
        rows.append(
            Row(
                name=arm,
                said=f"{shown(level.interval or level.mean, outcome.kind)}{between}",
                dots=_dots(level.seeds, level.values, scale, outcome.kind),
                mean=None if level.mean is None else scale(level.mean),
                low=low,
                high=high,
                color=arm_color(found, arm),
            )
        )
    return Strip(
        title=outcome.words,
        note="each point one run; mean and t interval of 95 % below",
        rows=tuple(rows),
        ticks=ticks_of(scale, outcome.kind),
    )


def arm_color(found: Comparison, arm: str) -> str:
    """Class of the style: the two arms of the claim have their own."""
    return {found.baseline: "quiet", found.claim: "align"}.get(arm, "ink")


def _row(
    name: str,
    over: OverSeeds,
    scale: Scale,
    kind: CellKind,
    color: str = "ink",
    total: bool = False,
) -> Row:
    low, high = _limits(over.interval, scale)
    return Row(
        name=name,
        said=shown(over.interval or over.mean, kind),
        dots=_dots(over.seeds, over.differences, scale, kind),
        mean=None if over.mean is None else scale(over.mean),
        low=low,
        high=high,
        color=color,
        total=total,
    )


def _dots(
    seeds: Sequence[int], values: Sequence[float], scale: Scale, kind: CellKind
) -> tuple[Tick, ...]:
    pairs = zip(seeds, values, strict=True)
    return tuple(Tick(at=scale(v), label=f"seed {seed}: {shown(v, kind)}") for seed, v in pairs)


def ends_of(interval: Interval | None) -> tuple[float, ...]:
    """What a scale has to hold of an interval."""
    return () if interval is None else (interval.low, interval.high)


def _limits(interval: Interval | None, scale: Scale) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (scale(interval.low), scale(interval.high))


def ticks_of(scale: Scale, kind: CellKind) -> tuple[Tick, ...]:
    """Round values of an axis; shares end at none and all, also where an interval goes on."""
    kept = [v for v in scale.values if kind != "share" or 0.0 <= v <= 1.0]
    return tuple(Tick(at=scale(value), label=_label(value, kind)) for value in kept)


def _label(value: float, kind: CellKind) -> str:
    """Short: the chart's note holds the unit."""
    if kind == "share":
        return percent(value).replace("\u00a0", "")
    if kind == "points":
        return f"{100 * value:+z.0f}".replace("-", "\u2212").replace("+0", "0")
    return f"{value:.3g}".replace("-", "\u2212")
