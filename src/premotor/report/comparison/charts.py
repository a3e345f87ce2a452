"""The charts of the page as plain geometry, which its template draws as SVG.

Across, places are percent of the width, so that a chart fits any screen; down, they are pixels.
Colors come from the page's style, so that a chart is read on light and dark alike.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from premotor.comparison_records import (
    AlignmentCurve,
    Comparison,
    Curve,
    Kind,
    Outcome,
    Side,
)
from premotor.measure.seeds import ArmLevel, OverSeeds
from premotor.records import Interval
from premotor.report.comparison.tables import minus, of_difference, primary, spread
from premotor.report.table import CellKind, percent, shown
from premotor.report.tables import words

HEIGHT = 190.0  # [px] of a chart over training
_TOP, _BOTTOM = 10.0, 28.0  # [px] above the highest and below the lowest value
_SIDE_COLORS: dict[Side, str] = {
    "trained": "align",
    "untrained": "quiet",
    "pixels": "observe",
    "text": "execute",
}
_SIDE_WORDS: dict[Side, str] = {
    "trained": "U",
    "untrained": "untrained",
    "pixels": "pixels",
    "text": "instruction text",
}


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


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart over training."""

    label: str  # "" for one that the legend leaves out
    color: str  # a class of the style
    points: tuple[tuple[float, float], ...]  # [%] across, [px] down
    spans: tuple[tuple[float, float, float], ...] = ()  # [%] across, [px] from, to: intervals
    faint: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over training."""

    title: str
    note: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    down: tuple[Tick, ...]
    chance: Tick | None = None
    said: str = ""  # where the lines end, in words


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


def _scale(values: Sequence[float], start: float, end: float, zero: bool = False) -> Scale:
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
    ends = [v for own in over.values() for v in (*own.differences, *_ends(own.interval))]
    scale = _scale([*ends, -small, small], 0.0, 100.0)
    return {
        outcome.name: Strip(
            title=outcome.words,
            note=f"{minus(found)} [points]; each point one training seed",
            rows=(_row("", own, scale, "points", color="align"),),
            ticks=_ticks(scale, "points"),
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
    ends = [end for t in contrast.tasks for end in (t.mean, *_ends(t.interval))]
    scale = _scale([*ends, *_ends(contrast.over_seeds.interval)], 0.0, 100.0, zero=True)
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
        ticks=_ticks(scale, kind),
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
    scale = _scale([v for own in known for v in (*own.values, *_ends(own.interval))], 0.0, 100.0)
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
                color=_arm_color(found, arm),
            )
        )
    return Strip(
        title=outcome.words,
        note="each point one run; mean and t interval of 95 % below",
        rows=tuple(rows),
        ticks=_ticks(scale, outcome.kind),
    )


def _arm_color(found: Comparison, arm: str) -> str:
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


def _ends(interval: Interval | None) -> tuple[float, ...]:
    return () if interval is None else (interval.low, interval.high)


def _limits(interval: Interval | None, scale: Scale) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (scale(interval.low), scale(interval.high))


def _ticks(scale: Scale, kind: CellKind) -> tuple[Tick, ...]:
    return tuple(Tick(at=scale(value), label=_label(value, kind)) for value in scale.values)


def _label(value: float, kind: CellKind) -> str:
    """Short: the chart's note holds the unit."""
    if kind == "share":
        return percent(value).replace("\u00a0", "")
    if kind == "points":
        return f"{100 * value:+z.0f}".replace("-", "\u2212").replace("+0", "0")
    return f"{value:.3g}".replace("-", "\u2212")


def training_charts(found: Comparison) -> tuple[Chart, ...]:
    """What both arms of the claim make of held-out episodes over training: outcomes, then losses.

    Each run is a faint line, the mean over the seeds that are there at a step a full one.
    """
    arms = (found.baseline, found.claim)
    own = [curve for curve in found.curves if curve.arm in arms]
    charts: list[Chart] = []
    for measure in dict.fromkeys(curve.measure for curve in own):
        curves = [curve for curve in own if curve.measure == measure]
        outcome = found.outcome(measure)
        title = outcome.words if outcome else words(measure.replace(".", ", "))
        kind: Kind = outcome.kind if outcome else "nat"
        named = [(arm, _arm_color(found, arm), [c for c in curves if c.arm == arm]) for arm in arms]
        charts.append(_training_chart(title, kind, [own for own in named if own[2]]))
    return tuple(charts)


