"""Quaternions (wxyz), rotation matrices and Euler angles.

Inside the package a quaternion is wxyz, unit, w >= 0. The borders (RLBench files, golden files,
the 9-number action, data sets) speak xyzw and pass only through `from_xyzw` and `to_xyzw`.
"""

# scipy ships no type stubs, numpy's leave an indexed array unknown
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from premotor.errors import ConfigError

# Quaternions that lay the z axis along another one: of cylinders, cameras, hands.
_HALF = 0.5**0.5
Z_ALONG_X = (_HALF, 0.0, _HALF, 0.0)
Z_AGAINST_X = (_HALF, 0.0, -_HALF, 0.0)
Z_ALONG_Y = (_HALF, -_HALF, 0.0, 0.0)
Z_AGAINST_Y = (_HALF, _HALF, 0.0, 0.0)

GIMBAL_MARGIN = 1.0  # [deg] pitch within this of +-90 is set to +-90 (ARP, augmentation)


def canonical(quaternion: Float[np.ndarray, "*b 4"]) -> Float[np.ndarray, "*b 4"]:
    """Normalise and flip to w >= 0.

    Raises:
        ConfigError: A quaternion has (nearly) zero length.
    """
    norm = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    if np.any(norm < 1e-8):
        raise ConfigError("a quaternion of length 0 came; expected a unit quaternion wxyz")
    unit = quaternion / norm
    return np.where(unit[..., :1] < 0, -unit, unit)


def from_xyzw(quaternion: Float[np.ndarray, "*b 4"]) -> Float[np.ndarray, "*b 4"]:
    """Border (xyzw) to inside (wxyz)."""
    return np.roll(quaternion, 1, axis=-1)


def to_xyzw(quaternion: Float[np.ndarray, "*b 4"]) -> Float[np.ndarray, "*b 4"]:
    """Inside (wxyz) to border (xyzw)."""
    return np.roll(quaternion, -1, axis=-1)


def to_matrix(quaternion: Float[np.ndarray, "*b 4"]) -> Float[np.ndarray, "*b 3 3"]:
    """Rotation matrix of a wxyz quaternion."""
    flat = to_xyzw(np.asarray(quaternion, dtype=np.float64)).reshape(-1, 4)
    return Rotation.from_quat(flat).as_matrix().reshape(*quaternion.shape[:-1], 3, 3)


def from_matrix(matrix: Float[np.ndarray, "*b 3 3"]) -> Float[np.ndarray, "*b 4"]:
    """Canonical wxyz quaternion of a rotation matrix."""
    flat = np.asarray(matrix, dtype=np.float64).reshape(-1, 3, 3)
    xyzw = Rotation.from_matrix(flat).as_quat().reshape(*matrix.shape[:-2], 4)
    return canonical(from_xyzw(xyzw))


def about_z(yaw: float) -> Float[np.ndarray, "4"]:
    """Quaternion of a rotation by `yaw` [rad] about z."""
    return canonical(np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]))


def multiply(a: Float[np.ndarray, "4"], b: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """Canonical quaternion of the rotation `a` after `b` (matrix product A @ B)."""
    product = Rotation.from_quat(to_xyzw(a)) * Rotation.from_quat(to_xyzw(b))
    return canonical(from_xyzw(product.as_quat()))


def euler_degrees(quaternion: Float[np.ndarray, "4"]) -> Float[np.ndarray, "3"]:
    """Extrinsic xyz Euler angles [deg], with the gimbal fix (decisions D12).

    A pitch within `GIMBAL_MARGIN` of +-90 is set to +-90 and the third angle becomes 0, so that
    labels near the pole are stable.
    """
    matrix = to_matrix(quaternion)
    pitch = np.degrees(np.arcsin(np.clip(-matrix[2, 0], -1.0, 1.0)))
    if 90.0 - abs(pitch) >= GIMBAL_MARGIN:
        return Rotation.from_matrix(matrix).as_euler("xyz", degrees=True)
    sign = np.sign(pitch)
    roll = np.degrees(np.arctan2(sign * matrix[0, 1], matrix[1, 1]))
    return np.array([roll, sign * 90.0, 0.0])


def angle_between(a: Float[np.ndarray, "4"], b: Float[np.ndarray, "4"]) -> float:
    """Angle [rad] of the rotation that takes `a` to `b`."""
    dot = abs(float(np.dot(canonical(a), canonical(b))))
    return 2.0 * float(np.arccos(np.clip(dot, -1.0, 1.0)))
