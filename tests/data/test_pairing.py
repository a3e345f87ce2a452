from typing import Any

import numpy as np
import pytest

from premotor.data.blocks import Labels
from premotor.data.pairing import Pairing, PairingConfig
from premotor.errors import ConfigError, UnknownName

EPISODES = np.repeat(np.arange(10), [2, 3, 6, 1, 4, 2, 5, 2, 3, 2])
TASKS = ["stack"] * 5 + ["tap"] * 5
LABELS = Labels(TASKS, np.zeros(10, int))
SIZES = {"stack": 16, "tap": 14}  # transitions


APPROACHES = np.arange(len(EPISODES)) % 3 == 0  # 6 of the 16, 4 of the 14


def pairing(seed: int = 0, **changes: Any) -> Pairing:
    config = PairingConfig(**{"batch_size": 4, "pair_batch_size": 4} | changes)
    return Pairing(EPISODES, LABELS, seed, config, APPROACHES)


def drawn(plan: Pairing, steps: int) -> np.ndarray:
    return np.concatenate([plan.rows(i, 0, 1).transitions for i in range(steps)])


def share_of_stack(transitions: np.ndarray) -> float:
    return float(np.isin(EPISODES[transitions], range(5)).mean())


def test_every_fifth_step_is_paired():
    config = PairingConfig()
    assert [i for i in range(15) if config.paired(i)] == [4, 9, 14]
    assert not any(PairingConfig(recognition_every=0).paired(i) for i in range(15))


def test_acting_steps_walk_in_epochs_over_all_transitions():
    plan = pairing(recognition_every=5)
    acting = [i for i in range(100) if not plan.config.paired(i)]
    drawn = np.concatenate([plan.rows(i, 0, 1).transitions for i in acting])
    for epoch in range(len(drawn) // len(EPISODES)):
        part = drawn[epoch * len(EPISODES) : (epoch + 1) * len(EPISODES)]
        assert sorted(part) == list(range(len(EPISODES)))


def test_a_recognizer_that_learns_alone_sees_one_row_of_an_episode_at_every_step():
    plan = pairing(watch_only=True)
    assert [plan.rows(step, 0, 1).paired for step in range(6)] == [True] * 6
    assert not plan.rows(0, 0, 1).acting
    both = pairing(recognition_every=1)
    for step in range(12):
        episodes = EPISODES[plan.rows(step, 0, 1).transitions]
        assert len(set(episodes)) == len(episodes)
        assert np.array_equal(plan.rows(step, 0, 1).transitions, both.rows(step, 0, 1).transitions)


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({"balance": 1.0}, 0.5),
        ({"balance": 0.5}, 16**0.5 / (16**0.5 + 14**0.5)),
        ({"ratios": {"stack": 3.0}}, 48 / 62),
        ({"balance": 1.0, "ratios": {"stack": 3.0}}, 0.75),
        ({"ratios": {"tap": 0.0}}, 1.0),
    ],
)
def test_tasks_get_the_shares_they_are_given(changes, share):
    plan = pairing(recognition_every=0, **changes)
    assert share_of_stack(drawn(plan, 512)) == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("factor", [3.0, 0.5])
def test_rows_that_have_to_find_their_place_get_a_greater_share_of_their_task(factor):
    rows = drawn(pairing(recognition_every=0, balance=1.0, approaches=factor), 1024)
    assert share_of_stack(rows) == pytest.approx(0.5, abs=1e-3)
    for task, far, near in ((range(5), 6, 10), (range(5, 10), 4, 10)):
        own = rows[np.isin(EPISODES[rows], task)]
        expected = far * factor / (far * factor + near)
        assert APPROACHES[own].mean() == pytest.approx(expected, abs=2e-3)
        counts = np.bincount(own, minlength=len(EPISODES))[np.isin(EPISODES, task)]
        assert np.ptp(counts[APPROACHES[np.isin(EPISODES, task)]]) <= 1


