"""Virtual views: the cloud in a cube, drawn from three sides, and back from pixels to points.

The scene's bounds become the cube [-1, 1]^3. Three orthographic cameras look at it from +z (view
0), +x (1) and +y (2); each image plane is [-1, 1]^2, so a zoom is a change of the points only.
Corrected rules (decisions D2 to D6) are the defaults of `Rig`: every eye stands on the
cube's face, points before it are dropped, a pixel's index is its center (half a pixel from its
edge), coordinates keep a constant scale, features are read between cell centers.

b: batch  v: views  n: points, NaN where padded  m: points of all samples in a row  s: image side
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.batch import Executed
from premotor.execute.config import NUM_VIEWS, ViewsConfig

MAX_STEPS = 2**20  # deeper is as deep
DEPTH_STEPS = 1000  # depths are compared in 1/1000 of the cube's half side (decisions D8)
LIFTED_AT_ONCE = 2**18  # cells of the cube scored at a time: their sums stay in the cache
LABEL_FLOOR = torch.e**-4.5  # a label below this is zero (three sigma)

COLUMN_AXIS, COLUMN_SIGN = (0, 1, 0), (1.0, 1.0, -1.0)  # image column of view v
ROW_AXIS, ROW_SIGN = (1, 2, 2), (-1.0, -1.0, -1.0)
DEPTH_AXIS = (2, 0, 1)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The points of a whole batch in one row."""

    points: Float[Tensor, "m 3"]  # cube frame; fastest with one axis after the other in memory
    colors: Float[Tensor, "m 3"]  # in [0, 1]
    sample: Int[Tensor, " m"]  # which sample a point belongs to, ascending
    batch_size: int


