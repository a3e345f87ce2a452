"""Depth images to points."""

# numpy's stubs leave the type of an indexed array unknown
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
from jaxtyping import Bool, Float


def back_project(
    depth: Float[np.ndarray, "h w"],
    intrinsics: Float[np.ndarray, "3 3"],
    world_from_camera: Float[np.ndarray, "4 4"],
) -> Float[np.ndarray, "h w 3"]:
    """World point [m] of every pixel of a depth image [m along the optical axis]."""
    height, width = depth.shape
    columns = np.arange(width)[None, :]
    rows = np.arange(height)[:, None]
    x = (columns - intrinsics[0, 2]) / intrinsics[0, 0] * depth
    y = (rows - intrinsics[1, 2]) / intrinsics[1, 1] * depth
    in_camera = np.stack([x, y, depth], axis=-1)
    return in_camera @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]


def inside(
    points: Float[np.ndarray, "n 3"], low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> Bool[np.ndarray, " n"]:
    """Which points are finite and inside the box [low, high]."""
    return np.all(np.isfinite(points) & (points >= low) & (points <= high), axis=1)
