"""An ablation as two tables and one figure, from its records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from premotor.records import AblationRecord
from premotor.report.figures import ALIGN, EXECUTE, FAINT, OBSERVE, STYLE, svg
from premotor.report.table import Cell, Column, PValue, Table
from premotor.report.table import markdown as as_markdown
from premotor.report.tables import words

ALL_TASKS = "all tasks"
SEEDS, EPISODES = "seeds", "these episodes"  # what intervals are about


@dataclass(frozen=True)
class _Shown:
    """How a table shows a measure."""

    measure: str  # its name on record
    heading: str
    difference: str = ""  # heading of its differences; "" where they are not shown


_TABLES: Mapping[str, Sequence[_Shown]] = {  # by title
    "Ablation: success": (_Shown("success", "success", "difference"), _Shown("strict", "strict")),
    "Ablation: held-out keyframes": (
        _Shown("position", "within 2 cm", "difference, 2 cm"),
        _Shown("rotation", "within 15\u00b0", "difference, 15\u00b0"),
    ),
    "Ablation: decisive keyframes": (_Shown("decisive", "within 2 cm", "difference"),),
}
_PANELS = (
    ("success", "success on unseen episodes [%]", EXECUTE),
    ("position", "held-out keyframes within 2 cm [%]", OBSERVE),
    ("rotation", "held-out keyframes within 15\u00b0 [%]", ALIGN),
    ("decisive", "decisive ones within 2 cm [%]", OBSERVE),
)


def tables(records: Sequence[AblationRecord]) -> tuple[Table, ...]:
    """A row per task and variant: rates, and differences to the baseline with their p.

    Success and keyframes stand apart, so that each fits a terminal; the last table has the caption
    of all. What was not measured has no table.
    """
    found = [_table(title, records, shown) for title, shown in _TABLES.items()]
    *others, last = [table for table in found if table.rows]
    return *others, replace(last, note=caption(records))


def _table(title: str, records: Sequence[AblationRecord], measures: Sequence[_Shown]) -> Table:
    found = {(r.task, r.variant, r.measure): r for r in records}
    names = [shown.measure for shown in measures]
    tasks = list(dict.fromkeys(r.task for r in records))
    # the variants of a task stand together; both come in the order in which they are on record
    keys = list(dict.fromkeys((r.task, r.variant) for r in records if r.measure in names))
    keys.sort(key=lambda key: tasks.index(key[0]))

    def of(measure: str, what: Callable[[AblationRecord], Cell]) -> Callable[[_Key], Cell]:
        return lambda key: what(found[*key, measure]) if (*key, measure) in found else None

    columns: list[tuple[Column, Callable[[_Key], Cell]]] = [
        (Column("variant"), lambda key: f"{key[1]}\n{words(key[0])}"),
        (
            Column("intervals over"),
            lambda key: _over(r for r in records if (r.task, r.variant) == key),
        ),
    ]
    for shown in measures:
        measure, difference = shown.measure, shown.difference
        columns.append((Column(shown.heading, "share"), of(measure, lambda r: r.value)))
        if difference:
            columns.append((Column(difference, "points"), of(measure, lambda r: r.difference)))
        if difference and any(r.p_value is not None for r in records if r.measure == measure):
            columns.append((Column(difference.replace("difference", "p"), "p"), of(measure, _p)))
    return Table.of(title, keys, columns)


_Key = tuple[str, str]  # task, variant


def _p(record: AblationRecord) -> Cell:
    if record.p_value is None or record.least_p is None:
        return None
    return PValue(record.p_value, record.least_p)


def _over(records: Iterable[AblationRecord]) -> str:
    """What their intervals are about."""
    found = (f"{r.seeds} seeds" if r.over == SEEDS else r.over for r in records)
    return ", ".join(dict.fromkeys(found))


def caption(records: Sequence[AblationRecord]) -> str:
    """What the numbers are and what their intervals are about, in words."""
    first = records[0]
    simulator = next((r.simulator for r in records if r.simulator), "")
    acted = f"Success in the simulator {simulator} (not RLBench numbers), strict beside it. "
    baseline = next((r.variant for r in records if r.difference is None), "the baseline")
    seeds = max(r.seeds for r in records)
    about = [_WORDS[over] for over in (SEEDS, EPISODES) if any(r.over == over for r in records)]
    return " ".join(
        (
            f"{first.steps:,} updates, {seeds} training seed{'s' if seeds > 1 else ''}. "
            f"{acted if simulator else ''}Keyframes of held-out episodes are decoded from the "
            "expert's observations; at the decisive ones the words choose one of several things. "
            "Percent with 95 % intervals; differences in points to "
            f"`{baseline}` on the same episodes.",
            *about,
            *_least_p(records),
        )
    )


_WORDS = {
    SEEDS: (
        "Over seeds: rates are means over training seeds with t intervals; differences are paired "
        "over seeds, with a t interval and p of the exact sign-flip test. No width means that the "
        "seeds agree, not certainty."
    ),
    EPISODES: (
        "Over these episodes: seeds were not repeated, so these intervals are about the episodes "
        "of one training each and tell no ways of training apart; another seed may turn a "
        "difference around. Success: Wilson's interval, differences by Newcombe's score interval "
        "for paired episodes. Keyframes: bootstrap over episodes, also of the differences; no "
        "width means that all episodes agree, not certainty."
    ),
}


def _least_p(records: Sequence[AblationRecord]) -> list[str]:
    """What p the seeds allow, for each number of them."""
    least = {r.seeds: r.least_p for r in records if r.least_p is not None}
    return [
        f"With {seeds} seeds p is at least {p:.2g}"
        + (": it cannot reach 0.05." if p > 0.05 else ".")
        for seeds, p in sorted(least.items())
    ]


def markdown(records: Sequence[AblationRecord], changes: Mapping[str, str]) -> str:
    """The tables with their caption and what each variant changes, as Markdown."""
    shown = dict.fromkeys(r.variant for r in records)
    legend = "".join(f"- `{name}`: {changes[name]}\n" for name in shown if name in changes)
    shown_tables = "\n".join(as_markdown(table) for table in tables(records))
    return f"{shown_tables}\n{legend}"


def figure(records: Sequence[AblationRecord]) -> str:
    """Bars with intervals, a panel per measure, over all tasks (or the only one), as SVG."""
    tasks = list(dict.fromkeys(r.task for r in records))
    task = ALL_TASKS if ALL_TASKS in tasks else tasks[0]
    variants = list(dict.fromkeys(r.variant for r in records))
    with mpl.rc_context({**STYLE, "axes.grid.axis": "x"}):
        shown = [panel for panel in _PANELS if any(r.measure == panel[0] for r in records)]
        size = max(10.0, 3.2 * len(shown)), 1.3 + 0.34 * len(variants)
        drawn = Figure(figsize=size, layout="constrained")
        panels = drawn.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, (measure, label, color) in zip(panels, shown, strict=True):
            own = {r.variant: r for r in records if (r.task, r.measure) == (task, measure)}
            _bars(axes, [own.get(variant) for variant in variants], color)
            axes.set_xlabel(label)
        panels[0].set_yticks(range(len(variants)), variants)
        panels[0].invert_yaxis()
        title = f"{words(task)}, intervals over {_over(r for r in records if r.task == task)}"
        drawn.suptitle(title, color=FAINT, fontsize=10)
        return svg(drawn)


def _bars(axes: Axes, records: Sequence[AblationRecord | None], color: str) -> None:
    """One bar per record that is there, and the baseline's interval as a band behind them."""
    for place, record in enumerate(records):
        if record is None:
            continue
        value, low, high = 100.0 * np.array(
            [record.value.value, record.value.low, record.value.high]
        )
        if record.difference is None:
            axes.axvspan(low, high, color=color, alpha=0.10, linewidth=0)
        errors = np.maximum([[value - low], [high - value]], 0.0)
        axes.barh(place, value, 0.62, color=color, alpha=0.75, xerr=errors, ecolor=FAINT)
    axes.set_xlim(0.0, 100.0)
