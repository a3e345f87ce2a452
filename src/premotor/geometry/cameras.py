"""Pinhole cameras: x right, y down, z forward; pixel (0, 0) is the centre of the top left pixel."""

import numpy as np
from jaxtyping import Float


def pinhole(width: int, height: int, fov_degrees: float) -> Float[np.ndarray, "3 3"]:
    """Intrinsics [px] of a centred pinhole camera with a vertical field of view."""
    focal = (height / 2.0) / np.tan(np.radians(fov_degrees) / 2.0)
    return np.array(
        [[focal, 0.0, (width - 1) / 2.0], [0.0, focal, (height - 1) / 2.0], [0.0, 0.0, 1.0]]
    )


def project(
    points: Float[np.ndarray, "n 3"],
    intrinsics: Float[np.ndarray, "3 3"],
    world_from_camera: Float[np.ndarray, "4 4"],
) -> Float[np.ndarray, "n 3"]:
    """World points [m] to (column [px], row [px], depth along the optical axis [m])."""
    camera_from_world = np.linalg.inv(world_from_camera)
    p = points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    uvw = p @ intrinsics.T
    return np.concatenate([uvw[:, :2] / uvw[:, 2:], p[:, 2:]], axis=1)