def test_a_task_of_approaches_alone_keeps_its_share():
    config = PairingConfig(recognition_every=0, batch_size=4, balance=1.0, approaches=3.0)
    rows = drawn(Pairing(EPISODES, LABELS, 0, config, np.isin(EPISODES, range(5))), 512)
    assert share_of_stack(rows) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("approaches", [1.0, 3.0])
def test_what_is_left_out_is_never_drawn_and_its_task_keeps_its_share(approaches):
    left_out = np.isin(np.arange(len(EPISODES)), (0, 1, len(EPISODES) - 1))
    config = PairingConfig(recognition_every=0, batch_size=4, balance=1.0, approaches=approaches)
    rows = drawn(Pairing(EPISODES, LABELS, 0, config, APPROACHES, left_out), 512)
    assert set(rows) == set(np.flatnonzero(~left_out))
    assert share_of_stack(rows) == pytest.approx(0.5, abs=1e-3)


def test_what_is_left_out_leaves_the_others_alike():
    left_out = np.arange(len(EPISODES)) == 3
    config = PairingConfig(recognition_every=0, batch_size=4)
    counts = np.bincount(drawn(Pairing(EPISODES, LABELS, 0, config, None, left_out), 512))
    assert counts[3] == 0
    assert np.ptp(counts[~left_out]) <= 1


def test_what_is_left_out_meets_no_clip_either():
    left_out = np.arange(len(EPISODES)) == 3
    config = PairingConfig(recognition_every=1, batch_size=4, pair_batch_size=5)
    plan = Pairing(EPISODES, LABELS, 0, config, None, left_out)
    assert set(drawn(plan, 200)) == set(np.flatnonzero(~left_out))


@pytest.mark.parametrize("factor", [0.0, -1.0, np.inf, np.nan])
def test_shares_that_no_row_can_have_are_refused(factor):
    with pytest.raises(ConfigError, match=r"pairing\.approaches must be > 0, got .*; try 3"):
        pairing(approaches=factor)


def test_inside_a_task_the_draws_walk_in_epochs():
    plan = pairing(recognition_every=0, balance=1.0)
    transitions = drawn(plan, 512)
    counts = np.bincount(transitions, minlength=len(EPISODES))
    for task in (range(5), range(5, 10)):
        own = counts[np.isin(EPISODES, task)]
        assert own.max() - own.min() <= 1


def test_shared_draws_depend_on_seed_and_step_alone():
    first, again = (pairing(recognition_every=0, balance=0.7) for _ in range(2))
    whole = drawn(first, 700)
    late = again.rows(699, 0, 1).transitions  # a block is made without those before it
    assert np.array_equal(late, whole[-4:])
    other = pairing(seed=1, recognition_every=0, balance=0.7)
    assert not np.array_equal(drawn(other, 700), whole)


def test_shares_of_a_task_that_is_not_there_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'stack'"):
        pairing(ratios={"stac": 2.0})
    with pytest.raises(ConfigError, match="leave no task to learn"):
        pairing(ratios={"stack": 0.0, "tap": 0.0})


def test_a_paired_batch_holds_at_most_one_row_per_episode():
    plan = pairing()
    for step in range(4, 400, 5):
        rows = plan.rows(step, 0, 1)
        assert rows.paired
        assert len(set(EPISODES[rows.transitions])) == 4


def test_pairs_of_segments_are_the_pairs_of_episodes_with_other_clips():
    whole, parts = pairing(), pairing(unit="segment")
    for step in range(40):
        a, b = whole.rows(step, 0, 1), parts.rows(step, 0, 1)
        assert (a.unit, b.unit) == ("episode", "segment")
        assert np.array_equal(a.transitions, b.transitions)
        assert not b.paired or len(set(EPISODES[b.transitions])) == 4


def test_paired_steps_reach_every_transition():
    plan = pairing()
    drawn = {int(t) for step in range(4, 4000, 5) for t in plan.rows(step, 0, 1).transitions}
    assert drawn == set(range(len(EPISODES)))


