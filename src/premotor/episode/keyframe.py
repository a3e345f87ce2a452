"""The key pose: what the policy predicts and the demonstration is cut into."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.episode.turns import Turns
from premotor.errors import ConfigError
from premotor.geometry import rotations
from premotor.geometry.poses import Pose

ACTION_LOW = np.array([-0.275, -0.655, 0.752])  # [m] targets outside end the episode
ACTION_HIGH = np.array([0.775, 0.655, 1.752])  # [m]


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A key end-effector pose in the world frame, with the gripper state at its end."""

    end_effector: Pose
    gripper_open: bool
    ignore_collisions: bool
    step: int = -1  # index into the demo; -1 where it was predicted
    turns: Turns | None = None  # what would have been as good, where the expert says so

    @property
    def legal(self) -> bool:
        """Whether the position lies in the box of targets, the border included."""
        position = self.end_effector.position
        return bool((position >= ACTION_LOW).all() and (position <= ACTION_HIGH).all())

    def action(self) -> Float[np.ndarray, "9"]:
        """The benchmark's 9 numbers: position [m], quaternion xyzw, gripper, ignore collisions."""
        flags = [float(self.gripper_open), float(self.ignore_collisions)]
        quaternion = rotations.to_xyzw(self.end_effector.quaternion)
        return np.concatenate([self.end_effector.position, quaternion, flags])

    @classmethod
    def from_action(cls, action: Float[np.ndarray, "9"]) -> "Keyframe":
        """Read the benchmark's 9 numbers.

        Raises:
            ConfigError: A number is not finite or the quaternion is not of unit length.
        """
        if not np.isfinite(action).all():
            raise ConfigError(f"an action must be finite, got {action}")
        norm = float(np.linalg.norm(action[3:7]))
        if abs(norm - 1.0) > 1e-3:
            raise ConfigError(f"the quaternion (xyzw) must have length 1, got {norm:.4f}")
        pose = Pose.of(action[:3], rotations.from_xyzw(action[3:7]))
        return cls(pose, bool(action[7] > 0.5), bool(action[8] > 0.5))
