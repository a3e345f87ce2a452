"""Pinhole cameras: x right, y down, z forward; pixel (0, 0) is the centre of the top left pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from premotor.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Window:
    """An upright part of a picture, in shares of its sides from the top left; or all of it."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        across, down = (self.left, self.right), (self.top, self.bottom)
        if not all(0.0 <= start < stop <= 1.0 for start, stop in (across, down)):
            raise ConfigError(
                "a window needs 0 <= left < right <= 1 and 0 <= top < bottom <= 1, shares of a "
                f"picture's sides, got {self}"
            )

    def rows(self, height: int) -> slice:
        """Of a picture, to the nearest whole one; never none."""
        return _pixels(self.top, self.bottom, height)

    def columns(self, width: int) -> slice:
        """Of a picture, to the nearest whole one; never none."""
        return _pixels(self.left, self.right, width)


def _pixels(start: float, stop: float, count: int) -> slice:
    first = min(round(start * count), count - 1)
    return slice(first, max(first + 1, round(stop * count)))


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


def window_of_box(
    low: Sequence[float],
    high: Sequence[float],
    *,
    intrinsics: Float[np.ndarray, "3 3"],
    world_from_camera: Float[np.ndarray, "4 4"],
    size: tuple[int, int],
) -> Window:
    """The part of a picture in which a box of the world lies, as far as it is in the picture.

    Args:
        low: Lower corner, world frame [m].
        high: Upper corner, world frame [m].
        intrinsics: Of the camera [px].
        world_from_camera: Where it stands.
        size: Width and height of the picture [px].

    Raises:
        ConfigError: A corner lies behind the camera, or all of the box beside the picture.
    """
    corners = np.array(list(product(*zip(low, high, strict=True))), dtype=np.float64)
    seen = project(corners, intrinsics, world_from_camera)
    if seen[:, 2].min() <= 0.0:
        raise ConfigError(f"the box {low} to {high} [m] reaches behind the camera; choose another")
    shares = np.clip((seen[:, :2] + 0.5) / size, 0.0, 1.0)  # pixel 0 is its center
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return Window(left=left, top=top, right=right, bottom=bottom)
