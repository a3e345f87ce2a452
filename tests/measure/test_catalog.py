"""The table of measures: every entry keeps what a measure promises."""

import numpy as np
import pytest

from premotor.findings import Reference
from premotor.measure.catalog import BY_NAME, MEASURES, Measure, MeasureConfig, Prepared
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides
from premotor.measure.study import study

NUM = 60
WAYS = [name for name in BY_NAME if "u_to_e" in name]


def sides() -> Sides:
    """Two tasks of six variations of five episodes."""
    rng = np.random.default_rng(0)
    variations = np.repeat(np.arange(12), 5)
    u = rng.normal(size=(12, 3))[variations] + rng.normal(size=(NUM, 3))
    e = u + rng.normal(size=(NUM, 3))
    return Sides(u, e, tuple("ab"[v // 6] for v in variations), tuple(map(str, variations)))


def value_of(measure: Measure, given: Sides, order: np.ndarray | None = None) -> float:
    rows = Prepared(given, MeasureConfig())
    assert measure.needs(rows) == ""
    return measure.statistic(rows)(np.arange(NUM) if order is None else order)


def follows_rows_of_e(measure: Measure) -> bool:
    """Whether its folds or groups go with the rows of e when they are reordered."""
    return "e_to_u" in measure.name and ("variation" in measure.name or "ridge" in measure.name)


@pytest.mark.parametrize("measure", MEASURES, ids=BY_NAME)
def test_a_statistic_of_an_order_is_the_measure_of_reordered_partners(measure):
    given, rng = sides(), np.random.default_rng(1)
    order = rng.permutation(NUM)
    if follows_rows_of_e(measure):  # those of its variation stay where they are
        order = np.concatenate([5 * v + rng.permutation(5) for v in range(12)])
    if measure.name == "ridge_r2_e_to_u":
        order = np.arange(NUM)  # its folds are of single rows
    shuffled = given.with_sides(given.u, given.e[order])
    assert value_of(measure, given, order) == pytest.approx(value_of(measure, shuffled), rel=1e-9)


@pytest.mark.parametrize("name", WAYS)
def test_the_way_back_is_the_way_there_with_the_sides_turned(name):
    there, back = BY_NAME[name], BY_NAME[name.replace("u_to_e", "e_to_u")]
    assert value_of(back, sides()) == pytest.approx(value_of(there, sides().turned), rel=1e-12)
    assert back.label != there.label


@pytest.mark.parametrize("measure", MEASURES, ids=BY_NAME)
def test_no_value_of_shuffled_partners_hangs_on_their_order_alone(measure):
    """The same pairs in another order are the same pairs, but for which rows a fold holds out."""
    given, order = sides(), np.random.default_rng(2).permutation(NUM)
    abs_error = 0.15 if "ridge" in measure.name else 1e-9
    assert value_of(measure, given.take(order)) == pytest.approx(
        value_of(measure, given), abs=abs_error
    )


def test_what_each_value_is_compared_with():
    config = StudyConfig(permutations=2, halves=0)
    (found,) = study(sides(), config, checkpoint="trained", space="z")
    references = {f.measure.replace("e_to_u", "u_to_e"): f.reference for f in found.findings}
    chances = {
        "recall_at_1_u_to_e": 1 / 60,
        "recall_at_5_u_to_e": 5 / 60,
        "recall_at_10_u_to_e": 10 / 60,
        "recall_at_1_u_to_e_of_the_variation": 1 / 12,
        "recall_at_1_u_to_e_within_variation": 1 / 5,
        "median_rank_u_to_e": 30.5,
        "mutual_knn": 10 / 59,
        "debiased_cka": 0.0,
        "rsa": 0.0,
        "ridge_r2_u_to_e": 0.0,
        "ridge_r2_u_to_e_new_variation": 0.0,
    }
    for name, chance in chances.items():
        found_of = references.pop(name)
        assert (found_of.kind, found_of.value) == ("chance", pytest.approx(chance))
    assert references.pop("bound") == Reference(kind="ceiling", value=float(np.log(60)))
    assert set(references) == {"cknna", "linear_cka", "svcca", "cca"}
    for name, reference in references.items():  # whose chance no formula gives
        assert reference.kind == "null mean"
        assert reference.value == found.finding(name).own.null("all").mean


def test_with_hardly_more_rows_than_neighbors_all_are_neighbors_and_it_is_refused():
    rng = np.random.default_rng(0)
    few = Sides(rng.normal(size=(21, 3)), rng.normal(size=(21, 3)))
    for name in ("mutual_knn", "cknna"):
        lacking = BY_NAME[name].needs(Prepared(few, MeasureConfig()))
        assert "at least 22 rows, got 21" in lacking
        assert not BY_NAME[name].needs(Prepared(few, MeasureConfig(neighbors=9)))
