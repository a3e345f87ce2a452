"""What cannot be acted on is refused by a name of its own; the message names the camera."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from premotor.episode.checks import check_observation
from premotor.errors import BadDepth, BadPose, ObservationError, WrongCameras, WrongImage
from premotor.geometry.poses import Pose

SIDE = 32  # of the made-up cameras


@pytest.fixture
def observation(make_demo):
    return make_demo().observations[0]


def forced(thing, **changes):
    """A copy whose fields were set behind the back of the runtime type checks."""
    twin = copy.copy(thing)
    for name, value in changes.items():
        object.__setattr__(twin, name, value)
    return twin


def with_view(observation, camera, **changes):
    views = dict(observation.views)
    views[camera] = forced(views[camera], **changes)
    return replace(observation, views=views)


def depth_with(observation, value):
    depth = observation.views["wrist"].depth.copy()
    depth[3, 17] = value
    return depth


def test_what_a_simulator_or_a_robot_delivers_passes(observation):
    check_observation(observation, SIDE)


def test_a_missing_and_an_unknown_camera_are_named(observation):
    views = dict(observation.views)
    views["overhead"] = views.pop("wrist")
    with pytest.raises(WrongCameras, match=r"missing \['wrist'\], unknown \['overhead'\]"):
        check_observation(replace(observation, views=views), SIDE)
    with pytest.raises(WrongCameras, match="missing"):
        check_observation(replace(observation, views={}), SIDE)
    with pytest.raises(WrongCameras, match=r"missing \[\], unknown \['overhead'\]"):
        check_observation(replace(observation, views={**observation.views, **views}), SIDE)


def test_another_size_or_kind_of_image_is_refused(observation):
    with pytest.raises(WrongImage, match=r"'front' is uint8 \(32, 32, 3\), expected .*128, 128"):
        check_observation(observation)
    tall = np.zeros((SIDE + 1, SIDE, 3), dtype=np.uint8)
    with pytest.raises(WrongImage, match=r"rgb of camera 'wrist' .*\(33, 32, 3\)"):
        check_observation(with_view(observation, "wrist", rgb=tall), SIDE)
    with pytest.raises(WrongImage, match="float64"):
        check_observation(with_view(observation, "wrist", rgb=np.zeros((SIDE, SIDE, 3))), SIDE)
    half = np.ones((SIDE // 2, SIDE), dtype=np.float32)
    with pytest.raises(WrongImage, match=r"depth of camera 'wrist' is \(16, 32\)"):
        check_observation(with_view(observation, "wrist", depth=half), SIDE)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -0.5])
def test_one_bad_pixel_of_depth_is_found_and_located(observation, value):
    broken = with_view(observation, "wrist", depth=depth_with(observation, value))
    with pytest.raises(BadDepth, match=r"'wrist'.* 1 of 1024 pixels, .* row 3, column 17"):
        check_observation(broken, SIDE)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_empty_depth_is_called_empty(observation, value):
    empty = np.full((SIDE, SIDE), value, dtype=np.float32)
    with pytest.raises(BadDepth, match="'front' is empty"):
        check_observation(with_view(observation, "front", depth=empty), SIDE)


def test_millimeters_are_recognized_by_their_type(observation):
    depth = np.full((SIDE, SIDE), 800, dtype=np.uint16)
    with pytest.raises(BadDepth, match=r"uint16.* divide millimeters by 1000"):
        check_observation(with_view(observation, "front", depth=depth), SIDE)


def test_a_camera_that_is_nowhere_or_does_not_rotate_is_refused(observation):
    scaled = np.diag([2.0, 2.0, 2.0, 1.0])
    mirrored = np.diag([-1.0, 1.0, 1.0, 1.0])
    for matrix in (scaled, mirrored):
        with pytest.raises(BadPose, match="'front' does not rotate"):
            check_observation(with_view(observation, "front", world_from_camera=matrix), SIDE)
    lost = np.full((4, 4), np.nan)
    with pytest.raises(BadPose, match="'front' are not finite"):
        check_observation(with_view(observation, "front", world_from_camera=lost), SIDE)


def test_a_quaternion_that_is_not_of_length_1_is_refused(observation):
    for quaternion in ([0.0, 2.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 0.0]):
        pose = Pose(observation.end_effector.position, np.array(quaternion))
        with pytest.raises(BadPose, match=r"Pose\.of"):
            check_observation(replace(observation, end_effector=pose), SIDE)


def test_a_finger_that_is_nowhere_is_refused(observation):
    fingers = np.array([np.nan, 0.04])
    with pytest.raises(BadPose, match="fingers"):
        check_observation(replace(observation, finger_positions=fingers), SIDE)


def test_all_of_them_can_be_caught_at_once():
    assert all(issubclass(e, ObservationError) for e in (WrongCameras, WrongImage, BadDepth))
