"""The released policy's habits, as values, for weights trained with them (decisions D7).

Our own rules are better (decisions D2 to D6) and are the defaults everywhere else;
only the checkpoint importer, the ablation and the golden tests import this file.

b: batch  v: views  c: channels  g: cells a side  s: image side  m: points of all samples in a row
"""

import math
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from premotor.execute.config import ExecuteConfig, HeatmapConfig, TokensConfig, TrunkConfig
from premotor.execute.virtual_views import Cloud, Rig, project, to_pixels

EYES = (1.0, 1.0, 0.5)  # the third stands inside the cube: points behind it win at depth 0
ROTATION_NOISE = (0.2, 0.4, 0.4, 0.0, 0.0)  # of shifts by -2..2: never upwards (decisions D9)


def by_farthest(cloud: Cloud) -> Float[Tensor, "m 3"]:
    """Coordinates over the sample's largest one, one point rescales all (decisions D6)."""
    largest = cloud.points.new_zeros(cloud.batch_size)
    largest.scatter_reduce_(0, cloud.sample, cloud.points.abs().amax(1), "amax")
    return cloud.points / largest[cloud.sample][:, None]


def last_scanned(best: Tensor, near: Tensor, bits: int) -> Tensor:
    """Of keys equally near that of the later neighbor, columns first: no matter which is closer."""
    return torch.where(near >> bits <= best >> bits, near, best)


def _corner_weights(beyond: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2 2"]:
    """Inverse distances to the four cells around a place, sum 1.

    Args:
        beyond: Column and row of the place, counted from the upper left of the four.
    """
    steps = torch.arange(2, dtype=beyond.dtype, device=beyond.device)
    columns, rows = ((beyond[..., i, None] - steps) ** 2 for i in range(2))
    weights = 1.0 / ((rows[..., :, None] + columns[..., None, :]).sqrt() + 1e-10)
    return weights / weights.sum((-2, -1), keepdim=True)


def inverse_distance(
    maps: Float[Tensor, "n c g g2"], cells: Float[Tensor, "n 2"]
) -> Float[Tensor, "n c"]:
    """Mean of the four cells around (column, row) indices; zero outside the first and last.

    Not bilinear: the weights are the inverse Euclidean distances (decisions D5).
    """
    last = maps.shape[-1] - 1
    inside = ((cells >= 0) & (cells <= last)).all(1)
    corner = cells.floor().clamp(0, last)
    weights = _corner_weights(cells - corner)  # (n, row, column)
    steps = torch.arange(2, device=maps.device)
    columns, rows = ((corner[:, i, None].long() + steps).clamp(max=last) for i in range(2))
    each = torch.arange(len(maps), device=maps.device)[:, None, None]
    near = maps[each, :, rows[:, :, None], columns[:, None]]  # (n, row, column, c)
    found = (near * weights[..., None]).sum((1, 2))
    return torch.where(inside[:, None], found, 0.0)


def pixel_offset(size: int) -> float:
    """Shift of the projection [px]; meant to be half a pixel in other units (decisions D4)."""
    return 1.0 / size


def look_up(
    features: Float[Tensor, "b v c g g2"], points: Float[Tensor, "b 3"], size: int
) -> Float[Tensor, "b v c"]:
    """Features read half a cell toward the upper left: cell = pixel / patch (decisions D5).

    Args:
        features: Feature maps of the views.
        points: In the cube frame.
        size: S, side of a view [px].
    """
    pixels = to_pixels(project(points), size, pixel_offset(size))
    cells = pixels * (features.shape[-1] / size)
    return inverse_distance(features.flatten(0, 1), cells.flatten(0, 1)).view(features.shape[:3])


def votes(heat: Float[Tensor, "b v s s"], size: int) -> Float[Tensor, "b v s s"]:
    """Probability, not its logarithm, looked up at each cell's center.

    The center lies half a pixel beyond the cell's index, so that the look-up is nearly a 2 x 2
    mean, and the last row and column, outside the image, never win (decisions D4).
    """
    probability = heat.flatten(2).softmax(2).view(-1, 1, size, size)
    weights = _corner_weights(heat.new_full((2,), 0.5 - pixel_offset(size)))
    return F.pad(F.conv2d(probability, weights[None, None]), (0, 1, 0, 1)).view_as(heat)


def rig(size: int) -> Rig:
    """Habits of the released virtual views of `size` pixels a side."""
    return Rig(
        eyes=EYES,
        near=-math.inf,
        reach=math.inf,
        offset=pixel_offset(size),
        limit=math.inf,
        nearest=last_scanned,
        normalize=by_farthest,
        look_up=partial(look_up, size=size),
        score=partial(votes, size=size),
    )


def habits(config: ExecuteConfig) -> ExecuteConfig:
    """The same sizes with the released values of all that is no size (decisions D9 to D11)."""
    tokens = replace(
        config.tokens,
        chunk=1,
        modulation_std=0.0,
        label_sigma=0.0,
        mean_window=1,
        input_noise=ROTATION_NOISE,
    )
    return replace(
        config,
        views=replace(config.views, stride=1, depth_behind=math.inf),
        heatmap=replace(config.heatmap, mean_window=1),
        tokens=tokens,
    )


def arp() -> ExecuteConfig:
    """ARP: four blocks that look, four that do not, 72.1 M parameters without the text tower."""
    return habits(ExecuteConfig())


def arp_plus() -> ExecuteConfig:
    """ARP+: six self blocks, a wider heatmap head, no norm of what was seen (74.0 M)."""
    return habits(
        ExecuteConfig(
            trunk=TrunkConfig(),
            heatmap=HeatmapConfig(hidden_factor=2.0),
            tokens=TokensConfig(self_depth=6, norm_condition=False),
        )
    )
