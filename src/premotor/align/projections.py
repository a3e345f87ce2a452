"""The two linear maps into the space where watching and doing meet.

b: batch  u, e, z: widths of the two representations and of the shared space
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.align.config import AlignConfig, resolve_latent_dim
from premotor.errors import ConfigError

_CODES = 0xC0DE  # tells the stream of their first values from all others of a seed


@dataclass(frozen=True, eq=False)
class Aligned:
    """Both representations in the shared space; row i of each is one action."""

    z_u: Float[Tensor, "b z"]  # unit norm
    z_e: Float[Tensor, "b z"]  # unit norm
    codes: Float[Tensor, "b z"] | None = None  # of each row's instruction, unit norm, if asked for


class Projections(nn.Module):
    """z_u = T_u u / |T_u u|, z_e = T_e e / |T_e e| (paper Eqs. 8, 22; decisions D37).

    T_u and T_e are linear with a bias, so that all that they align was in u and e before.
    """

    def __init__(self, config: AlignConfig, u_dim: int, e_dim: int) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = resolve_latent_dim(config, u_dim, e_dim)
        self.from_u = nn.Linear(u_dim, self.latent_dim)
        self.from_e = nn.Linear(e_dim, self.latent_dim)
        if config.num_labels:
            # A generator of their own, so that a mirror with codes begins where one without does.
            own = torch.Generator().manual_seed(torch.initial_seed() ^ _CODES)
            drawn = torch.empty(config.num_labels, self.latent_dim, device="cpu")
            self.codes = nn.Parameter(drawn.normal_(generator=own).to(self.from_u.weight.device))

    def forward(
        self,
        u: Float[Tensor, "b u"],
        e: Float[Tensor, "b e"],
        labels: Int[Tensor, " b"] | None = None,
    ) -> Aligned:
        """Both in the shared space; what L_align shall not reach passes no gradient back.

        Args:
            u: Of the observed actions.
            e: Of the executed actions, in the same order.
            labels: Instruction of each row, where its learned code is asked for.

        Raises:
            ConfigError: There is no code for them.
        """
        u = u.detach() if self.config.moves == "policy" else u
        codes = None if labels is None else self.codes_of(labels)
        return Aligned(F.normalize(self.from_u(u), dim=-1), self.of_e(e), codes)

    def of_e(self, e: Float[Tensor, "b e"]) -> Float[Tensor, "b z"]:
        """The executed actions alone, as in `forward`."""
        e = e.detach() if self.config.moves == "recognizer" else e
        return F.normalize(self.from_e(e), dim=-1)

    def codes_of(self, labels: Int[Tensor, " b"]) -> Float[Tensor, "b z"]:
        """The learned code of each instruction, unit norm.

        Raises:
            ConfigError: There are none.
        """
        if not self.config.num_labels:
            raise ConfigError(
                "rows matched by labels need a code for each instruction, there are none; "
                "set align.num_labels to their number"
            )
        return F.normalize(self.codes[labels], dim=-1)
