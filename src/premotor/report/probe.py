"""The probe of two models as plain sentences, a page of Markdown and one figure."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, ScalarFormatter

from premotor.measure.verdict import SIGNIFICANT, evidence_of, verdict
from premotor.records import AlignmentRecord, Interval, ProbeRecord, RelationRecord
from premotor.report.figures import ALIGN, EXECUTE, FAINT, INK, OBSERVE, QUIET, STYLE, svg
from premotor.report.tables import UNTRAINED, p_value, words

SPACES = {"raw": "u and e", "z": "z_u and z_e"}
_ABSENT = "\u2013"
_WATCHED = {
    "expert": "the expert's episode",
    "own": "the roll-out's own video",
    "another": "another episode of the variation",
}
_WITHIN = {"task": "within the task", "variation": "within the variation", "all": "pooled"}
_COLUMNS = (
    *("measure", "value", "95 % interval", "chance", "p over all", "p within task"),
    *("p within variation", "words withheld: p", "another episode: p", "untrained"),
)


def sentences(record: ProbeRecord) -> tuple[str, ...]:
    """What was found: alignment across tasks and within them, its kind, and success."""
    apart = (
        f"{record.run_u} and {record.run_e} were trained apart"
        if not record.together
        else f"Not trained apart ({record.together}): no word here is about spontaneous alignment"
    )
    return (
        f"{apart}; the maps learned from {record.num_fit} episodes of {record.fit_split}, all is "
        f"measured on {record.num_rows} of {record.split}"
        f"{'' if record.unit == 'episode' else ', one segment of each'}.",
        *(_on_space(own, space) for space in SPACES if (own := _judged(record, space))),
        *_on_bound(record),
        *_on_sight(record),
        *_on_success(record),
    )


def _of(record: ProbeRecord, checkpoint: str, space: str) -> list[AlignmentRecord]:
    return [r for r in record.measures if (r.checkpoint, r.space) == (checkpoint, space)]


def _judged(record: ProbeRecord, space: str) -> list[AlignmentRecord]:
    """What the verdict rests on: no control through a camera that U cannot see through."""
    own = _of(record, "trained", space)
    return [r for r in own if r.episode == "same"] if _blind(record) else own


def _blind(record: ProbeRecord) -> bool:
    """Whether U names less than half as many clips through the camera of the control."""
    other = record.named_elsewhere
    return other is not None and other.value < record.named.value / 2


def _on_space(records: Sequence[AlignmentRecord], space: str) -> str:
    evidence = evidence_of(records)
    judged = verdict(evidence)
    found = [
        f"{place}: {_found(evidence.number.get(stratum))}"
        for stratum, place in (("all", "across tasks"), ("task", "within tasks"))
    ]
    return (
        f"Alignment of {SPACES[space]}, {', '.join(found)}. With the controls it is "
        f"{judged.name}: {judged.because}."
    )


def _found(p: float | None) -> str:
    if p is None:
        return "not measured"
    return f"{'found' if p < SIGNIFICANT else 'not found'} (p = {p:.3f})"


def _on_bound(record: ProbeRecord) -> tuple[str, ...]:
    found = {r.checkpoint: r for r in record.measures if _headline(r) and r.measure == "bound"}
    if "trained" not in found:
        return ()
    bound = found["trained"]
    said = f"log B - L: {_number(bound.value)} nat{_between(bound.interval)}"
    before = found.get(UNTRAINED)
    beside = f"; untrained towers with maps of their own {_number(before.value)}" if before else ""
    return (f"{said} of at most log {bound.num_rows} = {_number(bound.reference)}{beside}.",)


def _on_sight(record: ProbeRecord) -> tuple[str, ...]:
    """Whether U can see through the camera of the control by another episode at all."""
    own, other = record.named, record.named_elsewhere
    if other is None:
        return ()
    warning = ", so the control by another episode says nothing; take it without --other-camera"
    return (
        f"U names {own.value:.0%} of the clips rightly, through the camera {record.other_camera} "
        f"{other.value:.0%}{warning if _blind(record) else ''}.",
    )


def _headline(record: AlignmentRecord) -> bool:
    return (record.sides, record.instruction, record.episode) == ("u-e", "given", "same")


def _on_success(record: ProbeRecord) -> tuple[str, ...]:
    """The primary statistic in words."""
    if not record.rollouts:
        return ("Success was not held against segments; it is against whole episodes.",)
    rate = f"{record.successes} of {record.rollouts} roll-outs succeed ({record.simulator})"
    if not record.relations:
        return (f"{rate}: nothing can be said of alignment and success.",)
    said = [f"{rate}."]
    for relation in record.relations:
        if (relation.watched, relation.instruction, relation.within) == ("expert", "given", "task"):
            said.append(
                f"Alignment against success within the task: AUC {_rate(relation.auc)}, "
                f"p = {relation.p_value:.3f}: {_goes(relation)}."
            )
    return tuple(said)


def _goes(relation: RelationRecord) -> str:
    if relation.p_value >= SIGNIFICANT:
        return "no relation found"
    return f"alignment goes {'with' if relation.auc.value > 0.5 else 'against'} success"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")


def _between(interval: Interval | None) -> str:
    return f" ({_number(interval.low)} to {_number(interval.high)})" if interval else ""


def _rate(interval: Interval) -> str:
    return f"{_number(interval.value)}{_between(interval)}"


def markdown(record: ProbeRecord) -> str:
    """Sentences, the relation to success, and every measure with its controls, as Markdown."""
    parts = ["\n".join(f"- {sentence}" for sentence in sentences(record))]
    parts += [_table(("U saw", "instruction", "AUC", *_SUCCESS), _relation_rows(record))]
    if any(relation.watched == "own" for relation in record.relations):
        parts.append("A roll-out's own video shows how it ended, so it is no prediction.")
    for space, what in SPACES.items():
        own, before = _of(record, "trained", space), _of(record, UNTRAINED, space)
        if own:
            parts += [f"Alignment of {what}:", _table(_COLUMNS, _measure_rows(own, before))]
    return "\n\n".join(part for part in parts if part) + "\n"


_SUCCESS = ("95 % interval", "p", "pairs", "episodes")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _relation_rows(record: ProbeRecord) -> list[tuple[str, ...]]:
    return [
        (
            f"{_WATCHED[r.watched]}, {_WITHIN[r.within]}",
            r.instruction,
            _number(r.auc.value),
            f"{_number(r.auc.low)} to {_number(r.auc.high)}",
            f"{r.p_value:.3f}",
            str(r.num_pairs),
            str(r.auc.count),
        )
        for r in record.relations
    ]


def _measure_rows(
    records: Sequence[AlignmentRecord], before: Sequence[AlignmentRecord]
) -> list[tuple[str, ...]]:
    beside = {(r.measure, r.instruction, r.episode): r for r in records if r.sides == "u-e"}
    untrained = {r.measure: r for r in before if _headline(r)}
    rows: list[tuple[str, ...]] = []
    for r in filter(_headline, records):
        nulls = {null.stratum: p_value(null) for null in r.nulls if null.permutations}
        old = untrained.get(r.measure)
        rows.append(
            (
                words(r.measure),
                _number(r.value),
                _between(r.interval).strip(" ()") or _ABSENT,
                f"{'at most ' if r.measure == 'bound' else ''}{_number(r.reference)}",
                *(nulls.get(stratum, _ABSENT) for stratum in ("all", "task", "variation")),
                _within_task(beside.get((r.measure, "blanked", "same"))),
                _within_task(beside.get((r.measure, "given", "another"))),
                _number(old.value) if old else _ABSENT,
            )
        )
    return rows


def _within_task(record: AlignmentRecord | None) -> str:
    """The p-value that decides of a control: the one within the task."""
    nulls = {n.stratum: p_value(n) for n in (record.nulls if record else ()) if n.permutations}
    return nulls.get("task", _ABSENT)


def figure(record: ProbeRecord) -> str:
    """Left: how far each measure stands above its nulls. Right: AUC of success by task. As SVG."""
    tasks = _by_task(record)
    shown = [r for r in _of(record, "trained", "z") if _headline(r)]
    height = 1.5 + 0.27 * max(len(shown), len(tasks) + 1)
    with mpl.rc_context({**STYLE, "axes.grid.axis": "x"}):
        drawn = Figure(figsize=(10.0, height), layout="constrained")
        left, right = drawn.subplots(1, 2)
        _above_nulls(left, shown)
        _against_success(right, record.relations, tasks)
        return svg(drawn)


def _above_nulls(axes: Axes, records: Sequence[AlignmentRecord]) -> None:
    """Standard deviations of the permutation null, on a scale that shows small and large ones."""
    colors = {"all": QUIET, "task": OBSERVE, "variation": ALIGN}
    labels = {"all": "over all", "task": "within the task", "variation": "within the variation"}
    for stratum, color in colors.items():
        points = [
            (null.z_score, place)
            for place, record in enumerate(records)
            for null in record.nulls
            if null.stratum == stratum and null.permutations and np.isfinite(null.z_score)
        ]
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, s=26, color=color, label=labels[stratum], zorder=3)
    axes.axvline(0.0, color=INK, linewidth=0.9)
    axes.set_xscale("symlog", linthresh=3.0)
    axes.xaxis.set_major_locator(FixedLocator([-10, -3, 0, 3, 10, 30, 100]))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.margins(x=0.1, y=0.03)
    axes.set_yticks(range(len(records)), [words(r.measure) for r in records], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("z_u and z_e: distance to shuffled pairings [SD]")
    if records:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)


def _by_task(record: ProbeRecord) -> dict[str, Interval]:
    primary = [r for r in record.relations if (r.watched, r.instruction) == ("expert", "given")]
    return next((r.by_stratum for r in primary if r.within == "task"), {})


def _against_success(
    axes: Axes, relations: Sequence[RelationRecord], tasks: dict[str, Interval]
) -> None:
    """AUCs of the combined statistics, then of each task."""
    rows = [
        (f"{_WATCHED[r.watched]}, {_WITHIN[r.within]}", r.auc, EXECUTE)
        for r in relations
        if r.instruction == "given" and r.within in ("task", "all")
    ]
    rows += [(words(task), auc, FAINT) for task, auc in tasks.items()]
    for place, (_, auc, color) in enumerate(rows):
        errors = [[auc.value - auc.low], [auc.high - auc.value]]
        axes.errorbar(auc.value, place, xerr=errors, fmt="o", color=color, markersize=4, lw=1.2)
    axes.axvline(0.5, color=INK, linewidth=0.9)
    axes.set_xlim(0.0, 1.0)
    axes.margins(y=0.03)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("P(success is aligned better than failure)")
