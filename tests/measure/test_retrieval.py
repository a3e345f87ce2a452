"""Retrieval and the information bound by hand, at chance, and where rows are equally near."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure import retrieval
from premotor.measure.retrieval import (
    Gallery,
    bound_statistic,
    chance_of_group,
    chance_within,
    information_bound,
    median_rank,
    recall_at_k,
    twice_ranks,
)

GROUPS = np.repeat(np.arange(5), 4)
PAIRS = np.repeat(np.eye(5), 2, axis=0)  # 10 rows, each of which there is twice


def within(a: np.ndarray, b: np.ndarray, groups: np.ndarray) -> float:
    return Gallery.of(a, b).recall_within(groups)(np.arange(len(a)))


def grouped(a: np.ndarray, b: np.ndarray, groups: np.ndarray) -> float:
    return Gallery.of(a, b).group_recall(groups)(np.arange(len(a)))


def unit(x: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm > 0.0, norm, 1.0)


def test_tied_columns_share_their_mean_rank():
    assert twice_ranks(np.array([[0.9, 0.5, 0.5, 0.1]])).tolist() == [[2, 5, 5, 8]]
    assert twice_ranks(np.array([[0.5, 0.5, 0.5 + 1e-15]])).tolist() == [[4, 4, 4]]


def test_a_partner_among_equal_rows_counts_by_its_chance():
    assert recall_at_k(PAIRS, PAIRS, 1) == 0.5
    assert recall_at_k(PAIRS, PAIRS, 2) == 1.0
    assert recall_at_k(PAIRS, np.roll(PAIRS, 2, axis=0), 2) == 0.0
    assert median_rank(PAIRS, PAIRS) == 1.5


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_a_gallery_of_equally_near_rows_retrieves_by_chance(k):
    # both vary, but every query is as near to every row of the gallery
    queries = np.hstack([np.eye(5), np.zeros((5, 5))])
    gallery = np.hstack([np.zeros((5, 5)), np.eye(5)])
    assert recall_at_k(queries, gallery, k) == pytest.approx(k / 5)
    assert median_rank(queries, gallery) == 3.0
    assert grouped(queries, gallery, np.array([0, 0, 1, 1, 1])) == pytest.approx(13 / 25)
    assert within(queries, gallery, np.array([0, 0, 1, 1, 1])) == pytest.approx(2 / 5)


def test_recall_by_hand():
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    b = np.array([[1.0, 0.1], [1.0, 0.9], [0.05, 1.0]])  # rows 1 and 2 have changed places
    assert np.diag(Gallery.of(a, b).twice).tolist() == [2, 4, 6]
    assert recall_at_k(a, b, 1) == pytest.approx(1 / 3)
    assert recall_at_k(a, b, 2) == pytest.approx(2 / 3)
    assert median_rank(a, b) == 2.0


@pytest.mark.parametrize("k", [1, 3, 8])
def test_recall_is_its_mean_over_all_ways_to_break_ties(k):
    rng = np.random.default_rng(1)
    a = rng.integers(-1, 2, (30, 3))
    b, draws = a + rng.integers(-1, 2, (30, 3)), []
    cosines = unit(a.astype(float)) @ unit(b.astype(float)).T
    for _ in range(400):
        broken = cosines + 1e-9 * rng.random((30, 30))
        draws.append(np.mean((broken > np.diag(broken)[:, None]).sum(axis=1) < k))
    error = np.std(draws, ddof=1) / 20
    assert error > 0.0005  # ties matter here
    assert recall_at_k(a, b, k) == pytest.approx(np.mean(draws), abs=4 * error)


def test_a_partner_of_the_same_group_counts_in_group_recall():
    a = np.array([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0]])
    b = np.array([[0.99, 0.02], [1.0, 0.0], [0.0, 1.0]])
    assert recall_at_k(a, b) < 1.0
    assert grouped(a, b, np.array([0, 0, 1])) == 1.0


def test_the_nearest_rows_of_several_groups_count_by_their_share():
    # of b's three equal rows two are of the group of row 0
    a, b = np.eye(4)[[0, 1, 2, 3]], np.eye(4)[[0, 0, 0, 3]]
    groups = np.array([0, 0, 1, 1])
    # row 0: 2 of 3; rows 1 and 2 are as near to all: 2 of 4 each; row 3: 1
    assert grouped(a, b, groups) == pytest.approx((2 / 3 + 1 / 2 + 1 / 2 + 1) / 4)


@pytest.mark.parametrize("num", [49, 96])  # of which 1 / 49, 49 times, and 1 / 96 are not 1
def test_groups_that_are_always_found_are_found_exactly(num):
    groups = np.arange(num) % 3
    a = np.eye(3)[groups] * np.arange(1, num + 1)[:, None]
    assert grouped(a, a, groups) == 1.0
    single = a + 0.01 * np.random.default_rng(0).normal(size=a.shape)
    assert grouped(single, single, groups) == 1.0


def test_a_search_within_the_group_sees_no_other_rows():
    groups = np.array([0, 0, 1, 1, 2])
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0], [1.0, 1.0]])
    b = np.array([[1.0, 0.3], [0.3, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # 2, 3 swapped
    assert within(a, b, groups) == 0.5
    assert chance_within(groups) == 0.5


def test_equal_rows_of_a_group_share_the_find():
    assert within(PAIRS, PAIRS, np.repeat(np.arange(5), 2)) == 0.5
    assert within(PAIRS, PAIRS, np.tile(np.arange(2), 5)) == 1.0  # the equal one is elsewhere


def test_what_a_guess_gets_of_groups():
    assert chance_of_group(np.array([0, 0, 0, 1])) == pytest.approx((9 + 1) / 16)
    assert chance_within(np.array([0, 0, 0, 1, 1, 2])) == pytest.approx((3 / 3 + 2 / 2) / 5)
    assert chance_within(np.arange(3)) == 0.0


def test_groups_of_one_leave_nothing_to_search():
    with pytest.raises(ConfigError, match="no two rows"):
        within(np.eye(3), np.eye(3), np.arange(3))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("statistic", "measure"),
    [
        (lambda a, b: Gallery.of(a, b).recall(1), recall_at_k),
        (lambda a, b: Gallery.of(a, b).recall(3), lambda a, b: recall_at_k(a, b, 3)),
        (bound_statistic, information_bound),
        (lambda a, b: Gallery.of(a, b).median_rank(), median_rank),
        (
            lambda a, b: Gallery.of(a, b).group_recall(GROUPS),
            lambda a, b: grouped(a, b, GROUPS),
        ),
        (
            lambda a, b: Gallery.of(a, b).recall_within(GROUPS),
            lambda a, b: within(a, b, GROUPS),
        ),
    ],
)
def test_a_statistic_of_an_order_is_the_measure_of_reordered_rows(statistic, measure, tied):
    rng = np.random.default_rng(2)
    a = rng.integers(-1, 2, (20, 4)) if tied else rng.normal(size=(20, 4))
    b = a + 0.3 * (rng.integers(-1, 2, (20, 4)) if tied else rng.normal(size=(20, 4)))
    order = rng.permutation(20)
    assert statistic(a, b)(order) == pytest.approx(measure(a, b[order]))


def test_a_gallery_is_ranked_block_by_block(monkeypatch):
    rng = np.random.default_rng(3)
    a, b = rng.integers(-1, 2, (20, 3)), rng.normal(size=(20, 3))
    whole = Gallery.of(a, b).twice, recall_at_k(a, b, 4), information_bound(a, b)
    monkeypatch.setattr(retrieval, "BLOCK", 7)
    parts = Gallery.of(a, b).twice, recall_at_k(a, b, 4), information_bound(a, b)
    assert np.array_equal(whole[0], parts[0])
    assert whole[1:] == pytest.approx(parts[1:])


@pytest.mark.parametrize("k", [0, 6])
def test_more_places_than_rows_are_refused(k):
    with pytest.raises(ConfigError, match=f"k = {k} for 5 rows; lower k"):
        recall_at_k(np.eye(5), np.eye(5), k)


def test_the_bound_is_zero_where_all_rows_are_as_near_and_log_n_when_saturated():
    queries = np.hstack([np.eye(8), np.zeros((8, 8))])
    assert information_bound(queries, np.roll(queries, 8, axis=1)) == pytest.approx(0.0)
    assert information_bound(np.eye(8), np.eye(8)) == pytest.approx(np.log(8), abs=1e-6)


def test_the_bound_of_two_pairs_by_hand():
    a, b = np.eye(2), np.eye(2)
    loss = np.log(1 + np.exp(-1 / 0.5))
    assert information_bound(a, b, temperature=0.5) == pytest.approx(np.log(2) - loss)


def test_the_bound_is_symmetric():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    assert information_bound(a, b) == pytest.approx(information_bound(b, a))
