"""The probe of two models as plain sentences, a page of Markdown and one figure."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, ScalarFormatter

from premotor.findings import (
    SIDES,
    Finding,
    ProbePoint,
    ProbeRecord,
    Relation,
    Study,
    SuccessRelation,
)
from premotor.measure.crossed import CURVES
from premotor.measure.nulls import SIGNIFICANT
from premotor.records import Interval
from premotor.report import findings
from premotor.report.figures import ALIGN, EXECUTE, FAINT, INK, OBSERVE, QUIET, STYLE, svg
from premotor.report.table import Amount, Column, PValue, Table, percent, shown
from premotor.report.table import markdown as as_markdown
from premotor.report.tables import words

TRAINED = "trained"
_WATCHED = {
    "expert": "the expert's episode",
    "own": "the roll-out's own video",
    "another": "another episode of the variation",
}
_WITHIN = {"task": "within the task", "variation": "within the variation", "all": "pooled"}


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
        *findings.all_sentences(record.studies, TRAINED),
        *_on_training(record),
        *_on_sight(record),
        *_on_success(record),
    )


def _own(record: ProbeRecord, checkpoint: str) -> list[Study]:
    return [s for s in record.studies if (s.checkpoint, s.sides) == (checkpoint, SIDES)]


def _on_training(record: ProbeRecord) -> tuple[str, ...]:
    """How far alignment rose over training, where that was followed."""
    if len(record.curve) < 2:
        return ()
    first, last = record.curve[0], record.curve[-1]
    said = (
        f"From update {first.step:,} to {last.step:,} debiased CKA of u and e went "
        f"{_rise(first.values, last.values)}"
    )
    if last.centered:
        said += f", with each task's mean taken off {_rise(first.centered, last.centered)}"
    return (f"{said}.",)


def _rise(before: dict[str, float | None], after: dict[str, float | None]) -> str:
    name = "debiased_cka_raw"
    one, two = (
        shown(values[name], findings.UNIT_KINDS[CURVES[name].unit]) for values in (before, after)
    )
    return f"from {one} to {two}"


def _on_sight(record: ProbeRecord) -> tuple[str, ...]:
    """How much U names through either camera."""
    sight = record.sight
    said = (
        f"U names {percent(sight.named.value)} of the texts rightly, "
        f"{percent(sight.first_frame.value)} by the first frame alone"
    )
    if sight.named_other_camera is not None:
        said += f", {percent(sight.named_other_camera.value)} through the camera {sight.camera}"
    return (f"{said}.",)


def _on_success(record: ProbeRecord) -> tuple[str, ...]:
    """The primary statistic in words."""
    if not record.rollouts:
        return ("Success was not held against segments; it is against whole episodes.",)
    rate = f"{record.successes} of {record.rollouts} roll-outs succeed ({record.simulator})"
    if not record.relations:
        return (f"{rate}: nothing can be said of alignment and success.",)
    primary = [
        r.relation
        for r in record.relations
        if (r.watched, r.words, r.within) == ("expert", True, "task")
    ]
    return (
        f"{rate}.",
        *(
            f"Alignment against success within the task: AUC {shown(found.auc, 'number')}, "
            f"p = {found.p:.3f}: {_goes(found)}."
            for found in primary
        ),
    )


def _goes(found: Relation) -> str:
    """What the interval leaves open, and no more."""
    if found.p < SIGNIFICANT:
        return f"alignment goes {'with' if found.auc.value > 0.5 else 'against'} success"
    low, high = (f"{limit:.2f}" for limit in (found.auc.low, found.auc.high))
    return f"no relation seen; an AUC below {low} or above {high} is unlikely"


def tables(record: ProbeRecord) -> tuple[Table, ...]:
    """The relation to success, and every measure with its controls."""
    found = [_relation_table(record.relations)] if record.relations else []
    if record.curve:
        found.append(_curve_table(record.curve))
    return (*found, *findings.tables(record.studies, TRAINED))


def markdown(record: ProbeRecord) -> str:
    """Sentences and tables as Markdown."""
    said = "\n".join(f"- {sentence}" for sentence in sentences(record))
    return "\n\n".join([said, *(as_markdown(table).strip() for table in tables(record))]) + "\n"


def _relation_table(relations: Sequence[SuccessRelation]) -> Table:
    own = any(relation.watched == "own" for relation in relations)
    return Table(
        title="Alignment against success: the cosine of z_u and z_e",
        columns=(
            Column("U saw"),
            Column("compared"),
            Column("words"),
            Column("AUC", "number", "P(score of a success > score of a failure)"),
            Column("p", "p"),
            Column("pairs", "count", "of a success and a failure"),
            Column("episodes", "count"),
        ),
        rows=tuple(
            (
                _WATCHED[r.watched],
                _WITHIN[r.within],
                "given" if r.words else "withheld",
                r.relation.auc,
                PValue(r.relation.p, 1.0 / (1 + r.relation.draws)),
                r.relation.num_pairs,
                r.relation.auc.count,
            )
            for r in relations
        ),
        note="A roll-out's own video shows how it ended, so it is no prediction." if own else "",
    )


def _curve_table(curve: Sequence[ProbePoint]) -> Table:
    """A row for each measure, then the same with task means taken off; a column for each step."""
    plain = [(m.label, name, [p.values[name] for p in curve]) for name, m in CURVES.items()]
    centered = [
        (f"{m.label}, each task's mean taken off", name, [p.centered[name] for p in curve])
        for name, m in CURVES.items()
        if curve[0].centered
    ]
    return Table(
        title="Over training, by updates",
        columns=(Column("measure"), *(Column(f"{p.step:,}", "number") for p in curve)),
        rows=tuple(
            (label, *(Amount(value, findings.UNIT_KINDS[CURVES[name].unit]) for value in values))
            for label, name, values in (*plain, *centered)
        ),
        note="Each step has maps of its own, fitted on the same episodes.",
    )


def figure(record: ProbeRecord) -> str:
    """How far each measure stands above its nulls, AUC of success by task, and the curve. As SVG.

    The curve stands at the right, where training was followed.
    """
    tasks = _by_task(record)
    measured = [f for s in _own(record, TRAINED) if s.space == "z" for f in s.findings]
    height = 1.5 + 0.27 * max(len(measured), len(tasks) + 1)
    with mpl.rc_context({**STYLE, "axes.grid.axis": "x"}):
        panels = 3 if record.curve else 2
        drawn = Figure(figsize=(5.0 * panels, height), layout="constrained")
        left, middle, *right = drawn.subplots(1, panels)
        _above_nulls(left, measured)
        _against_success(middle, record.relations, tasks)
        for axes in right:
            _over_training(axes, record.curve)
        return svg(drawn)


def _over_training(axes: Axes, curve: Sequence[ProbePoint]) -> None:
    """Measures between 0 and 1 by updates; dashed with each task's mean taken off."""
    colors = {"recall_at_1": OBSERVE, "mutual_knn": EXECUTE, "debiased_cka": ALIGN}
    steps = [point.step for point in curve]
    for name, color in colors.items():
        lines = [([point.values[name] for point in curve], "-", CURVES[name].label)]
        if curve[0].centered:
            lines.append(([point.centered[name] for point in curve], "--", "_centered"))
        for values, style, label in lines:
            known = np.array([np.nan if value is None else value for value in values])
            axes.plot(steps, known, style, marker="o", markersize=3, color=color, label=label)
    axes.axhline(0.0, color=INK, linewidth=0.9)
    axes.set_xlabel("updates; dashed: each task's mean taken off")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)


