"""The two linear maps into the space where watching and doing meet.

b: batch  u, e, z: widths of the two representations and of the shared space
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from premotor.align.config import AlignConfig, resolve_latent_dim


@dataclass(frozen=True, eq=False)
class Aligned:
    """Both representations in the shared space; row i of each is one action."""

    z_u: Float[Tensor, "b z"]  # unit norm
    z_e: Float[Tensor, "b z"]  # unit norm


class Projections(nn.Module):
    """z_u = T_u u / |T_u u|, z_e = T_e e / |T_e e| (paper Eqs. 8, 22; decisions D37).

    T_u and T_e are linear with a bias, so that all that they align was in u and e before.
    """

    def __init__(self, config: AlignConfig, u_dim: int, e_dim: int) -> None:
        super().__init__()
        self.latent_dim = resolve_latent_dim(config, u_dim, e_dim)
        self.from_u = nn.Linear(u_dim, self.latent_dim)
        self.from_e = nn.Linear(e_dim, self.latent_dim)

    def forward(self, u: Float[Tensor, "b u"], e: Float[Tensor, "b e"]) -> Aligned:
        return Aligned(F.normalize(self.from_u(u), dim=-1), F.normalize(self.from_e(e), dim=-1))
