"""All measures of two sides, each with nulls, interval, controls and what it is held against."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError, NoVariation
from premotor.findings import (
    SIDES,
    Control,
    Finding,
    Level,
    Reading,
    Reference,
    Space,
    Study,
)
from premotor.measure.catalog import Measure, Prepared
from premotor.measure.halves import halves, interval_of_halves
from premotor.measure.plan import Plan, StudyConfig
from premotor.measure.reading import Reader, Rows, calibrated, prepared, value_of
from premotor.measure.rows import num_repeated
from premotor.measure.sides import Sides
from premotor.measure.verdict import verdict
from premotor.progress import Progress, no_progress
from premotor.records import Interval

_PARTS = (8, 4)  # of which fractions of the rows a measure that fades is shown beside
_PART_DRAWS = 10  # random parts of each size


def study(
    sides: Sides,
    config: StudyConfig,
    *,
    checkpoint: str,
    space: Space,
    progress: Progress = no_progress,
) -> tuple[Study, ...]:
    """Every measure that can be taken of two sides, and what it is held against.

    Args:
        sides: One row per episode, with controls and stand-ins.
        config: Which measures, and draws of nulls and intervals.
        checkpoint: Name that goes into the study.
        space: "z" where rows of u may be compared with rows of e.
        progress: Told how many draws are done.

    Returns:
        The study of the sides, then one of each stand-in. A side that does not vary stops nothing:
        its findings have no value and say why.

    Raises:
        ConfigError: Fewer than four rows, NaN or infinity, or one space of two widths.
        UnknownName: A measure that is asked for does not exist.
    """
    if space == "z" and sides.u.shape[1] != sides.e.shape[1]:
        raise ConfigError(
            f"one space has one width, got {sides.u.shape[1]} and {sides.e.shape[1]}; project "
            "both sides first, or measure them as two spaces"
        )
    plans = {SIDES: Plan(sides, space, config)}
    plans |= {name: Plan(rows, "raw", config) for name, rows in sides.stand_ins.items()}
    own = len(sides.strata)
    beside = len(sides.controls) + len(sides.refitted) + (own > 1)
    total = plans[SIDES].num_halves + plans[SIDES].draws(beside)
    total += sum(plan.draws(own) for plan in plans.values())
    done = 0

    def on_draw() -> None:
        nonlocal done
        done = min(done + 1, total)
        progress(f"measure {checkpoint} {space}", done, total, "")

    with threadpool_limits(1):  # thousands of small products: threads cost more than they bring
        found = [_study(name, Reader(plan, on_draw), checkpoint) for name, plan in plans.items()]
    progress(f"measure {checkpoint} {space}", total, total, "")
    return tuple(found)


def _study(name: str, reader: Reader, checkpoint: str) -> Study:
    plan, sides = reader.plan, reader.plan.sides
    found = _own(reader)
    if name == SIDES:
        found = _beside(found, reader)
        found = _sure(found, reader)
    return Study(
        checkpoint=checkpoint,
        space=plan.space,
        sides=name,
        num_rows=len(sides),
        repeated=(num_repeated(sides.u), num_repeated(sides.e)),
        findings=tuple(found),
        verdict=verdict(found) if name == SIDES else None,
        remarks=plan.remarks,
    )


def _own(reader: Reader) -> list[Finding]:
    """Each measure as it is; what was prepared for it is let go, for it may be large."""
    plan, sides = reader.plan, reader.plan.sides
    rows = prepared(sides, plan.config.measure)
    own = reader.read(rows, sides, every_null=True)
    return [_finding(measure, own[measure.name], rows) for measure in plan.measures]


def _finding(measure: Measure, own: Reading, rows: Rows) -> Finding:
    """A measure and what it is compared with."""
    found = Finding(
        measure=measure.name,
        label=measure.label,
        unit=measure.unit,
        own=own,
        low_is_good=measure.low_is_good,
    )
    if own.value is None or isinstance(rows, NoVariation):
        return found
    null = own.null("all")
    reference = measure.reference(rows) if measure.reference else None
    if reference is None and null is not None:
        reference = Reference(kind="null mean", value=null.mean)
    score = calibrated(own.value, null.mean, measure.best(rows)) if null is not None else None
    return replace(found, reference=reference, calibrated=score)


def _beside(found: Sequence[Finding], reader: Reader) -> list[Finding]:
    """The same measures with each task's mean taken off, and under the controls."""

    def readings(sides: Sides) -> dict[str, Reading]:
        rows = prepared(sides, reader.plan.config.measure)
        return reader.read(rows, sides, every_null=False)

    sides = reader.plan.sides
    centered = readings(sides.centered) if sides.centered is not None else {}
    controls: dict[str, list[Control]] = {f.measure: [] for f in found}
    for refitted, those in ((False, sides.controls), (True, sides.refitted)):
        for name, control in those.items():
            for measure, reading in readings(control).items():
                controls[measure].append(
                    Control(name=name, reading=reading, refitted=refitted, void=control.void)
                )
    return [
        replace(f, centered=centered.get(f.measure), controls=tuple(controls[f.measure]))
        for f in found
    ]


