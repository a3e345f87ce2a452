"""Measures of alignment against their definitions and invariances, with and without ties."""

import numpy as np
import pytest

from premotor.errors import ConfigError, NoVariation
from premotor.measure import similarity
from premotor.measure.similarity import (
    both_nearest,
    cknna,
    debiased_cka,
    debiased_cka_statistic,
    inverse,
    linear_cka,
    linear_cka_statistic,
    most_shared,
    mutual_knn,
    shared_kernel,
    shared_neighbors,
)

K = 4


def mutual_knn_statistic(a, b, k: int = K):
    return shared_neighbors(*both_nearest(a, b, k))


def cknna_statistic(a, b, k: int = K):
    return shared_kernel(*both_nearest(a, b, k))


def unit(x: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm > 0.0, norm, 1.0)


def soft_mask(x: np.ndarray, k: int) -> np.ndarray:
    """How far each row is a neighbor of each other: 1, or its share of the last places."""
    cosines = unit(x) @ unit(x).T
    np.fill_diagonal(cosines, -np.inf)
    mask = np.zeros_like(cosines)
    for row, line in zip(mask, cosines, strict=True):
        last = np.sort(line)[-k]
        closer, tied = line > last + 1e-9, np.abs(line - last) <= 1e-9
        row[closer], row[tied] = 1.0, (k - closer.sum()) / tied.sum()
    return mask


def quantized(rng: np.random.Generator, num: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Integer features of which many are equal, and others equally near."""
    a = rng.integers(-1, 2, (num, 3))
    return a, a[:, :2] + rng.integers(-1, 2, (num, 2))


def test_mutual_knn_is_the_share_of_neighbors_in_common(pair):
    a, b = pair
    near = [np.argsort(-(unit(x) @ unit(x).T - 2 * np.eye(len(x))), axis=1)[:, :K] for x in pair]
    common = [len(set(one) & set(two)) for one, two in zip(*near, strict=True)]
    assert mutual_knn(a, b, K) == pytest.approx(np.mean(common) / K)


def test_repeated_rows_fake_no_alignment():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(4, w))[rng.integers(4, size=450)] for w in (16, 24))
    assert mutual_knn(a, b) == pytest.approx(10 / 449, abs=0.001)


def test_tied_neighbors_by_hand():
    # each row has 9 equal ones for 3 places, 4 of them equal on the other side too: 4 / 9 / 3
    a, b = np.eye(2)[[0, 1] * 10], np.eye(2)[[0] * 10 + [1] * 10]
    assert mutual_knn(a, b, 3) == pytest.approx(4 / 27, abs=1e-12)


@pytest.mark.parametrize("measure", [mutual_knn, cknna, debiased_cka, linear_cka])
def test_the_order_of_the_pairs_changes_nothing(measure):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(4, w))[rng.integers(4, size=450)] for w in (16, 24))
    expected = measure(a, b)
    for _ in range(3):
        order = rng.permutation(450)
        assert measure(a[order], b[order]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_mutual_knn_is_its_mean_over_all_ways_to_break_ties(k):
    a, b = quantized(np.random.default_rng(1))
    rng, draws = np.random.default_rng(2), []
    grams = [unit(x.astype(float)) @ unit(x.astype(float)).T - 3 * np.eye(30) for x in (a, b)]
    for _ in range(400):
        near = [np.argsort(-(g + 1e-9 * rng.random(g.shape)), axis=1)[:, :k] for g in grams]
        draws.append(np.mean([len(set(p) & set(q)) / k for p, q in zip(*near, strict=True)]))
    error = np.std(draws, ddof=1) / 20
    assert np.std(draws) > 0.01  # ties matter here
    assert mutual_knn(a, b, k) == pytest.approx(np.mean(draws), abs=4 * error)


def test_mutual_knn_is_at_most_what_a_side_shares_with_itself():
    a, b = quantized(np.random.default_rng(1))
    near_a, near_b = both_nearest(a, b, K)
    assert most_shared(near_a, near_a) == pytest.approx(mutual_knn(a, a, K))
    assert mutual_knn(a, a, K) < 0.9
    assert mutual_knn(a, b, K) < most_shared(near_a, near_b) < 1.0


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
        (mutual_knn_statistic, lambda a, b: mutual_knn(a, b, K)),
        (cknna_statistic, lambda a, b: cknna(a, b, K)),
        (debiased_cka_statistic, debiased_cka),
        (linear_cka_statistic, linear_cka),
    ],
)
@pytest.mark.parametrize("tied", [False, True])
def test_a_statistic_of_an_order_is_the_measure_of_reordered_rows(pair, tied, statistic, measure):
    a, b = quantized(np.random.default_rng(4)) if tied else pair
    order = np.random.default_rng(0).permutation(len(a))
    assert statistic(a, b)(order) == pytest.approx(measure(a, b[order]), abs=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_cknna_equals_its_definition_on_whole_matrices(pair, tied):
    a, b = quantized(np.random.default_rng(5)) if tied else pair
    n, k = len(a), 6
    masks, grams = zip(*((soft_mask(x, k), unit(x) @ unit(x).T) for x in (a, b)), strict=True)
    assert bool(np.isin(masks[0], [0.0, 1.0]).all()) is not tied

    def hsic(x: np.ndarray, y: np.ndarray) -> float:
        cross = x.sum() * y.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (x @ y).sum()
        return np.sum(x * y.T) + cross

    both = np.sqrt(masks[0] * masks[1])
    own = [hsic(g * m, g * m) for g, m in zip(grams, masks, strict=True)]
    expected = hsic(grams[0] * both, grams[1] * both) / np.sqrt(own[0] * own[1])
    assert cknna(a, b, k) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("statistic", [linear_cka_statistic, debiased_cka_statistic])
def test_many_rows_take_another_way_to_the_same_number(statistic, monkeypatch):
    rng = np.random.default_rng(7)
    a = 3.0 + rng.normal(size=(90, 4))
    b = a @ rng.normal(size=(4, 5)) + rng.normal(size=(90, 5))
    order = rng.permutation(90)
    ways = []
    for long in (True, False):
        monkeypatch.setattr(similarity, "is_long", lambda n, p, q, long=long: long)
        ways.append([statistic(a, b)(o) for o in (np.arange(90), order)])
    assert ways[0] == pytest.approx(ways[1], rel=1e-9)


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


@pytest.mark.parametrize("num", [8, 20])  # the second by the way of many rows
def test_rows_that_are_all_as_far_from_each_other_have_no_debiased_cka(num):
    other = np.random.default_rng(0).normal(size=(num, 1))
    with pytest.raises(NoVariation, match="the first side are equally far from each other"):
        debiased_cka(np.eye(num), other)
    with pytest.raises(NoVariation, match="the second side are equally far from each other"):
        debiased_cka(other, np.eye(num))
    with pytest.raises(NoVariation, match="neighbors of the first side do not tell"):
        cknna(np.eye(num) + 1.0, other, 3)


def test_an_order_and_its_inverse_undo_each_other():
    order = np.random.default_rng(0).permutation(9)
    assert inverse(order)[order].tolist() == order[inverse(order)].tolist() == list(range(9))


def test_more_neighbors_than_there_are_rows_are_refused():
    with pytest.raises(ConfigError, match="lower k"):
        mutual_knn(np.eye(5), np.eye(5), k=5)