def project(points: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 2"]:
    """Image-plane coordinates (column, row) in [-1, 1] of cube points, in each view."""
    along = points.unbind(-1)  # a table of axes as a tensor would make a GPU wait for its upload
    column = [sign * along[axis] for axis, sign in zip(COLUMN_AXIS, COLUMN_SIGN, strict=True)]
    row = [sign * along[axis] for axis, sign in zip(ROW_AXIS, ROW_SIGN, strict=True)]
    return torch.stack([torch.stack(column, dim=-1), torch.stack(row, dim=-1)], dim=-1)


def look_up(
    features: Float[Tensor, "b v c g g2"], points: Float[Tensor, "b 3"]
) -> Float[Tensor, "b v c"]:
    """Features of each view at a cube point: bilinear between cell centers, clamped at borders.

    In the precision of the points.
    """
    plane = project(points).flatten(0, 1)[:, None, None]  # (b v, 1, 1, 2)
    found = F.grid_sample(
        features.flatten(0, 1).to(plane.dtype),
        plane,
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found.view(features.shape[:3])


def look_around(
    features: Float[Tensor, "b v c g g2"], points: Float[Tensor, "b 3"], side: int
) -> Float[Tensor, "b v c side side"]:
    """Features of each view around a cube point: `side` rows and columns, a cell apart.

    Each is read as `look_up` does, the middle one at the point itself.
    """
    plane = project(points).flatten(0, 1)  # (b v, 2)
    steps = torch.arange(side, device=plane.device) - side // 2
    height, width = features.shape[-2:]
    columns = plane[:, None, :1] + steps * (2.0 / width)  # (b v, 1, side)
    rows = plane[:, 1:, None] + steps[:, None] * (2.0 / height)  # (b v, side, 1)
    found = F.grid_sample(
        features.flatten(0, 1).to(plane.dtype),
        torch.stack(torch.broadcast_tensors(columns, rows), dim=-1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found.view(*features.shape[:3], side, side)


def zoomed_scores(
    scores: Float[Tensor, "b v s s"],
    center: Float[Tensor, "b 3"],
    zoom: float,
    offset: float,
) -> Float[Tensor, "b v s s"]:
    """Scores of the whole scene at the pixels of the views zoomed at `center` (cube frame).

    Bilinear between pixels; a pixel outside the scene has the score of the nearest one inside, so
    that nothing is said about it that is not said of its neighbors.

    Args:
        scores: Of each pixel of the whole scene.
        center: What the zoomed views look at.
        zoom: How much larger they see it.
        offset: [px] from an image's border to pixel index 0 (`Rig.offset`).
    """
    size = scores.shape[-1]
    steps = (torch.arange(size, device=scores.device) + offset) * (2.0 / size) - 1.0
    plane = project(center).flatten(0, 1)[:, None] + steps[:, None] / zoom  # (b v, s, 2)
    pixel = (to_pixels(plane, size, offset) + 0.5) * (2.0 / size) - 1.0  # as grid_sample counts
    columns, rows = pixel[:, None, :, 0], pixel[:, :, None, 1]
    found = F.grid_sample(
        scores.flatten(0, 1)[:, None],
        torch.stack(torch.broadcast_tensors(columns, rows), dim=-1).to(scores.dtype),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found.view_as(scores)


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
    """Habits of the virtual views. The released policy's are other values (decisions D7)."""

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
    executed: Executed, kept: Bool[Tensor, "b k"], offset: int = 0, stride: int = 1
) -> Cloud:
    """Where point i of a sample, `offset + i * stride` of its cloud, is kept; world frame."""
    batch_size, num_points, _ = executed.points.shape
    index = kept.flatten().nonzero().squeeze(1)
    sample = torch.div(index, kept.shape[1], rounding_mode="floor")
    column = (index - sample * kept.shape[1]) * stride + offset
    axes = executed.points.transpose(1, 2).reshape(-1)  # nothing moves after augmentation
    first = sample * (3 * num_points) + column
    points = [axes.index_select(0, first + axis * num_points) for axis in range(3)]
    colors = executed.colors.flatten(0, 1).index_select(0, sample * num_points + column)
    return Cloud(torch.stack(points).T, colors, sample, batch_size)


def whole_scene(executed: Executed, config: ViewsConfig, offset: int = 0) -> Cloud:
    """Every `stride`-th point that lies inside the bounds, in the cube frame."""
    kept = _in_bounds(executed.points[:, offset :: config.stride], config)
    cloud = _gathered(executed, kept, offset, config.stride)
    return replace(cloud, points=to_cube(cloud.points, config))


@dataclass(frozen=True, eq=False)
class Window:
    """The part of the scene [m] that views show, and the cube it becomes."""

    low: Float[Tensor, "*b 3"]  # points outside these bounds are not drawn
    high: Float[Tensor, "*b 3"]
    inner_low: Float[Tensor, "*b 3"]  # some view shows what lies between on two axes
    inner_high: Float[Tensor, "*b 3"]
    origin: Float[Tensor, "*b 3"]  # of the cube
    scale: float  # cube units per meter


def zoomed_window(center: Float[Tensor, "b 3"], config: ViewsConfig, rig: Rig = RIG) -> Window:
    """What views zoomed at `center` (cube frame) can show of the scene."""
    scale = scene_scale(config)[1] * config.zoom
    middle = from_cube(center, config)
    half = 1.0 / scale  # of the window's side [m]
    low, high = (middle.new_tensor(bound) for bound in (config.low, config.high))
    low = torch.maximum(middle - half * (1.0 + config.depth_behind), low)
    # Augmentation moved some points out of the bounds.
    high = torch.minimum(middle + half * (max(rig.eyes) - rig.near), high)
    return Window(low, high, middle - half * rig.reach, middle + half * rig.reach, middle, scale)


def zoomed_scene(
    executed: Executed, center: Float[Tensor, "b 3"], config: ViewsConfig, rig: Rig = RIG
) -> Cloud:
    """Points that a view zoomed at `center` (cube frame) can show, in the zoomed cube's frame."""
    window = zoomed_window(center, config, rig)
    drawn = executed.points >= window.low[:, None]
    drawn &= executed.points <= window.high[:, None]
    seen = executed.points > window.inner_low[:, None]
    x, y, z = (seen & (executed.points < window.inner_high[:, None])).unbind(-1)
    kept = ((x & y) | (y & z) | (x & z)) & drawn[..., 0] & drawn[..., 1] & drawn[..., 2]
    cloud = _gathered(executed, kept)
    origin = window.origin.T.index_select(1, cloud.sample).T  # axis after axis, as the points
    return replace(cloud, points=(cloud.points - origin) * window.scale)


def _in_bounds(points: Float[Tensor, "b n 3"], config: ViewsConfig) -> Bool[Tensor, "b n"]:
    """Which points [m] lie in the scene; NaN compares false, so padding does not."""
    low, high = points.new_tensor(config.low), points.new_tensor(config.high)
    within = (points >= low) & (points <= high)
    return within[..., 0] & within[..., 1] & within[..., 2]


def to_pixels(
    plane: Float[Tensor, "*b 2"], size: int, offset: float = RIG.offset
) -> Float[Tensor, "*b 2"]:
    """Image plane to pixel indices: 0 lies `offset` [px] from the border, a half is the center."""
    return (plane + 1.0) * (size / 2) - offset


def _nearest(
    coordinates: Float[Tensor, "3 m"], cloud: Cloud, size: int, rig: Rig
) -> tuple[Int[Tensor, "bv s s"], int, int]:
    """Smallest key (depth, then index) in each pixel, the index's bits, and what "empty" is."""
    count = coordinates.shape[1]
    bits = max(1, count.bit_length())
    deepest = max(rig.eyes) - float(coordinates.amin()) if count else 0.0
    fits = bits + int(min(deepest * DEPTH_STEPS, MAX_STEPS)).bit_length() <= 31
    dtype = torch.int32 if fits else torch.int64
    empty, area = torch.iinfo(dtype).max, size * size
    dump = cloud.batch_size * NUM_VIEWS * area
    nearest = torch.full((dump + 1,), empty, dtype=dtype, device=coordinates.device)
    index = torch.arange(count, dtype=dtype, device=coordinates.device)
    first = cloud.sample.int() * (NUM_VIEWS * area)
    for view in range(NUM_VIEWS):  # a view's numbers stay in the cache
        column = (coordinates[COLUMN_AXIS[view]] * COLUMN_SIGN[view] + 1.0) * (size / 2)
        row = (coordinates[ROW_AXIS[view]] * ROW_SIGN[view] + 1.0) * (size / 2)
        depth = rig.eyes[view] - coordinates[DEPTH_AXIS[view]]
        visible = (column >= 0) & (column < size) & (row >= 0) & (row < size)
        visible &= (depth >= rig.near) & (depth < rig.far)
        key = ((depth * DEPTH_STEPS).clamp(0, MAX_STEPS).to(dtype) << bits) | index
        pixel = first + view * area + row.int() * size + column.int()
        pixel = torch.where(visible, pixel, dump).long()
        nearest.scatter_reduce_(0, pixel, key, "amin")
    return nearest[:-1].view(-1, size, size), bits, empty


def covered(radius: float) -> list[tuple[int, int]]:
    """Rows and columns, from a pixel, of those nearer than `radius` [px], itself among them."""
    reach = range(-int(radius), int(radius) + 1)
    places = [(row, column) for column in reach for row in reach]
    return [(row, column) for row, column in places if row**2 + column**2 < radius**2]


def _spread(
    keys: Int[Tensor, "bv s s"], bits: int, radius: float, rig: Rig
) -> Int[Tensor, "bv s s"]:
    """Nearest key among the pixels within `radius`; a depth of 0 never spreads."""
    around = covered(radius)
    if len(around) <= 1:
        return keys
    reach = max(row for row, _ in around)
    size, empty = keys.shape[-1], torch.iinfo(keys.dtype).max
    # Not by F.pad: it takes the value as a float, and the largest int64 comes out as the smallest.
    padded = keys.new_full((len(keys), size + 2 * reach, size + 2 * reach), empty)
    padded[:, reach:-reach, reach:-reach] = torch.where(keys >> bits == 0, empty, keys)
    best = keys
    for row, column in around:
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
    coordinates = cloud.points.T.contiguous()
    nearest, bits, empty = _nearest(coordinates, cloud, size, rig)
    nearest = _spread(nearest, bits, radius, rig)
    occupied = nearest != empty
    winner = torch.where(occupied, nearest & (2**bits - 1), coordinates.shape[1]).flatten().long()
    # The last column and row, zeros, are the empty pixel's.
    xyz = F.pad(rig.normalize(cloud).T, (0, 1)).index_select(1, winner)
    rgb = F.pad(cloud.colors, (0, 0, 0, 1)).index_select(0, winner)
    depth = centered_depth(nearest >> bits, occupied, rig.limit).view(-1, 1)
    image = torch.cat([xyz.clamp_(-rig.limit, rig.limit).T, rgb, depth], dim=1)
    return image.view(*occupied.shape, 7), occupied


def centered_depth(
    steps: Int[Tensor, "bv s s"], occupied: Bool[Tensor, "bv s s"], limit: float
) -> Float[Tensor, "bv s s"]:
    """Depth from its whole steps, less each view's mean; -1 where nothing is."""
    depth = steps.float() / DEPTH_STEPS
    count = occupied.sum((1, 2), keepdim=True).clamp(min=1)  # an empty view has no mean
    mean = torch.where(occupied, depth, 0.0).sum((1, 2), keepdim=True) / count
    return torch.where(occupied, (depth - mean).clamp(-limit, limit), -1.0)


def gaussian_maps(centers: Float[Tensor, "b 2"], size: int, sigma: float) -> Float[Tensor, "b s s"]:
    """Gaussian around pixel (column, row); sums to 1, or to 0 well outside the image."""
    grid = torch.arange(size, dtype=centers.dtype, device=centers.device)
    sides = torch.exp((grid - centers[..., None]) ** 2 / (-2 * sigma**2))  # (b, 2, s)
    gaussian = sides[:, 1, :, None] * sides[:, 0, None]
    gaussian = torch.where(gaussian >= LABEL_FLOOR, gaussian, 0.0)
    return gaussian / (gaussian.sum((1, 2), keepdim=True) + 1e-6)


def label_heatmaps(
    points: Float[Tensor, "b 3"], size: int, sigma: float, offset: float = RIG.offset
) -> Float[Tensor, "b v s s"]:
    """Label of each view: a Gaussian [px] around the projection of a cube point."""
    centers = to_pixels(project(points), size, offset).flatten(0, 1)  # (b v, 2)
    return gaussian_maps(centers, size, sigma).view(len(points), NUM_VIEWS, size, size)


def lift(scores: Float[Tensor, "b v s s"], window: int = 1) -> Float[Tensor, "b 3"]:
    """Cube point whose three pixels have the largest sum of scores; float32.

    Each view ignores one axis, so score(x, y, z) = A[x, y] + B[y, z] + C[x, z]: no index table of
    s^3 points is needed (decisions D1), and no more than some planes of the sum at a time. With
    `window` > 1 the point is the mean over the cells around the best, weighted by exp(score).
    """
    size, scores = scores.shape[-1], scores.float()
    a = scores[:, 0].flip(1).transpose(1, 2)  # (b, x, y)
    b = scores[:, 1].flip(1).transpose(1, 2)  # (b, y, z)
    c = scores[:, 2].flip(1).flip(2).transpose(1, 2)  # (b, x, z)
    planes = max(1, LIFTED_AT_ONCE // size**2)
    best = [
        (left[..., None] + b[:, None] + right[:, :, None]).flatten(2).max(2)
        for left, right in zip(a.split(planes, 1), c.split(planes, 1), strict=True)
    ]
    x = torch.cat([found.values for found in best], dim=1).argmax(1)
    inner = torch.cat([found.indices for found in best], dim=1).gather(1, x[:, None]).squeeze(1)
    cell = torch.stack([x, inner // size, inner % size], dim=1)  # (b, 3)
    if window > 1:
        return _neighborhood_mean(a, b, c, cell, window)
    return (cell + 0.5) * (2.0 / size) - 1.0


def _neighborhood_mean(
    a: Float[Tensor, "b s s"],
    b: Float[Tensor, "b s s"],
    c: Float[Tensor, "b s s"],
    cell: Int[Tensor, "b 3"],
    window: int,
) -> Float[Tensor, "b 3"]:
    """Mean around the best cell; the scores are (x, y), (y, z) and (x, z), as in `lift`."""
    size = a.shape[-1]
    steps = torch.arange(window, device=cell.device) - window // 2
    index = cell[:, :, None] + steps  # (b, 3, w)
    valid = (index >= 0) & (index < size)
    i, j, k = index.clamp(0, size - 1).unbind(1)
    i, j, k = i[:, :, None, None], j[:, None, :, None], k[:, None, None]
    sample = torch.arange(len(cell), device=cell.device)[:, None, None, None]
    near = a[sample, i, j] + b[sample, j, k] + c[sample, i, k]  # (b, w, w, w)
    inside = valid[:, 0, :, None, None] & valid[:, 1, None, :, None] & valid[:, 2, None, None]
    near = near.masked_fill(~inside, -torch.inf)
    weight = near.flatten(1).softmax(1).view_as(near)
    marginals = torch.stack([weight.sum((2, 3)), weight.sum((1, 3)), weight.sum((1, 2))], dim=1)
    shift = (marginals * steps).sum(2)
    return (cell + shift + 0.5) * (2.0 / size) - 1.0
