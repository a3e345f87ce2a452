"""What the robot sees and feels at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from premotor.errors import DataError
from premotor.geometry.cameras import Window
from premotor.geometry.pointclouds import back_project, inside
from premotor.geometry.poses import Pose

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")  # order of the point cloud
VIDEO_CAMERA = "front"  # whose view of every row a demonstration keeps
# The scene: what lies outside is cropped from the cloud, and the policy's views show the inside.
SCENE_LOW = (-0.3, -0.5, 0.6)  # [m] lower corner, world frame (docs/conventions.md, Scene bounds)
SCENE_HIGH = (0.7, 0.5, 1.6)  # [m] upper corner
# What stands on the table: the workspace, up to where only lids and long handles reach. The window
# is where VIDEO_CAMERA sees it, to a pixel of 128 (docs/conventions.md, Scene bounds).
TABLE_LOW = (-0.075, -0.455, 0.752)  # [m] lower corner, world frame
TABLE_HIGH = (0.575, 0.455, 1.2)  # [m] upper corner
TABLE_WINDOW = Window(top=0.25)


@dataclass(frozen=True, eq=False)
class CameraView:
    """One RGB-D image with the camera it was taken by."""

    rgb: UInt8[np.ndarray, "h w 3"]
    depth: Float[np.ndarray, "h w"]  # float32 [m] along the optical axis
    intrinsics: Float[np.ndarray, "3 3"]  # [px]
    world_from_camera: Float[np.ndarray, "4 4"]  # x right, y down, z forward


@dataclass(frozen=True, eq=False)
class Observation:
    """Camera views and proprioception at one instant; poses in the world frame."""

    views: Mapping[str, CameraView]  # by camera name; empty where nothing was rendered
    joint_positions: Float[np.ndarray, "7"]  # [rad]
    joint_velocities: Float[np.ndarray, "7"]  # [rad/s]
    finger_positions: Float[np.ndarray, "2"]  # [m], 0 closed, 0.04 open
    end_effector: Pose
    gripper_open: bool  # both fingers beyond 95 % of their travel (RLBench)
    ignore_collisions: bool  # flag of the waypoint being executed (RLBench, PerAct fork)
    time: float  # [s]
    key_poses: int | None = None  # done since the episode began; None where nobody has counted

    @property
    def proprioception(self) -> Float[np.ndarray, "3"]:
        """Gripper open (0/1) and both finger positions clipped to [0, 0.04] m (decisions D13)."""
        fingers = np.clip(self.finger_positions, 0.0, 0.04)
        return np.concatenate([[float(self.gripper_open)], fingers]).astype(np.float32)


def cloud_from_views(
    views: Mapping[str, CameraView], low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "n 3"], UInt8[np.ndarray, "n 3"]]:
    """Colored points of all cameras inside the box [low, high], in the order of `CAMERAS`.

    Args:
        views: RGB-D images by camera name; all of `CAMERAS` must be there.
        low: Lower corner of the scene bounds, world frame [m].
        high: Upper corner of the scene bounds, world frame [m].

    Returns:
        Points float32 (n, 3), world frame [m], and their RGB (n, 3).
    """
    if missing := [name for name in CAMERAS if name not in views]:
        raise DataError(f"views of {missing} are missing, got {sorted(views)}; render them first")
    points: list[Float[np.ndarray, "n 3"]] = []
    colors: list[UInt8[np.ndarray, "n 3"]] = []
    for view in (views[name] for name in CAMERAS):
        cloud = back_project(view.depth, view.intrinsics, view.world_from_camera).reshape(-1, 3)
        keep = inside(cloud, low, high)
        points.append(cloud[keep].astype(np.float32))
        colors.append(view.rgb.reshape(-1, 3)[keep])
    return np.concatenate(points), np.concatenate(colors)
