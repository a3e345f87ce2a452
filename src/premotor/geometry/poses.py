"""Rigid poses: where a frame stands in another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.errors import ConfigError
from premotor.geometry import rotations


@dataclass(frozen=True, eq=False)
class Pose:
    """A position and an orientation, in the frame that its holder names (world, unless said).

    `a @ b` chains transforms: the pose b, given in the frame a.
    """

    position: Float[np.ndarray, "3"]  # [m]
    quaternion: Float[np.ndarray, "4"]  # wxyz, unit, w >= 0

    @classmethod
    def of(cls, position: object, quaternion: object = (1.0, 0.0, 0.0, 0.0)) -> "Pose":
        """Build from any sequences; the quaternion (wxyz) is made canonical.

        Raises:
            ConfigError: A number is not finite or the quaternion has length 0.
        """
        p = np.asarray(position, dtype=np.float64).reshape(3)
        q = np.asarray(quaternion, dtype=np.float64).reshape(4)
        if not (np.isfinite(p).all() and np.isfinite(q).all()):
            raise ConfigError(f"a pose must be finite, got position {p}, quaternion {q}")
        return cls(p, rotations.canonical(q))

    @classmethod
    def from_matrix(cls, matrix: Float[np.ndarray, "4 4"]) -> "Pose":
        """Build from a homogeneous 4x4 transform."""
        return cls.of(matrix[:3, 3], rotations.from_matrix(matrix[:3, :3]))

    def matrix(self) -> Float[np.ndarray, "4 4"]:
        """Homogeneous 4x4 transform."""
        out = np.eye(4)
        out[:3, :3] = rotations.to_matrix(self.quaternion)
        out[:3, 3] = self.position
        return out

    def __matmul__(self, other: "Pose") -> "Pose":
        position = self.position + rotations.to_matrix(self.quaternion) @ other.position
        return Pose(position, rotations.multiply(self.quaternion, other.quaternion))

    def inverse(self) -> "Pose":
        """The frame that this pose stands in, seen from this pose."""
        rotation = rotations.to_matrix(self.quaternion).T
        return Pose(-rotation @ self.position, rotations.from_matrix(rotation))


IDENTITY = Pose.of((0.0, 0.0, 0.0))
