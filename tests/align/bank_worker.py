"""One rank of test_bank: python bank_worker.py RANK WORLD FOLDER.

Puts its rows into a bank, aligns its own executed rows with it by every rule, and writes the bank,
losses and gradients to FOLDER/rank{RANK}.pt.
"""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from premotor.align.bank import CANDIDATES, Bank, align_bank
from premotor.align.config import AlignConfig
from premotor.align.projections import Projections
from premotor.batch import RowIds
from premotor.train.launch import leave

E_DIM, U_DIM = 5, 6
MAPS = AlignConfig(latent_dim=4, temperature=0.2, num_labels=12, bank=12)


def maps_of(config: AlignConfig) -> Projections:
    """Maps of one seed."""
    torch.manual_seed(0)
    return Projections(config, U_DIM, E_DIM)


def watched() -> tuple[Tensor, RowIds]:
    """z_u of two instructions of each of two tasks, two episodes each."""
    draw = torch.Generator().manual_seed(3)
    z_u = torch.nn.functional.normalize(torch.randn(8, 4, generator=draw), dim=1)
    rows = torch.arange(8)
    return z_u, RowIds(rows // 4, rows // 2, rows)


def acted() -> tuple[Tensor, RowIds]:
    """Rows of other episodes, of which the first four are of one instruction, or of none there."""
    draw = torch.Generator().manual_seed(4)
    instruction = torch.tensor([0, 9, 9, 9, 1, 2, 3, 2])
    lots = torch.rand(8, generator=draw)
    ids = RowIds(instruction // 2, instruction, torch.arange(8) + torch.tensor([0] * 4 + [1] * 4))
    return torch.randn(8, E_DIM, generator=draw), RowIds(ids.task, instruction, ids.episode, lots)


def some(ids: RowIds, rows: slice) -> RowIds:
    shuffled = None if ids.shuffled is None else ids.shuffled[rows]
    return RowIds(ids.task[rows], ids.instruction[rows], ids.episode[rows], shuffled)


def told(rows: slice) -> dict[str, Any]:
    """What this rank's rows of both come to."""
    (z_u, shown), (e, done) = watched(), acted()
    found: dict[str, Any] = {}
    for partner in CANDIDATES:
        bank, maps = Bank(12, 4, partner), maps_of(MAPS)
        bank.put(z_u[rows], some(shown, rows))
        mine = e[rows].clone().requires_grad_()
        loss = align_bank(maps, mine, some(done, rows), bank)
        assert loss is not None
        loss.backward()
        grads = {"e": mine.grad, "from_e": maps.from_e.weight.grad}
        found[partner] = {"loss": loss.detach(), **grads}
        found["bank"] = bank.state()["bank"]
    return found


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world
    )
    torch.save(told(slice(8 // world * rank, 8 // world * (rank + 1))), folder / f"rank{rank}.pt")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
