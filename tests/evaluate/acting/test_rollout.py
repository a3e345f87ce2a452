"""The expert's own key poses, acted out through the evaluation, must succeed."""

import pytest

from premotor.demonstrate.seeds import unseen_slots
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.evaluate.acting.rollout import roll_out
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment

EPISODE = EpisodeId("push_buttons", 0, 8)


class Fixed:
    """Always the same key pose."""

    def __init__(self, position) -> None:
        self.keyframe = Keyframe(Pose.of(position, [0, 1, 0, 0]), False, False)

    def act(self, observation, instruction):
        return self.keyframe


@pytest.mark.sim
def test_the_experts_key_poses_succeed_through_the_evaluation(replay):
    environment = Environment()
    result = roll_out(environment, replay(environment), EpisodeId("push_buttons", 1, 7))
    assert result.success
    assert result.strict
    assert (result.reason, result.failure) == ("success", "")
    assert result.key_poses == 4  # two buttons, hover and press
    assert result.instruction.startswith("push the maroon button")


@pytest.mark.sim
def test_an_idle_policy_runs_out_of_time():
    environment = Environment()
    result = roll_out(environment, Fixed([0.2, 0.0, 1.2]), EPISODE, max_key_poses=3)
    assert (result.success, result.reason, result.key_poses) == (False, "time_out", 3)
    assert result.failure == "nothing_moved"


@pytest.mark.sim
def test_a_pose_that_no_posture_reaches_is_told_from_one_without_a_path():
    environment = Environment()
    result = roll_out(environment, Fixed([0.77, 0.65, 1.75]), EPISODE, max_key_poses=3)
    assert (result.reason, result.failure, result.key_poses) == ("no_path", "unreachable", 1)


@pytest.mark.sim
def test_a_target_outside_is_clipped_to_the_action_box():
    environment = Environment()
    result = roll_out(environment, Fixed([0.3, 0.0, 0.2]), EPISODE, max_key_poses=1)
    assert result.reason != "out_of_bounds"


def test_unseen_episodes_are_the_test_splits_and_cycle_the_variations():
    episodes = unseen_slots(["open_drawer", "push_buttons"], 4)
    assert [e.task for e in episodes] == ["open_drawer"] * 4 + ["push_buttons"] * 4
    assert [e.variation for e in episodes[:4]] == [0, 1, 2, 0]
    assert min(min(e.seeds) for e in episodes) >= 20_000_000
