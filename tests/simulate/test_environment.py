"""An episode is acted in, ends for a reason, and refuses what cannot be meant."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS
from premotor.errors import ConfigError, UnknownName
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment
from premotor.simulate.verbs import POINTING_DOWN

pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def env() -> Environment:
    return Environment(width=64, height=64)


def _down(x: float, y: float, z: float, gripper_open: bool = True) -> Keyframe:
    return Keyframe(Pose.of((x, y, z), POINTING_DOWN), gripper_open, ignore_collisions=False)


def test_unknown_tasks_and_variations_are_refused(env: Environment) -> None:
    with pytest.raises(UnknownName, match="did you mean 'push_buttons'"):
        env.reset(EpisodeId("push_button", 0, 0))
    with pytest.raises(ConfigError, match="variations 0 to 49, got 50"):
        env.reset(EpisodeId("push_buttons", 50, 0))
    with pytest.raises(ConfigError, match="got -1"):
        env.reset(EpisodeId("push_buttons", -1, 0))


def test_targets_outside_the_action_box_end_the_episode(env: Environment) -> None:
    env.reset(EpisodeId("open_drawer", 0, 0))
    for x, y, z in ((0.8, 0.0, 1.0), (0.3, -0.7, 1.0), (0.3, 0.0, 0.7)):
        outcome = env.act(_down(x, y, z))
        assert (outcome.ended, outcome.success, outcome.reason) == (True, False, "out_of_bounds")


def test_a_pose_out_of_reach_ends_the_episode(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 0, 0))
    outcome = env.act(_down(0.77, 0.65, 1.7))
    assert (outcome.ended, outcome.success, outcome.reason) == (True, False, "no_path")


def test_the_tip_arrives_where_it_was_sent(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 0, 0))
    keyframe = _down(0.3, 0.2, 1.1)
    outcome = env.act(keyframe)
    assert not outcome.ended
    gap = env.world.end_effector.position - keyframe.end_effector.position
    assert np.linalg.norm(gap) < 2e-3
    assert np.abs(env.world.joint_velocities).max() < 0.05


def test_acting_stops_at_success_when_asked_to(env: Environment) -> None:
    ends = {}
    for stop in (True, False):
        env.reset(EpisodeId("slide_block_to_color_target", 0, 3))
        for keyframe in env.waypoints():
            outcome = env.act(keyframe, stop_on_success=stop)
        assert outcome.success
        assert outcome.ended is stop
        ends[stop] = env.world.time
    assert ends[True] < ends[False]


def test_the_gripper_acts_once_and_nothing_is_recorded_meanwhile(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 0, 0))
    rows = [env.proprioception_row()]
    for _ in range(2):
        env.act(
            _down(0.3, 0.0, 1.2, gripper_open=False), lambda: rows.append(env.proprioception_row())
        )
    states = [row.gripper_open for row in rows]
    changes = [i for i in range(1, len(rows)) if states[i] != states[i - 1]]
    assert len(changes) == 1
    assert rows[changes[0]].time - rows[changes[0] - 1].time > 0.35
    assert np.abs(rows[changes[0]].joint_velocities).max() < 0.02


def test_wrong_presses_are_seen_but_do_not_fail(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 1, 4))
    order = [*env.cast.others[:1], *env.cast.targets]
    for button in order:
        place = env.world.body_pose(button.name).position
        for height in (0.0915, 0.0164):
            keyframe = _down(*place[:2], place[2] + height, gripper_open=False)
            outcome = env.act(Keyframe(keyframe.end_effector, False, True))
    assert outcome.success
    assert not outcome.strict


def test_observations_show_four_cameras_and_rows_none(env: Environment) -> None:
    env.reset(EpisodeId("open_drawer", 1, 0))
    seen = env.observe()
    assert tuple(seen.views) == CAMERAS
    assert seen.views["front"].rgb.shape == (64, 64, 3)
    row = env.proprioception_row()
    assert not row.views
    assert np.array_equal(row.joint_positions, seen.joint_positions)
    assert row.gripper_open


def test_key_poses_are_counted_from_the_reset_on(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 0, 0))
    assert env.observe().key_poses == 0
    for _ in range(2):
        env.act(_down(0.3, 0.0, 1.2))
    env.wait(1)
    assert env.observe().key_poses == 2
    env.reset(EpisodeId("push_buttons", 0, 0))
    assert env.observe().key_poses == 0


def test_rejected_layouts_are_counted_with_their_reason(env: Environment) -> None:
    attempts = []
    for seed in range(8):
        env.reset(EpisodeId("open_drawer", 0, seed))
        assert len(env.rejections) == env.attempt
        assert all(env.rejections)
        attempts.append(env.attempt)
    assert sum(attempts) > 0  # the bottom drawer is often out of reach
