"""What is kept of a roll-out: enough for its film, and kept without a trace on the roll-out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import make
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.errors import DataError
from premotor.evaluate.acting.rollout import roll_out
from premotor.evaluate.acting.traces import EVERY, Choice, Trace, trace_path
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment

EPISODE = EpisodeId("push_buttons", 1, 7)


def keyframe(x: float, gripper_open: bool = True) -> Keyframe:
    return Keyframe(Pose.of([x, 0.1, 1.0], [0.1, 0.9, 0.2, 0.3]), gripper_open, not gripper_open)


def watched(*legs: int) -> Trace:
    """So many rows after each key pose; a state is the number of its row."""
    states = {row: np.array([float(row)]) for row in range(sum(legs) + 1)}
    chosen = [keyframe(0.1 * i, i % 2 == 0) for i in range(len(legs))]
    ends = np.cumsum([0, *legs]).tolist()
    return Trace(states, [Choice(*pair) for pair in zip(ends, [*chosen, None], strict=True)])


@pytest.mark.sim
def test_looking_on_changes_nothing_of_a_roll_out(replay):
    outcomes = []
    for watcher in (None, Trace()):
        environment = Environment()
        result = roll_out(environment, replay(environment), EPISODE, watcher=watcher)
        told = (result.success, result.strict, result.key_poses, result.reason, result.failure)
        outcomes.append((told, environment.world.state()))
    (told, state), (told_watched, state_watched) = outcomes
    assert told == told_watched
    assert np.array_equal(state, state_watched)


@pytest.mark.sim
def test_every_choice_is_kept_with_how_things_stood(replay):
    class Note(Trace):
        """Keeps what the world is like at each choice, too."""

        def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
            super().before(environment, keyframe)
            seen.append(environment.world.state())

    seen: list[np.ndarray] = []
    environment, trace = Environment(), Note()
    result = roll_out(environment, replay(environment), EPISODE, watcher=trace)
    assert len(trace.choices) == result.key_poses + 1
    assert [choice.keyframe is None for choice in trace.choices][-2:] == [False, True]
    for choice, state in zip(trace.choices, seen, strict=True):
        assert np.array_equal(trace.states[choice.row], state)


def test_what_a_film_needs_is_written_and_read_back(tmp_path: Path):
    trace, path = watched(5, 0, 6), tmp_path / "a.npz"
    trace.write(path)
    found = Trace.read(path)
    assert list(found.states) == [0, 4, 5, 8, 11]
    assert all(np.array_equal(found.states[row], trace.states[row]) for row in found.states)
    assert [choice.row for choice in found.choices] == [0, 5, 5, 11]
    assert found.choices[-1].keyframe is None
    for one, two in zip(found.choices[:-1], trace.choices[:-1], strict=True):
        assert one.keyframe is not None
        assert two.keyframe is not None
        assert np.array_equal(one.keyframe.action(), two.keyframe.action())
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_on_the_way_to_a_row_the_hand_goes_to_the_key_pose_that_was_chosen_last():
    trace = watched(5, 0, 6)
    targets = {row: trace.target(row) for row in (1, 5, 6, 11)}
    one, _, three = (choice.keyframe for choice in trace.choices[:-1])
    assert targets == {1: one, 5: one, 6: three, 11: three}
    assert EVERY == 4


@pytest.mark.parametrize("content", [b"", b"PK", b"no trace"])
def test_what_is_no_trace_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"a\.npz is no trace"):
        Trace.read(path)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz is no trace"):
        Trace.read(path)
    np.savez(path, rows=np.arange(3), states=np.zeros((2, 4)))
    with pytest.raises(DataError, match=r"a\.npz is no trace"):
        Trace.read(path)


def test_other_weights_and_other_lengths_have_traces_of_their_own(tmp_path: Path):
    record = make.rollout()
    others = (replace(record, step=7), replace(record, max_key_poses=3))
    assert len({trace_path(tmp_path, r) for r in (record, *others)}) == 3
