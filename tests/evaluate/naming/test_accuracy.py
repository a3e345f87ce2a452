import pytest
import torch

import make
from premotor.errors import ConfigError
from premotor.evaluate.naming.accuracy import (
    against,
    by_axis,
    by_task,
    compare,
    compare_all,
    confusion,
    over_tasks,
    task_right,
)
from premotor.records import NamedClip
from premotor.simulate.tasks import TASKS
from premotor.store.layout import EpisodeInfo
from premotor.understand.classes import VariationTexts, class_set


def info(task: str, variation: int = 0, seed: int = 0) -> EpisodeInfo:
    return make.episode(seed, task=task, variation=variation)


def clips(checkpoint: str, hits: list[float], class_set: str = "text") -> list[NamedClip]:
    return [
        NamedClip(
            checkpoint=checkpoint,
            class_set=class_set,
            task="close_jar",
            variation=0,
            seed=seed,
            truth="a",
            answer="a" if hit == 1.0 else "b",
            hit=hit,
        )
        for seed, hit in enumerate(hits)
    ]


def test_every_task_has_its_axis_and_the_counts_of_the_papers_table():
    of = {axis: [t for t, task in TASKS.items() if axis in task.axes] for axis in ALL}
    assert {axis: len(tasks) for axis, tasks in of.items()} == ALL
    assert TASKS["stack_blocks"].axes == ("color", "count")


ALL = {"placement": 5, "color": 8, "size": 1, "shape": 1, "count": 2, "category": 2}


def test_a_task_that_varies_in_two_ways_counts_for_both():
    infos = [info("stack_blocks"), info("stack_blocks"), info("place_cups"), info("close_jar")]
    found = by_axis(torch.tensor([1.0, 0.0, 1.0, 1.0]), infos)
    assert {axis: (r.value, r.count) for axis, r in found.items()} == {
        "color": (pytest.approx(2 / 3), 3),
        "count": (pytest.approx(2 / 3), 3),
    }
    assert by_axis(torch.ones(1), [info("somebody_elses")]) == {}


def test_in_the_mean_over_tasks_every_task_counts_alike():
    infos = [info("close_jar")] * 8 + [info("turn_tap")] * 2
    found = torch.tensor([1.0] * 8 + [0.0] * 2)
    assert over_tasks(by_task(found, infos)).value == 0.5


ROWS = [
    VariationTexts("close_jar", 0, ("close red",)),
    VariationTexts("close_jar", 1, ("close blue",)),
    VariationTexts("tap", 0, ("turn",)),
]


def test_another_class_of_the_right_task_is_the_right_task():
    classes = class_set("text", ROWS)
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.1, 0.2, 0.9], [0.5, 0.5, 0.5]])
    infos = [info("close_jar"), info("close_jar"), info("tap")]
    assert task_right(scores[:1], classes, infos[:1]).value == 1.0
    assert task_right(scores[1:2], classes, infos[1:2]).value == 0.0
    assert task_right(scores[2:], classes, infos[2:]).value == pytest.approx(1 / 3)


def test_confusion_counts_every_clip_once_and_shares_out_ties():
    scores = torch.tensor([[0.9, 0.0, 0.0], [0.4, 0.4, 0.0], [0.0, 1.0, 0.0]])
    found = confusion(scores, torch.tensor([0, 0, 1]), ["a", "b", "never"])
    assert found.labels == ("a", "b")
    assert found.counts == ((0, 0, 1.5), (0, 1, 0.5), (1, 1, 1.0))


def test_two_checkpoints_are_compared_clip_by_clip():
    ours = clips("trained", [1.0, 1.0, 1.0, 0.0, 1.0, 0.5])
    theirs = list(reversed(clips("untrained", [0.0, 0.0, 1.0, 1.0, 0.0, 1.0])))
    pair = compare(ours, theirs)
    assert (pair.only_ours, pair.only_theirs) == (3, 2)  # a tie is no certain hit
    assert pair.p_value == 1.0
    assert pair.difference.value == pytest.approx(1 / 6)


def test_other_clips_do_not_compare():
    with pytest.raises(ConfigError, match="1 of the clips are named by one side alone"):
        compare(clips("trained", [1.0, 1.0]), clips("untrained", [1.0]))


def test_the_later_checkpoint_stands_against_the_earlier_in_every_class_set():
    both = [
        *clips("untrained", [0.0], "task"),
        *clips("untrained", [0.0]),
        *clips("trained", [1.0], "task"),
        *clips("trained", [1.0]),
    ]
    assert [(p.class_set, p.ours, p.theirs, p.only_ours) for p in compare_all(both)] == [
        ("task", "trained", "untrained", 1),
        ("text", "trained", "untrained", 1),
    ]
    assert compare_all([]) == []


def test_the_last_checkpoints_of_two_runs_are_compared_where_both_named_the_clips():
    ours = [*clips("untrained", [0.0, 0.0]), *clips("trained", [1.0, 1.0])]
    theirs = [*clips("trained", [1.0, 0.0]), *clips("trained", [0.0, 0.0], "task")]
    (pair,) = against([*ours, *clips("trained", [1.0, 1.0], "other")], "runs/b", theirs)
    assert (pair.class_set, pair.ours, pair.theirs) == ("text", "trained", "runs/b")
    assert (pair.only_ours, pair.only_theirs) == (1, 0)
