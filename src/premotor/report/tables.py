"""The tables of a report and of `premotor evaluate`: records in, tables out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from premotor.measure.intervals import mean_rate, wilson
from premotor.records import (
    AlignmentRecord,
    Confusion,
    EvalRecord,
    Interval,
    NamingPair,
    NullRecord,
    RecognitionRecord,
)
from premotor.report.table import CHANCE, Cell, Column, Table, percent

UNTRAINED = "untrained"
STUDY_SUFFIX = "_free"  # studies stand beside the benchmark's tasks
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


_ON_SUCCESS = (
    "These are not RLBench numbers and do not compare with them. Each episode is a layout that was "
    "in no training set. Intervals are Wilson's, of 95 %."
)
_ON_MEAN = (
    " In the mean every task counts alike, and its interval joins theirs (MOVER; these tasks, this "
    "policy)."
)


def words(name: str) -> str:
    """A task's name as words: push_buttons -> "push buttons"."""
    return name.replace("_", " ")


def main_checkpoint(names: Iterable[str]) -> str | None:
    """The checkpoint a report speaks of: "trained", else the last name that is not untrained."""
    found = {n for n in names if n != UNTRAINED}
    return "trained" if "trained" in found else max(found, default=None)


def is_study(task: str) -> bool:
    """Whether a task is one of our studies rather than one of the benchmark's."""
    return task.endswith(STUDY_SUFFIX)


def success_tables(rollouts: Sequence[EvalRecord]) -> tuple[Table, ...]:
    """Success by task: of the benchmark's tasks with their mean, and of studies."""
    found = [r for r in rollouts if is_study(r.task)]
    studies = _success_table("Studies beside the benchmark's tasks", found, "")
    found = [r for r in rollouts if not is_study(r.task)]
    simulators = ", ".join(sorted({r.simulator for r in rollouts}))
    note = f"Measured in {simulators}. {_ON_SUCCESS}"
    tasks = _success_table("Success by task", found, note)
    return tuple(table for table in (tasks, studies) if table.rows)


def _success_table(title: str, rollouts: Sequence[EvalRecord], note: str) -> Table:
    main = main_checkpoint(r.checkpoint for r in rollouts) or "trained"
    others = sorted({r.checkpoint for r in rollouts} - {main}) or [UNTRAINED]
    groups = _by_task(rollouts)
    several = len(groups) > 1 and not is_study(rollouts[0].task)
    rows = [_success_row(_name(own), own, main, others) for own in groups]
    if several:
        rows.append(_success_row(f"mean over {len(groups)} tasks", rollouts, main, others))
    strict = "without a wrong press or another mishap on the way"
    return Table(
        title=title,
        columns=(
            Column("task"),
            Column(main, "share", color="execute"),
            Column("strict", "share", note=strict, color="strict"),
            *(Column(other, "share") for other in others),
            Column("how failures ended"),
        ),
        rows=tuple(rows),
        note=f"{note}{_ON_MEAN if several else ''}",
        totals=int(several),
    )


def _by_task(rollouts: Sequence[EvalRecord]) -> list[list[EvalRecord]]:
    tasks = sorted({r.task for r in rollouts})
    return [[r for r in rollouts if r.task == task] for task in tasks]


def _name(rollouts: Sequence[EvalRecord]) -> str:
    """The task, and the shortest of its instructions."""
    shortest = min((r.instruction for r in rollouts), key=len)
    return f"{words(rollouts[0].task)}\n\u201c{shortest}\u201d"


def _success_row(
    name: str, rollouts: Sequence[EvalRecord], main: str, others: Sequence[str]
) -> tuple[Cell, ...]:
    """One task, or the mean over several."""
    counts = Counter(r.checkpoint for r in rollouts)
    alike = len(set(counts.values())) == 1
    each = [f"{count}{'' if alike else ' ' + checkpoint}" for checkpoint, count in counts.items()]
    failed = [r for r in rollouts if r.checkpoint == main and not r.success]
    ends = Counter(ENDINGS.get(r.ending, words(r.ending)) for r in failed)
    ended = "\n".join(f"{count} \u00d7 {end}" for end, count in ends.most_common())
    return (
        f"{name}\nepisodes: {' and '.join(dict.fromkeys(each))}",
        mean_success(rollouts, main),
        mean_success(rollouts, main, strict=True),
        *(mean_success(rollouts, other) for other in others),
        (ended or "no failure") if counts[main] else None,
    )


def mean_success(
    rollouts: Sequence[EvalRecord], checkpoint: str | None, strict: bool = False
) -> Interval | None:
    """Mean over tasks, each counting alike; None where a task was not tried."""
    rates: list[Interval] = []
    for task in _by_task(rollouts):
        own = [r.strict if strict else r.success for r in task if r.checkpoint == checkpoint]
        if not own:
            return None
        rates.append(wilson(sum(own), len(own)))
    return mean_rate(rates) if rates else None


