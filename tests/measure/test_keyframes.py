"""What is wrong with a keyframe: one cause each."""

import pytest

import make
from premotor.measure.keyframes import cause, located, turned


def test_right_is_within_two_centimeters_and_fifteen_degrees():
    near = make.keyframe(position_error=0.019, rotation_error=14.9)
    assert located(near)
    assert turned(near)
    far = make.keyframe(position_error=0.021, rotation_error=15.1)
    assert not located(far)
    assert not turned(far)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({}, ""),
        ({"coarse_error": 0.3}, ""),  # a first look that does not matter
        ({"position_error": 0.3, "coarse_error": 0.3}, "elsewhere"),
        ({"position_error": 0.03, "coarse_error": 0.06}, "elsewhere"),
        ({"position_error": 0.06, "coarse_error": 0.04}, "strayed"),
        ({"position_error": 0.04, "coarse_error": 0.04}, "near"),
        ({"position_error": 0.06}, "elsewhere"),  # of a record that has no first look
        ({"position_error": 0.04}, "near"),
        ({"rotation_error": 40.0, "gripper_right": False}, "rotation"),
        ({"gripper_right": False, "collision_right": False}, "gripper"),
        ({"collision_right": False}, "collision"),
        ({"position_error": 0.04, "rotation_error": 40.0}, "near"),
    ],
)
def test_the_first_cause_that_holds_is_told(errors, expected):
    assert cause(make.keyframe(**errors)) == expected
