"""One of two processes that clip the gradient of each loss by itself, of half the rows each."""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from premotor.align.config import AlignConfig
from premotor.align.loss import info_nce
from premotor.backbones.contrast import unit
from premotor.mirror import MirrorLosses
from premotor.train.gradients import EachLoss
from premotor.train.launch import leave
from premotor.train.optim import OptimizerConfig, build_optimizer

ROWS = 8  # of all processes
CONFIG = AlignConfig(weight=0.5, ratio=0.2)


class Towers(nn.Module):
    """Two towers and two maps, under the names of the joint network's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.understand = nn.ModuleDict({"vision_encoder": nn.Linear(5, 6)})
        self.execute = nn.ModuleDict({"tokens": nn.Linear(5, 6)})
        self.align = nn.ModuleDict({"from_u": nn.Linear(6, 4), "from_e": nn.Linear(6, 4)})


def joined(towers: Towers, part: slice = slice(None)) -> tuple[Towers, MirrorLosses]:
    """The losses of some of the rows."""
    data: Tensor = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(1))[part]
    u = towers.understand["vision_encoder"](data).tanh()
    e = towers.execute["tokens"](data).tanh()
    own = (u - 1.0).pow(2).mean() + (3.0 * e + 1.0).pow(2).mean()
    z_u, z_e = unit(towers.align["from_u"](u)), unit(towers.align["from_e"](e))
    align = info_nce(z_u, z_e, 0.1)
    terms = {name: own.detach() for name in ("understand", "execute")}
    return towers, MirrorLosses(total=own + align, own=own, align=align, terms=terms)


def measured(shown: tuple[Towers, MirrorLosses], average: bool) -> dict[str, Any]:
    """The gradients that are left at the weights, and what is told of them."""
    towers, losses = shown
    optimizer = build_optimizer(dict(towers.named_children()), OptimizerConfig())
    found = EachLoss(towers, CONFIG).descend(losses, optimizer, 1.0, average)
    gradients = [p.grad for p in towers.parameters()]
    return {"gradients": gradients, "told": found.told, "norms": found.norms}


def main(rank: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    half = ROWS // 2
    mine = joined(Towers(), slice(rank * half, (rank + 1) * half))
    torch.save(measured(mine, average=True), Path(out) / f"rank{rank}.pt")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
