"""One of some processes that train two small towers together by Muon."""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from premotor.train.launch import leave
from premotor.train.optim import OptimizerConfig, average_gradients, build_optimizer, gradients_of

CONFIG = OptimizerConfig(name="muon", learning_rate=0.01)
ROWS, STEPS = 12, 4


class Towers(nn.Module):
    """Two towers, of which the first is used by every second batch only."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.understand = nn.Sequential(nn.Linear(10, 24), nn.SiLU(), nn.Linear(24, 8))
        self.execute = nn.Sequential(
            nn.Unflatten(1, (1, 10)), nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(16, 16)
        )

    def loss(self, x: Tensor, both: bool) -> Tensor:
        acted = (self.execute(x) - x.sum(1, keepdim=True)).pow(2).mean()
        return acted + (self.understand(x) - 1.0).pow(2).mean() if both else acted

    def optimizer(self) -> torch.optim.Optimizer:
        return build_optimizer({"understand": self.understand, "execute": self.execute}, CONFIG)


def backward(towers: Towers, step: int, rank: int, world: int) -> None:
    """Gradients of the rows of one process."""
    data = torch.randn(ROWS, 10, generator=torch.Generator().manual_seed(step))
    towers.zero_grad(set_to_none=True)
    towers.loss(data[rank::world], step % 2 == 1).backward()


def gradients(towers: Towers) -> list[Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in towers.parameters()]


def train(towers: Towers, rank: int, world: int) -> list[dict[str, Any]]:
    """What each update began with and came to: averaged gradients, weights, optimizer's state."""
    optimizer, told = towers.optimizer(), []
    for step in range(STEPS):
        backward(towers, step, rank, world)
        if world > 1:
            average_gradients(gradients_of(optimizer))
        found = gradients(towers)
        optimizer.step()
        weights = [p.detach().clone() for p in towers.parameters()]
        state = {
            row: {name: value.clone() for name, value in kept.items()}
            for row, kept in optimizer.state_dict()["state"].items()
        }
        groups = optimizer.state_dict()["param_groups"]
        told.append(
            {
                "gradients": found,
                "weights": weights,
                "optimizer": {"state": state, "param_groups": groups},
            }
        )
    return told


def main(rank: int, world: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    torch.save(train(Towers(), rank, world), Path(out) / f"rank{rank}.pt")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
