"""A survey of the experts, counted: one row per task and one over all, with intervals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from premotor.demonstrate.survey import SurveyRecord
from premotor.measure.intervals import wilson
from premotor.records import Interval
from premotor.simulate.environment import find_task

_COMMONEST = 3  # reasons named
_ALL = "all"  # the row over all tasks


@dataclass(frozen=True)
class TaskTally:
    """How a task's experts did, or those of all tasks together."""

    task: str  # "all" for all together
    variations: int
    expert: Interval
    strict: Interval  # success without a mishap
    replay: Interval  # of the episodes in which the expert succeeded
    random: Interval
    random_steps: float | None  # mean number of random actions until the episode ended
    rejected: int  # layouts
    layouts: int
    keyframes: float | None  # mean number found in an episode
    seconds: float | None  # mean, of an expert's episode
    uncovered: tuple[int, ...]  # variations that succeeded on none of their seeds, task by task
    objections: Mapping[str, int]  # to layouts, commonest first
    failures: Mapping[str, int]  # of the expert, on any seed
    replay_failures: Mapping[str, int]


def tally(records: Sequence[SurveyRecord]) -> list[TaskTally]:
    """Count a survey; tasks in order of appearance."""
    tasks = dict.fromkeys(r.task for r in records)
    return [_of(task, [r for r in records if r.task == task]) for task in tasks]


def with_all(tallies: Sequence[TaskTally], records: Sequence[SurveyRecord]) -> list[TaskTally]:
    """The rows, and one over all episodes where there is more than one task."""
    return [*tallies, _of(_ALL, records)] if len(tallies) > 1 else list(tallies)


def _of(name: str, records: Sequence[SurveyRecord]) -> TaskTally:
    """One row over all of the records."""
    rated = [r for r in records if r.kind == "expert"]
    tried = [r for r in records if r.kind != "random"]
    drawn = [r for r in records if r.kind == "random"]
    succeeded = [r for r in rated if r.success]
    asked = [
        (task, variation)
        for task in dict.fromkeys(r.task for r in records)
        for variation in range(len(find_task(task).variations))
    ]
    covered = {(r.task, r.variation) for r in tried if r.success}
    return TaskTally(
        task=name,
        variations=len(asked),
        expert=wilson(len(succeeded), len(rated)),
        strict=wilson(sum(r.strict for r in rated), len(rated)),
        replay=wilson(sum(r.replayed for r in succeeded), len(succeeded)),
        random=wilson(sum(r.success for r in drawn), len(drawn)),
        random_steps=_mean(r.key_poses for r in drawn),
        rejected=sum(r.rejected for r in rated),
        layouts=sum(r.rejected + r.placed for r in rated),
        keyframes=_mean(r.key_poses for r in succeeded),
        seconds=_mean(r.seconds for r in rated),
        uncovered=tuple(one[1] for one in asked if one not in covered),
        objections=_commonest(text for r in rated for text in r.rejections),
        failures=_commonest(r.reason for r in tried if not r.success),
        replay_failures=_commonest(r.replay_reason for r in tried if r.success and not r.replayed),
    )


def _mean(values: Iterable[float]) -> float | None:
    """None where there are none."""
    numbers = list(values)
    return fmean(numbers) if numbers else None


def _commonest(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(text.partition(";")[0] for text in reasons).most_common(_COMMONEST))


def remarks(tallies: Sequence[TaskTally]) -> list[str]:
    """What a table has no room for: what is uncovered, and the reasons, task by task."""
    lines: list[str] = []
    for row in tallies:
        said = {
            "never succeeded in variations": ", ".join(map(str, row.uncovered)),
            "expert failed": _counted(row.failures),
            "replay failed": _counted(row.replay_failures),
            "layouts rejected": _counted(row.objections),
            "random actions per episode": (
                "" if row.random_steps is None else f"{row.random_steps:.1f}"
            ),
        }
        what = "; ".join(f"{head}: {text}" for head, text in said.items() if text)
        if what:
            lines.append(f"{row.task}: {what}")
    return lines


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{text} ({count})" for text, count in reasons.items())
