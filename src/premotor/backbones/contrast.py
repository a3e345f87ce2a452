"""Contrastive losses over paired rows, the core of L_u and L_align.

Logits are at least float32 whatever the autocast, because bf16 resolves a similarity / 0.05 to
no better than 0.1 (decisions D34). Rows are gathered over ranks (gather.py).

b: rows of this rank  all: rows of all ranks  d: width
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from premotor.backbones.gather import gather, gather_values, partners

Temperature = float | Float[Tensor, ""]


def unit(x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """Unit-norm rows in float32, or float64 if they are."""
    return F.normalize(wide(x), dim=-1)


def wide(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Rows in float32, or float64 if they are: logits need it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def similarities(
    a: Float[Tensor, "b d"], b: Float[Tensor, "b d"], temperature: Temperature
) -> tuple[Float[Tensor, "b all"], Float[Tensor, "b all"]]:
    """Logits: similarities over temperature of local a to all b, and of local b to all a."""
    with torch.autocast(a.device.type, enabled=False):
        a, b = wide(a), wide(b)
        return a @ gather(b).T / temperature, b @ gather(a).T / temperature


def info_nce(
    a: Float[Tensor, "b d"], b: Float[Tensor, "b d"], temperature: Temperature
) -> Float[Tensor, ""]:
    """Mean of both directions' cross entropies; row i's partner is row i of the other side.

    Args:
        a: Unit-norm rows.
        b: Unit-norm rows, in the same order.
        temperature: Positive scalar tau.

    Returns:
        Loss [nat], log(number of rows) at chance.
    """
    forth, back = similarities(a, b, temperature)
    index = partners(a)
    return (F.cross_entropy(forth, index) + F.cross_entropy(back, index)) / 2


def info_nce_shared(
    a: Float[Tensor, "b d"],
    b: Float[Tensor, "b d"],
    ids: Int[Tensor, " b"],
    temperature: Temperature,
) -> Float[Tensor, ""]:
    """The same, where all rows with the same id are each other's partners, in equal parts.

    Equal to `info_nce` if no two ids are equal (ViCLIP; decisions D26).
    """
    forth, back = similarities(a, b, temperature)
    same = (ids[:, None] == gather_values(ids)[None, :]).to(forth.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(forth, target) + F.cross_entropy(back, target)) / 2