def test_processes_share_the_rows_of_one_batch():
    plan = pairing()
    for step in range(10):
        whole = plan.rows(step, 0, 1).transitions
        parts = [plan.rows(step, rank, 2).transitions for rank in range(2)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_rows_depend_on_seed_and_step_alone():
    first, again = pairing(), pairing()
    for step in (37, 4, 99, 0):
        assert np.array_equal(
            first.rows(step, 0, 1).transitions, again.rows(step, 0, 1).transitions
        )
    other = pairing(seed=1)
    assert not np.array_equal(first.rows(0, 0, 1).transitions, other.rows(0, 0, 1).transitions)


def test_too_few_episodes_for_a_paired_batch_are_refused():
    with pytest.raises(ConfigError, match="has 10; collect more"):
        pairing(pair_batch_size=11)


def test_a_batch_that_does_not_split_is_refused():
    with pytest.raises(ConfigError, match="does not split over 3"):
        pairing().rows(0, 0, 3)


MANY = np.repeat(np.arange(30), 3)  # transitions of 30 episodes
FIVE = [f"task{i % 5}" for i in range(30)]  # six episodes of each


def few_tasks(seed: int = 0, **changes: Any) -> Pairing:
    sizes = {"batch_size": 4, "pair_batch_size": 8, "pair_tasks": 4, "watch_only": True}
    return Pairing(MANY, Labels(FIVE, np.zeros(30, int)), seed, PairingConfig(**sizes | changes))


def watched(plan: Pairing, step: int) -> np.ndarray:
    return MANY[plan.rows(step, 0, 1).transitions]


@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_episodes_of_few_tasks_meet_as_many_of_each(tasks):
    plan = few_tasks(pair_tasks=tasks, pair_batch_size=4)
    for step in range(60):
        episodes = watched(plan, step)
        assert len(set(episodes)) == 4
        _, counts = np.unique([FIVE[e] for e in episodes], return_counts=True)
        assert len(counts) <= tasks
        assert (counts % (4 // tasks) == 0).all()


def test_batches_of_few_tasks_walk_in_epochs_too():
    plan = few_tasks(pair_tasks=2, pair_batch_size=6)  # ten groups of three: five batches
    for epoch in range(4):
        seen = np.concatenate([watched(plan, step) for step in range(5 * epoch, 5 * epoch + 5)])
        assert sorted(seen) == list(range(30))
    partly = few_tasks(pair_tasks=2, pair_batch_size=8)  # of each six two wait
    assert {int(e) for step in range(60) for e in watched(partly, step)} == set(range(30))


def test_batches_of_few_tasks_hang_on_seed_and_step_alone_and_are_shared_by_processes():
    first, again = few_tasks(), few_tasks()
    for step in (37, 4, 99, 0):
        whole = first.rows(step, 0, 1).transitions
        parts = [again.rows(step, rank, 2).transitions for rank in range(2)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(watched(first, 3), watched(few_tasks(seed=1), 3))


def test_acting_steps_do_not_hang_on_the_tasks_of_paired_ones():
    plain, few = (few_tasks(watch_only=False, pair_tasks=n) for n in (0, 4))
    for step in range(20):
        if not plain.config.paired(step):
            a, b = (p.rows(step, 0, 1).transitions for p in (plain, few))
            assert np.array_equal(a, b)


def test_a_number_of_tasks_that_cannot_meet_is_refused():
    with pytest.raises(ConfigError, match="pair_tasks 3 does not divide pair_batch_size 8"):
        few_tasks(pair_tasks=3)
    with pytest.raises(ConfigError, match="asks for 8 episodes of a task at a time; task0 has 6"):
        few_tasks(pair_tasks=1)
    with pytest.raises(ConfigError, match=r"needs as many groups of 4 episodes, .* has 5"):
        few_tasks(pair_batch_size=24, pair_tasks=6)
