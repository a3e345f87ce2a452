"""The tables of a report and of `premotor evaluate`: records in, tables out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from premotor.measure.intervals import mean_rate, wilson
from premotor.records import (
    Confusion,
    EvalRecord,
    Interval,
    NamingPair,
    RecognitionRecord,
)
from premotor.report.table import CHANCE, Cell, Column, Table

UNTRAINED = "untrained"
STUDY_SUFFIX = "_free"  # studies stand beside the benchmark's tasks

CLASS_SETS = {
    "task": "Which task is it?",
    "text": "Which instruction is being carried out?",
    "text_within_task": "Which instruction, the task being known?",
    "variation": "Which variation is it?",
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

_ON_SUCCESS = (
    "These are not RLBench numbers and do not compare with them. Each episode is a layout that was "
    "in no training set. Intervals are Wilson's, of 95 %."
)
_ON_MEAN = (
    " In the mean every task counts alike; its interval is about these tasks, these episodes and "
    "this one policy."
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
    """Mean over tasks, each counting alike; of one task its rate; None where one was not tried."""
    rates: list[Interval] = []
    for task in _by_task(rollouts):
        own = [r.strict if strict else r.success for r in task if r.checkpoint == checkpoint]
        if not own:
            return None
        rates.append(wilson(sum(own), len(own)))
    if len(rates) == 1:
        return rates[0]
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
    if what == "axis":
        shares += [share for r in own if r.class_set == "text" for share in _controls_by_axis(r)]
    return Table.of(
        f"Recognition by {title}, {main}",
        sorted({name for found in rates.values() for name in found}),
        (
            (Column(what), words),
            (Column("clips", "count"), lambda n: max(f[n].count for f in rates.values() if n in f)),
            *shares,
        ),
    )


def _controls_by_axis(
    record: RecognitionRecord,
) -> list[tuple[Column, Callable[[str], Interval | None]]]:
    """What the first frame alone and shuffled frames are worth, where the record tells it."""
    name = words(record.class_set)
    told = (
        ("first frame only", record.first_frame_by_axis),
        ("frames shuffled", record.shuffled_by_axis),
    )
    return [(Column(f"{name}, {shown}", "share"), found.get) for shown, found in told if found]


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