def _sure(found: Sequence[Finding], reader: Reader) -> list[Finding]:
    """Intervals of the values, and of what they are better by than the untrained networks'."""
    plan, sides = reader.plan, reader.plan.sides
    draws: list[tuple[_Values, _Values]] = []  # of the sides, of the untrained networks
    if plan.num_halves:
        tasks = sides.strata.get("task", np.zeros(len(sides), dtype=np.int64))
        rng = np.random.default_rng(plan.config.seed)
        for rows in halves(tasks, rng, plan.num_halves):
            half = sides.take(rows)
            draws.append((_values_of(half, plan), _values_of(half.untrained, plan)))
            reader.on_draw()
    untrained = _values_of(sides.untrained, plan)
    parts = _parts(plan)
    surer: list[Finding] = []
    for measure, finding in zip(plan.measures, found, strict=True):
        name, value = measure.name, finding.own.value
        if value is None:
            surer.append(finding)
            continue
        sign, before = (-1.0 if measure.low_is_good else 1.0), untrained[name]
        ours = [own[name] for own, _ in draws]
        gains = [_difference(own[name], other[name], sign) for own, other in draws]
        gain = _difference(value, before, sign)
        surer.append(
            replace(
                finding,
                interval=_bounded(measure, _interval(value, ours, len(sides))),
                untrained=before,
                gain=None if gain is None else _interval(gain, gains, len(sides)),
                by_rows=parts.get(name, ()),
            )
        )
    return surer


_Values = dict[str, float | None]


def _values_of(sides: Sides | None, plan: Plan) -> _Values:
    """Each measure by name; None where there are no such sides or it cannot be taken of them."""
    if sides is None:
        return dict.fromkeys((m.name for m in plan.measures), None)
    rows = prepared(sides, plan.config.measure)
    return {m.name: value_of(m, rows) for m in plan.measures}


def _difference(ours: float | None, theirs: float | None, sign: float) -> float | None:
    return None if ours is None or theirs is None else sign * (ours - theirs)


def _interval(value: float, draws: Sequence[float | None], num_rows: int) -> Interval | None:
    known = np.array([draw for draw in draws if draw is not None])
    if len(known) < max(2, len(draws) // 2):
        return None
    return interval_of_halves(value, known, num_rows)


def _bounded(measure: Measure, interval: Interval | None) -> Interval | None:
    """Of a value: with a width, and of a share between 0 and 1."""
    if interval is None or interval.low == interval.high:
        return None  # halves that all agree cannot say how sure a value is
    if measure.unit != "share":
        return interval
    return replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 1.0))


def _parts(plan: Plan) -> dict[str, tuple[Level, ...]]:
    """Measures that fade, by name, on an eighth and a quarter of the rows."""
    fading = [m for m in plan.measures if m.fades]
    least = 4 * plan.config.measure.neighbors
    rng = np.random.default_rng(plan.config.seed)
    levels: dict[str, list[Level]] = {m.name: [] for m in fading}
    for size in (len(plan.sides) // part for part in _PARTS):
        if size < least or not plan.num_halves or not fading:
            continue
        drawn = [rng.permutation(len(plan.sides))[:size] for _ in range(_PART_DRAWS)]
        rows = [prepared(plan.sides.take(np.sort(d)), plan.config.measure) for d in drawn]
        for measure in fading:
            known = [v for r in rows if (v := value_of(measure, r)) is not None]
            if known:
                chance = _chance(measure, rows)
                level = Level(num_rows=size, value=float(np.mean(known)), chance=chance)
                levels[measure.name].append(level)
    return {name: tuple(found) for name, found in levels.items()}


def _chance(measure: Measure, rows: Sequence[Rows]) -> float | None:
    known = [r for r in rows if isinstance(r, Prepared)]
    return measure.reference(known[0]).value if measure.reference and known else None