def recognition_tables(
    records: Sequence[RecognitionRecord], pairs: Sequence[NamingPair]
) -> tuple[Table, ...]:
    """What was recognized, by task and by axis too, and which classes were mistaken."""
    found = (
        _recognition(records),
        _pairs(pairs),
        _by(records, "axis", "what the variations of a task vary"),
        _by(records, "task", "task"),
        _mistakes(main_confusion(records, "text")),
    )
    return tuple(table for table in found if table.rows)


def _recognition(records: Sequence[RecognitionRecord]) -> Table:
    """Class sets in the order of `CLASS_SETS`; trained before untrained."""
    order = list(CLASS_SETS)

    def place(record: RecognitionRecord) -> tuple[int, bool]:
        rank = order.index(record.class_set) if record.class_set in order else len(order)
        return rank, record.checkpoint == UNTRAINED

    own = sorted(records, key=place)
    table = Table.of(
        "Recognition on held-out clips",
        own,
        (
            (Column("question"), _question),
            (Column(CHANCE, "share"), lambda r: r.chance),
            (Column("the clip as it is", "share", color="observe"), lambda r: r.accuracy),
            (Column("first frame only", "share"), lambda r: r.first_frame_only),
            (Column("frames shuffled", "share"), lambda r: r.shuffled_frames),
            (Column("among five best", "share"), lambda r: r.top5 and r.top5.value),
            (Column("mean over tasks", "share"), lambda r: r.macro and r.macro.value),
            (Column("of the right task", "share"), _task_right),
        ),
        "Every task has its own furniture, so the first frame alone says how much of an answer "
        "needs no action at all. In the mean every task counts alike.",
    )
    return replace(table, dim=tuple(i for i, r in enumerate(own) if r.checkpoint == UNTRAINED))


def _question(record: RecognitionRecord) -> str:
    name = words(record.class_set)
    tied = f", {record.tied} with tied classes" if record.tied else ""
    return (
        f"{CLASS_SETS.get(record.class_set, name)}\n{name}, {record.checkpoint}, "
        f"{record.num_classes} classes, {record.accuracy.count} clips{tied}"
    )


def _task_right(record: RecognitionRecord) -> float | None:
    """None among tasks, where it is the accuracy."""
    right = None if record.class_set == "task" else record.task_right
    return right and right.value


def _by(records: Sequence[RecognitionRecord], what: Literal["task", "axis"], title: str) -> Table:
    """Accuracy in each class set of the main checkpoint, a row per task or axis."""
    main = main_checkpoint(r.checkpoint for r in records)
    own = [r for r in records if r.checkpoint == main]
    rates = {r.class_set: r.by_task if what == "task" else r.by_axis for r in own}
    rates = {class_set: found for class_set, found in rates.items() if found}
    shares = [
        (Column(f"{words(class_set)} right", "share", color="observe"), found.get)
        for class_set, found in rates.items()
    ]
    return Table.of(
        f"Recognition by {title}, {main}",
        sorted({name for found in rates.values() for name in found}),
        (
            (Column(what), words),
            (Column("clips", "count"), lambda n: max(f[n].count for f in rates.values() if n in f)),
            *shares,
        ),
    )


def _pairs(pairs: Sequence[NamingPair]) -> Table:
    return Table.of(
        "The same clips under two checkpoints",
        pairs,
        (
            (Column("classes"), lambda p: f"{words(p.class_set)}\n{p.ours} against {p.theirs}"),
            (Column("clips", "count"), lambda p: p.difference.count),
            (Column("difference", "points"), lambda p: p.difference),
            (Column("first alone right", "count"), lambda p: p.only_ours),
            (Column("second alone right", "count"), lambda p: p.only_theirs),
            (Column("p", "p"), lambda p: p.p_value),
        ),
        "First and second are the checkpoints in their order; p is McNemar's, exact.",
    )


def main_confusion(records: Sequence[RecognitionRecord], class_set: str) -> Confusion | None:
    """Confusion over one class set under the main checkpoint, None where not measured."""
    main = main_checkpoint(r.checkpoint for r in records)
    own = (r.confusion for r in records if (r.checkpoint, r.class_set) == (main, class_set))
    return next(own, None)


def _mistakes(found: Confusion | None, most: int = 10) -> Table:
    """The classes taken for others most often, the most frequent first."""
    labels, counts = (found.labels, found.counts) if found else ((), ())
    total: defaultdict[int, float] = defaultdict(float)
    for truth, _, clips in counts:
        total[truth] += clips
    wrong = sorted((c for c in counts if c[0] != c[1]), key=lambda c: -c[2])
    return Table.of(
        "Instructions taken for others most often",
        wrong[:most],
        (
            (Column("is"), lambda c: labels[c[0]]),
            (Column("named as"), lambda c: labels[c[1]]),
            (Column("clips", "count", note="ties count as fractions"), lambda c: c[2]),
            (Column("of", "count"), lambda c: total[c[0]]),
        ),
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
