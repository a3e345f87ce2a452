"""What a study takes: every measure of a few hundred rows, and of many what they are worth."""

import numpy as np
import pytest

from premotor.errors import ConfigError, UnknownName
from premotor.measure.catalog import MEASURES, MeasureConfig
from premotor.measure.plan import LEAST_DRAWS, LEAST_HALVES, Plan, StudyConfig
from premotor.measure.sides import Sides


def plan(num_rows: int, width: int, space: str = "raw", **config) -> Plan:
    """Of rows that take no memory: nothing is computed."""
    rows = np.broadcast_to(np.zeros(1), (num_rows, width))
    return Plan(Sides(rows, rows), space, StudyConfig(**config))


def names(found: Plan) -> set[str]:
    return {measure.name for measure in found.measures}


@pytest.mark.parametrize("width", [16, 1024])
def test_of_a_few_hundred_rows_nothing_is_left_out(width):
    found = plan(450, width, "z")
    assert found.measures == list(MEASURES)
    assert found.num_halves == 100
    assert not any("left out" in remark for remark in found.remarks)


def test_of_a_few_hundred_narrow_rows_everything_is_drawn_as_often_as_asked_for():
    found = plan(450, 128, "z")
    assert {found.permutations(measure) for measure in MEASURES} == {1000}
    assert found.remarks == ()


def test_of_many_wide_rows_costly_measures_are_left_out_and_told():
    found = plan(20_000, 1024)
    left_out = {m.name for m in MEASURES if not m.one_space} - names(found)
    assert {"ridge_r2_u_to_e", "ridge_r2_e_to_u_new_variation"} <= left_out
    assert {"debiased_cka", "mutual_knn", "cknna"} <= names(found)
    told = next(remark for remark in found.remarks if "left out" in remark)
    assert all(name in told for name in left_out)
    assert "on 20,000 rows; ask for them by name with --only" in told


def test_a_measure_that_is_asked_for_by_name_is_taken_at_any_cost():
    found = plan(20_000, 1024, only=("ridge_r2_u_to_e",))
    (ridge,) = found.measures
    assert found.permutations(ridge) == LEAST_DRAWS
    assert not any("left out" in remark for remark in found.remarks)


def test_costly_measures_are_drawn_less_often_and_told():
    found = plan(20_000, 1024)
    draws = {measure.name: found.permutations(measure) for measure in found.measures}
    assert draws["mutual_knn"] == 1000
    assert LEAST_DRAWS <= draws["debiased_cka"] < 1000
    fewer = {name for name, count in draws.items() if count < 1000}
    told = next(remark for remark in found.remarks if "instead of 1000" in remark)
    assert told.startswith(", ".join(m.name for m in found.measures if m.name in fewer))
    assert "nulls of 100 draws instead of 1000, as each is costly on 20,000 rows" in told
    assert LEAST_HALVES <= found.num_halves < 100
    halves = f"intervals from {found.num_halves} halves of 20,000 rows instead of 100"
    assert halves in found.remarks


def test_draws_that_differ_are_told_from_the_fewest_to_the_most():
    found = plan(450, 1024)
    draws = [found.permutations(measure) for measure in found.measures]
    fewest, most = min(draws), max(count for count in draws if count < 1000)
    (told,) = found.remarks
    assert LEAST_DRAWS <= fewest < most
    assert f"nulls of {fewest} to {most} draws instead of 1000" in told


def test_fewer_draws_than_are_affordable_are_taken_where_that_is_asked_for():
    found = plan(20_000, 1024, permutations=30, halves=0)
    assert {found.permutations(measure) for measure in found.measures} == {30}
    assert found.num_halves == 0
    assert not any("instead of" in remark for remark in found.remarks)


def test_draws_in_all_are_those_of_every_null_of_every_measure():
    found = plan(450, 16, only=("mutual_knn", "cknna"), permutations=50)
    assert found.draws(3) == 3 * 2 * 50


def test_too_few_rows_have_no_halves():
    assert plan(7, 4).num_halves == 0
    assert plan(8, 4).num_halves == 100


def test_rows_of_two_spaces_are_not_compared_with_each_other():
    one_space = {measure.name for measure in MEASURES if measure.one_space}
    assert names(plan(450, 16)) == {measure.name for measure in MEASURES} - one_space
    assert names(plan(450, 16, "z")) & one_space == one_space
    assert {"bound", "recall_at_1_u_to_e", "median_rank_e_to_u"} <= one_space


def test_an_unknown_measure_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match="unknown measure 'mutual_nn'; did you mean 'mutual_knn'"):
        StudyConfig(only=("debiased_cka", "mutual_nn"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"permutations": 1}, "got 1 and 100; try 1000 and 100"),
        ({"halves": 19}, "halves 0 or >= 20, got 1000 and 19"),
        ({"halves": -1}, "got 1000 and -1"),
    ],
)
def test_draws_that_say_nothing_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        StudyConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"neighbors": 0}, {"temperature": 0.0}])
def test_what_no_measure_can_hang_on_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"try 10 and 0\.05"):
        MeasureConfig(**wrong)