def _training_chart(
    title: str, kind: Kind, arms: Sequence[tuple[str, str, Sequence[Curve]]]
) -> Chart:
    every = [curve for _, _, curves in arms for curve in curves]
    across, x = _steps(sorted({step for curve in every for step in curve.steps}))
    y = _scale([v for curve in every for v in curve.values], HEIGHT - _BOTTOM, _TOP)
    lines: list[Line] = []
    ends: list[str] = []
    for arm, color, curves in arms:
        for curve in curves:
            points = tuple((x(s), y(v)) for s, v in zip(curve.steps, curve.values, strict=True))
            lines.append(Line(label="", color=color, points=points, faint=True))
        mean = _mean_curve(curves)
        points = tuple((x(step), y(value)) for step, value in mean)
        lines.append(Line(label=arm, color=color, points=points))
        ends.append(f"{arm} {shown(mean[-1][1], kind)}")
    return Chart(
        title=title,
        note=f"held out{' [nat]' if kind == 'nat' else ''}, over updates",
        lines=tuple(lines),
        across=across,
        down=tuple(Tick(at=y(v), label=_label(v, kind)) for v in y.values),
        said=f"at the end {', '.join(ends)}",
    )


def _mean_curve(curves: Sequence[Curve]) -> list[tuple[int, float]]:
    by_step: dict[int, list[float]] = {}
    for curve in curves:
        for step, value in zip(curve.steps, curve.values, strict=True):
            by_step.setdefault(step, []).append(value)
    return [(step, sum(values) / len(values)) for step, values in sorted(by_step.items())]


def alignment_charts(found: Comparison) -> tuple[Chart, ...]:
    """Spontaneous alignment over training beside its baselines; task-centered beside plain."""
    keys = dict.fromkeys((c.measure, c.pairs, c.centered) for c in found.alignment)
    return tuple(
        _alignment_chart(
            [c for c in found.alignment if (c.measure, c.pairs, c.centered) == key and c.points]
        )
        for key in keys
    )


def _alignment_chart(curves: Sequence[AlignmentCurve]) -> Chart:
    first = curves[0]
    across, x = _steps(sorted({point.step for curve in curves for point in curve.points}))
    values = [v for c in curves for p in c.points for v in (p.mean, *_ends(p.interval))]
    chance = [] if first.chance is None else [first.chance]
    y = _scale([*values, *chance], HEIGHT - _BOTTOM, _TOP)
    lines = tuple(
        Line(
            label=_SIDE_WORDS[curve.side],
            color=_SIDE_COLORS[curve.side],
            points=tuple((x(p.step), y(p.mean)) for p in curve.points),
            spans=tuple(
                (x(p.step), y(p.interval.low), y(p.interval.high))
                for p in curve.points
                if p.interval
            ),
        )
        for curve in curves
    )
    centered = "each task\u2019s mean taken off" if first.centered else "plain"
    last = (f"{_SIDE_WORDS[c.side]} {shown(c.points[-1].mean, first.kind)}" for c in curves)
    return Chart(
        title=f"{first.words}, pairs by {first.pairs}",
        note=f"{centered}{' [nat]' if first.kind == 'nat' else ''}, over updates",
        lines=lines,
        across=across,
        down=tuple(Tick(at=y(v), label=_label(v, first.kind)) for v in y.values),
        chance=None if first.chance is None else Tick(at=y(first.chance), label="chance"),
        said=f"at the end {', '.join(last)}",
    )


def _steps(steps: Sequence[int]) -> tuple[tuple[Tick, ...], Scale]:
    """Square roots of steps across: judged steps double, and the first ones would stick together.

    Labels that would touch the one before are left out; the last one stays.
    """
    x = _Roots(0.0, math.sqrt(max(steps, default=1) or 1), 9.0, 97.0)
    return tuple(_apart([Tick(at=x(step), label=f"{step:,}") for step in steps])), x


class _Roots(Scale):
    """Square roots of values to places."""

    def __call__(self, value: float | int) -> float:
        return super().__call__(math.sqrt(value))


def _apart(ticks: Sequence[Tick]) -> Iterator[Tick]:
    kept: list[Tick] = []
    for tick in reversed(ticks):
        if not kept or kept[-1].at - tick.at > 12:
            kept.append(tick)
    yield from reversed(kept)
