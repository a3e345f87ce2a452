"""The views of both stages; on the CPU in one pass over the points (decisions D72).

The pass gives the pictures of `virtual_views.render` bit for bit, where the rules are written down
for whole tensors. Those of GPUs, and of rigs that compare or normalize otherwise, are drawn there.

b: batch  v: views  n: points, NaN where padded  s: image side  w: image side and border on both
sides  k: neighbors that a point spreads to
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.batch import Executed
from premotor.compiled import Kernel
from premotor.execute.config import NUM_VIEWS, ViewsConfig
from premotor.execute.virtual_views import (
    COLUMN_AXIS,
    COLUMN_SIGN,
    DEPTH_AXIS,
    DEPTH_STEPS,
    MAX_STEPS,
    RIG,
    ROW_AXIS,
    ROW_SIGN,
    Rig,
    Window,
    centered_depth,
    coordinates,
    covered,
    lower_key,
    render,
    scene_scale,
    whole_scene,
    zoomed_scene,
    zoomed_window,
)

Views = tuple[Float[Tensor, "bv s s 7"], Bool[Tensor, "bv s s"]]
DEPTH_BITS = 32  # a key is depth << 32 | index: the nearest point, the first among equally near
EMPTY = np.iinfo(np.int64).max
NEARER = 1 << DEPTH_BITS  # keys below are of depth 0
_COLUMN_SIGN, _ROW_SIGN = np.array(COLUMN_SIGN, np.float32), np.array(ROW_SIGN, np.float32)
_0, _1 = np.float32(0.0), np.float32(1.0)
_STEPS, _DEEPEST = np.float32(DEPTH_STEPS), np.float32(MAX_STEPS)


def draw_whole(executed: Executed, config: ViewsConfig, offset: int = 0, rig: Rig = RIG) -> Views:
    """Views of the whole scene, of every `stride`-th point from `offset` on; as `render` says."""
    if not _in_one_pass(executed, rig):
        cloud = whole_scene(executed, config, offset)
        return render(cloud, config.size, config.coarse_radius, rig)
    window = _whole_window(executed.points, config)
    taken = slice(offset, None, config.stride)
    thinned = Executed(
        executed.points[:, taken], executed.colors[:, taken], executed.proprioception
    )
    return _drawn(thinned, window, config.size, config.coarse_radius, rig)


def draw_zoomed(
    executed: Executed, center: Float[Tensor, "b 3"], config: ViewsConfig, rig: Rig = RIG
) -> Views:
    """Views zoomed at `center` (cube frame), of all points; as `render` says."""
    if not _in_one_pass(executed, rig):
        cloud = zoomed_scene(executed, center, config, rig)
        return render(cloud, config.size, config.fine_radius, rig)
    window = zoomed_window(center, config, rig)
    return _drawn(executed, window, config.size, config.fine_radius, rig)


def _in_one_pass(executed: Executed, rig: Rig) -> bool:
    points, colors = executed.points, executed.colors
    plain = points.device.type == "cpu" and points.dtype == colors.dtype == torch.float32
    return plain and rig.nearest is lower_key and rig.normalize is coordinates


class _Box(NamedTuple):
    """A `Window` of each sample."""

    low: Float[np.ndarray, "b 3"]
    high: Float[np.ndarray, "b 3"]
    inner_low: Float[np.ndarray, "b 3"]
    inner_high: Float[np.ndarray, "b 3"]
    origin: Float[np.ndarray, "b 3"]
    scale: np.float32


class _Eyes(NamedTuple):
    """Where the views look from, and how deep."""

    along: Float[np.ndarray, " v"]  # each view's depth axis
    near: np.float32
    far: np.float32


def _whole_window(points: Float[Tensor, "b n 3"], config: ViewsConfig) -> Window:
    low, high = points.new_tensor(config.low), points.new_tensor(config.high)
    center, scale = scene_scale(config)
    endless = points.new_full((3,), torch.inf)
    return Window(low, high, -endless, endless, center, scale)


def _box(window: Window, num_samples: int) -> _Box:
    shape = (num_samples, 3)
    low, high, inner_low, inner_high, origin = (
        np.broadcast_to(part.numpy(), shape).astype(np.float32)
        for part in (window.low, window.high, window.inner_low, window.inner_high, window.origin)
    )
    return _Box(low, high, inner_low, inner_high, origin, np.float32(window.scale))


@torch.no_grad()
def _drawn(executed: Executed, window: Window, size: int, radius: float, rig: Rig) -> Views:
    points, colors = executed.points.numpy(), executed.colors.numpy()
    around = np.array([place for place in covered(radius) if any(place)], dtype=np.int64)
    border = int(np.abs(around).max(initial=0))
    box = _box(window, len(points))
    along = np.array(rig.eyes, dtype=np.float32)
    eyes = _Eyes(along, np.float32(rig.near), np.float32(rig.far))
    side = size + 2 * border
    num_images, side = NUM_VIEWS * len(points), size + 2 * border
    keys = np.full((num_images, side, side), EMPTY)
    _splat(points, box, eyes, border, keys)
    nearest = np.empty((num_images, size, size), dtype=np.int64)
    _spread(keys, around.reshape(-1, 2), border, nearest)
    images = torch.empty(num_images, size, size, 7)
    _look(nearest, points, colors, box, images.numpy())
    images[..., :3].clamp_(-rig.limit, rig.limit)
    steps = torch.from_numpy(nearest)
    occupied = steps != EMPTY
    images[..., 6] = centered_depth(steps >> DEPTH_BITS, occupied, rig.limit)
    return images, occupied


@Kernel
def _splat(
    points: Float[np.ndarray, "b n 3"],
    box: _Box,
    eyes: _Eyes,
    border: int,
    keys: Int[np.ndarray, "bv w w"],
) -> None:
    """The smallest key in each pixel of each view; `keys` comes empty."""
    side = np.float32(keys.shape[2] - 2 * border)
    half = side / np.float32(2.0)
    for b in range(len(points)):
        low, high = box.low[b], box.high[b]
        inner_low, inner_high, origin = box.inner_low[b], box.inner_high[b], box.origin[b]
        for i in range(points.shape[1]):
            x, y, z = points[b, i, 0], points[b, i, 1], points[b, i, 2]
            if not (low[0] <= x <= high[0] and low[1] <= y <= high[1] and low[2] <= z <= high[2]):
                continue
            u = inner_low[0] < x < inner_high[0]
            v = inner_low[1] < y < inner_high[1]
            w = inner_low[2] < z < inner_high[2]
            if not ((u and v) or (v and w) or (u and w)):
                continue
            x, y, z = x - origin[0], y - origin[1], z - origin[2]
            cube = x * box.scale, y * box.scale, z * box.scale
            for view in range(NUM_VIEWS):
                column = (cube[COLUMN_AXIS[view]] * _COLUMN_SIGN[view] + _1) * half
                row = (cube[ROW_AXIS[view]] * _ROW_SIGN[view] + _1) * half
                depth = eyes.along[view] - cube[DEPTH_AXIS[view]]
                shown = _0 <= column < side and _0 <= row < side
                if shown and eyes.near <= depth < eyes.far:
                    steps = np.int64(min(max(depth * _STEPS, _0), _DEEPEST))
                    key, image = steps << DEPTH_BITS | i, b * NUM_VIEWS + view
                    place = np.int64(row) + border, np.int64(column) + border
                    keys[image, place[0], place[1]] = min(key, keys[image, place[0], place[1]])


@Kernel
def _spread(
    keys: Int[np.ndarray, "bv w w"],
    around: Int[np.ndarray, "k 2"],
    border: int,
    nearest: Int[np.ndarray, "bv s s"],
) -> None:
    """The smallest key among a pixel's own and its neighbors'; a depth of 0 never spreads."""
    size = nearest.shape[2]
    for image in range(len(keys)):
        for row in range(size):
            for column in range(size):
                nearest[image, row, column] = keys[image, border + row, border + column]
            for k in range(len(around)):
                near, first = border + row + around[k, 0], border + around[k, 1]
                for column in range(size):
                    key, best = keys[image, near, first + column], nearest[image, row, column]
                    nearest[image, row, column] = key if NEARER <= key < best else best


@Kernel
def _look(
    nearest: Int[np.ndarray, "bv s s"],
    points: Float[np.ndarray, "b n 3"],
    colors: Float[np.ndarray, "b n 3"],
    box: _Box,
    seen: Float[np.ndarray, "bv s s 7"],
) -> None:
    """Coordinates in the cube and colors of the points that won."""
    size = seen.shape[1]
    for image in range(len(seen)):
        b = image // NUM_VIEWS
        for row in range(size):
            for column in range(size):
                key = nearest[image, row, column]
                if key == EMPTY:
                    seen[image, row, column] = _0
                    continue
                i = key & (2**DEPTH_BITS - 1)
                for axis in range(3):
                    along = (points[b, i, axis] - box.origin[b, axis]) * box.scale
                    seen[image, row, column, axis] = along
                    seen[image, row, column, 3 + axis] = colors[b, i, axis]