def _above_nulls(axes: Axes, measured: Sequence[Finding]) -> None:
    """Standard deviations of the permutation null, on a scale that shows small and large ones."""
    colors = {"all": QUIET, "task": OBSERVE, "variation": ALIGN}
    labels = {"all": "over all", "task": "within the task", "variation": "within the variation"}
    for stratum, color in colors.items():
        points = [
            (null.z, place)
            for place, finding in enumerate(measured)
            for null in finding.own.nulls
            if null.stratum == stratum and np.isfinite(null.z)
        ]
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, s=26, color=color, label=labels[stratum], zorder=3)
    axes.axvline(0.0, color=INK, linewidth=0.9)
    axes.set_xscale("symlog", linthresh=3.0)
    axes.xaxis.set_major_locator(FixedLocator([-10, -3, 0, 3, 10, 30, 100]))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.margins(x=0.1, y=0.03)
    axes.set_yticks(range(len(measured)), [f.label for f in measured], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("z_u and z_e: distance to shuffled pairings [SD]")
    if axes.collections:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=FAINT)


def _by_task(record: ProbeRecord) -> dict[str, Interval]:
    primary = [r for r in record.relations if (r.watched, r.words) == ("expert", True)]
    return next((r.relation.by_stratum for r in primary if r.within == "task"), {})


def _against_success(
    axes: Axes, relations: Sequence[SuccessRelation], tasks: dict[str, Interval]
) -> None:
    """AUCs of the combined statistics, then of each task."""
    rows = [
        (f"{_WATCHED[r.watched]}, {_WITHIN[r.within]}", r.relation.auc, EXECUTE)
        for r in relations
        if r.words and r.within in ("task", "all")
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
