"""The nearest rows, whose last places are shared by all that are equally near."""

import numpy as np
import pytest

from premotor.errors import ConfigError, NoVariation
from premotor.measure import neighbors
from premotor.measure.neighbors import knn_purity, nearest, nearest_of_task


def dense(found: neighbors.Neighbors) -> np.ndarray:
    """The shares as a matrix."""
    shares = np.zeros((found.num_rows, found.num_rows))
    shares[found.rows, found.columns] = found.shares
    return shares


def test_nearest_excludes_the_row_itself_and_orders_by_cosine():
    x = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 5.0]])
    found = nearest(x, 1)
    assert found.columns.tolist() == [1, 0, 3, 2]
    assert found.shares.tolist() == [1.0] * 4
    assert found.cosines[0] == pytest.approx(2.0 / np.hypot(2.0, 0.1))


def test_rows_that_are_equally_near_share_the_last_places():
    # the nearest of row 0 is row 1; rows 2, 3 and 4 contest the second place, each with a third
    x = np.array([[1.0, 0.0], [5.0, 0.1], [1.0, 1.0], [2.0, 2.0], [0.1, 0.1], [-1.0, 0.0]])
    assert dense(nearest(x, 2))[0] == pytest.approx([0, 1, 1 / 3, 1 / 3, 1 / 3, 0])
    # of row 2 rows 3 and 4 are the nearest, before all others
    assert dense(nearest(x, 2))[2].tolist() == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("k", [1, 4, 9, 29])
def test_every_row_has_k_neighbors_in_all(k):
    x = np.random.default_rng(0).integers(0, 3, (30, 2)) + 1
    assert dense(nearest(x, k)).sum(axis=1) == pytest.approx(np.full(30, k))


def test_a_row_of_zeros_is_equally_far_from_all():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert dense(nearest(x, 1))[0] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])


def test_neighbors_are_found_block_by_block(monkeypatch):
    x = np.random.default_rng(1).integers(-2, 3, (40, 3))
    whole = nearest(x, 4)
    monkeypatch.setattr(neighbors, "BLOCK", 7)
    parts = nearest(x, 4)
    assert np.array_equal(parts.rows, whole.rows)
    assert np.array_equal(parts.columns, whole.columns)
    np.testing.assert_allclose(parts.shares, whole.shares, rtol=1e-12)


def test_a_flood_of_equal_rows_is_refused_before_memory_is_full(monkeypatch):
    monkeypatch.setattr(neighbors, "_MOST", 500)
    with pytest.raises(NoVariation, match="of the first side so many are equal"):
        nearest(np.repeat(np.eye(2), 20, axis=0), 3, "the first side")


@pytest.mark.parametrize("k", [0, 5])
def test_more_neighbors_than_other_rows_are_refused(k):
    with pytest.raises(ConfigError, match=f"k = {k} for 5 rows; lower k"):
        nearest(np.eye(5), k)


def test_purity_is_one_for_separated_labels_and_their_share_for_random_ones():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    apart = np.where(labels[:, None] == 0, [10.0, 0.0], [0.0, 10.0]) + rng.normal(size=(100, 2))
    assert knn_purity(apart, labels) == pytest.approx(1.0)
    assert knn_purity(rng.normal(size=(100, 8)), labels) == pytest.approx(0.5, abs=0.08)


def test_purity_of_equal_rows_is_the_share_of_their_labels():
    rows, labels = np.repeat(np.eye(2), 6, axis=0), np.array([0, 0, 1, 1, 1, 1] * 2)
    # of each row the 5 equal ones: 1 of 5 for the first two of six, 3 of 5 for the other four
    assert knn_purity(rows, labels, 2) == pytest.approx((2 * 1 / 5 + 4 * 3 / 5) / 6)


LABELED = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.5, 0.4]])


def test_the_nearest_row_of_the_task_tells_the_label_where_another_row_has_it():
    labels = np.array([0, 0, 1, 1, 2])  # the last one is alone, and no answer either
    found = nearest_of_task(LABELED, np.zeros(5, np.int64), labels)
    assert (found.value, found.chance, found.num_rows) == (1.0, pytest.approx(1 / 3), 4)
    crossed = nearest_of_task(LABELED, np.zeros(5, np.int64), np.array([0, 1, 0, 1, 2]))
    assert crossed.value == 0.0


def test_every_task_counts_alike_and_a_task_of_one_label_not_at_all():
    one = np.vstack([LABELED[:4], LABELED[[0, 2, 0, 2]], LABELED[[0, 2, 0, 2]] + 0.01])
    tasks = np.array([0] * 4 + [1] * 8)
    labels = np.array([0, 1, 0, 1] + [2, 3] * 4)
    found = nearest_of_task(one, tasks, labels)
    assert found.value == pytest.approx((0.0 + 1.0) / 2)
    assert found.num_rows == 12
    alone = nearest_of_task(one, np.append(tasks[:4], [1] * 8), np.array([0, 1, 0, 1] + [2] * 8))
    assert (alone.value, alone.num_rows) == (0.0, 4)


def test_rows_that_are_all_the_same_are_guessed():
    labels = np.array([0, 0, 1, 1])
    found = nearest_of_task(np.ones((4, 3)), np.zeros(4, np.int64), labels)
    assert found.value == found.chance == pytest.approx(1 / 3)
    tied = nearest_of_task(np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]]), np.zeros(4, np.int64), labels)
    assert tied.value == pytest.approx((0.5 + 0.5 + 0.0 + 1 / 3) / 4)


def test_where_no_task_has_two_labels_of_two_rows_there_is_nothing_to_tell():
    assert nearest_of_task(LABELED, np.zeros(5, np.int64), np.array([0, 0, 1, 2, 3])) is None
