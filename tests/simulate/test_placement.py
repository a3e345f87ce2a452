"""Layouts are judged by geometry and inverse kinematics, as the expert will find them."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.environment import Environment
from premotor.simulate.motion import Planner
from premotor.simulate.verbs import POINTING_DOWN

pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def env() -> Environment:
    return Environment()


def test_lines_are_followed_to_where_they_lead(env: Environment) -> None:
    env.reset(EpisodeId("push_buttons", 0, 0))
    planner = Planner(env.world)
    start = env.world.joint_positions.copy()
    poses = [Pose.of((x, 0.1, 1.0), POINTING_DOWN) for x in (0.3, 0.4)]
    between = planner.follow(start, poses[0])
    assert between is not None
    end = planner.follow(between, poses[1])
    assert end is not None
    env.act(Keyframe(poses[0], gripper_open=True, ignore_collisions=True))
    env.act(Keyframe(poses[1], gripper_open=True, ignore_collisions=True))
    assert np.abs(env.world.joint_positions - end).max() < 5e-3
    assert planner.follow(start, Pose.of((1.5, 0.0, 1.0), POINTING_DOWN)) is None


def test_links_are_in_the_way_of_a_drawer_but_hands_are_not(env: Environment) -> None:
    env.reset(EpisodeId("open_drawer", 2, 0))
    joints = None
    for keyframe in env.waypoints():
        env.act(keyframe, stop_on_success=False)
        joints = env.world.joint_positions.copy()
        if not keyframe.gripper_open:
            break
    assert joints is not None
    planner = Planner(env.world)
    assert planner.links_free(joints, {})  # the fingers hold the bar; the links touch nothing
    folded = np.clip(joints + np.array([-1.2, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0]), *_limits())
    assert not planner.links_free(folded, {"cabinet_top": 0.3})


def _limits() -> tuple[np.ndarray, np.ndarray]:
    return arm.JOINT_LOW, arm.JOINT_HIGH


def test_every_variation_of_the_drawer_is_placed(env: Environment) -> None:
    attempts = {variation: [] for variation in range(3)}
    for variation, counts in attempts.items():
        for seed in range(6):
            env.reset(EpisodeId("open_drawer", variation, 500 + seed))
            counts.append(env.attempt)
    assert all(np.mean(counts) < 5 for counts in attempts.values()), attempts
