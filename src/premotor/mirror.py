"""The joint network: watch an action, do it, and meet in one space.

        clip + words                     cloud + words
             |                                |
        understand -> L_u                 execute -> L_e
             | u                              | e
            T_u                              T_e
             | z_u ------- L_align ---------- | z_e

L = L_u + L_e + lambda L_align  (paper, joint training; Theorem 2)

b: batch
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from premotor.align.config import AlignConfig
from premotor.align.loss import info_nce
from premotor.align.projections import Aligned, Projections
from premotor.batch import MirrorBatch
from premotor.errors import ConfigError
from premotor.execute.config import ExecuteConfig
from premotor.execute.loss import execute_losses
from premotor.execute.policy import ExecuteOutput, Policy
from premotor.understand.config import UnderstandConfig
from premotor.understand.loss import understand_loss
from premotor.understand.recognizer import Recognizer, UnderstandOutput

Scalar = Float[Tensor, ""]


@dataclass(frozen=True, kw_only=True)
class MirrorConfig:
    """Both towers and what joins them; the defaults are preset `paper`'s."""

    understand: UnderstandConfig = field(default_factory=UnderstandConfig)
    execute: ExecuteConfig = field(default_factory=ExecuteConfig)
    align: AlignConfig = field(default_factory=AlignConfig)


@dataclass(frozen=True, eq=False)
class MirrorOutput:
    """What both towers made of a batch, row by row the same actions."""

    observed: UnderstandOutput | None  # .u (b, D_u); None where the batch carries no clip
    executed: ExecuteOutput  # .e (b, D_e), heatmaps, rotation, gripper
    aligned: Aligned | None  # .z_u, .z_e (b, D_z), unit norm


@dataclass(frozen=True, eq=False, kw_only=True)
class MirrorLosses:
    """The objective and the terms it is the sum of."""

    total: Scalar  # [nat] L = own + lambda L_align
    own: Scalar  # [nat] L_u + L_e, or the one of them that there is
    align: Scalar | None  # [nat] L_align, unweighted; None where nothing is aligned
    terms: Mapping[str, Scalar]  # [nat] detached: "understand", "execute", its seven, "align"


class Mirror(nn.Module):
    """Two towers without a common parameter, and two linear maps."""

    def __init__(self, config: MirrorConfig) -> None:
        super().__init__()
        self.config = config
        self.understand = Recognizer(config.understand)
        self.execute = Policy(config.execute)
        self.align = Projections(config.align, config.understand.u_dim, config.execute.e_dim)

    def forward(
        self,
        batch: MirrorBatch,
        mask_ratio: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> MirrorOutput:
        """Watch what can be watched, do what is to be done, align both.

        Args:
            batch: With a target the policy is teacher-forced; without, it decodes by itself.
            mask_ratio: Share of the clip's tokens to drop; training only.
            generator: Source of masks, crops and input noise; training only.
        """
        watched = batch.observed
        observed = None if watched is None else self.understand(watched, mask_ratio, generator)
        executed = self.execute(batch.executed, batch.instruction, batch.target, generator)
        aligned = None if observed is None else self.align(observed.u, executed.e)
        return MirrorOutput(observed, executed, aligned)

    @property
    def towers(self) -> dict[str, nn.Module]:
        """The three parts that learn, by name."""
        return {"understand": self.understand, "execute": self.execute, "align": self.align}


def mirror_losses(output: MirrorOutput, batch: MirrorBatch, config: MirrorConfig) -> MirrorLosses:
    """L = L_u + L_e + lambda L_align; without a clip only L_e (decisions D39).

    Raises:
        ConfigError: The batch has no target.
    """
    if batch.target is None:
        raise ConfigError("a batch without a target has no loss; give it the next keyframe")
    done = execute_losses(output.executed, batch.target, config.execute)
    terms: dict[str, Scalar] = {"execute": done.total, **done.terms}
    own, align = done.total, None
    if batch.observed is not None and output.observed is not None and output.aligned is not None:
        z_u, z_e = output.aligned.z_u, output.aligned.z_e
        terms["understand"] = understand_loss(output.observed, batch.observed, config.understand)
        terms["align"] = align = info_nce(z_u, z_e, config.align.temperature)
        own = own + terms["understand"]
    total = own if align is None else own + config.align.weight * align
    told = {name: term.detach() for name, term in terms.items()}
    return MirrorLosses(total=total, own=own, align=align, terms=told)
