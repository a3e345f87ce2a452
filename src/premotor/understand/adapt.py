"""Weights of other sizes, fitted: patch filters, and tables of place, time and text order.

The rules are ViCLIP's (decisions D32).

d: width  c: channels  p: side of a patch  k: frames per token  n: rows
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from premotor.errors import ConfigError

Inflation = Literal["center", "mean"]
Lengthening = Literal["stretch", "copy"]


def centered(filters: Float[Tensor, "d c p p"], tubelet: int) -> Float[Tensor, "d c k p p"]:
    """Filters of an image for `tubelet` frames: they see the frame in the middle alone."""
    inflated = filters.new_zeros(*filters.shape[:2], tubelet, *filters.shape[2:])
    inflated[:, :, tubelet // 2] = filters
    return inflated


def spread(filters: Float[Tensor, "d c p p"], tubelet: int) -> Float[Tensor, "d c k p p"]:
    """Filters of an image for `tubelet` frames: they see their mean."""
    return filters[:, :, None].repeat(1, 1, tubelet, 1, 1) / tubelet


def spatial(table: Float[Tensor, "n d"], grid: int) -> Float[Tensor, "n2 d"]:
    """A table of places for another grid: bicubic, the class token's row as it is.

    Raises:
        ConfigError: The rows but the first are no square.
    """
    side = math.isqrt(len(table) - 1)
    if side**2 != len(table) - 1:
        raise ConfigError(
            f"a table of {len(table)} places is no class token and square grid; expected 197 "
            "rows for 14 x 14 patches, 257 for 16 x 16"
        )
    if side == grid:
        return table
    square = table[1:].T.reshape(1, -1, side, side)
    fitted = F.interpolate(square, (grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([table[:1], fitted.flatten(2)[0].T])


def stretched(table: Float[Tensor, "1 n d"], steps: int) -> Float[Tensor, "1 n2 d"]:
    """A table of times for more steps, linearly interpolated; for fewer, its first rows."""
    if steps <= table.shape[1]:
        return table[:, :steps]
    return F.interpolate(table.mT, steps, mode="linear", align_corners=False).mT


def copied(table: Float[Tensor, "1 n d"], steps: int) -> Float[Tensor, "1 n2 d"]:
    """A table of times as it is, its rows beyond the old length zero; for fewer, its first rows."""
    return F.pad(table[:, :steps], (0, 0, 0, max(0, steps - table.shape[1])))


def text_order(table: Float[Tensor, "n d"], context: int) -> Float[Tensor, "n2 d"]:
    """A table of token positions cut to its first rows, or continued with zeros."""
    return F.pad(table[:context], (0, 0, 0, max(0, context - len(table))))


INFLATIONS: Mapping[Inflation, Callable[..., Tensor]] = {
    "center": centered,
    "mean": spread,
}
LENGTHENINGS: Mapping[Lengthening, Callable[..., Tensor]] = {
    "stretch": stretched,
    "copy": copied,
}
