"""Virtual views: the cloud in a cube, drawn from three sides, and back from pixels to points.

The scene's bounds become the cube [-1, 1]^3. Three orthographic cameras look at it from +z (view
0), +x (1) and +y (2); each image plane is [-1, 1]^2, so a zoom is a change of the points only.
Corrected rules (execution.md h 1, 2, 9, 10, 18) are the defaults of `Rig`: every eye stands on the
cube's face, points before it are dropped, a pixel's index is its center (half a pixel from its
edge), coordinates keep a constant scale, features are read between cell centers.

b: batch  v: views  n: points, NaN where padded  m: points of all samples in a row  s: image side
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.batch import Executed
from premotor.execute.config import NUM_VIEWS, ViewsConfig

DEPTH_STEPS = 1000  # depths are compared in 1/1000 of the cube's half side (execution.md b)
LABEL_FLOOR = torch.e**-4.5  # a label below this is zero (three sigma)

COLUMN_AXIS, COLUMN_SIGN = (0, 1, 0), (1.0, 1.0, -1.0)  # image column of view v
ROW_AXIS, ROW_SIGN = (1, 2, 2), (-1.0, -1.0, -1.0)
DEPTH_AXIS = (2, 0, 1)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The points of a whole batch in one row."""

    points: Float[Tensor, "m 3"]  # cube frame
    colors: Float[Tensor, "m 3"]  # in [0, 1]
    sample: Int[Tensor, " m"]  # which sample a point belongs to, ascending
    batch_size: int


