"""An ablation as one table and one figure, from its records."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from premotor.records import AblationRecord, Interval
from premotor.report.figures import ALIGN, EXECUTE, FAINT, OBSERVE, STYLE, svg

ALL_TASKS = "all tasks"
SEEDS, EPISODES = "seeds", "these episodes"  # what intervals are about
COLUMNS = (
    *("task", "variant", "intervals over", "success", "difference", "strict"),
    *("within 2 cm", "difference", "within 15\u00b0", "difference"),
)
_CELLS = (  # measure of each cell, and whether its difference is shown
    *(("success", False), ("success", True), ("strict", False)),
    *(("position", False), ("position", True), ("rotation", False), ("rotation", True)),
)
_PANELS = (
    ("success", "success on unseen episodes [%]", EXECUTE),
    ("position", "held-out keyframes within 2 cm [%]", OBSERVE),
    ("rotation", "held-out keyframes within 15\u00b0 [%]", ALIGN),
)
_ABSENT = "\u2013"


def table(records: Sequence[AblationRecord]) -> list[tuple[str, ...]]:
    """A row per task and variant under `COLUMNS`; shares and differences in percent."""
    found = {(r.task, r.variant, r.measure): r for r in records}
    rows: list[tuple[str, ...]] = []
    for task in dict.fromkeys(r.task for r in records):
        for variant in dict.fromkeys(r.variant for r in records):
            own = [found.get((task, variant, measure)) for measure, _ in _CELLS]
            if any(own):
                over = ", ".join(dict.fromkeys(_over(r) for r in own if r))
                cells = (_cell(r, shown) for r, (_, shown) in zip(own, _CELLS, strict=True))
                rows.append((task, variant, over, *cells))
    return rows


def _over(record: AblationRecord) -> str:
    """What the intervals of a row are about."""
    return f"{record.seeds} seeds" if record.over == SEEDS else record.over


def _cell(record: AblationRecord | None, difference: bool) -> str:
    if record is None:
        return _ABSENT
    if not difference:
        value = record.value
        return f"{100 * value.value:.0f} ({100 * value.low:.0f} to {100 * value.high:.0f})"
    if record.difference is None:
        return _ABSENT
    p_value = "" if record.p_value is None else f", p {record.p_value:.2g}"
    return f"{_signed(record.difference)}{p_value}"


def _signed(value: Interval) -> str:
    middle, low, high = (
        f"{round(100 * x) + 0:+d}".replace("-", "\u2212").replace("+0", "0")
        for x in (value.value, value.low, value.high)
    )
    return f"{middle} ({low} to {high})"


def caption(records: Sequence[AblationRecord]) -> str:
    """What the numbers are and what their intervals are about, in words."""
    first = records[0]
    simulator = next((r.simulator for r in records if r.simulator), "none")
    baseline = next((r.variant for r in records if r.difference is None), "the baseline")
    seeds = max(r.seeds for r in records)
    about = [_WORDS[over] for over in (SEEDS, EPISODES) if any(r.over == over for r in records)]
    return " ".join(
        (
            f"{first.steps:,} updates, {seeds} training seed{'s' if seeds > 1 else ''}. Success in "
            f"the simulator {simulator} (not RLBench numbers), strict beside it; keyframes of "
            "held-out episodes, decoded from the expert's observations. Percent with 95 % "
            f"intervals; differences in points to `{baseline}` on the same episodes.",
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
    """The table with its caption and what each variant changes, as Markdown."""
    head = "| " + " | ".join(COLUMNS) + " |\n" + "| --- " * len(COLUMNS) + "|\n"
    body = "".join("| " + " | ".join(row) + " |\n" for row in table(records))
    shown = dict.fromkeys(r.variant for r in records)
    legend = "".join(f"- `{name}`: {changes[name]}\n" for name in shown if name in changes)
    return f"{head}{body}\n{caption(records)}\n\n{legend}"


def figure(records: Sequence[AblationRecord]) -> str:
    """Bars with intervals, a panel per measure, over all tasks (or the only one), as SVG."""
    tasks = list(dict.fromkeys(r.task for r in records))
    task = ALL_TASKS if ALL_TASKS in tasks else tasks[0]
    variants = list(dict.fromkeys(r.variant for r in records))
    with mpl.rc_context({**STYLE, "axes.grid.axis": "x"}):
        drawn = Figure(figsize=(10.0, 1.3 + 0.34 * len(variants)), layout="constrained")
        panels = drawn.subplots(1, len(_PANELS), sharey=True)
        for axes, (measure, label, color) in zip(panels, _PANELS, strict=True):
            own = {r.variant: r for r in records if (r.task, r.measure) == (task, measure)}
            _bars(axes, [own.get(variant) for variant in variants], color)
            axes.set_xlabel(label)
        panels[0].set_yticks(range(len(variants)), variants)
        panels[0].invert_yaxis()
        over = ", ".join(dict.fromkeys(_over(r) for r in records if r.task == task))
        title = f"{task.replace('_', ' ')}, intervals over {over}"
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
