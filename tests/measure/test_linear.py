"""Linear measures against their definitions, invariances and chance."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.measure.linear import (
    cca,
    cca_statistic,
    principal,
    random_folds,
    ridge_r2,
    ridge_r2_uniform,
    ridge_statistic,
    svcca,
    svcca_statistic,
)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(60, 6))
    return a, a @ rng.normal(size=(6, 5)) + 0.5 * rng.normal(size=(60, 5))


def test_cca_of_single_columns_is_their_correlation(pair):
    a, b = pair[0][:, :1], pair[1][:, :1]
    assert cca(a, b) == pytest.approx(abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]))


def test_cca_is_blind_to_invertible_maps_and_svcca_is_not(pair):
    a, b = pair
    mixed = (
        a @ np.diag([1.0, 1.0, 1.0, 1.0, 1.0, 1e3]) @ np.random.default_rng(0).normal(size=(6, 6))
    )
    assert cca(mixed, b) == pytest.approx(cca(a, b))
    assert svcca(mixed, b, 0.9) != pytest.approx(svcca(a, b, 0.9), abs=0.01)


def test_cca_of_too_wide_features_says_one_whatever_they_are():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(20, 12)), rng.normal(size=(20, 12))
    assert cca(a, b) > 0.7
    assert cca(np.hstack([a, a]), b) == pytest.approx(cca(a, b))  # doubled columns add nothing


def test_principal_components_are_ordered_by_variance(pair):
    kept = principal(pair[0] * [5.0, 1.0, 1.0, 1.0, 1.0, 1.0], 3)
    assert kept.shape == (60, 3)
    assert np.all(np.diff(kept.var(axis=0)) < 0.0)


@pytest.mark.parametrize("statistic", [cca_statistic, lambda a, b: svcca_statistic(a, b, 4)])
def test_a_statistic_of_an_order_is_the_measure_of_reordered_rows(pair, statistic):
    a, b = pair
    order = np.random.default_rng(0).permutation(len(a))
    rows = np.arange(len(a))
    assert statistic(a, b)(order) == pytest.approx(statistic(a, b[order])(rows))


def test_ridge_is_the_normal_equations_on_the_training_rows(pair):
    a, b = pair
    folds = np.where(np.arange(60) < 40, -1, 0)
    x, y = a[:40] - a[:40].mean(0), b[:40] - b[:40].mean(0)
    weights = np.linalg.solve(x.T @ x + 2.0 * np.eye(6), x.T @ y)
    missed = b[40:] - b[:40].mean(0) - (a[40:] - a[:40].mean(0)) @ weights
    around = b[40:] - b[40:].mean(0)
    expected = 1 - (missed**2).sum() / (around**2).sum()
    assert ridge_r2(a, b, folds, [2.0]) == pytest.approx(expected)
    by_column = 1 - (missed**2).sum(0) / (around**2).sum(0)
    assert ridge_r2_uniform(a, b, folds, [2.0]) == pytest.approx(by_column.mean())


def test_ridge_of_an_order_is_that_of_reordered_targets(pair):
    a, b = pair
    rng = np.random.default_rng(2)
    order, folds = rng.permutation(60), random_folds(np.arange(60), rng)
    assert ridge_statistic(a, b, folds)(order) == pytest.approx(ridge_r2(a, b[order], folds))


def test_the_penalty_is_chosen_so_that_unrelated_features_predict_nothing():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(60, 50)), rng.normal(size=(60, 8))
    folds = random_folds(np.arange(60), rng)
    assert ridge_r2(a, b, folds, [1e-2]) < -1.0
    assert ridge_r2(a, b, folds) > -0.2


def test_what_is_linear_is_predicted_both_ways(pair):
    a = pair[0]
    b = a @ np.random.default_rng(5).normal(size=(6, 6))
    folds = random_folds(np.arange(60), np.random.default_rng(6))
    assert ridge_r2(a, b, folds) > 0.999
    assert ridge_r2(b, a, folds) > 0.98


def test_a_group_is_held_out_as_a_whole():
    groups = np.repeat(np.arange(7), 3)
    folds = random_folds(groups, np.random.default_rng(0), 3)
    assert set(folds) == {0, 1, 2}
    assert all(len(set(folds[groups == g])) == 1 for g in range(7))


def test_one_group_cannot_be_held_out():
    with pytest.raises(ConfigError, match="at least 2 groups"):
        random_folds(np.zeros(20, dtype=np.int64), np.random.default_rng(0))
