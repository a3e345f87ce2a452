"""What the alignment is allowed to be."""

from dataclasses import dataclass
from typing import Literal

from premotor.errors import ConfigError
from premotor.settings import check_numbers

Moves = Literal["both", "policy", "recognizer"]
Strangers = Literal["all", "task"]


@dataclass(frozen=True, kw_only=True)
class AlignConfig:
    """Two linear maps into one latent space, and the temperature of the contrast."""

    latent_dim: int | None = None  # D_z, width of z_u and z_e; None = by `resolve_latent_dim`
    temperature: float = 0.1  # tau, fixed
    weight: float = 0.5  # lambda in L = L_u + L_e + lambda L_align; 0.0 is the baseline
    moves: Moves = "both"  # which tower L_align reaches; the maps learn either way
    strangers: Strangers = "all"
    """Who a row of a block is told apart from: all others, or those of its partner's task alone;
    the bound is then one on what is shared beyond the task"""
    num_labels: int = 0
    """Codes that are learned in place of the other side (pairing.partner labels), one for each
    instruction of the data; 0: none"""
    bank: int = 0
    """Rows of z_u that are kept from the newest updates with clips, so that those without are
    aligned too: with what is kept, and moving E and T_e alone. 0: none"""
    policy_factor: float = 1.0  # on L_align's gradient in E, after clipping (optimizer.clip each)
    recognizer_factor: float = 1.0  # the same in U
    ratio: float = 0.0
    """> 0: in each tower L_align's gradient is made so many times as long as the clipped one of the
    own loss, at every step, whatever the weight (0 stays the baseline); optimizer.clip each"""

    def __post_init__(self) -> None:
        if self.latent_dim is not None and self.latent_dim < 1:
            raise ConfigError(f"align.latent_dim must be >= 1, got {self.latent_dim}; try None")
        if self.temperature <= 0.0:
            raise ConfigError(f"align.temperature must be > 0, got {self.temperature}; try 0.1")
        if self.weight < 0.0:
            raise ConfigError(f"align.weight must be >= 0, got {self.weight}; 0 is the baseline")
        if self.bank and self.moves == "recognizer":
            raise ConfigError(
                f"align.bank {self.bank} moves the policy, which align.moves recognizer keeps "
                "still; set align.bank to 0, or align.moves to both or policy"
            )
        check_numbers(self)

    @property
    def by_tower(self) -> bool:
        """Whether L_align's gradient is weighed in each tower by itself."""
        return self.ratio > 0.0 or (self.policy_factor, self.recognizer_factor) != (1.0, 1.0)


def resolve_latent_dim(config: AlignConfig, u_dim: int, e_dim: int) -> int:
    """D_z: as configured, else the narrower side in steps of 64, at most 512."""
    if config.latent_dim is not None:
        return config.latent_dim
    narrow = min(u_dim, e_dim)
    return min(narrow // 64 * 64, 512) or narrow
