"""Full size: do the GPU and bfloat16 compute what the CPU computes in float32?

One batch through preset `paper`, forward and backward, without any draw (evaluation mode, whole
clips), so that what differs is arithmetic. The policy first learns the batch, on the GPU: heatmaps
without a peak would have their largest pixel anywhere.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.gpu import paired
from benchmarks.products import threads_set
from premotor import presets
from premotor.batch import MirrorBatch
from premotor.execute.loss import execute_losses
from premotor.execute.policy import ExecuteOutput
from premotor.mirror import Mirror, MirrorConfig, mirror_losses
from premotor.train.optim import OptimizerConfig, build_optimizer, clip_gradients
from premotor.worklist import available_cores

ROWS = 4
LEARNED = 150  # updates
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Arithmetic:
    """Where and how precisely something is computed."""

    name: str
    device: str
    half: bool = False  # bfloat16 autocast
    tf32: bool = False  # convolutions in TF32, torch's default on GPUs


CPU = Arithmetic("CPU, float32", "cpu")
GPU = (
    Arithmetic("GPU, float32", "cuda"),
    Arithmetic("GPU, float32 with TF32 convolutions", "cuda", tf32=True),
    Arithmetic("GPU, bfloat16 autocast", "cuda", half=True, tf32=True),
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one forward and backward pass and one greedy decision came to; all on the CPU."""

    losses: dict[str, float]  # [nat]
    gradients: dict[str, Tensor]  # of each tower, flat
    peaks: Tensor  # (stages, b, v) largest pixel of each heatmap, teacher-forced
    position: Tensor  # (b, 3) decided, world frame [m]
    choices: Tensor  # (b, 5) decided rotation bins, gripper and collision


def main() -> None:
    """Print how far each arithmetic is from the CPU's, or that there is no GPU."""
    if not torch.cuda.is_available():
        print("  no GPU is at hand: there is nothing to hold against the CPU")
        return
    with threads_set(available_cores()):
        compare(presets.train_preset("paper").mirror, LEARNED, GPU)


def compare(config: MirrorConfig, learned: int, others: tuple[Arithmetic, ...]) -> None:
    """Print losses, gradients and decisions of the CPU and of the others beside it."""
    torch.manual_seed(0)
    mirror, batch = Mirror(config), paired(config, ROWS)
    last = learn(mirror, batch, learned, others[0].device)
    print(
        f"  preset paper, {ROWS} rows, {learned} updates of the policy on them (its loss then "
        f"{last:.2f}), no draws; relative differences from {CPU.name}"
    )
    reference = outcome(mirror, batch, CPU)
    losses = ", ".join(f"{name} {value:.4f}" for name, value in reference.losses.items())
    norms = ", ".join(f"{n} {float(g.norm()):.4g}" for n, g in reference.gradients.items())
    print(f"    {CPU.name}: losses [nat] {losses}; gradient norms {norms}")
    for arithmetic in others:
        _print(arithmetic.name, outcome(mirror, batch, arithmetic), reference)


def learn(mirror: Mirror, batch: MirrorBatch, updates: int, device: str) -> float:
    """Let the policy learn one batch; returns its last loss [nat]."""
    policy, here, loss = mirror.execute.to(device).eval(), batch.to(device), torch.zeros(())
    optimizer = build_optimizer(
        {"execute": policy}, OptimizerConfig(learning_rate=LEARNING_RATE, betas=(0.9, 0.999))
    )
    assert here.target is not None
    for _ in range(updates):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            output = policy(here.executed, here.instruction, here.target)
        loss = execute_losses(output, here.target, policy.config).total
        loss.backward()
        clip_gradients(optimizer, 1.0)
        optimizer.step()
    return float(loss.detach())


def outcome(mirror: Mirror, batch: MirrorBatch, how: Arithmetic) -> Outcome:
    """One forward and backward pass of the joint network, and one decision."""
    torch.backends.cudnn.allow_tf32 = how.tf32
    mirror.to(how.device).eval().zero_grad(set_to_none=True)
    here = batch.to(how.device)
    with torch.autocast(how.device, torch.bfloat16, enabled=how.half):
        output = mirror(here)
        losses = mirror_losses(output, here, mirror.config)
    losses.total.backward()
    gradients = {
        name: torch.cat([p.grad.flatten().cpu() for p in tower.parameters() if p.grad is not None])
        for name, tower in mirror.towers.items()
    }
    with torch.no_grad(), torch.autocast(how.device, torch.bfloat16, enabled=how.half):
        acted = mirror.execute(here.executed, here.instruction)
    terms = {"total": losses.total, **losses.terms}
    return Outcome(
        losses={name: float(term.detach()) for name, term in terms.items()},
        gradients=gradients,
        peaks=_peaks(output.executed),
        position=acted.position.float().cpu(),
        choices=_choices(acted),
    )


def _peaks(output: ExecuteOutput) -> Tensor:
    heatmaps = [heat for heat in (output.coarse, output.fine) if heat is not None]
    return torch.stack(heatmaps).float().flatten(3).argmax(3).cpu()


def _choices(acted: ExecuteOutput) -> Tensor:
    assert acted.rotation_bins is not None
    hand = torch.stack([acted.gripper.argmax(1), acted.collision.argmax(1)], dim=1)
    return torch.cat([acted.rotation_bins, hand], dim=1).cpu()


def _print(name: str, found: Outcome, reference: Outcome) -> None:
    losses = ", ".join(
        f"{term} {abs(found.losses[term] - value) / max(abs(value), 1e-12):.1e}"
        for term, value in reference.losses.items()
    )
    gradients = ", ".join(
        f"{tower} {float((found.gradients[tower] - g).norm() / g.norm()):.1e} (norm "
        f"{abs(float(found.gradients[tower].norm() / g.norm()) - 1.0):.1e})"
        for tower, g in reference.gradients.items()
    )
    moved = 1000 * (found.position - reference.position).norm(dim=1)
    print(
        f"    {name}: losses {losses}\n      gradients {gradients}\n"
        f"      heatmaps whose largest pixel is the CPU's: "
        f"{100 * float((found.peaks == reference.peaks).float().mean()):.0f} %; greedy action: "
        f"{float(moved.max()):.3f} mm off at most, "
        f"{int((found.choices == reference.choices).all(1).sum())} of {ROWS} with the same "
        "rotation, gripper and collision"
    )
