"""The tables of a report: records in, rows for the page out. Counts and intervals only."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from premotor.measure.intervals import mean_rate, wilson
from premotor.records import (
    AlignmentRecord,
    Confusion,
    EvalRecord,
    Interval,
    NullRecord,
    RecognitionRecord,
)
from premotor.report.table import percent

UNTRAINED = "untrained"
STUDY_SUFFIX = "_free"  # studies stand beside the benchmark's tasks (issue 2, Shows 2)
SIGNIFICANT = 0.05

CLASS_SETS = {
    "task": "Which task is it?",
    "text": "Which instruction is being carried out?",
    "text_within_task": "Which instruction, the task being known?",
    "variation": "Which variation is it?",
}
MEASURES = {
    "recall_at_1_u_to_e": ("Partner first, watched \u2192 done", "R@1"),
    "recall_at_1_e_to_u": ("Partner first, done \u2192 watched", "R@1"),
    "recall_at_1_u_to_e_within_variation": (
        "Watched \u2192 done, among episodes of the same variation",
        "R@1",
    ),
    "recall_at_1_e_to_u_within_variation": (
        "Done \u2192 watched, among episodes of the same variation",
        "R@1",
    ),
    "mutual_knn": ("Shared nearest neighbors", "mutual k-NN"),
    "debiased_cka": ("Same geometry", "debiased CKA"),
    "bound": ("Shared information, lower bound", "nat"),
}
ENDINGS = {
    "success": "solved",
    "time_out": "ran out of steps",
    "no_path": "no path to the pose",
    "out_of_bounds": "pose out of bounds",
    "placement_failed": "no layout for this seed",
    "unreachable": "pose out of reach",
    "invalid_action": "invalid key pose",
    "nothing_moved": "moved nothing",
    "wrong_object": "wrong object",
    "goal_not_reached": "right object, goal not reached",
}
STRATA = ("all", "task", "variation")
CONTROLS = {  # instruction and episode; the number itself first
    ("given", "same"): "",
    ("blanked", "same"): ", words withheld from E",
    ("given", "another"): ", U seeing another episode of the variation",
}


@dataclass(frozen=True, kw_only=True)
class SuccessRow:
    """One task: trained, strict and untrained success over unseen episodes."""

    task: str
    example: str  # an instruction
    trained: Interval | None
    strict: Interval | None
    untrained: Interval | None
    endings: tuple[tuple[str, int], ...]  # how the failures of the trained policy ended
    mean_steps: float | None  # key poses of the trained policy's episodes


@dataclass(frozen=True, kw_only=True)
class RecognitionRow:
    """One class set under one checkpoint."""

    question: str
    class_set: str
    checkpoint: str
    num_classes: int
    chance: float
    accuracy: Interval
    first_frame_only: Interval
    shuffled_frames: Interval
    by_task: str  # accuracy of each task, in words
    details: str  # top-5, mean over tasks, ties, in words; "" in older records


@dataclass(frozen=True, kw_only=True)
class AxisRow:
    """Tasks whose variations vary in one way, under the main checkpoint."""

    axis: str
    clips: int
    text: Interval | None  # choosing among the instructions of all tasks
    within: Interval | None  # choosing among those of the true task


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One class taken for another."""

    truth: str
    answer: str
    clips: float  # so often; ties count as fractions
    of: float  # clips of the class


@dataclass(frozen=True, kw_only=True)
class NullCell:
    """A null as a table shows it."""

    z: str
    p: str
    title: str
    strength: int  # 0 not significant, 1 p < 0.05, 2 p < 0.01


@dataclass(frozen=True, kw_only=True)
class AlignmentRow:
    """One measure: its value, what to compare it with, and its nulls."""

    label: str
    unit: str
    value: str
    reference: str
    untrained: str
    nulls: tuple[NullCell, ...]


@dataclass(frozen=True, kw_only=True)
class AlignmentTable:
    """All measures of one space under one way of instructing E."""

    title: str
    note: str
    num_rows: int
    rows: tuple[AlignmentRow, ...]


def words(name: str) -> str:
    """A task's name as words: push_buttons -> "push buttons"."""
    return name.replace("_", " ")


def main_checkpoint(names: Iterable[str]) -> str | None:
    """The checkpoint a report speaks of: "trained", else the last name that is not untrained."""
    found = {n for n in names if n != UNTRAINED}
    return "trained" if "trained" in found else max(found, default=None)


