"""What is followed over training, as lines of a chart: held-out measures, losses, alignment."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from premotor.comparison_records import AlignmentCurve, Comparison, Curve, Kind, Side
from premotor.report.comparison.charts import (
    Scale,
    Tick,
    arm_color,
    ends_of,
    scale_of,
    ticks_of,
)
from premotor.report.table import shown
from premotor.report.tables import words

HEIGHT = 190.0  # [px] of a chart over training
_TOP, _BOTTOM = 10.0, 28.0  # [px] above the highest and below the lowest value
_LEARNED = "losses."  # begins the names of losses that were learned from
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


def training_charts(found: Comparison) -> tuple[Chart, ...]:
    """What both arms of the claim make of held-out episodes over training: outcomes, then losses.

    Each run is a faint line, the mean over the seeds that are there at a step a full one.
    """
    arms = (found.baseline, found.claim)
    own = [curve for curve in found.curves if curve.arm in arms]
    known = [outcome.name for outcome in found.outcomes]
    measures = sorted(
        dict.fromkeys(curve.measure for curve in own),
        key=lambda name: known.index(name) if name in known else len(known),
    )
    return tuple(
        _training_chart(found, name, [curve for curve in own if curve.measure == name])
        for name in measures
    )


def _training_chart(found: Comparison, measure: str, curves: Sequence[Curve]) -> Chart:
    outcome = found.outcome(measure)
    kind: Kind = outcome.kind if outcome else "nat"
    across, x = _steps(sorted({step for curve in curves for step in curve.steps}))
    y = scale_of([v for curve in curves for v in curve.values], HEIGHT - _BOTTOM, _TOP)
    lines: list[Line] = []
    ends: list[str] = []
    for arm in (found.baseline, found.claim):
        own = [points for curve in curves if curve.arm == arm and (points := _finite(curve))]
        color = arm_color(found, arm)
        for points in own:
            placed = tuple((x(step), y(value)) for step, value in points)
            lines.append(Line(label="", color=color, points=placed, faint=True))
        if mean := _mean_curve(own):
            placed = tuple((x(step), y(value)) for step, value in mean)
            lines.append(Line(label=arm, color=color, points=placed))
            ends.append(f"{arm} {shown(mean[-1][1], kind)}")
    learned = measure.startswith(_LEARNED)
    title = measure.removeprefix(_LEARNED)
    when = "in training, mean since the last judged step" if learned else "held out"
    return Chart(
        title=outcome.words
        if outcome
        else f"{'loss' if learned else 'held-out loss'}, {words(title)}",
        note=f"{when}{' [nat]' if kind == 'nat' else ''}, over updates",
        lines=tuple(lines),
        across=across,
        down=ticks_of(y, kind),
        said=f"at the end {', '.join(ends)}",
    )


def _finite(curve: Curve) -> list[tuple[int, float]]:
    """Its steps and values; a run that diverged ends where it did."""
    pairs = zip(curve.steps, curve.values, strict=True)
    return [(step, value) for step, value in pairs if math.isfinite(value)]


def _mean_curve(curves: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    by_step: dict[int, list[float]] = {}
    for curve in curves:
        for step, value in curve:
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
    values = [v for c in curves for p in c.points for v in (p.mean, *ends_of(p.interval))]
    chance = [] if first.chance is None else [first.chance]
    y = scale_of([*values, *chance], HEIGHT - _BOTTOM, _TOP)
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
        down=ticks_of(y, first.kind),
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
