"""One training step: watch, do, align, descend."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import nn

from premotor.align.bank import Bank, align_bank
from premotor.batch import MirrorBatch, Observed, TrainingBatch
from premotor.data.augment import AugmentConfig, augment
from premotor.data.streams import STEP, stream
from premotor.errors import TrainingDiverged
from premotor.mirror import Mirror, MirrorLosses, MirrorOutput, mirror_losses
from premotor.train.gradients import EachLoss, of_sum
from premotor.understand.loss import understand_loss


class Objective(nn.Module):
    """The joint network with its loss inside, so that data parallelism sees one scalar."""

    def __init__(
        self, mirror: Mirror, augment_config: AugmentConfig, bank: Bank | None = None
    ) -> None:
        super().__init__()
        self.mirror = mirror
        self.augment_config = augment_config
        self.bank = bank  # no part of the weights; the same in every process

    def forward(
        self, batch: TrainingBatch, mask_ratio: float, generator: torch.Generator
    ) -> MirrorLosses:
        """Augment, predict, judge: L = L_u + L_e + lambda L_align, and its terms.

        Clips alone have L_u alone; their crops and brightness are drawn in the video tower.
        """
        if isinstance(batch, Observed):
            return self._watch(batch, mask_ratio, generator)
        with torch.autocast(batch.instruction.device.type, enabled=False):
            varied = augment(batch, self.augment_config, generator)  # a point needs float32
        output = self.mirror(varied, mask_ratio, generator)
        losses = mirror_losses(output, varied, self.mirror.config)
        return losses if self.bank is None else self._remember(losses, output, varied, self.bank)

    def _remember(
        self, losses: MirrorLosses, output: MirrorOutput, batch: MirrorBatch, bank: Bank
    ) -> MirrorLosses:
        """Put what is watched into the bank; align what is only done with what the bank holds."""
        assert batch.ids is not None
        if output.aligned is not None:
            bank.put(output.aligned.z_u, batch.ids)
            return losses
        align = align_bank(self.mirror.align, output.executed.e, batch.ids, bank)
        return losses if align is None else losses.with_bank(align, self.mirror.config.align.weight)

    def _watch(
        self, observed: Observed, mask_ratio: float, generator: torch.Generator
    ) -> MirrorLosses:
        config = self.mirror.config.understand
        output = self.mirror.understand(observed, mask_ratio, generator)
        loss = understand_loss(output, observed.text_id, config)
        told = {"understand": loss.detach()}
        return MirrorLosses(total=loss, own=loss, align=None, terms=told)


@dataclass(frozen=True, eq=False)
class StepResult:
    """What one update was, the same in every process."""

    losses: dict[str, float]  # [nat] means over the processes; "total" among them
    grad_norm: float  # before clipping, over all towers
    stop: bool  # some process was asked to stop
    gradients: dict[str, float] = field(default_factory=dict)  # `StepRecord.gradients`


@dataclass(frozen=True, eq=False)
class StepPlan:
    """What is particular to one step."""

    step: int
    mask_ratio: float
    max_grad_norm: float
    generator: torch.Generator
    stop: bool  # this process was asked to stop
    average: bool = False  # gradients are averaged here, not by the engine
    each: EachLoss | None = None  # clips the gradient of each loss by itself; None: of their sum


def agree(losses: MirrorLosses, stop: bool) -> tuple[dict[str, float], bool]:
    """Means of the losses over all processes, and whether any of them was asked to stop."""
    names = ["total", *losses.terms]
    values = [losses.total.detach(), *losses.terms.values()]
    vector = torch.stack([*values, values[0].new_tensor(float(stop))]).double()
    if dist.is_initialized():
        dist.all_reduce(vector)
        vector /= dist.get_world_size()
    *means, stopped = vector.tolist()
    return dict(zip(names, means, strict=True)), stopped > 0.0


def check_finite(losses: Mapping[str, float], norms: Mapping[str, float], step: int) -> None:
    """Refuse to go on with numbers that are none.

    Raises:
        TrainingDiverged: A loss term or the gradient of a tower is not finite; it is named.
    """
    bad = [f"loss term {k!r}" for k, v in losses.items() if not math.isfinite(v) and k != "total"]
    bad = bad or [f"gradient of {k!r}" for k, v in norms.items() if not math.isfinite(v)]
    if bad:
        raise TrainingDiverged(
            f"step {step}: {', '.join(bad)} not finite; the last good checkpoint is kept. "
            "Lower --optimizer.learning-rate, or train with another --seed"
        )


def train_step(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: TrainingBatch,
    plan: StepPlan,
) -> StepResult:
    """Watch, do, align, descend: one update of both towers together.

    Args:
        objective: An `Objective`, or what the engine made of it.
        optimizer: From `build_optimizer`, its learning rates set.
        batch: Rows of this process.
        plan: What is particular to this step.

    Raises:
        TrainingDiverged: Before anything was moved.
    """
    optimizer.zero_grad(set_to_none=True)
    losses: MirrorLosses = objective(batch, plan.mask_ratio, plan.generator)
    descend = of_sum if plan.each is None else plan.each.descend
    found = descend(losses, optimizer, plan.max_grad_norm, plan.average)
    means, stop = agree(losses, plan.stop)
    check_finite(means, found.norms, plan.step)
    optimizer.step()
    return StepResult(means, math.hypot(*found.norms.values()), stop, found.told)


def step_generator(seed: int, step: int, rank: int) -> torch.Generator:
    """The random stream of one step of one process: no state to save, none to restore."""
    word = int(stream(seed, STEP, step, rank).integers(2**62))
    return torch.Generator().manual_seed(word)
