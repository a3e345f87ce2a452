import math

import numpy as np
import pytest

from premotor.episode.turns import RESTING, Turns
from premotor.errors import ConfigError
from premotor.geometry import rotations
from premotor.geometry.poses import Pose

QUARTERS = (math.pi / 2, math.pi, 3 * math.pi / 2)
RIM = 0.05  # [m]


def beside(center: tuple[float, float], yaw: float) -> Pose:
    """A hand over a rim: `RIM` from the axis, along its own fingers."""
    turned = rotations.multiply(rotations.about_z(yaw), np.array(RESTING))
    x, y = center
    return Pose.of((x - RIM * math.sin(yaw), y + RIM * math.cos(yaw), 0.9), turned)


def test_a_hand_is_carried_around_the_axis_and_looks_at_it_as_before():
    shown = beside((0.3, -0.1), 0.4)
    poses = Turns((0.3, -0.1), QUARTERS).poses(shown)
    assert len(poses) == 4
    assert poses[0] is shown
    for pose, angle in zip(poses, (0.0, *QUARTERS), strict=True):
        expected = beside((0.3, -0.1), 0.4 + angle)
        assert pose.position == pytest.approx(expected.position)
        assert rotations.angle_between(pose.quaternion, expected.quaternion) < 1e-6


def test_a_gripper_that_looks_alike_turned_by_half_may_be_turned_in_itself():
    shown = beside((0.3, -0.1), 0.4)
    plain, spun = Turns((0.3, -0.1), QUARTERS), Turns((0.3, -0.1), QUARTERS, symmetry=2)
    poses = spun.poses(shown)
    assert len(poses) == 8
    for pose, other in zip(plain.poses(shown), poses[4:], strict=True):
        assert other.position == pytest.approx(pose.position)
        turn = rotations.angle_between(pose.quaternion, other.quaternion)
        assert turn == pytest.approx(math.pi)


@pytest.mark.parametrize("symmetry", [1, 2])
def test_whatever_side_was_shown_the_same_one_is_settled_on(symmetry):
    center = (0.2, 0.1)
    sides = tuple(math.radians(10 * k) for k in range(1, 36))
    expected = beside(center, 0.0) if symmetry == 1 else Pose.of((0.2, 0.1 - RIM, 0.9), RESTING)
    for yaw in np.radians(np.arange(-180, 180, 7)):
        settled = Turns(center, sides, symmetry).settled(beside(center, float(yaw)))
        assert np.linalg.norm(settled.position - expected.position) < RIM * math.radians(5.01)
        turn = rotations.angle_between(settled.quaternion, np.array(RESTING))
        assert turn < math.radians(5.01)


@pytest.mark.parametrize("yaw", range(-175, 180, 10))
def test_an_empty_hand_knows_whether_it_settles_on_the_side_it_was_shown_at(yaw):
    sides = tuple(math.radians(10 * k) for k in range(1, 36))
    shown, axis = beside((0.2, 0.1), math.radians(yaw)), Pose.of((0.2, 0.1, 0.9))
    turns = Turns((0.2, 0.1), sides, symmetry=2)
    spin, settled = turns.settled_with_spin(shown)
    left, right = (float((p.inverse() @ axis).position[1]) for p in (shown, settled))
    assert (spin > 0) is (left * right < 0.0)  # where the axis is, as the hands see it
    assert Turns((0.2, 0.1), sides).settled_with_spin(shown)[0] == 0


def test_a_side_that_is_not_free_is_not_settled_on():
    shown = beside((0.0, 0.0), math.radians(60))
    free = Turns((0.0, 0.0), (math.radians(-30), math.radians(200)))
    settled = free.settled(shown)
    assert settled.position == pytest.approx(beside((0.0, 0.0), math.radians(30)).position)


@pytest.mark.parametrize(
    "changes",
    [{"center": (math.nan, 0.0)}, {"angles": (0.1, math.inf)}, {"symmetry": 0}],
    ids=["axis nowhere", "endless angle", "no symmetry"],
)
def test_turns_that_cannot_be_meant_are_refused(changes):
    with pytest.raises(ConfigError, match="finite numbers and a symmetry of at least 1"):
        Turns(**({"center": (0.0, 0.0), "angles": (0.1,), "symmetry": 1} | changes))
