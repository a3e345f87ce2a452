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
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.align.config import AlignConfig
from premotor.align.loss import info_nce
from premotor.align.projections import Aligned, Projections
from premotor.align.rules import align_block
from premotor.batch import Block, MirrorBatch
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
    more: UnderstandOutput | None = None  # of the clips beside


@dataclass(frozen=True, eq=False, kw_only=True)
class MirrorLosses:
    """The objective and the terms it is the sum of."""

    total: Scalar  # [nat] L = own + lambda L_align
    own: Scalar  # [nat] L_u + L_e, or the one of them that there is
    align: Scalar | None  # [nat] L_align, unweighted; None where nothing is aligned
    terms: Mapping[str, Scalar]  # [nat] detached: "understand", "execute", its seven, "align", ...

    def with_bank(self, align: Scalar, weight: float) -> "MirrorLosses":
        """Of acting alone, joined by the alignment with what was watched before (align/bank.py).

        Args:
            align: L_align of the acting rows [nat].
            weight: Lambda.
        """
        terms = {**self.terms, "align_bank": align.detach()}
        return replace(self, total=self.own + weight * align, align=align, terms=terms)


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
        if observed is None:
            return MirrorOutput(None, executed, None)
        aligned, more = self.align(observed.u, executed.e, _labels(batch.block)), None
        if batch.more is not None:  # last, so that their masks and crops move no other draw
            more = self.understand(batch.more, mask_ratio, generator, observed.classes)
        return MirrorOutput(observed, executed, aligned, more)

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
        terms["understand"] = _understand(output.observed, output.more, batch, config.understand)
        align, told = _align(output.aligned, batch.block, config.align)
        own, terms = own + terms["understand"], terms | told
    total = own if align is None else own + config.align.weight * align
    told = {name: term.detach() for name, term in terms.items()}
    return MirrorLosses(total=total, own=own, align=align, terms=told)


def _labels(block: Block | None) -> Int[Tensor, " b"] | None:
    """Instructions whose codes are wanted."""
    return None if block is None or block.partner != "labels" else block.instruction


def _understand(
    observed: UnderstandOutput,
    more: UnderstandOutput | None,
    batch: MirrorBatch,
    config: UnderstandConfig,
) -> Scalar:
    """L_u of the clips that are acted on and, where there are, of those beside."""
    assert batch.observed is not None
    if more is None or batch.more is None:
        return understand_loss(observed, batch.observed.text_id, config)
    text_id = torch.cat([batch.observed.text_id, batch.more.text_id])
    return understand_loss(observed.followed_by(more), text_id, config)


def _align(
    aligned: Aligned, block: Block | None, config: AlignConfig
) -> tuple[Scalar, dict[str, Scalar]]:
    """L_align, and the terms that are written down of it."""
    if block is None:
        loss = info_nce(aligned.z_u, aligned.z_e, config.temperature)
        return loss, {"align": loss}
    contrast = align_block(aligned, block, config)
    return contrast.loss, contrast.terms
