"""The contrastive loss of contrast.py for many rows: no matrix of all similarities is kept.

L = ( sum_i log sum_j exp S_ij + sum_j log sum_i exp S_ij - 2 sum_i S_ii ) / 2b

The last sum is one of row products. The first two take one pass over blocks of rows; the backward
pass computes each block anew (decisions D36). Extra memory grows with the number of rows, not
with its square. With four matrix products instead of the plain form's six it is no slower either.

b: rows of this rank  all: rows of all ranks  d: width
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from premotor.backbones.contrast import Temperature, wide
from premotor.backbones.gather import first_row, gather, world_size

BLOCK = 512  # rows of similarities held at a time


def info_nce_blockwise(
    a: Float[Tensor, "b d"], b: Float[Tensor, "b d"], temperature: Temperature
) -> Float[Tensor, ""]:
    """`contrast.info_nce` with O(rows) extra memory, equal to it up to rounding.

    Args:
        a: Unit-norm rows.
        b: Unit-norm rows, in the same order.
        temperature: Positive scalar tau.

    Returns:
        Loss [nat], log(number of rows) at chance.
    """
    with torch.autocast(a.device.type, enabled=False):
        a, b = wide(a), wide(b)
        return _loss(a, gather(b), b, temperature)


def _loss(
    a: Float[Tensor, "b d"],
    every: Float[Tensor, "all d"],
    partner: Float[Tensor, "b d"],
    temperature: Temperature,
) -> Float[Tensor, ""]:
    """L of local rows, the rows of the other side, and each local row's partner."""
    tau = torch.as_tensor(temperature, dtype=a.dtype, device=a.device)
    partitions = _Partitions.apply(a, every, tau)
    assert isinstance(partitions, Tensor)
    return partitions / (2 * len(a)) - (a * partner).sum() / (tau * len(a))


def _blocks(
    a: Float[Tensor, "b d"], every: Float[Tensor, "all d"], tau: Float[Tensor, ""]
) -> Iterator[tuple[slice, Float[Tensor, "block all"]]]:
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, (a[rows] / tau) @ every.T


class _Partitions(torch.autograd.Function):
    """Sum of the log partitions of this rank's rows and of its columns.

    The backward pass is that of the sum over ranks, of which each rank holds its rows' part.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, every: Tensor, tau: Tensor) -> Tensor:
        by_row = a.new_empty(len(a))
        by_column = a.new_full((len(every),), -torch.inf)
        for rows, logits in _blocks(a, every, tau):
            by_row[rows] = logits.logsumexp(dim=1)
            by_column = torch.logaddexp(by_column, logits.logsumexp(dim=0))
        by_column = _over_ranks(by_column)
        ctx.save_for_backward(a, every, tau, by_row, by_column)
        return by_row.sum() + by_column[first_row(len(a)) :][: len(a)].sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, every, tau, by_row, by_column = ctx.saved_tensors
        of_a, of_every = torch.empty_like(a), torch.zeros_like(every)
        for rows, logits in _blocks(a, every, tau):
            weights = (logits - by_row[rows, None]).exp_()
            weights += logits.sub_(by_column).exp_()
            torch.mm(weights, every, out=of_a[rows])
            of_every.addmm_(weights.T, a[rows])
        of_a *= gradients[0] / tau
        of_every *= gradients[0] / tau
        return of_a, of_every, -(a * of_a).sum() / tau


def _over_ranks(by_column: Float[Tensor, " all"]) -> Float[Tensor, " all"]:
    """Log partitions of columns whose rows are spread over the ranks."""
    if world_size() == 1:
        return by_column
    top = by_column.clone()
    dist.all_reduce(top, dist.ReduceOp.MAX)
    total = (by_column - top).exp_()
    dist.all_reduce(total)
    return top + total.log_()
