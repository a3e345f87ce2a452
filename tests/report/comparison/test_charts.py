"""The charts of a comparison as geometry: where values lie, and that nothing lies outside."""

from dataclasses import replace
from itertools import pairwise

import pytest

import comparisons
from premotor.comparison_records import Comparison
from premotor.report.comparison import charts
from premotor.report.comparison.charts import Scale


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparisons.comparison(arms=("apart", "aligned", "labels"))


def test_a_scale_puts_values_where_they_belong():
    scale = Scale(-1.0, 3.0, 0.0, 100.0)
    assert [scale(v) for v in (-1.0, 0.0, 3.0)] == [0.0, 25.0, 100.0]
    assert scale.values[0] >= -1.0


def test_both_outcomes_of_the_claim_share_one_scale_with_zero_and_what_does_not_matter(found):
    strips = charts.claim_strips(found)
    assert list(strips) == ["success", "text_accuracy"]
    assert strips["success"].ticks == strips["text_accuracy"].ticks
    strip = strips["success"]
    assert strip.band[0] < strip.zero < strip.band[1]
    row = strip.rows[0]
    assert 0.0 <= row.low < row.mean < row.high <= 100.0
    assert len(row.dots) == 3


def test_the_forest_has_the_mean_first_and_then_every_task_for_both_outcomes(found):
    strips = charts.forest(found)
    assert len(strips) == 2
    for strip in strips:
        assert [r.name for r in strip.rows[:2]] == ["mean over tasks", "open drawer"]
        assert len(strip.rows) == 19
        assert all(0.0 <= r.mean <= 100.0 for r in strip.rows)
        assert "*" not in "".join(r.said for r in strip.rows)


def test_the_spread_shows_every_run_as_a_point_and_arms_without_one_as_not_judged(found):
    levels = tuple(v for v in found.levels if (v.arm, v.outcome) != ("labels", "success"))
    success, named = charts.spreads(replace(found, levels=levels))
    assert [r.name for r in success.rows] == [r.name for r in named.rows]
    assert success.rows[2].said == "not judged"
    assert len(named.rows[2].dots) == 3


def test_lines_over_training_stay_in_their_chart_and_later_values_lie_to_the_right(found):
    drawn = [*charts.training_charts(found), *charts.alignment_charts(found)]
    assert len(drawn) == 4 + 2
    for chart in drawn:
        for line in chart.lines:
            across = [x for x, _ in line.points]
            assert across == sorted(across)
            assert all(0.0 <= y <= charts.HEIGHT for _, y in line.points)


def test_alignment_stands_beside_its_three_baselines_and_chance(found):
    plain, centered = charts.alignment_charts(found)
    assert [line.label for line in plain.lines] == ["U", "untrained", "pixels", "instruction text"]
    assert plain.chance is not None
    assert centered.note.startswith("each task\u2019s mean taken off")


def test_labels_of_steps_do_not_touch():
    ticks, _ = charts._steps([0, 10, 20, 400, 13600])
    assert ticks[-1].label == "13,600"
    assert all(b.at - a.at > 12 for a, b in pairwise(ticks))


def test_an_arm_that_was_not_followed_has_no_line(found):
    curves = tuple(c for c in found.curves if (c.arm, c.measure) != ("apart", "losses.align"))
    chart = charts.training_charts(replace(found, curves=curves))[-1]
    assert [line.label for line in chart.lines if line.label] == ["aligned"]