def success_rows(rollouts: Sequence[EvalRecord]) -> tuple[SuccessRow, ...]:
    """A row per task in alphabetical order."""
    main = main_checkpoint(r.checkpoint for r in rollouts)
    tasks = sorted({r.task for r in rollouts})
    return tuple(_success_row(t, [r for r in rollouts if r.task == t], main) for t in tasks)


def total_row(rollouts: Sequence[EvalRecord]) -> SuccessRow | None:
    """Mean over the benchmark's tasks, each counting alike; None with fewer than two tasks."""
    own = [r for r in rollouts if not is_study(r.task)]
    rows = success_rows(own)
    if len(rows) < 2:
        return None
    pooled = _success_row("", own, main_checkpoint(r.checkpoint for r in own))
    return replace(
        pooled,
        task=f"mean over {len(rows)} tasks",
        example="",
        trained=_mean([row.trained for row in rows]),
        strict=_mean([row.strict for row in rows]),
        untrained=_mean([row.untrained for row in rows]),
    )


def is_study(task: str) -> bool:
    """Whether a task is one of our studies rather than one of the benchmark's."""
    return task.endswith(STUDY_SUFFIX)


def _success_row(task: str, rollouts: Sequence[EvalRecord], main: str | None) -> SuccessRow:
    trained = [r for r in rollouts if r.checkpoint == main]
    untrained = [r for r in rollouts if r.checkpoint == UNTRAINED]
    ends = Counter(ENDINGS.get(r.ending, words(r.ending)) for r in trained if not r.success)
    return SuccessRow(
        task=words(task),
        example=min((r.instruction for r in rollouts), key=len, default=""),
        trained=_rate([r.success for r in trained]),
        strict=_rate([r.strict for r in trained]),
        untrained=_rate([r.success for r in untrained]),
        endings=tuple(ends.most_common()),
        mean_steps=sum(r.steps for r in trained) / len(trained) if trained else None,
    )


def _rate(outcomes: Sequence[bool]) -> Interval | None:
    return wilson(sum(outcomes), len(outcomes)) if outcomes else None


def _mean(rates: Sequence[Interval | None]) -> Interval | None:
    known = [rate for rate in rates if rate is not None]
    return mean_rate(known) if len(known) == len(rates) else None


def recognition_rows(records: Sequence[RecognitionRecord]) -> tuple[RecognitionRow, ...]:
    """Class sets in the order task, text, variation; trained before untrained."""
    order = list(CLASS_SETS)

    def place(record: RecognitionRecord) -> tuple[int, bool]:
        rank = order.index(record.class_set) if record.class_set in order else len(order)
        return rank, record.checkpoint == UNTRAINED

    return tuple(
        RecognitionRow(
            question=CLASS_SETS.get(r.class_set, words(r.class_set)),
            class_set=r.class_set,
            checkpoint=r.checkpoint,
            num_classes=r.num_classes,
            chance=r.chance,
            accuracy=r.accuracy,
            first_frame_only=r.first_frame_only,
            shuffled_frames=r.shuffled_frames,
            by_task=", ".join(
                f"{words(t)} {percent(i.value)}" for t, i in sorted(r.by_task.items())
            ),
            details=_details(r),
        )
        for r in sorted(records, key=place)
    )


def _details(record: RecognitionRecord) -> str:
    known = {
        "among the five best": record.top5,
        "mean over tasks": record.macro,
        "of the right task": None if record.class_set == "task" else record.task_right,
    }
    found = [f"{name} {percent(rate.value)}" for name, rate in known.items() if rate is not None]
    if record.tied:
        found.append(f"{record.tied} clips with tied classes")
    return ", ".join(found)


def axis_rows(records: Sequence[RecognitionRecord]) -> tuple[AxisRow, ...]:
    """A row per axis in alphabetical order, under the main checkpoint."""
    main = main_checkpoint(r.checkpoint for r in records)
    by_set = {r.class_set: r.by_axis for r in records if r.checkpoint == main}
    text, within = by_set.get("text", {}), by_set.get("text_within_task", {})
    return tuple(
        AxisRow(
            axis=axis,
            clips=(text.get(axis) or within[axis]).count,
            text=text.get(axis),
            within=within.get(axis),
        )
        for axis in sorted({*text, *within})
    )


