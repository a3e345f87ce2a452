"""From a coarse feature map to one logit per pixel, in float32 under any autocast.

b: images (batch and views)  e: channels  g: cells a side  s: image side
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from premotor.backbones.attention import in_float32
from premotor.execute.config import ExecuteConfig
from premotor.execute.trunk import Levels, as_channels

MASK_SCALE = 0.1  # of the mixing logits (RAFT)


@dataclass(frozen=True, eq=False)
class Upsampled:
    """What an up-sampler makes of a feature map."""

    heat: Float[Tensor, "b s s"]  # a logit per pixel
    merged: Float[Tensor, "b c q q"] | None  # skip: after the first merge, a quarter of the side


class ConvexHead(nn.Module):
    """Each pixel is a convex mixture of the 3 x 3 cells around its own (RVT-2)."""

    def __init__(self, config: ExecuteConfig) -> None:
        super().__init__()
        embed, self.ratio = config.trunk.embed_dim, config.trunk.cell
        hidden = int(config.heatmap.hidden_factor * embed)
        self.low = nn.Sequential(
            nn.Conv2d(embed, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 3, padding=1),
        )
        self.mask = nn.Sequential(
            nn.Conv2d(embed, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, 9 * self.ratio**2, 1),
        )

    def forward(
        self, features: Float[Tensor, "b e g g"], levels: Levels | None = None
    ) -> Upsampled:
        del levels  # everything is in the coarse map
        batch, _, grid, _ = features.shape
        mask = MASK_SCALE * self.mask(features)
        mask = mask.view(batch, 9, self.ratio, self.ratio, grid, grid).softmax(1)
        low = in_float32(self.low[-1], self.low[:-1](features))
        near = F.unfold(low, 3, padding=1).view(batch, 9, 1, 1, grid, grid)
        fine = (mask * near).sum(1)  # (b, sub-row, sub-column, cell row, cell column)
        side = grid * self.ratio
        return Upsampled(fine.permute(0, 3, 1, 4, 2).reshape(batch, side, side), None)


class Merge(nn.Module):
    """Twice the resolution: the coarse map says how to read the finer level (a + g * skip)."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.modulation = nn.Conv2d(coarse, 2 * fine, 1)
        self.conv = nn.Conv2d(fine, fine, 3, padding=1)

    def forward(
        self, coarse: Float[Tensor, "b e g g"], skip: Float[Tensor, "b c s s"]
    ) -> Float[Tensor, "b c s s"]:
        modulation = F.interpolate(self.modulation(coarse), scale_factor=2.0, mode="nearest")
        shift, gain = modulation.chunk(2, dim=1)
        return self.conv(torch.addcmul(shift, gain, skip))


class SkipHead(nn.Module):
    """Merge the stem's levels from coarse to fine, then shuffle to all pixels (decisions D16)."""

    def __init__(self, config: ExecuteConfig) -> None:
        super().__init__()
        first, second = config.trunk.stem_dims
        self.merge_quarter = Merge(config.trunk.embed_dim, second)
        self.merge_half = Merge(second, first)
        self.out = nn.Conv2d(first, 4, 3, padding=1)
        self.match = None
        if config.words.match_dim:
            self.match = nn.Conv2d(4, first, 1, bias=False)

    def forward(self, features: Float[Tensor, "b e g g"], levels: Levels) -> Upsampled:
        merged = F.silu(self.merge_quarter(features, levels.quarter))
        x = self.merge_half(merged, levels.half)
        if self.match is not None and levels.match is not None:
            x = x + self.match(as_channels(levels.match))
        heat = F.pixel_shuffle(in_float32(self.out, F.silu(x)), 2).squeeze(1)
        return Upsampled(heat, merged)


HEADS = {"convex": ConvexHead, "skip": SkipHead}
