import numpy as np
import pytest

from premotor.data.pairing import Pairing, PairingConfig
from premotor.errors import ConfigError

EPISODES = np.repeat(np.arange(10), [2, 3, 6, 1, 4, 2, 5, 2, 3, 2])


def pairing(seed: int = 0, **changes: int) -> Pairing:
    return Pairing(
        EPISODES, seed, PairingConfig(**{"batch_size": 4, "pair_batch_size": 4} | changes)
    )


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


def test_a_paired_batch_holds_at_most_one_row_per_episode():
    plan = pairing()
    for step in range(4, 400, 5):
        rows = plan.rows(step, 0, 1)
        assert rows.paired
        assert len(set(EPISODES[rows.transitions])) == 4


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
