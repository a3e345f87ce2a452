"""Permutation nulls: calibrated, and blind to what their stratum explains."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure.nulls import alignment_nulls, permutation_null, permutations, stratum_codes
from premotor.measure.retrieval import recall_statistic
from premotor.measure.similarity import debiased_cka_statistic, mutual_knn_statistic

ALL = np.zeros(60, dtype=np.int64)


def test_rows_only_trade_places_within_their_stratum():
    strata = np.array([0, 0, 1, 1, 1, 2])
    orders = permutations(strata, 50, np.random.default_rng(0))
    assert np.all(strata[orders] == strata)
    assert np.all(np.sort(orders, axis=1) == np.arange(6))
    assert len(np.unique(orders, axis=0)) == 12  # 2! 3! 1! arrangements, all found


def test_the_null_of_mutual_knn_has_its_exact_mean():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(60, 5)), rng.normal(size=(60, 5))
    null = permutation_null(mutual_knn_statistic(a, b, 6), ALL, "all", rng, 1000)
    assert null.null_mean == pytest.approx(6 / 59, abs=0.003)


def test_unrelated_rows_give_uniform_p_values():
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(60):
        statistic = debiased_cka_statistic(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)))
        p_values.append(permutation_null(statistic, ALL[:20], "all", rng, 99).p_value)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(p_values) <= 0.05) < 0.15


def test_alignment_that_only_knows_the_task_vanishes_within_the_task():
    rng = np.random.default_rng(3)
    tasks = ["reach", "push", "open"] * 20
    centers = 4.0 * np.eye(3)[stratum_codes(tasks)]
    a = centers + rng.normal(size=(60, 3))
    b = centers + rng.normal(size=(60, 3))
    nulls = alignment_nulls(debiased_cka_statistic(a, b), tasks, [0] * 60, rng, 400)
    assert nulls[0].z_score > 10.0
    assert abs(nulls[1].z_score) < 3.0


def test_alignment_of_episodes_survives_within_the_variation():
    rng = np.random.default_rng(4)
    tasks, variations = ["reach"] * 60, [0, 1, 2] * 20
    a = rng.normal(size=(60, 8))
    statistic = recall_statistic(a, a + 0.1 * rng.normal(size=(60, 8)))
    over_all, _, in_variation = alignment_nulls(statistic, tasks, variations, rng, 400)
    assert over_all.p_value == pytest.approx(1 / 401)
    assert in_variation.p_value == pytest.approx(1 / 401)
    assert in_variation.null_mean > over_all.null_mean


def test_a_null_that_cannot_move_a_row_says_so():
    null = permutation_null(lambda order: 0.7, np.arange(9), "variation", np.random.default_rng(0))
    assert (null.permutations, null.z_score, null.p_value) == (0, 0.0, 1.0)


def test_too_few_permutations_are_refused():
    with pytest.raises(ConfigError, match="200"):
        permutation_null(lambda order: 0.0, ALL, "all", np.random.default_rng(0), 1)