def project(points: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 2"]:
    """Image-plane coordinates (column, row) in [-1, 1] of cube points, in each view."""
    column = points[..., COLUMN_AXIS] * points.new_tensor(COLUMN_SIGN)
    row = points[..., ROW_AXIS] * points.new_tensor(ROW_SIGN)
    return torch.stack([column, row], dim=-1)


def look_up(
    features: Float[Tensor, "b v c g g2"], points: Float[Tensor, "b 3"]
) -> Float[Tensor, "b v c"]:
    """Features of each view at a cube point: bilinear between cell centers, clamped at borders."""
    plane = project(points).flatten(0, 1)[:, None, None]  # (b v, 1, 1, 2)
    found = F.grid_sample(
        features.flatten(0, 1), plane, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found.view(features.shape[:3])


def coordinates(cloud: Cloud) -> Float[Tensor, "m 3"]:
    """Coordinates as features, of a constant scale: no point rescales the others."""
    return cloud.points


def log_likelihood(heat: Float[Tensor, "b v s s"]) -> Float[Tensor, "b v s s"]:
    """Score of each pixel; summed over views it is that of independent views."""
    return heat.flatten(2).log_softmax(2).view_as(heat)


def lower_key(a: Tensor, b: Tensor, bits: int) -> Tensor:
    """Of two keys that of the nearer point, or of the first among points equally near."""
    del bits  # they hold the index, which decides after the depth
    return torch.minimum(a, b)


@dataclass(frozen=True)
class Rig:
    """Habits of the virtual views. The released policy's are other values (README.md 7)."""

    eyes: tuple[float, float, float] = (1.0, 1.0, 1.0)  # where depth 0 lies on each view's axis
    near: float = 0.0  # nearer points are not drawn, cube units; -inf: they are, at depth 0
    far: float = torch.inf  # deeper points are not drawn, cube units
    reach: float = 1.0  # zoomed: points no view shows are left out; inf: they are kept
    offset: float = 0.5  # [px] from an image's border to pixel index 0
    limit: float = 2.0  # coordinates and depths saturate here; only the zoomed stage reaches it
    nearest: Callable[[Tensor, Tensor, int], Tensor] = lower_key  # of keys of neighboring pixels
    normalize: Callable[[Cloud], Tensor] = coordinates  # (m, 3) drawn beside the colors
    look_up: Callable[[Tensor, Tensor], Tensor] = look_up  # maps and cube points to features
    score: Callable[[Tensor], Tensor] = log_likelihood  # of each pixel, from logits; see `lift`


RIG = Rig()


def scene_scale(config: ViewsConfig) -> tuple[Float[Tensor, "3"], float]:
    """Center of the bounds [m] and cube units per meter."""
    low, high = torch.tensor(config.low), torch.tensor(config.high)
    return (low + high) / 2, 2.0 / float((high - low).max())


def to_cube(points: Float[Tensor, "*b 3"], config: ViewsConfig) -> Float[Tensor, "*b 3"]:
    """World [m] to the cube frame."""
    center, scale = scene_scale(config)
    return (points - center.to(points)) * scale


def from_cube(points: Float[Tensor, "*b 3"], config: ViewsConfig) -> Float[Tensor, "*b 3"]:
    """Cube frame to world [m]."""
    center, scale = scene_scale(config)
    return points / scale + center.to(points)


def _gathered(
    points: Float[Tensor, "b n 3"], colors: Float[Tensor, "b n 3"], kept: Bool[Tensor, "b n"]
) -> Cloud:
    index = kept.flatten().nonzero().squeeze(1)
    sample = torch.div(index, kept.shape[1], rounding_mode="floor")
    flat = points.flatten(0, 1).index_select(0, index)
    return Cloud(flat, colors.flatten(0, 1).index_select(0, index), sample, len(kept))


def whole_scene(executed: Executed, config: ViewsConfig, offset: int = 0) -> Cloud:
    """Every `stride`-th point that lies inside the bounds, in the cube frame."""
    points = executed.points[:, offset :: config.stride]
    colors = executed.colors[:, offset :: config.stride]
    q = to_cube(points, config)
    return _gathered(q, colors, _in_bounds(q, config))


def zoomed_scene(
    executed: Executed, center: Float[Tensor, "b 3"], config: ViewsConfig, rig: Rig = RIG
) -> Cloud:
    """Points that a view zoomed at `center` (cube frame) can show, in the zoomed cube's frame."""
    scale = scene_scale(config)[1] * config.zoom
    middle = from_cube(center, config)  # [m]
    q = (executed.points - middle[:, None]) * scale
    inside = q.abs() < rig.reach
    drawn = (q > -1.0 - config.depth_behind) & (q < max(rig.eyes) - rig.near)
    x, y, z = inside.unbind(-1)
    kept = (x & y) | (y & z) | (x & z)
    kept &= drawn[..., 0] & drawn[..., 1] & drawn[..., 2]
    kept &= _in_bounds(
        to_cube(executed.points, config), config
    )  # augmentation moved some out  # augmentation moved some out
    return _gathered(q, executed.colors, kept)


def _in_bounds(q: Float[Tensor, "b n 3"], config: ViewsConfig) -> Bool[Tensor, "b n"]:
    """Which cube points lie in the scene; NaN compares false, so padding does not."""
    near = q.abs() <= _half_sides(config, q)
    return near[..., 0] & near[..., 1] & near[..., 2]


def _half_sides(config: ViewsConfig, like: Tensor) -> Tensor:
    low, high = torch.tensor(config.low), torch.tensor(config.high)
    return ((high - low) / (high - low).max()).to(like)


def to_pixels(
    plane: Float[Tensor, "*b 2"], size: int, offset: float = RIG.offset
) -> Float[Tensor, "*b 2"]:
    """Image plane to pixel indices: 0 lies `offset` [px] from the border, a half is the center."""
    return (plane + 1.0) * (size / 2) - offset


def _keys(cloud: Cloud, size: int, rig: Rig) -> tuple[Tensor, Tensor, int]:
    """Sort key (depth, then index) of each point in each view, its pixel, and the index bits."""
    coordinates = cloud.points.T.contiguous()  # (3, m)
    signs = coordinates.new_tensor([COLUMN_SIGN, ROW_SIGN])
    columns = (coordinates[list(COLUMN_AXIS)] * signs[0, :, None] + 1.0) * (size / 2)
    rows = (coordinates[list(ROW_AXIS)] * signs[1, :, None] + 1.0) * (size / 2)
    depths = coordinates.new_tensor(rig.eyes)[:, None] - coordinates[list(DEPTH_AXIS)]
    visible = (columns >= 0) & (columns < size) & (rows >= 0) & (rows < size)
    visible &= (depths >= rig.near) & (depths < rig.far)
    bits = max(1, (cloud.points.shape[0]).bit_length())
    steps = (depths * DEPTH_STEPS).clamp(0, 2**20)
    fits = not steps.numel() or bits + int(steps.max()).bit_length() <= 31
    dtype = torch.int32 if fits else torch.int64
    index = torch.arange(cloud.points.shape[0], dtype=dtype, device=depths.device)
    key = (steps.to(dtype) << bits) | index
    view = torch.arange(NUM_VIEWS, device=depths.device)[:, None]
    pixel = ((cloud.sample * NUM_VIEWS + view) * size + rows.long()) * size + columns.long()
    dump = cloud.batch_size * NUM_VIEWS * size * size
    return key, torch.where(visible, pixel, dump), bits


def _spread(
    keys: Int[Tensor, "bv s s"], bits: int, radius: float, rig: Rig
) -> Int[Tensor, "bv s s"]:
    """Nearest key among the pixels within `radius`; a depth of 0 never spreads."""
    reach = int(radius) if radius > int(radius) else int(radius) - 1
    if reach < 1:
        return keys
    size, empty = keys.shape[-1], torch.iinfo(keys.dtype).max
    padded = F.pad(torch.where(keys >> bits == 0, empty, keys), (reach,) * 4, value=empty)
    best = keys
    for column in range(-reach, reach + 1):
        for row in range(-reach, reach + 1):
            if row * row + column * column < radius * radius:
                top, left = reach + row, reach + column
                best = rig.nearest(best, padded[:, top : top + size, left : left + size], bits)
    return best


@torch.no_grad()
def render(
    cloud: Cloud, size: int, radius: float, rig: Rig = RIG
) -> tuple[Float[Tensor, "bv s s 7"], Bool[Tensor, "bv s s"]]:
    """Splat the cloud into three views per sample: the nearest point wins a pixel.

    Returns:
        Coordinates, colors and centered depth (-1 where empty), channels last, view-major inside
        each sample; and which pixels hold a point.
    """
    key, pixel, bits = _keys(cloud, size, rig)
    empty = torch.iinfo(key.dtype).max
    num_pixels = cloud.batch_size * NUM_VIEWS * size * size
    nearest = torch.full((num_pixels + 1,), empty, dtype=key.dtype, device=key.device)
    nearest.scatter_reduce_(0, pixel.flatten(), key.flatten(), "amin")
    nearest = _spread(nearest[:-1].view(-1, size, size), bits, radius, rig)
    occupied = nearest != empty
    winner = torch.where(occupied, nearest & (2**bits - 1), cloud.points.shape[0]).long()
    xyz = rig.normalize(cloud).clamp(-rig.limit, rig.limit)
    features = torch.cat([xyz, cloud.colors], dim=1)
    features = F.pad(features, (0, 0, 0, 1))  # the last row, zeros, is the empty pixel's
    image = features.index_select(0, winner.flatten()).view(*winner.shape, 6)
    depth = _centered_depth(nearest, occupied, bits, rig.limit)
    return torch.cat([image, depth[..., None]], dim=-1), occupied


def _centered_depth(
    nearest: Int[Tensor, "bv s s"], occupied: Bool[Tensor, "bv s s"], bits: int, limit: float
) -> Float[Tensor, "bv s s"]:
    depth = (nearest >> bits).float() / DEPTH_STEPS
    count = occupied.sum((1, 2), keepdim=True).clamp(min=1)  # an empty view has no mean
    mean = torch.where(occupied, depth, 0.0).sum((1, 2), keepdim=True) / count
    return torch.where(occupied, (depth - mean).clamp(-limit, limit), -1.0)


def gaussian_maps(centers: Float[Tensor, "b 2"], size: int, sigma: float) -> Float[Tensor, "b s s"]:
    """Gaussian around pixel (column, row); sums to 1, or to 0 well outside the image."""
    grid = torch.arange(size, dtype=centers.dtype, device=centers.device)
    squares = (grid - centers[..., None]) ** 2  # (b, 2, s)
    gaussian = torch.exp(-(squares[:, 1, :, None] + squares[:, 0, None]) / (2 * sigma**2))
    gaussian = torch.where(gaussian >= LABEL_FLOOR, gaussian, 0.0)
    return gaussian / (gaussian.sum((1, 2), keepdim=True) + 1e-6)


def label_heatmaps(
    points: Float[Tensor, "b 3"], size: int, sigma: float, offset: float = RIG.offset
) -> Float[Tensor, "b v s s"]:
    """Label of each view: a Gaussian [px] around the projection of a cube point."""
    centers = to_pixels(project(points), size, offset).flatten(0, 1)  # (b v, 2)
    return gaussian_maps(centers, size, sigma).view(len(points), NUM_VIEWS, size, size)


def lift(scores: Float[Tensor, "b v s s"], window: int = 1) -> Float[Tensor, "b 3"]:
    """Cube point whose three pixels have the largest sum of scores.

    Each view ignores one axis, so score(x, y, z) = A[x, y] + B[y, z] + C[x, z] and no index table
    of s^3 points is needed (execution.md d). With `window` > 1 the point is the mean over the
    cells around the best, weighted by exp(score).
    """
    size = scores.shape[-1]
    a = scores[:, 0].flip(1).transpose(1, 2)  # (b, x, y)
    b = scores[:, 1].flip(1).transpose(1, 2)  # (b, y, z)
    c = scores[:, 2].flip(1).flip(2).transpose(1, 2)  # (b, x, z)
    volume = a[:, :, :, None] + b[:, None] + c[:, :, None]
    best = volume.flatten(1).argmax(1)
    cell = torch.stack([best // size**2, best // size % size, best % size], dim=1)  # (b, 3)
    if window > 1:
        return _neighborhood_mean(volume, cell, window)
    return (cell + 0.5) * (2.0 / size) - 1.0


def _neighborhood_mean(
    volume: Float[Tensor, "b s s s"], cell: Int[Tensor, "b 3"], window: int
) -> Float[Tensor, "b 3"]:
    size = volume.shape[-1]
    steps = torch.arange(window, device=cell.device) - window // 2
    index = cell[:, :, None] + steps  # (b, 3, w)
    valid = (index >= 0) & (index < size)
    i, j, k = index.clamp(0, size - 1).unbind(1)
    sample = torch.arange(len(cell), device=cell.device)[:, None, None, None]
    near = volume[sample, i[:, :, None, None], j[:, None, :, None], k[:, None, None]]
    inside = valid[:, 0, :, None, None] & valid[:, 1, None, :, None] & valid[:, 2, None, None]
    near = near.masked_fill(~inside, -torch.inf)
    weight = near.flatten(1).softmax(1).view_as(near)
    marginals = torch.stack([weight.sum((2, 3)), weight.sum((1, 3)), weight.sum((1, 2))], dim=1)
    shift = (marginals * steps).sum(2)
    return (cell + shift + 0.5) * (2.0 / size) - 1.0
