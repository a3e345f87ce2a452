"""What every measure refuses, and what must not matter to any: scale, type, a side's mean."""

from collections.abc import Callable

import numpy as np
import pytest

from premotor.errors import ConfigError, NoVariation
from premotor.measure import linear, retrieval, similarity
from premotor.measure.rows import codes, num_repeated, paired, unit_rows, varied

Measure = Callable[[np.ndarray, np.ndarray], float]
NUM = 100


def ridge(a: np.ndarray, b: np.ndarray) -> float:
    return linear.ridge_r2(a, b, np.arange(len(a)) % 5)


OF_COSINES: list[Measure] = [
    similarity.mutual_knn,
    similarity.cknna,
    retrieval.recall_at_k,
    retrieval.median_rank,
    retrieval.information_bound,
]
OF_GEOMETRY: list[Measure] = [
    similarity.debiased_cka,
    similarity.linear_cka,
    linear.cca,
    linear.svcca,
]
EVERY = [*OF_COSINES, *OF_GEOMETRY, ridge]


def but_for_rounding(kind: type) -> np.ndarray:
    """Rows of the two numbers of a type between which 0.1 lies."""
    rows = np.full((NUM, 64), 0.1, kind)
    rows[::2] = np.nextafter(rows[::2], kind(1.0 if rows[0, 0] < 0.1 else 0.0))
    return rows


CONSTANT = {
    "a tenth": np.full((NUM, 64), 0.1),
    "three tenths": np.full((NUM, 64), 0.3),
    "zero": np.zeros((NUM, 64)),
    "one": np.ones((NUM, 64)),
    "two": np.full((NUM, 64), 2.0),
    "one column": np.full((NUM, 1), 0.7),
    "one row, again and again": np.tile(np.random.default_rng(1).normal(size=33), (NUM, 1)),
    "tiny": np.full((NUM, 5), 1e-200),
    "huge": np.full((NUM, 5), 1e200),
    "far away": np.full((NUM, 5), 0.1) + 1e4,
    "float32": np.full((NUM, 64), 0.1, np.float32),
    "float16": np.full((NUM, 64), 0.1, np.float16),
    "but for the rounding of float32": but_for_rounding(np.float32),
    "but for the rounding of float16": but_for_rounding(np.float16),
    "integers": np.full((NUM, 3), 7),
}


def related(rng: np.random.Generator, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    a = rng.normal(size=(NUM, width))
    return a, a + 0.7 * rng.normal(size=(NUM, width))


@pytest.mark.parametrize("constant", CONSTANT.values(), ids=CONSTANT)
@pytest.mark.parametrize("measure", EVERY)
def test_a_side_that_does_not_vary_is_refused_by_name(measure, constant):
    other = np.random.default_rng(0).normal(size=constant.shape)
    with pytest.raises(NoVariation, match="100 rows of the first side are the same"):
        measure(constant, other)
    with pytest.raises(NoVariation, match="100 rows of the second side are the same"):
        measure(other, constant)
    with pytest.raises(NoVariation, match="the first side"):
        measure(constant, 3 * constant)


@pytest.mark.parametrize("measure", OF_COSINES)
def test_rows_that_all_point_the_same_way_are_refused_by_measures_of_cosines(measure):
    one_way = np.outer(np.arange(1.0, NUM + 1.0), [1.0, 2.0, 3.0])
    other = np.random.default_rng(0).normal(size=(NUM, 3))
    with pytest.raises(NoVariation, match="rows of the first side point the same way"):
        measure(one_way, other)
    with pytest.raises(NoVariation, match="rows of the second side point the same way"):
        measure(other, one_way)


@pytest.mark.parametrize("measure", [*OF_GEOMETRY, ridge])
def test_rows_of_one_way_and_several_lengths_can_be_measured_by_the_others(measure):
    one_way = np.outer(np.arange(1.0, NUM + 1.0), [1.0, 2.0, 3.0])
    assert measure(one_way, one_way[:, :2]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e3, 1e200])
@pytest.mark.parametrize("measure", EVERY)
def test_no_value_hangs_on_the_scale_of_a_side(measure, scale):
    a, b = related(np.random.default_rng(2))
    expected = measure(a, b)
    assert measure(scale * a, b) == pytest.approx(expected, rel=1e-9)
    assert measure(a, scale * b) == pytest.approx(expected, rel=1e-9)
    assert measure(scale * a, b / scale) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("deficient", [False, True])
@pytest.mark.parametrize("measure", [*OF_GEOMETRY, ridge])
def test_a_large_mean_changes_nothing(measure, deficient):
    rng = np.random.default_rng(3)
    a, b = related(rng)
    if deficient:  # columns that are sums of others, which rounding must not tell from them
        a = a[:, :3] @ rng.normal(size=(3, 6))
    assert measure(a + 1e4, b - 1e4) == pytest.approx(measure(a, b), rel=1e-9)


@pytest.mark.parametrize("spread", [20.0, 0.7])  # between 512 and 1024 halves are told apart
@pytest.mark.parametrize("measure", EVERY)
def test_half_floats_far_from_zero_give_what_their_copies_give(measure, spread):
    a, b = ((900 + spread * x).astype(np.float16) for x in related(np.random.default_rng(4)))
    assert measure(a, b) == measure(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize("measure", EVERY)
def test_integers_give_what_their_copies_give(measure, kind):
    low = 0 if kind is np.uint8 else -128
    a, b = (np.clip(60 * x, low, 127).astype(kind) for x in related(np.random.default_rng(5)))
    assert a.min() == low
    assert measure(a, b) == measure(a.astype(np.float64), b.astype(np.float64))


def test_one_huge_column_does_not_hide_that_the_others_vary():
    rows = np.random.default_rng(6).normal(size=(NUM, 8)).astype(np.float16)
    rows[:, 3] = 3e4  # as networks have them, far beyond the rounding of the other columns
    assert varied(rows, "a side").shape == (NUM, 8)


@pytest.mark.parametrize("measure", EVERY)
def test_what_is_no_number_is_refused(measure):
    a, b = related(np.random.default_rng(7))
    for bad in (np.nan, np.inf):
        wrong = a.copy()
        wrong[3, 2] = bad
        with pytest.raises(ConfigError, match="first side holds NaN or infinity"):
            measure(wrong, b)
        with pytest.raises(ConfigError, match="second side holds NaN or infinity"):
            measure(b, wrong)


def test_rows_that_do_not_pair_up_are_refused():
    with pytest.raises(ConfigError, match="5 and 4 rows"):
        paired(np.eye(5), np.eye(4))


@pytest.mark.parametrize("measure", EVERY)
def test_too_few_rows_are_refused(measure):
    with pytest.raises(ConfigError, match=r"got 1 rows|for 1 rows"):
        measure(np.eye(1), np.eye(1))


def test_a_side_without_columns_is_refused():
    with pytest.raises(ConfigError, match="no columns"):
        similarity.linear_cka(np.zeros((9, 0)), np.eye(9))


def test_rows_have_length_one_or_stay_zero():
    unit = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [1e-120, 0.0]]))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]])


def test_labels_are_compared_one_by_one_and_never_joined():
    assert codes(["lerobot/pusht", "lerobot"], ["a", "pusht/a"]).tolist() == [0, 1]
    assert codes(["b", "a", "b"], ["1", "1", "1"]).tolist() == [0, 1, 0]


def test_repeated_rows_are_counted_beyond_the_first():
    assert num_repeated(np.array([[1, 2], [3, 4], [1, 2], [1, 2]])) == 2
    assert num_repeated(np.eye(3)) == 0
