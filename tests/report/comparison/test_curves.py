"""Lines over training: within their chart, in order, beside what they are held against."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

import comparisons
from premotor.comparison_records import Comparison
from premotor.report.comparison import curves


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparisons.comparison()


def test_lines_over_training_stay_in_their_chart_and_later_values_lie_to_the_right(found):
    drawn = [*curves.training_charts(found), *curves.alignment_charts(found)]
    assert len(drawn) == 4 + 2
    for chart in drawn:
        for line in chart.lines:
            across = [x for x, _ in line.points]
            assert across == sorted(across)
            assert all(0.0 <= y <= curves.HEIGHT for _, y in line.points)


def test_alignment_stands_beside_its_three_baselines_and_chance(found):
    plain, centered = curves.alignment_charts(found)
    assert [line.label for line in plain.lines] == ["U", "untrained", "pixels", "instruction text"]
    assert plain.chance is not None
    assert centered.note.startswith("each task\u2019s mean taken off")


def test_labels_of_steps_do_not_touch():
    ticks, _ = curves._steps([0, 10, 20, 400, 13600])
    assert ticks[-1].label == "13,600"
    assert all(b.at - a.at > 12 for a, b in pairwise(ticks))


def test_an_arm_that_was_not_followed_has_no_line(found):
    others = tuple(c for c in found.curves if (c.arm, c.measure) != ("apart", "losses.align"))
    chart = curves.training_charts(replace(found, curves=others))[-1]
    assert [line.label for line in chart.lines if line.label] == ["aligned"]


def test_outcomes_come_in_their_order_and_losses_in_training_say_so(found):
    drawn = curves.training_charts(found)
    assert [chart.title for chart in drawn] == [
        "instruction named",
        "held-out loss L_e",
        "nearest neighbor says the same, u",
        "loss, align",
    ]
    assert drawn[0].note.startswith("held out")
    assert drawn[-1].note.startswith("in training")


def test_a_run_that_diverged_ends_where_it_did(found):
    first = found.curves[0]
    broken = replace(first, values=(*first.values[:-1], math.nan))
    chart = curves.training_charts(replace(found, curves=(broken,)))[0]
    assert [len(line.points) for line in chart.lines] == [2, 2]
