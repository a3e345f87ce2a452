"""What was named rightly and what was taken for what: accuracies, confusion, paired comparison.

n: clips  c: classes
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from premotor.errors import ConfigError
from premotor.measure.intervals import mean_rate, paired_difference, wilson
from premotor.measure.paired import mcnemar
from premotor.records import Confusion, Interval, NamedClip, NamingPair
from premotor.simulate.tasks import ALL_TASKS
from premotor.store.layout import EpisodeInfo
from premotor.understand.classes import ClassSet, answers


def rate(found: Float[Tensor, " n"]) -> Interval:
    """Mean with Wilson's interval; ties count as fractions and are rounded for the interval."""
    mean = float(found.mean())
    interval = wilson(round(float(found.sum())), len(found))
    return Interval(value=mean, low=interval.low, high=interval.high, count=len(found))


def by_group(found: Float[Tensor, " n"], groups: Sequence[Sequence[str]]) -> dict[str, Interval]:
    """Accuracy within each group; a clip may belong to several, or to none."""
    names = sorted({name for own in groups for name in own})
    inside = {name: torch.tensor([name in own for own in groups]) for name in names}
    return {name: rate(found[rows]) for name, rows in inside.items()}


def by_task(found: Float[Tensor, " n"], infos: Sequence[EpisodeInfo]) -> dict[str, Interval]:
    """Accuracy of each task's clips."""
    return by_group(found, [(info.task,) for info in infos])


def by_axis(found: Float[Tensor, " n"], infos: Sequence[EpisodeInfo]) -> dict[str, Interval]:
    """Accuracy by what the variations of a task vary: color, count, placement, ..."""
    return by_group(found, [_axes(info.task) for info in infos])


def _axes(task: str) -> tuple[str, ...]:
    """None of a task that is not ours."""
    return ALL_TASKS[task].axes if task in ALL_TASKS else ()


def over_tasks(rates: Mapping[str, Interval]) -> Interval:
    """Mean over tasks, each counting alike (macro average)."""
    return mean_rate(list(rates.values()))


def task_right(
    scores: Float[Tensor, "n c"], classes: ClassSet, infos: Sequence[EpisodeInfo]
) -> Interval:
    """How often the class named belongs to the clip's task, whichever of its classes it is."""
    share = answers(scores)
    inside = torch.stack([classes.within(info.task) for info in infos])
    return rate((share * inside).sum(1))


def confusion(
    scores: Float[Tensor, "n c"], truth: Int[Tensor, " n"], labels: Sequence[str]
) -> Confusion:
    """How often clips of each class were given each name; ties are shared out."""
    table = torch.zeros(len(labels), len(labels))
    table.index_add_(0, truth, answers(scores))
    kept: list[int] = torch.nonzero(table.sum(0) + table.sum(1)).flatten().tolist()
    place = {index: row for row, index in enumerate(kept)}
    counts = tuple(
        (place[i], place[j], round(float(table[i, j]), 4)) for i, j in torch.nonzero(table).tolist()
    )
    return Confusion(labels=tuple(labels[i] for i in kept), counts=counts)


def compare(ours: Sequence[NamedClip], theirs: Sequence[NamedClip]) -> NamingPair:
    """Two checkpoints on the same clips, each clip right or not; one that ties is not.

    Args:
        ours: Clips of one checkpoint and one class set.
        theirs: The same clips under another checkpoint, in any order.

    Raises:
        ConfigError: The clips are not the same.
    """
    right = [{c.episode: c.hit == 1.0 for c in side} for side in (ours, theirs)]
    if right[0].keys() != right[1].keys() or not ours:
        raise ConfigError(
            f"{len(right[0].keys() ^ right[1].keys())} of the clips are named by one side alone, "
            f"of {len(ours)} and {len(theirs)}; evaluate both on the same split of one data set"
        )
    one, two = (np.array([side[key] for key in right[0]]) for side in right)
    test = mcnemar(one, two)
    return NamingPair(
        ours=ours[0].checkpoint,
        theirs=theirs[0].checkpoint,
        class_set=ours[0].class_set,
        only_ours=test.only_ours,
        only_theirs=test.only_theirs,
        difference=paired_difference(one, two),
        p_value=test.p_value,
    )


def against(
    clips: Sequence[NamedClip], other: str, theirs: Sequence[NamedClip]
) -> list[NamingPair]:
    """The last checkpoint of one run against that of another, over every class set of both.

    Args:
        clips: Of the one.
        other: What the other one's checkpoint is to be called.
        theirs: Its clips.

    Raises:
        ConfigError: The clips are not the same.
    """
    last = [c for c in clips if c.checkpoint == clips[-1].checkpoint]
    others = [c for c in theirs if c.checkpoint == theirs[-1].checkpoint]
    shared = {c.class_set for c in last} & {c.class_set for c in others}
    renamed = [replace(c, checkpoint=other) for c in others]
    return compare_all([c for c in (*renamed, *last) if c.class_set in shared])


def compare_all(clips: Sequence[NamedClip]) -> list[NamingPair]:
    """Every two checkpoints over every class set, the later against the earlier one."""
    sets = dict.fromkeys(clip.class_set for clip in clips)
    checkpoints = dict.fromkeys(clip.checkpoint for clip in clips)

    def of(checkpoint: str, name: str) -> list[NamedClip]:
        return [c for c in clips if (c.checkpoint, c.class_set) == (checkpoint, name)]

    return [
        compare(of(later, name), of(earlier, name))
        for name in sets
        for earlier, later in combinations(checkpoints, 2)
    ]
