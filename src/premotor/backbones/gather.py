"""Rows of all ranks, with gradients, for losses that compare every row with every other.

Contract: each rank computes the mean loss of its own rows against the rows of all ranks; then the
mean over ranks of the gradients is the gradient of the whole-batch loss (decisions D35).
Every rank must hold as many rows as the others. With one process, all of this is the identity.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor


def world_size() -> int:
    """Number of ranks; 1 when nothing is distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def first_row(num_rows: int) -> int:
    """Index, among the gathered rows, of the first one of this rank's `num_rows`."""
    return num_rows * dist.get_rank() if world_size() > 1 else 0


def gather_values(x: Tensor) -> Tensor:
    """Rows of all ranks in rank order, without gradients; for ids."""
    if world_size() == 1:
        return x
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    """All-gather whose backward sums, over the ranks, the gradients of this rank's rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.num_rows = len(x)
        return gather_values(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        start = first_row(ctx.num_rows)
        return total[start : start + ctx.num_rows]


def gather(x: Float[Tensor, "b d"]) -> Float[Tensor, "all d"]:
    """Rows of all ranks in rank order; gradients flow back to the rank a row came from."""
    if world_size() == 1:
        return x
    gathered = _Gather.apply(x)
    assert isinstance(gathered, Tensor)
    return gathered


def partners(x: Float[Tensor, "b d"]) -> Int[Tensor, " b"]:
    """Index, among the gathered rows, of each local row's partner."""
    start = first_row(len(x))
    return torch.arange(start, start + len(x), device=x.device)
