import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.geometry import rotations
from premotor.geometry.poses import Pose


def random_quaternions(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rotations.canonical(rng.normal(size=(count, 4)))


def test_the_border_order_comes_back():
    q = random_quaternions(5)
    np.testing.assert_array_equal(rotations.from_xyzw(rotations.to_xyzw(q)), q)
    np.testing.assert_array_equal(
        rotations.to_xyzw(np.array([1.0, 2.0, 3.0, 4.0])), [2.0, 3.0, 4.0, 1.0]
    )


def test_matrices_and_quaternions_agree():
    q = random_quaternions(50)
    np.testing.assert_allclose(rotations.from_matrix(rotations.to_matrix(q)), q, atol=1e-9)


def test_a_rotation_about_z_turns_x_to_y():
    matrix = rotations.to_matrix(rotations.about_z(np.pi / 2))
    np.testing.assert_allclose(matrix @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("pitch", [89.5, -89.5, 90.0, -90.0])
def test_near_the_pole_the_third_angle_is_zero(pitch):
    from scipy.spatial.transform import Rotation

    xyzw = Rotation.from_euler("xyz", [20.0, pitch, 40.0], degrees=True).as_quat()
    angles = rotations.euler_degrees(rotations.canonical(rotations.from_xyzw(xyzw)))
    assert angles[1] == np.sign(pitch) * 90.0
    assert angles[2] == 0.0
    back = Rotation.from_euler("xyz", angles, degrees=True)
    assert (back.inv() * Rotation.from_quat(xyzw)).magnitude() < np.radians(1.01)


def test_a_quaternion_without_length_is_refused():
    with pytest.raises(ConfigError, match="length 0"):
        rotations.canonical(np.zeros(4))


def test_pose_chains_and_inverts():
    rng = np.random.default_rng(1)
    a = Pose.of(rng.normal(size=3), rng.normal(size=4))
    b = Pose.of(rng.normal(size=3), rng.normal(size=4))
    np.testing.assert_allclose((a @ b).matrix(), a.matrix() @ b.matrix(), atol=1e-12)
    np.testing.assert_allclose((a @ a.inverse()).matrix(), np.eye(4), atol=1e-12)


def test_a_pose_that_is_not_finite_is_refused():
    with pytest.raises(ConfigError, match="finite"):
        Pose.of([0.0, np.nan, 0.0])
