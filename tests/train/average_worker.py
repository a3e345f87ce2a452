"""One of two processes: a DistributedDataParallel step beside one averaged by ourselves."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from premotor.train.launch import leave
from premotor.train.optim import OptimizerConfig, average_gradients, build_optimizer, gradients_of


class Towers(nn.Module):
    """Two towers, of which the first is used by every second batch only."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.understand, self.execute = nn.Linear(5, 3), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor, both: bool) -> torch.Tensor:
        acted = self.execute(x).pow(2).mean()
        return acted + self.understand(x).pow(2).mean() if both else acted


def train(module: Towers, wrapped: nn.Module, ours: bool, rank: int) -> list[torch.Tensor]:
    towers = {"understand": module.understand, "execute": module.execute}
    optimizer = build_optimizer(towers, OptimizerConfig(learning_rate=0.1))
    for step in range(4):
        optimizer.zero_grad(set_to_none=True)
        data = torch.randn(4, 5, generator=torch.Generator().manual_seed(10 * step + rank))
        wrapped(data, step % 2 == 1).backward()
        if ours:
            average_gradients(gradients_of(optimizer))
        optimizer.step()
    return [p.detach().clone() for p in module.parameters()]


def main(rank: int, store: str, out: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    plain, engine = Towers(), Towers()
    parallel = DistributedDataParallel(engine, find_unused_parameters=True)
    found = [train(plain, plain, True, rank), train(engine, parallel, False, rank)]
    torch.save(found, Path(out) / f"rank{rank}.pt")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
