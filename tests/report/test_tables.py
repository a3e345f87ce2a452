"""Rows of the tables against counts made by hand."""

from dataclasses import replace

import pytest

from premotor.measure.intervals import mean_rate, wilson
from premotor.records import (
    AlignmentRecord,
    Confusion,
    EvalRecord,
    NullRecord,
    RecognitionRecord,
)
from premotor.report.tables import (
    alignment_tables,
    axis_rows,
    main_checkpoint,
    main_confusion,
    mistakes,
    p_value,
    percent,
    recognition_rows,
    success_rows,
    total_row,
)

ROLLOUT = EvalRecord(
    checkpoint="trained",
    preset="tiny",
    task="push_buttons",
    variation=0,
    seed=0,
    instruction="push the red button",
    success=True,
    strict=True,
    steps=4,
    reason="success",
    seconds=1.0,
    simulator="test",
    code_version="0",
)
NULL = NullRecord(
    stratum="all",
    null_mean=0.1,
    null_sd=0.02,
    null_q95=0.13,
    z_score=5.0,
    p_value=1 / 201,
    permutations=200,
)
ALIGNMENT = AlignmentRecord(
    checkpoint="trained",
    measure="recall_at_1_u_to_e",
    space="z",
    instruction="given",
    value=0.5,
    reference=0.01,
    num_rows=100,
    nulls=(NULL,),
)


def test_success_counts_are_those_of_the_records():
    failed = replace(ROLLOUT, seed=1, success=False, strict=False, reason="no_path", steps=2)
    lucky = replace(ROLLOUT, seed=2, strict=False)
    before = replace(failed, checkpoint="untrained", reason="time_out")
    (row,) = success_rows([ROLLOUT, failed, lucky, before])
    assert row.trained is not None
    assert row.strict is not None
    assert row.untrained is not None
    assert (row.trained.value, row.trained.count) == (pytest.approx(2 / 3), 3)
    assert row.strict.value == pytest.approx(1 / 3)
    assert (row.untrained.value, row.untrained.count) == (0.0, 1)
    assert row.endings == (("no path to the pose", 1),)
    assert row.mean_steps == pytest.approx(10 / 3)


def test_a_policy_that_was_not_rolled_out_has_no_rate():
    (row,) = success_rows([replace(ROLLOUT, checkpoint="untrained")])
    assert row.trained is None
    assert row.strict is None


def test_studies_do_not_enter_the_total():
    drawer = replace(ROLLOUT, task="open_drawer", success=False)
    study = replace(ROLLOUT, task="push_buttons_free")
    row = total_row([ROLLOUT, drawer, study])
    assert row is not None
    assert row.trained is not None
    assert (row.trained.value, row.trained.count) == (0.5, 2)
    assert total_row([ROLLOUT, study]) is None


def test_the_mean_counts_every_task_alike_and_failures_by_their_cause():
    failed = replace(
        ROLLOUT, success=False, strict=False, reason="time_out", failure="wrong_object"
    )
    old = replace(failed, failure="")  # of a record from before failures had names
    row = total_row([ROLLOUT, failed, old, replace(ROLLOUT, task="open_drawer")])
    assert row is not None
    assert row.trained == mean_rate([wilson(1, 3), wilson(1, 1)])
    assert row.untrained is None
    assert row.task == "mean over 2 tasks"
    assert row.endings == (("wrong object", 1), ("ran out of steps", 1))


def test_the_report_speaks_of_the_trained_checkpoint():
    assert main_checkpoint(["untrained", "trained", "step_000100"]) == "trained"
    assert main_checkpoint(["untrained", "step_000100", "step_000200"]) == "step_000200"
    assert main_checkpoint(["untrained"]) is None


def test_alignment_tables_put_the_untrained_value_beside():
    before = replace(ALIGNMENT, checkpoint="untrained", value=0.02)
    blanked = replace(ALIGNMENT, instruction="blanked", value=0.2)
    given, without = alignment_tables([before, ALIGNMENT, blanked])
    assert given.rows[0].value == percent(0.5)
    assert given.rows[0].untrained == percent(0.02)
    assert without.rows[0].untrained == "not measured"
    assert given.rows[0].nulls[1].z == "not measured"


def test_a_measure_without_a_label_still_appears():
    (table,) = alignment_tables([replace(ALIGNMENT, measure="some_new_measure")])
    assert table.rows[0].label == "some new measure"


def test_retrieval_within_groups_of_one_is_no_zero():
    alone = replace(ALIGNMENT, measure="recall_at_1_u_to_e_within_variation", value=0.0)
    (table,) = alignment_tables([replace(alone, reference=0.0)])
    assert table.rows[0].value == "\u2013"
    assert table.rows[0].reference == "no two episodes share one"
    (table,) = alignment_tables([replace(alone, reference=0.25)])
    assert table.rows[0].value == percent(0.0)


def test_the_smallest_possible_p_reads_as_a_bound():
    assert p_value(NULL) == "p \u2264 0.005"
    assert p_value(replace(NULL, p_value=0.2)) == "p = 0.200"


def test_a_null_that_could_not_trade_partners_says_so():
    empty = replace(NULL, permutations=0, p_value=1.0, z_score=0.0)
    (table,) = alignment_tables([replace(ALIGNMENT, nulls=(empty,))])
    assert table.rows[0].nulls[0].p == "nothing to trade"


FOUND = Confusion(
    labels=("red", "blue", "lime"),
    counts=((0, 0, 3.0), (0, 1, 0.5), (0, 2, 1.5), (1, 1, 4.0), (2, 0, 1.0)),
)
NAMED = RecognitionRecord(
    checkpoint="trained",
    class_set="text",
    num_classes=218,
    chance=1 / 218,
    accuracy=wilson(45, 100),
    first_frame_only=wilson(20, 100),
    shuffled_frames=wilson(40, 100),
    by_axis={"color": wilson(20, 60), "size": wilson(25, 40)},
    top5=wilson(80, 100),
    task_right=wilson(99, 100),
    tied=3,
    confusion=FOUND,
)


def test_the_most_frequent_mistakes_come_first_with_how_many_clips_the_class_has():
    first, second, third = mistakes(FOUND)
    assert (first.truth, first.answer, first.clips, first.of) == ("red", "lime", 1.5, 5.0)
    assert (second.truth, third.answer) == ("lime", "blue")
    assert mistakes(FOUND, most=1) == (first,)
    assert mistakes(None) == ()


def test_axes_put_all_texts_and_those_of_the_task_beside_each_other():
    within = replace(NAMED, class_set="text_within_task", by_axis={"color": wilson(40, 60)})
    before = replace(NAMED, checkpoint="untrained", by_axis={"color": wilson(0, 60)})
    color, size = axis_rows([before, NAMED, within])
    assert (color.axis, color.clips, color.text.value) == ("color", 60, 20 / 60)
    assert color.within.value == 40 / 60
    assert (size.axis, size.within) == ("size", None)
    assert axis_rows([]) == ()


def test_the_confusion_shown_is_the_trained_one_of_the_class_set():
    before = replace(NAMED, checkpoint="untrained", confusion=None)
    assert main_confusion([before, NAMED], "text") is FOUND
    assert main_confusion([before, NAMED], "task") is None


def test_what_older_records_do_not_hold_is_not_said():
    new, old = recognition_rows([NAMED, replace(NAMED, top5=None, task_right=None, tied=0)])
    assert new.details == (
        "among the five best 80\u00a0%, of the right task 99\u00a0%, 3 clips with tied classes"
    )
    assert old.details == ""
