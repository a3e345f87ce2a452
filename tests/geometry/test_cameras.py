import numpy as np

from premotor.geometry.cameras import pinhole, project
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
