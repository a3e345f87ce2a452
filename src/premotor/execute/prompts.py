"""What the action head is told about the chosen point besides the coarse map's feature there.

A cell of the coarse map is too large to show how a thing is turned; the up-sampler's first map,
twice as fine, is read around the point, in the zoomed stage and in the whole scene alike
(decisions D69).

b: batch  v: views  c: channels  q: side of the map  e: embed_dim
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from premotor.execute.config import ExecuteConfig
from premotor.execute.virtual_views import look_around


class Patches(nn.Module):
    """One linear map per stage, from the patch around the point to what its prompt gains."""

    def __init__(self, config: ExecuteConfig) -> None:
        super().__init__()
        self.side = config.tokens.patch
        seen = self.side**2 * config.trunk.stem_dims[1]
        embed = config.trunk.embed_dim
        self.linears = nn.ModuleList(nn.Linear(seen, embed) for _ in range(config.stages))

    def forward(
        self,
        maps: Sequence[Float[Tensor, "b v c q q"]],
        points: Sequence[Float[Tensor, "b 3"]],
    ) -> Float[Tensor, "b v e"]:
        """Sum over the stages.

        Args:
            maps: The up-sampler's first map of each stage, the whole scene first.
            points: The chosen point in each stage's cube.
        """
        gained = [
            linear(look_around(seen, point, self.side).flatten(2))
            for linear, seen, point in zip(self.linears, maps, points, strict=True)
        ]
        return torch.stack(gained).sum(0)
