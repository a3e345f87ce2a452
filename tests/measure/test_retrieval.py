"""Retrieval and the information bound by hand and at chance."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure.retrieval import (
    bound_statistic,
    chance_within,
    group_recall,
    group_recall_statistic,
    information_bound,
    median_rank,
    median_rank_statistic,
    rank_table,
    ranks,
    recall_at_k,
    recall_statistic,
    recall_within_statistic,
)

GROUPS = np.repeat(np.arange(5), 4)


def test_tied_columns_share_their_mean_rank():
    table = rank_table(np.array([[0.9, 0.5, 0.5, 0.1]]))
    assert table.tolist() == [[1.0, 2.5, 2.5, 4.0]]


def test_a_gallery_of_equal_rows_retrieves_nobody():
    queries, gallery = np.eye(5), np.ones((5, 5))
    assert recall_at_k(queries, gallery, 1) == 0.0
    assert median_rank(queries, gallery) == 3.0


def test_recall_by_hand():
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    b = np.array([[1.0, 0.1], [1.0, 0.9], [0.05, 1.0]])  # rows 1 and 2 have changed places
    assert ranks(a, b).tolist() == [1.0, 2.0, 3.0]
    assert recall_at_k(a, b, 1) == pytest.approx(1 / 3)
    assert recall_at_k(a, b, 2) == pytest.approx(2 / 3)
    assert median_rank(a, b) == 2.0


def test_a_partner_of_the_same_group_counts_in_group_recall():
    a = np.array([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0]])
    b = np.array([[0.99, 0.02], [1.0, 0.0], [0.0, 1.0]])
    assert recall_at_k(a, b) < 1.0
    assert group_recall(a, b, np.array([0, 0, 1])) == 1.0


@pytest.mark.parametrize(
    ("statistic", "measure"),
    [
        (recall_statistic, recall_at_k),
        (bound_statistic, information_bound),
        (median_rank_statistic, median_rank),
        (
            lambda a, b: group_recall_statistic(a, b, GROUPS),
            lambda a, b: group_recall(a, b, GROUPS),
        ),
        (
            lambda a, b: recall_within_statistic(a, b, GROUPS),
            lambda a, b: recall_within_statistic(a, b, GROUPS)(np.arange(20)),
        ),
    ],
)
def test_a_statistic_of_an_order_is_the_measure_of_reordered_rows(statistic, measure):
    rng = np.random.default_rng(2)
    a = rng.normal(size=(20, 4))
    b = a + 0.3 * rng.normal(size=(20, 4))
    order = rng.permutation(20)
    assert statistic(a, b)(order) == pytest.approx(measure(a, b[order]))


def test_the_bound_is_zero_without_information_and_log_n_when_saturated():
    assert information_bound(np.ones((8, 3)), np.ones((8, 3))) == pytest.approx(0.0)
    assert information_bound(np.eye(8), np.eye(8)) == pytest.approx(np.log(8), abs=1e-6)


def test_the_bound_of_two_pairs_by_hand():
    a, b = np.eye(2), np.eye(2)
    loss = np.log(1 + np.exp(-1 / 0.5))
    assert information_bound(a, b, temperature=0.5) == pytest.approx(np.log(2) - loss)


def test_the_bound_is_symmetric():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    assert information_bound(a, b) == pytest.approx(information_bound(b, a))


def test_a_search_within_the_group_sees_no_other_rows():
    groups = np.array([0, 0, 1, 1, 2])
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0], [1.0, 1.0]])
    b = np.array([[1.0, 0.3], [0.3, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # 2, 3 swapped
    assert recall_within_statistic(a, b, groups)(np.arange(5)) == 0.5
    assert chance_within(groups) == 0.5


def test_groups_of_one_leave_nothing_to_search():
    with pytest.raises(ConfigError, match="no two rows"):
        recall_within_statistic(np.eye(3), np.eye(3), np.arange(3))
    assert chance_within(np.arange(3)) == 0.0
