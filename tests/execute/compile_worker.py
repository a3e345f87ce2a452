"""Loss and gradient norm of the nano policy and of a table match, eager and compiled, to a file."""

import json
import sys
from pathlib import Path

import torch

from premotor import presets
from premotor.batch import Executed, Target
from premotor.execute.config import WordsConfig
from premotor.execute.loss import execute_losses
from premotor.execute.match import TableMatch
from premotor.execute.policy import Policy

NANO = presets.train_preset("nano").mirror.execute


def measure(compiled: bool) -> tuple[float, float]:
    """One step's loss and the norm of its gradient."""
    torch.manual_seed(0)
    policy = Policy(NANO)
    if compiled:
        policy.compile_dense()
    points = torch.tensor([-0.1, -0.3, 0.75]) + 0.5 * torch.rand(2, 300, 3)
    executed = Executed(points, torch.rand(2, 300, 3), torch.rand(2, NANO.state_dim))
    words = torch.randint(1, 400, (2, NANO.text.context))
    ones = torch.ones(2, dtype=torch.long)
    turn = torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(2, 1)
    target = Target(points[:, 0].clone(), turn, ones, ones)
    output = policy(executed, words, target, torch.Generator().manual_seed(0))
    loss = execute_losses(output, target, NANO).total
    loss.backward()
    grads = [p.grad.norm() for p in policy.parameters() if p.grad is not None]
    return float(loss.detach()), float(torch.stack(grads).norm())


def measure_table(compiled: bool) -> tuple[float, float]:
    """The same of a match by a table, which the preset does not have; "loss": any sum of scores."""
    torch.manual_seed(0)
    match = TableMatch(WordsConfig(slots=2, match_dim=8, match_by="table"), 32)
    if compiled:
        match.compile(dynamic=False)
    blocks, pooled = torch.rand(6, 8, 8, 4, 10).round(decimals=1), torch.randn(2, 2, 32)
    loss = (match(blocks, pooled) * torch.randn(6, 8, 8, 4, 2)).sum()
    loss.backward()
    grads = [p.grad.norm() for p in match.parameters() if p.grad is not None]
    return float(loss.detach()), float(torch.stack(grads).norm())


if __name__ == "__main__":
    torch.set_num_threads(1)
    told = [[part(False), part(True)] for part in (measure, measure_table)]
    Path(sys.argv[1]).write_text(json.dumps(told))
