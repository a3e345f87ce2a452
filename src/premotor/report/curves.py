"""Training as curves: every loss term, alignment of the probe episodes, speed."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from premotor.errors import NoVariation
from premotor.measure.nulls import Trade
from premotor.measure.retrieval import information_bound, recall_at_k
from premotor.measure.rows import codes
from premotor.measure.similarity import both_nearest, debiased_cka, shared_neighbors
from premotor.records import StepRecord
from premotor.report.figures import (
    ALIGN,
    EXECUTE,
    OBSERVE,
    QUIET,
    TASK_COLORS,
    Level,
    Panel,
    Series,
    panel,
    thinned,
)
from premotor.report.run import RunRecords

Found = TypeVar("Found")
NEIGHBORS = 10
# Title, note and terms with their names and colors; a term not named here gets its own chart.
GROUPS: tuple[tuple[str, str, dict[str, tuple[str, str]]], ...] = (
    ("Understand", "video-text loss, L_u [nat]", {"understand": ("L_u", OBSERVE)}),
    ("Execute", "sum of its seven terms, L_e [nat]", {"execute": ("L_e", EXECUTE)}),
    (
        "Align",
        "bidirectional InfoNCE, L_align [nat]",
        {
            "align": ("L_align", ALIGN),
            "align_task_alone": ("knowing the task alone", QUIET),
            "align_within_task": ("within the task", TASK_COLORS[2]),
            "align_bank": ("acting rows with the bank", TASK_COLORS[4]),
        },
    ),
    (
        "Where",
        "position heatmaps, cross-entropy [nat]",
        {"coarse": ("coarse", TASK_COLORS[0]), "fine": ("fine", TASK_COLORS[1])},
    ),
    (
        "Which way",
        "rotation bins, one after the other [nat]",
        {
            "rotation_x": ("roll", TASK_COLORS[2]),
            "rotation_y": ("pitch", TASK_COLORS[3]),
            "rotation_z": ("yaw", TASK_COLORS[4]),
        },
    ),
    (
        "Hand",
        "gripper and collision, one chunk [nat]",
        {"gripper": ("gripper", TASK_COLORS[5]), "collision": ("collision", TASK_COLORS[6])},
    ),
)
# Parts of the gradients of a step (`StepRecord.gradients`) with their names and colors.
PARTS = {
    "recognizer/video": ("recognizer, video", TASK_COLORS[0]),
    "recognizer/text": ("recognizer, words", TASK_COLORS[8]),
    "policy/coarse": ("policy, coarse", TASK_COLORS[1]),
    "policy/fine": ("policy, fine", TASK_COLORS[3]),
    "policy/action": ("policy, action", TASK_COLORS[5]),
    "policy/text": ("policy, words", TASK_COLORS[6]),
}
# What is told of each part: ending of its name, title and note of the chart.
GRADIENTS = (
    ("own", "Gradient of the own loss", "norm by part, L_u or L_e, before clipping"),
    ("align", "Gradient of alignment", "norm by part, weighted L_align, before clipping"),
    ("cosine", "Do they agree?", "cosine of both gradients by part"),
)


def loss_panels(run: RunRecords) -> tuple[Panel, ...]:
    """One chart per group of loss terms; the total is left out, being their sum."""
    if not run.steps:
        return ()
    told = {name for record in run.steps for name in record.losses}
    names = told - {"total", "align_bound"}  # the latter is chance less L_align
    grouped = {name for _, _, terms in GROUPS for name in terms}
    groups = [*GROUPS, *((n, "[nat]", {n: (n, QUIET)}) for n in sorted(names - grouped))]
    panels: list[Panel] = []
    for title, note, terms in groups:
        lines = [
            _line([(r.step, r.losses) for r in run.steps], name, label, color)
            for name, (label, color) in terms.items()
            if name in names
        ]
        if lines:
            levels = _chance(run) if "align" in terms else ()
            panels.append(panel(title, note, lines, levels))
    return tuple(panels)


def _line(
    told: Sequence[tuple[int, Mapping[str, float]]], name: str, label: str, color: str
) -> Series:
    """One number over the steps at which it was told."""
    points = [(step, values[name]) for step, values in told if name in values]
    points = points[thinned(len(points))]
    return Series(
        label=label,
        steps=[p[0] for p in points],
        values=[p[1] for p in points],
        color=color,
        smooth=True,
    )


def _chance(run: RunRecords) -> tuple[Level, ...]:
    told = [r.losses for r in run.steps if "align_bound" in r.losses]  # of blocks
    if told:
        chance = float(np.mean([losses["align"] + losses["align_bound"] for losses in told]))
        return (Level(label=f"chance: {chance:.2f}", value=chance),)
    rows = run.training.pairing.pair_batch_size
    if rows < 2:
        return ()
    return (Level(label=f"log {rows} = {math.log(rows):.2f}, chance", value=math.log(rows)),)


def alignment_panels(run: RunRecords) -> tuple[Panel, ...]:
    """Alignment of the held-out probe episodes over training; none with a single measurement."""
    if len(run.probe) < 2 or len(run.rows) < NEIGHBORS + 2:
        return ()
    return (_bound_panel(run), _retrieval_panel(run), _cka_panel(run), _neighbor_panel(run))


def _over(run: RunRecords, label: str, color: str, values: Sequence[float]) -> Series:
    steps = [p.step for p in run.probe]
    return Series(label=label, steps=steps, values=values, color=color, marks=True)


def _known(measure: Callable[..., Found], *arguments: Any) -> Found | float:
    """A measure of one step; NaN, a gap in the chart, where a side does not vary."""
    try:
        return measure(*arguments)
    except NoVariation:
        return math.nan


def _bound_panel(run: RunRecords) -> Panel:
    temperature = run.training.mirror.align.temperature
    values = [_known(information_bound, p.z_u, p.z_e, temperature) for p in run.probe]
    ceiling = math.log(len(run.rows))
    return panel(
        "Shared information, at least",
        "log B \u2212 L_align over the probe episodes [nat]",
        [_over(run, "bound", ALIGN, values)],
        [Level(label=f"log {len(run.rows)} = {ceiling:.2f}, ceiling", value=ceiling)],
    )


def _retrieval_panel(run: RunRecords) -> Panel:
    there = [100 * _known(recall_at_k, p.z_u, p.z_e) for p in run.probe]
    back = [100 * _known(recall_at_k, p.z_e, p.z_u) for p in run.probe]
    return panel(
        "Partner found first",
        f"R@1 among {len(run.rows)} episodes [%]",
        [
            _over(run, "watched \u2192 done", OBSERVE, there),
            _over(run, "done \u2192 watched", EXECUTE, back),
        ],
        [Level(label="chance", value=100 / len(run.rows))],
    )


def _cka_panel(run: RunRecords) -> Panel:
    raw = [_known(debiased_cka, p.u, p.e) for p in run.probe]
    shared = [_known(debiased_cka, p.z_u, p.z_e) for p in run.probe]
    return panel(
        "Same geometry",
        "debiased CKA; chance 0",
        [
            _over(run, "shared space (z_u, z_e)", ALIGN, shared),
            _over(run, "raw (u, e)", QUIET, raw),
        ],
    )


def _neighbor_panel(run: RunRecords) -> Panel:
    trade = Trade("task", codes([r.task for r in run.rows]))
    orders = [np.arange(len(run.rows)), *trade.orders(100, np.random.default_rng(0))]

    def shared(z_u: Float[np.ndarray, "n d"], z_e: Float[np.ndarray, "n d"]) -> list[float]:
        statistic = shared_neighbors(*both_nearest(z_u, z_e, NEIGHBORS))
        return [statistic(order) for order in orders]

    found = [_known(shared, p.z_u, p.z_e) for p in run.probe]
    values = np.array([f if isinstance(f, list) else [f] * len(orders) for f in found])
    return panel(
        "Shared neighbors",
        f"mutual k-NN in the shared space, k = {NEIGHBORS}",
        [
            _over(run, "partners", ALIGN, values[:, 0].tolist()),
            _over(run, "shuffled within the task", QUIET, values[:, 1:].mean(axis=1).tolist()),
        ],
        [Level(label="chance", value=NEIGHBORS / (len(run.rows) - 1))],
    )


def engine_panels(run: RunRecords) -> tuple[Panel, ...]:
    """Learning rate, gradient norm and speed."""
    if not run.steps:
        return ()
    shown = run.steps[thinned(len(run.steps))]

    def line(label: str, values: Sequence[float], smooth: bool) -> Series:
        steps = [r.step for r in shown]
        return Series(label=label, steps=steps, values=values, color="#4a5460", smooth=smooth)

    rates = [r.learning_rate for r in shown]
    norms = [r.grad_norm for r in shown]
    speeds = [r.samples_per_second for r in shown]
    return (
        panel("Learning rate", "of the policy's group", [line("rate", rates, smooth=False)]),
        panel("Gradient norm", "before clipping", [line("norm", norms, smooth=True)]),
        panel("Speed", "samples per second", [line("speed", speeds, smooth=True)]),
    )


def gradient_panels(run: RunRecords) -> tuple[Panel, ...]:
    """What each loss asks of each part of the towers; none where it was not written down."""
    panels: list[Panel] = []
    for ending, title, note in GRADIENTS:
        lines = [
            _line([(r.step, r.gradients) for r in run.steps], f"{part}/{ending}", label, color)
            for part, (label, color) in PARTS.items()
            if any(f"{part}/{ending}" in r.gradients for r in run.steps)
        ]
        if lines:
            panels.append(panel(title, note, lines))
    return tuple(panels)


def waiting_share(steps: Sequence[StepRecord]) -> float | None:
    """Share of the training time spent waiting for data."""
    total = sum(r.step_seconds for r in steps)
    return sum(r.data_seconds for r in steps) / total if total > 0.0 else None
