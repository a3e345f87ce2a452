"""Linear measures against their definitions, invariances and chance."""

import numpy as np
import pytest

from premotor.errors import ConfigError, NoVariation
from premotor.measure.catalog import BY_NAME, MeasureConfig, Prepared
from premotor.measure.linear import (
    PENALTIES,
    cca,
    cca_correlations,
    cca_statistic,
    principal_share,
    random_folds,
    ridge_r2,
    ridge_r2_uniform,
    ridge_statistic,
    svcca,
    svcca_statistic,
)
from premotor.measure.sides import Sides


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


def test_canonical_correlations_are_ordered_and_their_mean_is_cca(pair):
    rho = cca_correlations(*pair)
    assert rho.shape == (5,)
    assert np.all(np.diff(rho) <= 0.0)
    assert cca(*pair) == pytest.approx(rho.mean())


def test_as_many_principal_components_are_kept_as_hold_the_share():
    left = np.linalg.qr(np.random.default_rng(0).normal(size=(60, 3)))[0]
    x = left - left.mean(axis=0)
    x = np.linalg.svd(x, full_matrices=False)[0] * np.sqrt([8.0, 1.5, 0.5])  # of 10 in all
    for share, count in ((0.7, 1), (0.81, 2), (0.94, 2), (0.96, 3), (1.0, 3)):
        kept = principal_share(x, share)
        assert kept.shape == (60, count)
        np.testing.assert_allclose(np.sum(kept**2, axis=0), [8.0, 1.5, 0.5][:count])


def test_svcca_is_cca_of_the_components_that_hold_99_percent(pair):
    a, b = pair[0] * [9.0, 5.0, 3.0, 1.0, 0.1, 0.01], pair[1]
    kept = [principal_share(x, 0.99) for x in (a, b)]
    assert kept[0].shape[1] < a.shape[1]
    assert svcca(a, b) == pytest.approx(cca(*kept))
    assert svcca(a, b) != pytest.approx(cca(a, b), abs=0.01)


def test_the_table_of_measures_has_svcca_by_the_same_rule(pair):
    a, b = pair[0] * [9.0, 5.0, 3.0, 1.0, 0.1, 0.01], pair[1]
    rows = np.arange(60)
    listed = BY_NAME["svcca"].statistic(Prepared(Sides(a, b), MeasureConfig()))(rows)
    assert listed == pytest.approx(svcca(a, b), rel=1e-9)
    assert svcca_statistic(a, b)(rows) == svcca(a, b)


@pytest.mark.parametrize("statistic", [cca_statistic, lambda a, b: svcca_statistic(a, b, 0.9)])
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


def test_the_penalties_to_choose_from_are_in_mean_squares_of_the_regressors(pair):
    a, b = pair
    folds = random_folds(np.arange(60), np.random.default_rng(2))
    square = np.mean((a - a.mean(axis=0)) ** 2)
    expected = ridge_r2(a, b, folds, [p * square for p in PENALTIES])
    assert ridge_r2(a, b, folds) == pytest.approx(expected, rel=1e-9)
    given = ridge_r2(1e3 * a, b, folds, [2e6])  # one that is given is taken as it is
    assert given == pytest.approx(ridge_r2(a, b, folds, [2.0]), rel=1e-9)


def test_a_given_penalty_is_that_of_the_numbers_whatever_their_type(pair):
    a, b = np.clip(60 * pair[0], -128, 100).astype(np.int8), pair[1]
    folds = random_folds(np.arange(60), np.random.default_rng(2))
    assert a.min() == -128  # whose magnitude int8 does not have
    assert ridge_r2(a, b, folds, [2e4]) == ridge_r2(a.astype(float), b, folds, [2e4])


def test_an_endless_penalty_leaves_the_mean(pair):
    a, b = pair
    folds = random_folds(np.arange(60), np.random.default_rng(2))
    assert ridge_r2(1e-200 * a, b, folds, [1.0]) == pytest.approx(
        ridge_r2(a, b, folds, [1e12]), abs=1e-6
    )


def test_targets_that_do_not_vary_within_any_fold_are_refused(pair):
    folds = np.repeat(np.arange(6), 10)
    values = np.array([0.1, 0.2, 0.3, 0.7, 0.9, 0.11])  # whose means over ten rows are rounded
    with pytest.raises(NoVariation, match="no row held out differs"):
        ridge_r2(pair[0], values[folds][:, None], folds)
    one_column = np.hstack([values[folds][:, None], pair[1][:, :1]])
    alone = ridge_r2(pair[0], pair[1][:, :1], folds, [2.0])
    assert ridge_r2_uniform(pair[0], one_column, folds, [2.0]) == pytest.approx(alone / 2)


def test_an_order_that_leaves_nothing_to_predict_is_as_well_guessed_by_the_mean():
    a, b = np.random.default_rng(0).normal(size=(4, 2)), np.eye(2)[[0, 1, 0, 1]]
    statistic = ridge_statistic(a, b, np.array([0, 0, 1, 1]))
    assert statistic(np.array([0, 2, 1, 3])) == 0.0
    assert statistic(np.arange(4)) != 0.0


def test_what_is_linear_is_predicted_both_ways(pair):
    a = pair[0]
    b = a @ np.random.default_rng(5).normal(size=(6, 6))
    folds = random_folds(np.arange(60), np.random.default_rng(6))
    assert ridge_r2(a, b, folds) > 0.999
    assert ridge_r2(b, a, folds) > 0.9  # less, where the least penalty already shrinks


def test_a_group_is_held_out_as_a_whole():
    groups = np.repeat(np.arange(7), 3)
    folds = random_folds(groups, np.random.default_rng(0), 3)
    assert set(folds) == {0, 1, 2}
    assert all(len(set(folds[groups == g])) == 1 for g in range(7))


def test_one_group_cannot_be_held_out():
    with pytest.raises(ConfigError, match="at least 2 groups"):
        random_folds(np.zeros(20, dtype=np.int64), np.random.default_rng(0))
