import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.geometry.cameras import Window, pinhole, project, window_of_box
from premotor.geometry.pointclouds import back_project, inside
from premotor.geometry.poses import Pose


def test_back_projection_and_projection_are_inverse():
    rng = np.random.default_rng(0)
    world_from_camera = Pose.of(rng.normal(size=3), rng.normal(size=4)).matrix()
    intrinsics = pinhole(6, 6, 40.0)
    depth = rng.uniform(0.5, 2.0, size=(6, 6))
    points = back_project(depth, intrinsics, world_from_camera).reshape(-1, 3)
    pixels = project(points, intrinsics, world_from_camera)
    columns, rows = np.meshgrid(np.arange(6), np.arange(6))
    np.testing.assert_allclose(pixels[:, 0], columns.ravel(), atol=1e-9)
    np.testing.assert_allclose(pixels[:, 1], rows.ravel(), atol=1e-9)
    np.testing.assert_allclose(pixels[:, 2], depth.ravel(), atol=1e-9)


def test_the_focal_length_follows_the_field_of_view():
    assert abs(pinhole(128, 128, 40.0)[0, 0] - 175.8386) < 1e-3  # measured in the benchmark
    assert abs(pinhole(128, 128, 60.0)[0, 0] - 110.8512) < 1e-3


def test_points_outside_or_not_finite_are_dropped():
    points = np.array([[0.0, 0, 0], [2.0, 0, 0], [np.nan, 0, 0], [1.0, 1, 1]])
    keep = inside(points, np.zeros(3), np.ones(3))
    assert keep.tolist() == [True, False, False, True]


def seen_from_above(low: tuple[float, ...], high: tuple[float, ...]) -> Window:
    """By a camera 2 m above the origin that sees 1 m to each side of the floor."""
    camera = np.diag([1.0, -1.0, -1.0, 1.0])
    camera[2, 3] = 2.0
    fov = float(np.degrees(2.0 * np.arctan(0.5)))
    return window_of_box(
        low,
        high,
        intrinsics=pinhole(100, 100, fov),
        world_from_camera=camera,
        size=(100, 100),
    )


def test_a_window_holds_the_projection_of_all_corners_of_a_box():
    flat = seen_from_above((-0.5, 0.0, 0.0), (0.5, 0.75, 0.0))
    assert (flat.left, flat.right) == pytest.approx((0.25, 0.75))
    assert (flat.top, flat.bottom) == pytest.approx((0.125, 0.5))
    tall = seen_from_above((-0.5, 0.0, 0.0), (0.5, 0.75, 1.0))  # its top is twice as near
    assert (tall.left, tall.right) == pytest.approx((0.0, 1.0))
    assert (tall.top, tall.bottom) == pytest.approx((0.0, 0.5))  # the rest is beside the picture


def test_a_box_that_is_not_in_the_picture_has_no_window():
    with pytest.raises(ConfigError, match="behind the camera"):
        seen_from_above((-0.5, 0.0, 0.0), (0.5, 0.75, 2.5))
    with pytest.raises(ConfigError, match="left < right"):
        seen_from_above((3.0, 0.0, 0.0), (4.0, 0.5, 0.0))


@pytest.mark.parametrize("sides", [{"left": 0.5, "right": 0.5}, {"top": -0.1}, {"bottom": 1.1}])
def test_windows_outside_the_picture_or_without_a_side_are_refused(sides):
    with pytest.raises(ConfigError, match="shares of a picture's sides"):
        Window(**sides)


def test_a_window_is_whole_pixels_and_at_least_one():
    assert Window().rows(128) == Window().columns(128) == slice(0, 128)
    assert Window(top=0.25).rows(128) == slice(32, 128)
    assert Window(left=0.3, right=0.7).columns(10) == slice(3, 7)
    assert Window(top=0.999).rows(128) == slice(127, 128)
    assert Window(right=0.001).columns(128) == slice(0, 1)
