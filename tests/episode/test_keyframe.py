import numpy as np
import pytest

from premotor.episode.discovery import discover_keyframes
from premotor.episode.keyframe import Keyframe
from premotor.errors import ConfigError
from premotor.geometry.poses import Pose


def test_the_nine_numbers_come_back():
    rng = np.random.default_rng(0)
    keyframe = Keyframe(Pose.of(rng.normal(size=3), rng.normal(size=4)), True, False)
    back = Keyframe.from_action(keyframe.action())
    np.testing.assert_allclose(back.end_effector.matrix(), keyframe.end_effector.matrix())
    assert (back.gripper_open, back.ignore_collisions) == (True, False)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.array([np.nan, 0, 0, 0, 0, 0, 1, 1, 0]), "finite"),
        (np.array([0.0, 0, 0, 0, 0, 0, 2, 1, 0]), "length 1"),
    ],
)
def test_actions_that_cannot_be_meant_are_refused(action, message):
    with pytest.raises(ConfigError, match=message):
        Keyframe.from_action(action)


def test_a_gripper_change_a_stop_and_the_end_are_keyframes():
    velocities = np.ones((20, 7))
    velocities[12] = 0.0
    gripper = [True] * 5 + [False] * 15
    assert discover_keyframes(velocities, gripper) == [5, 12, 19]


def test_of_two_adjacent_last_keyframes_the_first_is_dropped():
    gripper = [True] * 9 + [False]
    assert discover_keyframes(np.ones((10, 7)), gripper) == [9]
    gripper = [True] * 8 + [False] * 2
    assert discover_keyframes(np.ones((10, 7)), gripper) == [9]
