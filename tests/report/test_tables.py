"""Cells of the tables against counts made by hand."""

from dataclasses import replace

import make
from premotor.measure.intervals import mean_rate, wilson
from premotor.records import Confusion
from premotor.report.table import Cell, Table
from premotor.report.tables import (
    main_checkpoint,
    main_confusion,
    mean_success,
    recognition_tables,
    success_tables,
)

ROLLOUT = make.rollout()


def cells(table: Table) -> list[dict[str, Cell]]:
    """Each row by the names of its columns."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_success_counts_are_those_of_the_records():
    failed = replace(ROLLOUT, seed=1, success=False, strict=False, reason="no_path", key_poses=2)
    lucky = replace(ROLLOUT, seed=2, strict=False, instruction="push red")
    before = replace(failed, checkpoint="untrained", reason="time_out")
    (table,) = success_tables([ROLLOUT, failed, lucky, before])
    assert cells(table) == [
        {
            "task": "push buttons\n\u201cpush red\u201d\nepisodes: 3 trained and 1 untrained",
            "trained": wilson(2, 3),
            "strict": wilson(1, 3),
            "untrained": wilson(0, 1),
            "how failures ended": "1 \u00d7 no path to the pose",
        }
    ]
    assert ROLLOUT.simulator in table.note
    assert "not RLBench numbers" in table.note


def test_a_policy_that_was_not_rolled_out_has_no_rate():
    (table,) = success_tables([replace(ROLLOUT, checkpoint="untrained")])
    (row,) = cells(table)
    assert (row["trained"], row["strict"], row["how failures ended"]) == (None, None, None)
    assert row["untrained"] == wilson(1, 1)


def test_every_checkpoint_has_its_rate():
    begun = replace(ROLLOUT, checkpoint="started", success=False)
    (table,) = success_tables([begun, ROLLOUT])
    (row,) = cells(table)
    assert row["started"] == wilson(0, 1)
    assert row["how failures ended"] == "no failure"


def test_studies_have_a_table_of_their_own_and_do_not_enter_the_mean():
    drawer = replace(ROLLOUT, task="open_drawer", success=False)
    study = replace(ROLLOUT, task="push_buttons_free")
    tasks, studies = success_tables([ROLLOUT, drawer, study])
    assert tasks.totals == 1
    assert cells(tasks)[-1]["trained"].count == 2
    assert (len(studies.rows), studies.totals) == (1, 0)
    assert success_tables([]) == ()


def test_the_mean_counts_every_task_alike_and_failures_by_their_cause():
    failed = replace(
        ROLLOUT, success=False, strict=False, reason="time_out", failure="wrong_object"
    )
    old = replace(failed, failure="")  # of a record from before failures had names
    rollouts = [ROLLOUT, failed, old, replace(ROLLOUT, task="open_drawer")]
    row = cells(success_tables(rollouts)[0])[-1]
    assert row["task"] == "mean over 2 tasks\nepisodes: 4"
    assert row["trained"] == mean_rate([wilson(1, 3), wilson(1, 1)])
    assert row["untrained"] is None
    assert row["how failures ended"] == "1 \u00d7 wrong object\n1 \u00d7 ran out of steps"


def test_there_is_no_mean_where_a_task_was_not_tried():
    untried = replace(ROLLOUT, task="open_drawer", checkpoint="untrained")
    assert mean_success([ROLLOUT, untried], "trained") is None
    assert mean_success([], "trained") is None
    assert mean_success([ROLLOUT], "trained") == wilson(1, 1)


def test_the_report_speaks_of_the_trained_checkpoint():
    assert main_checkpoint(["untrained", "trained", "step_000100"]) == "trained"
    assert main_checkpoint(["untrained", "step_000100", "step_000200"]) == "step_000200"
    assert main_checkpoint(["untrained"]) is None


FOUND = Confusion(
    labels=("red", "blue", "lime"),
    counts=((0, 0, 3.0), (0, 1, 0.5), (0, 2, 1.5), (1, 1, 4.0), (2, 0, 1.0)),
)
NAMED = make.recognition(
    by_axis={"color": wilson(20, 60), "size": wilson(25, 40)},
    top5=wilson(80, 100),
    task_right=wilson(99, 100),
    tied=3,
    confusion=FOUND,
)
PAIR = make.naming_pair()


def test_the_most_frequent_mistakes_come_first_with_how_many_clips_the_class_has():
    found = recognition_tables([NAMED], [])[-1]
    assert found.title == "Instructions taken for others most often"
    assert found.rows == (
        ("red", "lime", 1.5, 5.0),
        ("lime", "red", 1.0, 1.0),
        ("red", "blue", 0.5, 5.0),
    )
    without = recognition_tables([replace(NAMED, confusion=None)], [])
    assert found.title not in [table.title for table in without]


def test_axes_put_all_texts_and_those_of_the_task_beside_each_other():
    within = replace(NAMED, class_set="text_within_task", by_axis={"color": wilson(40, 60)})
    before = replace(NAMED, checkpoint="untrained", by_axis={"color": wilson(0, 60)})
    axes = recognition_tables([before, NAMED, within], [])[1]
    assert cells(axes) == [
        {
            "axis": "color",
            "clips": 60,
            "text right": wilson(20, 60),
            "text within task right": wilson(40, 60),
        },
        {
            "axis": "size",
            "clips": 40,
            "text right": wilson(25, 40),
            "text within task right": None,
        },
    ]
    assert recognition_tables([], []) == ()


def test_beside_the_texts_of_an_axis_stand_the_first_frame_and_shuffled_frames():
    told = replace(
        NAMED,
        first_frame_by_axis={"color": wilson(5, 60)},
        shuffled_by_axis={"color": wilson(15, 60), "size": wilson(20, 40)},
    )
    color, size = cells(recognition_tables([told], [])[1])
    assert color["text, first frame only"] == wilson(5, 60)
    assert color["text, frames shuffled"] == wilson(15, 60)
    assert size["text, first frame only"] is None
    assert size["text, frames shuffled"] == wilson(20, 40)


def test_the_confusion_shown_is_the_trained_one_of_the_class_set():
    before = replace(NAMED, checkpoint="untrained", confusion=None)
    assert main_confusion([before, NAMED], "text") is FOUND
    assert main_confusion([before, NAMED], "task") is None


def test_class_sets_stand_in_their_order_the_trained_first_and_chance_beside():
    before = replace(NAMED, checkpoint="untrained", tied=0)
    task = replace(NAMED, class_set="task", num_classes=18)
    table = recognition_tables([before, NAMED, task], [])[0]
    assert [row[0] for row in table.rows] == [
        "Which task is it?\ntask, trained, 18 classes, 100 clips, 3 with tied classes",
        "Which instruction is being carried out?\n"
        "text, trained, 218 classes, 100 clips, 3 with tied classes",
        "Which instruction is being carried out?\ntext, untrained, 218 classes, 100 clips",
    ]
    assert table.dim == (2,)
    task_row, row, _ = cells(table)
    assert (row["chance"], row["the clip as it is"]) == (1 / 218, wilson(45, 100))
    assert (row["first frame only"], row["frames shuffled"]) == (wilson(20, 100), wilson(40, 100))
    assert (row["among five best"], row["of the right task"]) == (0.8, 0.99)
    assert row["mean over tasks"] is None  # an older record
    assert task_row["of the right task"] is None  # nothing else than its accuracy


def test_two_checkpoints_on_the_same_clips_stand_with_their_difference():
    (table,) = recognition_tables([], [PAIR])
    assert table.rows == (
        ("text\ntrained against untrained", 100, PAIR.difference, 4, 9, PAIR.p_value),
    )
