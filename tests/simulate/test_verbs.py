"""A swing leaves the wrist room and goes round the way that is meant."""

import numpy as np
import pytest

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.kinematics import kinematics
from premotor.simulate.scene import Scene
from premotor.simulate.verbs import POINTING_DOWN, Swing, Twist
from premotor.simulate.world import World

pytestmark = pytest.mark.sim

HERE = Pose.of((0.35, 0.0, 0.95), POINTING_DOWN)
YAWS = np.radians(np.arange(-180, 180, 15))


@pytest.fixture(scope="module")
def world() -> World:
    return Scene().build()


def _turned(pose: Pose, angle: float) -> Pose:
    return pose @ Pose.of((0.0, 0.0, 0.0), rotations.about_z(angle))


@pytest.mark.parametrize("angle", [-1.85, np.pi / 2, 2.9])
@pytest.mark.parametrize("symmetry", [2, 4])
def test_both_ends_of_a_swing_are_that_angle_apart(
    world: World, angle: float, symmetry: int
) -> None:
    for yaw in YAWS:
        pose = _turned(HERE, float(yaw))
        swing = Swing((pose,), angle, symmetry)
        start = Twist(None, pose, swing=swing).resolve(world)
        end = Twist(None, pose, swing=swing, done=angle).resolve(world)
        expected = _turned(start, angle)
        assert rotations.angle_between(end.quaternion, expected.quaternion) < 1e-6
        assert np.allclose(end.position, pose.position)


def test_the_chosen_hand_is_one_of_those_that_are_equally_good(world: World) -> None:
    for yaw in YAWS:
        pose = _turned(HERE, float(yaw))
        chosen = Twist(None, pose, swing=Swing((pose,), 1.0, 4)).resolve(world)
        turn = rotations.angle_between(chosen.quaternion, pose.quaternion)
        assert turn / (np.pi / 2) == pytest.approx(round(turn / (np.pi / 2)), abs=1e-6)


def _posture(world: World, target: Pose) -> np.ndarray:
    """Joints at a pose, sought with the last joint turned this way and that."""
    for last in (-2.2, -0.7, 0.7, 2.2):
        seed = world.joint_positions.copy()
        seed[-1] = last
        joints = kinematics().solve(target, seed)
        if joints is not None:
            return joints
    raise AssertionError(f"no posture at {target}")


@pytest.mark.parametrize("y", [-0.3, 0.0, 0.3])
def test_the_arm_follows_the_whole_swing_without_another_posture(world: World, y: float) -> None:
    angle = np.pi / 2
    for yaw in YAWS:
        pose = _turned(Pose.of((0.3, y, 0.95), POINTING_DOWN), float(yaw))
        swing = Swing((pose,), angle, 2)
        joints = _posture(world, Twist(None, pose, swing=swing).resolve(world))
        for done in np.linspace(0.0, angle, 9)[1:]:
            target = Twist(None, pose, swing=swing, done=float(done)).resolve(world)
            solved = kinematics().solve(target, joints)
            assert solved is not None, f"stuck at {done} of yaw {yaw}"
            assert np.abs(solved - joints).max() < 0.5
            joints = solved