def main_confusion(records: Sequence[RecognitionRecord], class_set: str) -> Confusion | None:
    """Confusion over one class set under the main checkpoint, None where not measured."""
    main = main_checkpoint(r.checkpoint for r in records)
    own = (r.confusion for r in records if (r.checkpoint, r.class_set) == (main, class_set))
    return next(own, None)


def mistakes(found: Confusion | None, most: int = 10) -> tuple[Mistake, ...]:
    """The classes taken for others most often, the most frequent first."""
    if found is None:
        return ()
    total: defaultdict[int, float] = defaultdict(float)
    for truth, _, clips in found.counts:
        total[truth] += clips
    wrong = sorted((c for c in found.counts if c[0] != c[1]), key=lambda c: -c[2])
    return tuple(
        Mistake(truth=found.labels[t], answer=found.labels[a], clips=clips, of=total[t])
        for t, a, clips in wrong[:most]
    )


def alignment_tables(records: Sequence[AlignmentRecord]) -> tuple[AlignmentTable, ...]:
    """Per space: the numbers, with the words withheld, with another episode shown to U."""
    main = main_checkpoint(r.checkpoint for r in records)
    tables: list[AlignmentTable] = []
    for space, title, note in (
        ("z", "In the shared space", "z_u and z_e, after the two linear maps"),
        ("raw", "Before the linear maps", "u and e as the two networks hold them"),
    ):
        for (instruction, episode), control in CONTROLS.items():
            own = [
                r
                for r in records
                if (r.space, r.instruction, r.episode, r.sides)
                == (space, instruction, episode, "u-e")
            ]
            trained = [r for r in own if r.checkpoint == main]
            if not trained:
                continue
            before = {r.measure: r for r in own if r.checkpoint == UNTRAINED}
            tables.append(
                AlignmentTable(
                    title=f"{title}{control}",
                    note=note,
                    num_rows=trained[0].num_rows,
                    rows=tuple(_alignment_row(r, before.get(r.measure)) for r in trained),
                )
            )
    return tuple(tables)


def _alignment_row(record: AlignmentRecord, before: AlignmentRecord | None) -> AlignmentRow:
    label, unit = MEASURES.get(record.measure, (words(record.measure), ""))
    known = not _nothing_to_search(record)
    nulls = {n.stratum: n for n in record.nulls}
    return AlignmentRow(
        label=label,
        unit=unit,
        value=amount(record.value, record.measure) if known else "\u2013",
        reference=_reference(record) if known else "no two episodes share one",
        untrained=amount(before.value, record.measure) if before and known else "not measured",
        nulls=tuple(_null_cell(nulls.get(s), record.measure) for s in STRATA),
    )


def _nothing_to_search(record: AlignmentRecord) -> bool:
    """Retrieval within a group of which every episode is the only one."""
    return record.measure.endswith("_within_variation") and record.reference == 0.0


def amount(value: float, measure: str) -> str:
    """A value as its measure is read: recall in percent, the rest as numbers."""
    if measure.startswith("recall"):
        return percent(value)
    return f"{value:.2f}".replace("-", "\u2212")


def _reference(record: AlignmentRecord) -> str:
    if record.measure == "bound":
        return f"at most log {record.num_rows} = {record.reference:.2f}"
    return f"chance {amount(record.reference, record.measure)}"


def _null_cell(null: NullRecord | None, measure: str) -> NullCell:
    if null is None:
        return NullCell(z="not measured", p="", title="", strength=0)
    if null.permutations == 0:
        title = "no two episodes share a stratum, so no partner can be traded"
        return NullCell(z="\u2013", p="nothing to trade", title=title, strength=0)
    title = (
        f"null mean {amount(null.null_mean, measure)}, 95 % quantile "
        f"{amount(null.null_q95, measure)}, {null.permutations} permutations"
    )
    strength = 2 if null.p_value < 0.01 else int(null.p_value < SIGNIFICANT)
    return NullCell(
        z=f"z {null.z_score:+.1f}".replace("-", "\u2212"),
        p=p_value(null),
        title=title,
        strength=strength,
    )


def p_value(null: NullRecord) -> str:
    """A permutation p-value; the smallest one possible reads as a bound."""
    least = 1 / (1 + null.permutations)
    text = f"{null.p_value:.3f}" if null.p_value >= 0.001 else f"{null.p_value:.4f}"
    return f"p \u2264 {text}" if null.p_value <= least * 1.001 else f"p = {text}"
