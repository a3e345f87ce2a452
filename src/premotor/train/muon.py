"""Muon: a matrix moves along its momentum made orthogonal; all else moves as by AdamW.

K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); which weights
are matrices says `train/matrices.py`.

Notable choices (decisions D68):
- The conventions are those of `torch.optim.Muon`, which computes in bfloat16 on any device, takes
  no kernels, knows no AdamW beside, and does all of the work in every process.
- Each process makes its share of the momenta orthogonal, one message brings all to all. Momenta are
  kept whole everywhere, so that a stored state serves any number of processes.
- On a CPU one matrix is taken after the other in float32, so that the result of each depends on
  nothing beside it; on a GPU matrices of one shape go together, in bfloat16.

n: matrices of one shape  r: rows  c: columns
"""

# torch's grouped tensor operations are public in all but name: torch.optim is built on them.
# ruff: noqa: SLF001
# pyright: reportPrivateImportUsage=false

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw

from premotor.errors import ConfigError

QUINTIC = (3.4445, -4.7750, 2.0315)  # a, b, c: steep at 0, so that few steps do
SHORTEST = 1e-7  # length below which a momentum is not brought to 1
Group = dict[str, Any]


def newton_schulz(matrices: Float[Tensor, "*n r c"], steps: int) -> Float[Tensor, "*n r c"]:
    """Bring the singular values near 1 (0.7 to 1.2 after five steps); the vectors stay.

    X <- a X + (b A + c A A) X,  A = X X^T

    Args:
        matrices: Of Frobenius norm 1 at most; zeros stay zeros.
        steps: How often.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    added = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(steps):
        gram = x @ x.mT
        x = added(x, added(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def one_by_one(matrices: list[Tensor], steps: int) -> list[Tensor]:
    """`newton_schulz` of each, with nothing beside it."""
    return [newton_schulz(matrix, steps) for matrix in matrices]


def stacked(matrices: list[Tensor], steps: int) -> list[Tensor]:
    """`newton_schulz` of all that have one shape together."""
    members: dict[torch.Size, list[int]] = defaultdict(list)
    for index, matrix in enumerate(matrices):
        members[matrix.shape].append(index)
    found: dict[int, Tensor] = {}
    for rows in members.values():
        stack = newton_schulz(torch.stack([matrices[i] for i in rows]), steps)
        found.update(zip(rows, stack.unbind(), strict=True))
    return [found[index] for index in range(len(matrices))]


@dataclass(frozen=True)
class Way:
    """How a kind of device makes matrices orthogonal."""

    dtype: torch.dtype
    run: Callable[[list[Tensor], int], list[Tensor]]


CPU, GPU = Way(torch.float32, one_by_one), Way(torch.bfloat16, stacked)


def way_of(device: torch.device) -> Way:
    """Exact and independent of what is beside on a CPU, fast on a GPU."""
    return CPU if device.type == "cpu" else GPU


def orthogonal(matrices: list[Tensor], steps: int, way: Way) -> list[Tensor]:
    """The matrices made orthogonal, in this process alone."""
    if not matrices:
        return []
    lengths = torch.stack(torch._foreach_norm(matrices)).clamp(min=SHORTEST)
    unit = torch._foreach_div(matrices, list(lengths.unbind()))
    return way.run([matrix.to(way.dtype) for matrix in unit], steps)


def shares(shapes: Sequence[torch.Size], world: int) -> list[list[int]]:
    """Which matrices each process takes: every `world`-th, the largest first."""
    order = sorted(range(len(shapes)), key=lambda i: (-min(shapes[i]) * shapes[i].numel(), i))
    return [order[rank::world] for rank in range(world)]


def orthogonal_by_all(matrices: list[Tensor], steps: int) -> list[Tensor]:
    """The matrices made orthogonal, each by one of the processes that train together.

    Args:
        matrices: The same in all processes, at least one.
        steps: Of `newton_schulz`.
    """
    way = way_of(matrices[0].device)
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return orthogonal(matrices, steps, way)
    parts = shares([matrix.shape for matrix in matrices], dist.get_world_size())
    sizes = [[matrices[i].numel() for i in part] for part in parts]
    mine = parts[dist.get_rank()]
    sent = matrices[0].new_zeros(max(map(sum, sizes)), dtype=way.dtype)
    done = orthogonal([matrices[i] for i in mine], steps, way)
    if done:
        torch.cat([d.flatten() for d in done], out=sent[: sum(sizes[dist.get_rank()])])
    received = [torch.empty_like(sent) for _ in parts]
    dist.all_gather(received, sent)
    found: dict[int, Tensor] = {}
    for part, lengths, row in zip(parts, sizes, received, strict=True):
        found.update(zip(part, row[: sum(lengths)].split(lengths), strict=True))
    return [found[i].view_as(matrix) for i, matrix in enumerate(matrices)]


class Muon(torch.optim.Optimizer):
    """p -= lr sqrt(max(1, r / c)) NS(g + mu (m - g)), m += (1 - mu) (g - m); AdamW for the rest.

    Decay is decoupled, as AdamW's: p -= lr wd p before. Groups with `matrices` True have `momentum`
    (mu) and `newton_schulz_steps`, the others what AdamW asks for.
    """

    def __init__(self, groups: list[Group], defaults: Mapping[str, Any]) -> None:
        super().__init__(groups, {"matrices": False, "fused": True, **defaults})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        if closure is not None:
            raise ConfigError("this optimizer takes no closure; call backward() before step()")
        moved = [(group, _with_gradient(group)) for group in self.param_groups]
        for group, params in moved:
            if params and not group["matrices"]:
                self._step_adamw(group, params)
        self._step_matrices([(g, params) for g, params in moved if params and g["matrices"]])

    def _step_adamw(self, group: Group, params: list[Tensor]) -> None:
        for p in params:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32, device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        first, second, count = (
            [self.state[p][name] for p in params] for name in ("exp_avg", "exp_avg_sq", "step")
        )
        adamw(
            params,
            _gradients(params),
            first,
            second,
            [],
            count,
            fused=group["fused"],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _step_matrices(self, moved: list[tuple[Group, list[Tensor]]]) -> None:
        """All groups together: one message between the processes."""
        if not moved:
            return
        ahead = [m for group, params in moved for m in self._ahead(group, params)]
        rest = iter(orthogonal_by_all(ahead, moved[0][0]["newton_schulz_steps"]))
        for group, params in moved:
            moves = [next(rest).to(p.dtype).reshape(p.shape) for p in params]
            ratios = [p.flatten(1).shape for p in params]
            torch._foreach_mul_(moves, [math.sqrt(max(1.0, r / c)) for r, c in ratios])
            torch._foreach_mul_(params, 1.0 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, moves, alpha=-group["lr"])

    def _ahead(self, group: Group, params: list[Tensor]) -> list[Tensor]:
        """The momenta as they will be (Nesterov), kernels flattened."""
        for p in params:
            if not self.state[p]:
                self.state[p] = {"momentum": torch.zeros_like(p)}
        momenta, grads = [self.state[p]["momentum"] for p in params], _gradients(params)
        torch._foreach_lerp_(momenta, grads, 1.0 - group["momentum"])
        ahead = torch._foreach_lerp(grads, momenta, group["momentum"])
        return [matrix.flatten(1) for matrix in ahead]


def _with_gradient(group: Group) -> list[Tensor]:
    return [p for p in group["params"] if p.grad is not None]


def _gradients(params: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in params if p.grad is not None]
