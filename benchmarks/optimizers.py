"""What an update of `tiny` costs by each optimizer, gradients given: Muon beside AdamW, by turns.

Muon's matrices twice: one after the other, and all of one shape together. The CPU's time of one
thread counts; on a machine with a GPU the clock does.
"""

import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.clock import Stopwatch
from premotor import presets
from premotor.mirror import Mirror
from premotor.train.matrices import matrices
from premotor.train.muon import Way, one_by_one, orthogonal, stacked, way_of
from premotor.train.optim import Name, OptimizerConfig, build_optimizer

TURNS = 15
STEPS = OptimizerConfig().newton_schulz_steps


def main() -> None:
    """Print the figures of the optimizers."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        mirror = Mirror(presets.train_preset("tiny").mirror).to(device)
        for weight in mirror.parameters():
            weight.grad = torch.randn_like(weight) if weight.requires_grad else None
        whole = mirror.towers
        updates(f"{device}, the policy alone", {"execute": mirror.execute})
        updates(f"{device}, both towers and the maps", whole)
        ways(device, whole)


def updates(title: str, towers: dict[str, nn.Module]) -> None:
    """An update by AdamW and one by Muon."""
    steps = {name: _step(towers, name) for name in ("adamw", "muon")}
    adamw, muon = _medians(list(steps.values()))
    print(
        f"  tiny on {title}, one update: AdamW {1000 * adamw:.1f} ms, Muon {1000 * muon:.1f} = "
        f"{muon / adamw:.0f} times as long"
    )


def ways(device: str, towers: dict[str, nn.Module]) -> None:
    """The matrices one after the other, and stacked."""
    given = [
        weight.grad.flatten(1)
        for tower, module in towers.items()
        for name, weight in module.named_parameters()
        if name in matrices(tower, module) and weight.grad is not None
    ]
    dtype = way_of(torch.device(device)).dtype
    loop, stack = _medians([_made(given, Way(dtype, run)) for run in (one_by_one, stacked)])
    numbers = sum(matrix.numel() for matrix in given)
    print(
        f"    {len(given)} matrices of {numbers:,} numbers made orthogonal: {1000 * loop:.1f} ms "
        f"one by one, {1000 * stack:.1f} stacked = {loop / stack:.2f} times as fast"
    )


def _step(towers: dict[str, nn.Module], name: Name) -> Callable[[], object]:
    return build_optimizer(towers, OptimizerConfig(name=name, learning_rate=1e-6)).step


def _made(given: list[Tensor], way: Way) -> Callable[[], object]:
    return lambda: orthogonal(given, STEPS, way)


def _medians(functions: list[Callable[[], object]]) -> list[float]:
    """[s] of each, called in turn."""
    taken: list[list[float]] = []
    for _ in range(TURNS + 1):
        taken.append([_timed(function) for function in functions])
    return [statistics.median(column) for column in zip(*taken[1:], strict=True)]


def _timed(function: Callable[[], object]) -> float:
    watch = Stopwatch()
    function()
    if not torch.cuda.is_available():
        return watch.read().cpu
    torch.cuda.synchronize()
    return watch.read().wall
