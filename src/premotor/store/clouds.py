"""Clouds out of the cache, many at a time (decisions D72)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from premotor.compiled import Kernel

_SHARE = np.float32(1.0 / 255.0)


class Grid(NamedTuple):
    """What coordinates in whole steps mean, in the world frame."""

    low: Float[np.ndarray, "3"]  # float32 [m], of step 0
    step: Float[np.ndarray, "3"]  # float32 [m]


@Kernel
def fill(
    steps: np.ndarray,  # (n, 3) uint16
    colors: UInt8[np.ndarray, "n 3"],
    bounds: Int[np.ndarray, "b 2"],
    grid: Grid,
    points: Float[np.ndarray, "b 3 k"],
    shares: Float[np.ndarray, "b k 3"],
) -> None:
    """Put clouds side by side.

    Args:
        steps: Coordinates of all points.
        colors: RGB of all points.
        bounds: First point of each cloud, and the one after its last.
        grid: What `steps` are counted in.
        points: Filled, [m]; NaN behind a cloud's last point.
        shares: Filled, RGB in [0, 1]; black behind a cloud's last point.
    """
    for row in range(len(bounds)):
        start, count = bounds[row, 0], bounds[row, 1] - bounds[row, 0]
        for axis in range(3):
            for i in range(count):
                offset = np.float32(steps[start + i, axis]) * grid.step[axis]
                points[row, axis, i] = offset + grid.low[axis]
            points[row, axis, count:] = np.nan
        for i in range(count):
            for channel in range(3):
                shares[row, i, channel] = np.float32(colors[start + i, channel]) * _SHARE
        shares[row, count:] = np.float32(0.0)
