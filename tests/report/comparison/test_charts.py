"""The charts of a comparison as geometry: where values lie, and that nothing lies outside."""

from dataclasses import replace

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


def test_an_axis_of_shares_has_no_label_beyond_all_and_none():
    labels = [tick.label for tick in charts.ticks_of(Scale(-0.5, 1.5, 0.0, 100.0), "share")]
    assert labels == ["0%", "40%", "80%"]
