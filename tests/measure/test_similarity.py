"""Measures of alignment against their definitions and invariances."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure import similarity
from premotor.measure.similarity import (
    check_paired,
    cknna,
    cknna_statistic,
    debiased_cka,
    debiased_cka_statistic,
    knn_purity,
    linear_cka,
    linear_cka_statistic,
    mutual_knn,
    mutual_knn_statistic,
    nearest,
)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(40, 6))
    return a, a @ rng.normal(size=(6, 5)) + 0.5 * rng.normal(size=(40, 5))


def test_nearest_excludes_the_row_itself_and_orders_by_cosine():
    x = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 5.0]])
    assert nearest(x, 1)[:, 0].tolist() == [1, 0, 3, 2]


def test_mutual_knn_equals_its_definition(pair):
    a, b = pair
    k, total = 4, 0
    for i in range(len(a)):
        total += len(set(nearest(a, k)[i]) & set(nearest(b, k)[i]))
    assert mutual_knn(a, b, k) == pytest.approx(total / (k * len(a)))


def test_debiased_cka_equals_the_u_statistic_written_out(pair):
    a, b = pair

    def hsic(x: np.ndarray, y: np.ndarray) -> float:
        n = len(x)
        one, two = x @ x.T, y @ y.T
        np.fill_diagonal(one, 0.0)
        np.fill_diagonal(two, 0.0)
        cross = one.sum() * two.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ two).sum()
        return (np.trace(one @ two) + cross) / (n * (n - 3))

    expected = hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))
    assert debiased_cka(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("statistic", "measure"),
    [
        (mutual_knn_statistic, mutual_knn),
        (debiased_cka_statistic, debiased_cka),
        (linear_cka_statistic, linear_cka),
        (cknna_statistic, cknna),
    ],
)
def test_a_statistic_of_an_order_is_the_measure_of_reordered_rows(pair, statistic, measure):
    a, b = pair
    order = np.random.default_rng(0).permutation(len(a))
    assert statistic(a, b)(order) == pytest.approx(measure(a, b[order]), abs=1e-12)


def test_cknna_equals_its_definition_on_whole_matrices(pair):
    a, b = pair
    n, k = len(a), 6
    masks, grams = [], []
    for x in (a, b):
        mask = np.zeros((n, n))
        np.put_along_axis(mask, nearest(x, k), 1.0, axis=1)
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        masks.append(mask)
        grams.append(unit @ unit.T)

    def hsic(x: np.ndarray, y: np.ndarray) -> float:
        cross = x.sum() * y.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (x @ y).sum()
        return np.sum(x * y.T) + cross

    both = masks[0] * masks[1]
    own = [hsic(g * m, g * m) for g, m in zip(grams, masks, strict=True)]
    expected = hsic(grams[0] * both, grams[1] * both) / np.sqrt(own[0] * own[1])
    assert cknna(a, b, k) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("statistic", [linear_cka_statistic, debiased_cka_statistic])
def test_many_rows_take_another_way_to_the_same_number(statistic, monkeypatch):
    rng = np.random.default_rng(7)
    a = 3.0 + rng.normal(size=(90, 4))
    b = a @ rng.normal(size=(4, 5)) + rng.normal(size=(90, 5))
    order = rng.permutation(90)
    short = [statistic(a, b)(o) for o in (np.arange(90), order)]
    monkeypatch.setattr(similarity, "_is_long", lambda a, b: True)
    assert [statistic(a, b)(o) for o in (np.arange(90), order)] == pytest.approx(short, rel=1e-9)
    monkeypatch.setattr(similarity, "_is_long", lambda a, b: False)
    assert [statistic(a, b)(o) for o in (np.arange(90), order)] == pytest.approx(short, rel=1e-9)


def test_neighbors_are_found_block_by_block(pair, monkeypatch):
    whole = nearest(pair[0], 4)
    monkeypatch.setattr(similarity, "_BLOCK", 7)
    assert np.array_equal(nearest(pair[0], 4), whole)


@pytest.mark.parametrize("measure", [mutual_knn, debiased_cka, linear_cka, cknna])
def test_measures_are_one_for_rotated_and_scaled_copies(pair, measure):
    a, _ = pair
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    assert measure(a, 3.0 * a @ rotation) == pytest.approx(1.0, abs=1e-9)


def test_wide_random_features_fool_linear_cka_but_not_debiased_cka():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(30, 500)), rng.normal(size=(30, 500))
    assert linear_cka(a, b) > 0.8
    assert abs(debiased_cka(a, b)) < 0.1


def test_a_constant_side_aligns_with_nothing():
    assert debiased_cka(np.ones((10, 3)), np.random.default_rng(0).normal(size=(10, 3))) == 0.0


def test_purity_is_one_for_separated_labels_and_their_share_for_random_ones():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    apart = np.where(labels[:, None] == 0, [10.0, 0.0], [0.0, 10.0]) + rng.normal(size=(100, 2))
    assert knn_purity(apart, labels) == pytest.approx(1.0)
    assert knn_purity(rng.normal(size=(100, 8)), labels) == pytest.approx(0.5, abs=0.08)


def test_rows_that_do_not_pair_up_are_refused():
    with pytest.raises(ConfigError, match="5 and 4 rows"):
        check_paired(np.ones((5, 2)), np.ones((4, 2)))
    with pytest.raises(ConfigError, match="NaN"):
        debiased_cka(np.full((5, 2), np.nan), np.ones((5, 2)))
    with pytest.raises(ConfigError, match="lower k"):
        mutual_knn(np.eye(5), np.eye(5), k=5)
