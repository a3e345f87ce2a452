"""Permutation nulls: calibrated, blind to what their stratum explains, honest of their reach."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.findings import Null
from premotor.measure.nulls import Trade, draws_needed, permutation_null
from premotor.measure.retrieval import Gallery
from premotor.measure.rows import codes
from premotor.measure.similarity import (
    Statistic,
    both_nearest,
    debiased_cka_statistic,
    shared_neighbors,
)

ALL = np.zeros(60, dtype=np.int64)


def null_of(statistic: Statistic, strata: np.ndarray, draws: int, seed: int = 0) -> Null:
    found = permutation_null(statistic, Trade("task", strata), np.random.default_rng(seed), draws)
    assert found is not None
    return found


def test_rows_only_trade_places_within_their_stratum():
    strata = np.array([0, 0, 1, 1, 1, 2])
    trade = Trade("task", strata)
    orders = np.array(list(trade.orders(150, np.random.default_rng(0))))
    assert orders.shape == (150, 6)
    assert np.all(strata[orders] == strata)
    assert np.all(np.sort(orders, axis=1) == np.arange(6))
    assert len(np.unique(orders, axis=0)) == 12  # 2! 3! 1! pairings, all found
    assert np.exp(trade.log_orders) == pytest.approx(12)


def test_blocks_trade_as_a_whole_and_only_with_blocks_of_their_size():
    strata = np.repeat([0, 1], 9)
    blocks = np.array([3, 5, 3, 5, 3, 5, 9, 9, 8, 7, 7, 1, 1, 2, 2, 4, 4, 4])
    rows_of = {int(b): np.flatnonzero(blocks == b) for b in set(blocks)}
    trade = Trade("task", strata, blocks)
    seen = set()
    for order in trade.orders(200, np.random.default_rng(0)):
        assert sorted(order) == list(range(18))
        for block, rows in rows_of.items():
            (source,) = set(blocks[order[rows]].tolist())  # its partners are of one block
            assert sorted(order[rows]) == rows_of[source].tolist()
            assert set(strata[rows]) == set(strata[order[rows]])
            seen.add((block, source))
    assert {pair for pair in seen if pair[0] in (3, 5)} == {(3, 3), (3, 5), (5, 3), (5, 5)}
    assert {pair for pair in seen if pair[0] in (9, 8, 4)} == {(9, 9), (8, 8), (4, 4)}
    assert np.exp(trade.log_orders) == pytest.approx(2 * 6)  # of 3 and 5; of 7, 1 and 2


def test_rows_of_a_block_that_trades_are_shuffled_within_it():
    trade = Trade("all", np.zeros(6, dtype=np.int64), np.repeat([0, 1], 3))
    orders = list(trade.orders(900, np.random.default_rng(0)))
    assert len(np.unique(orders, axis=0)) == 2 * 6 * 6


def test_the_null_of_mutual_knn_has_its_exact_mean():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(60, 5)), rng.normal(size=(60, 5))
    null = null_of(shared_neighbors(*both_nearest(a, b, 6)), ALL, 1000)
    assert null.mean == pytest.approx(6 / 59, abs=0.003)
    tied = shared_neighbors(*both_nearest(np.round(a), np.round(b), 6))
    assert null_of(tied, ALL, 1000).mean == pytest.approx(6 / 59, abs=0.003)


def test_unrelated_rows_give_uniform_p_values():
    rng = np.random.default_rng(2)
    p = []
    for seed in range(60):
        statistic = debiased_cka_statistic(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)))
        p.append(null_of(statistic, ALL[:20], 99, seed).p)
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(p) <= 0.05) < 0.15


def test_alignment_that_only_knows_the_task_vanishes_within_the_task():
    rng = np.random.default_rng(3)
    tasks = codes(["reach", "push", "open"] * 20)
    centers = 4.0 * np.eye(3)[tasks]
    a = centers + rng.normal(size=(60, 3))
    statistic = debiased_cka_statistic(a, centers + rng.normal(size=(60, 3)))
    assert null_of(statistic, ALL, 400).z > 10.0
    assert abs(null_of(statistic, tasks, 400).z) < 3.0


def test_alignment_of_episodes_survives_within_the_variation():
    rng = np.random.default_rng(4)
    a = rng.normal(size=(60, 8))
    statistic = Gallery.of(a, a + 0.1 * rng.normal(size=(60, 8))).recall(1)
    over_all = null_of(statistic, ALL, 400)
    in_variation = null_of(statistic, np.arange(60) % 3, 400)
    assert over_all.p == in_variation.p == pytest.approx(1 / 401)
    assert in_variation.mean > over_all.mean


def test_draws_as_good_as_the_value_up_to_rounding_count_against_it():
    def noisy(order: np.ndarray) -> float:
        return 0.7 - 1e-15 * int(order[0])

    null = null_of(noisy, np.zeros(9, dtype=np.int64), 50)
    assert (null.p, null.z) == (1.0, 0.0)


def test_the_summary_of_the_draws_is_theirs():
    drawn = []

    def statistic(order: np.ndarray) -> float:
        drawn.append(float(order[0]))
        return drawn[-1]

    null = null_of(statistic, np.zeros(9, dtype=np.int64), 40)
    value, draws = drawn[0], np.array(drawn[1:])
    assert null.draws == len(draws) == 40
    assert null.mean == pytest.approx(draws.mean())
    assert null.sd == pytest.approx(draws.std(ddof=1))
    assert null.q95 == pytest.approx(np.quantile(draws, 0.95))
    assert null.z == pytest.approx((value - draws.mean()) / draws.std(ddof=1))
    assert null.p == pytest.approx((1 + np.sum(draws >= value)) / 41)


def test_a_null_that_cannot_move_a_row_is_none():
    trade = Trade("variation", np.arange(9))
    assert permutation_null(lambda order: 0.7, trade, np.random.default_rng(0), 20) is None
    assert trade.log_orders == 0.0


@pytest.mark.parametrize(("pairs", "draws", "least"), [(3, 999, 1 / 8), (9, 99, 0.01)])
def test_the_least_p_is_that_of_the_draws_and_of_the_pairings(pairs, draws, least):
    strata = np.repeat(np.arange(pairs), 2)
    # only as it is paired does every row keep its place
    null = null_of(lambda order: float(np.mean(order == np.arange(2 * pairs))), strata, draws)
    assert null.least == pytest.approx(least)
    assert null.p >= 0.8 * least


def test_the_draws_that_some_measures_need_allow_for_their_number():
    assert [draws_needed(count) for count in (1, 2, 3)] == [20, 40, 60]
    assert all(count / (1 + draws_needed(count)) < 0.05 for count in range(1, 30))


def test_too_few_permutations_are_refused():
    with pytest.raises(ConfigError, match="200"):
        null_of(lambda order: 0.0, ALL, 1)
