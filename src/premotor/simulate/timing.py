"""When the arm is where on its path: a speed profile from rest to rest.

The benchmark's own profile: docs/benchmark.md, Execution.
"""

import numpy as np
from jaxtyping import Float

from premotor.simulate import arm

MAX_SPEED = 1.0  # [rad/s] along the joint path (RLBench)
MAX_ACCELERATION = 4.0  # [rad/s2]
CORNER_SPEED = 0.4  # [rad/s] largest jump of joint velocity at a corner of the path
SETTLE = 0.15  # [s] the last target is held, so that the arm stands still at the end

Path = Float[np.ndarray, "_ 7"]


def retime(path: Path, timestep: float) -> Float[np.ndarray, "t 7"]:
    """Joint targets [rad] for every `timestep` [s] along a path, from rest to rest.

    Speed along the path rises and falls with `MAX_ACCELERATION`, stays below `MAX_SPEED` and
    below every joint's limit, and is reduced at corners so that no joint velocity jumps by more
    than about `CORNER_SPEED`. The last target is held for `SETTLE`.
    """
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    kept = np.concatenate([[True], lengths > 1e-9])
    corners, lengths = path[kept], lengths[lengths > 1e-9]
    hold = np.repeat(path[-1:], round(SETTLE / timestep), axis=0)
    if len(lengths) == 0:
        return hold
    places = np.concatenate([[0.0], np.cumsum(lengths)])  # [rad] along the path
    grid = np.union1d(np.linspace(0.0, places[-1], max(16, int(places[-1] / 0.005))), places)
    speed = _speeds(grid, places, corners)
    steps = np.diff(grid)
    times = np.concatenate([[0.0], np.cumsum(2.0 * steps / (speed[1:] + speed[:-1]))])
    count = int(np.ceil(times[-1] / timestep))
    moments = np.minimum(np.arange(1, count + 1) * timestep, times[-1])
    along = np.interp(moments, times, grid)
    targets = np.stack([np.interp(along, places, column) for column in corners.T], axis=1)
    return np.concatenate([targets, hold])


def _speeds(
    grid: Float[np.ndarray, " g"], places: Float[np.ndarray, " c"], corners: Path
) -> Float[np.ndarray, " g"]:
    """Largest speed [rad/s] at each place of the grid; at rest at both ends."""
    directions = np.diff(corners, axis=0) / np.diff(places)[:, None]
    segment = np.clip(np.searchsorted(places, grid, side="right") - 1, 0, len(directions) - 1)
    joint = (arm.MAX_VELOCITY / np.maximum(np.abs(directions), 1e-9)).min(axis=1)
    limit = np.minimum(MAX_SPEED, joint[segment])
    turns = np.linalg.norm(np.diff(directions, axis=0), axis=1)
    at = np.searchsorted(grid, places[1:-1])
    limit[at] = np.minimum(limit[at], CORNER_SPEED / np.maximum(turns, 1e-9))
    limit[0] = limit[-1] = 0.0
    square = limit**2
    gains = 2.0 * MAX_ACCELERATION * np.diff(grid)
    for i, gain in enumerate(gains):
        square[i + 1] = min(square[i + 1], square[i] + gain)
    for i in range(len(gains) - 1, -1, -1):
        square[i] = min(square[i], square[i + 1] + gains[i])
    return np.sqrt(square)
