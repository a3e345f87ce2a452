"""The tables of a comparison: every number from its result, what is not known as such."""

from dataclasses import replace

import pytest

import comparisons
from premotor.comparison_records import Comparison
from premotor.report.comparison import tables
from premotor.report.table import Amount, shown


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparisons.comparison(arms=("apart", "aligned", "labels"))


def test_the_claim_shows_both_arms_and_their_difference_with_its_interval(found):
    table = tables.claim_table(found)
    assert [row[0] for row in table.rows] == ["success on unseen episodes", "instruction named"]
    contrast = found.contrast("aligned", "success")
    assert table.rows[0][3] == contrast.over_seeds.interval
    assert table.rows[0][1] == found.level("apart", "success").mean
    assert table.rows[0][5] == found.verdict.outcomes[0].p_holm


def test_every_task_has_a_row_and_their_mean_the_last_one(found):
    table = tables.forest_table(found)
    assert [row[0] for row in table.rows[:-1]] == [t.replace("_", " ") for t in found.tasks]
    assert table.rows[-1][0] == "mean over 18 tasks"
    assert table.sums_up(18)
    task = found.contrast("aligned", "success").tasks[0]
    assert table.rows[0][3] == task.interval


def test_an_arm_that_is_not_judged_in_an_outcome_has_no_number_there(found):
    without = replace(
        found,
        levels=tuple(v for v in found.levels if (v.arm, v.outcome) != ("labels", "success")),
        contrasts=tuple(c for c in found.contrasts if (c.ours, c.outcome) != ("labels", "success")),
    )
    row = tables.arms_table(without).rows[2]
    assert row[0].startswith("labels")
    assert row[2:4] == (None, None)
    assert row[4] is not None


def test_the_spread_is_that_between_seeds(found):
    assert tables.spread([0.1, 0.3]) == pytest.approx(0.2 / 2**0.5)
    assert tables.spread([0.1]) is None
    row = tables.spread_table(found).rows[0]
    assert row[0] == "success on unseen episodes\napart"
    level = found.level("apart", "success")
    assert row[1] == Amount(level.values[0], "share")
    assert row[-1] == Amount(100 * tables.spread(level.values), "number")


def test_losses_are_shown_in_nat_beside_shares_in_percent(found):
    rows = {str(row[0]).split("\n")[0]: row for row in tables.contrasts_table(found).rows}
    assert shown(rows["held-out loss L_e"][1], "number").count("nat") == 1
    assert shown(rows["key poses within 2 cm"][1], "number").count("points") == 1


def test_gradients_are_told_as_norms_their_ratio_and_cosine(found):
    table = tables.gradient_tables(found)[0]
    assert table.title == "Gradients of aligned"
    assert table.rows[0][2:6] == pytest.approx((4.2, 0.4, 0.4 / 4.2, 0.05))
    assert [row[6] for row in table.rows[:4:2]] == [0.1, None]


def test_alignment_has_a_row_for_every_baseline_and_a_column_for_every_step(found):
    (table,) = tables.alignment_tables(found)
    assert len(table.rows) == 8
    assert [c.name for c in table.columns][1:-1] == ["step 0", "step 850", "step 13,600"]


def test_hours_are_summed_by_arm_and_over_all(found):
    table = tables.cost_table(found)
    assert table.rows[0][:4] == ("apart", 3, 6.0, 1.5)
    assert table.rows[-1][:4] == ("all arms", 9, 18.0, 4.5)


def test_runs_without_a_result_are_named(found):
    broken = replace(found.cost[0], fault="diverged: losses are no numbers at step 40")
    table = tables.broken_table(replace(found, cost=(broken,), missing=("aligned, seed 2",)))
    assert table.rows == (
        ("apart, seed 0", "diverged: losses are no numbers at step 40"),
        ("aligned, seed 2", "not finished"),
    )
