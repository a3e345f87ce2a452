"""The optimizers by name: `adamw` (torch's), `lamb`, `lamb_capped` and `muon` (decisions D42, D68).

Notable choices:
- `lamb` is the written-out algorithm: no bias correction, parameter norm clamped to 10, decay
  inside the update, trust 1 where a norm is 0.
- `lamb_capped` is what the released recipe ran: Adam with bias correction whose update is scaled
  down, per tensor, to at most the norm of the parameter. It never enlarges, and a tensor that is
  exactly zero never moves (decisions D10).
- Both are a handful of grouped tensor operations: a plain loop costs five times as much on a CPU
  (decisions D43).
- `muon` moves matrices by another rule than the rest (`train/muon.py`, `train/matrices.py`).
- Three named towers: understand (U), execute (E), align (T), each with its learning-rate factor;
  inside U, pretrained weights can learn more slowly the nearer they are to the pixels.
"""

# torch's grouped tensor operations are public in all but name: torch.optim is built on them.
# ruff: noqa: SLF001
# pyright: reportPrivateImportUsage=false

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from premotor.errors import ConfigError
from premotor.settings import check_numbers
from premotor.train.matrices import matrices
from premotor.train.muon import Muon

Name = Literal["adamw", "lamb", "lamb_capped", "muon"]
Clip = Literal["sum", "each"]
# Names in the recognizer.
_TEXT, _VIDEO = "text_encoder.", "vision_encoder.tower."
_VIDEO_BLOCK = re.compile(r"vision_encoder\.tower\.transformer\.resblocks\.(\d+)\.")
MOST_STEPS = 99  # as torch.optim.Muon has it
_BEHIND_BLOCKS = (f"{_VIDEO}ln_post.", f"{_VIDEO}proj")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Which optimizer, and how fast each tower learns."""

    name: Name = "adamw"
    """adamw, lamb, lamb_capped (the released recipe), or muon (nano and tiny): the matrices of the
    hidden layers by Muon, all else by AdamW"""
    learning_rate: float = 2e-3  # peak; never scaled by the batch size behind your back
    matrix_learning_rate: float = (
        0.02  # muon: peak for the matrices, `learning_rate` being the rest's
    )
    momentum: float = 0.95  # muon: of the matrices, Nesterov's
    newton_schulz_steps: int = 5  # muon: iterations that make a matrix's momentum orthogonal
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 1e-4  # decoupled: a step takes learning rate * weight_decay of a weight
    matrix_weight_decay: float = 0.1  # muon: of the matrices, `weight_decay` being the rest's
    decay_matrices_only: bool = True  # biases, norms and other vectors are not decayed
    max_grad_norm: float = 1.0  # clipped in each tower by itself; 0 switches clipping off
    clip: Clip = "sum"
    """What is clipped: the gradient of the losses' sum or, each (nano and tiny), that of a tower's
    own loss and that of alignment by themselves, at the cost of a second backward pass where a step
    aligns"""
    understand_factor: float = 1.0  # learning rate of U relative to `learning_rate`
    text_factor: float = 1.0  # of U's text tower relative to the rest of U
    layer_decay: float = 1.0  # of U's video tower: each block relative to the one after it
    execute_factor: float = 1.0  # of E
    align_factor: float = 1.0  # of T_u and T_e

    def __post_init__(self) -> None:
        if self.name not in BUILDERS:
            raise ConfigError(f"optimizer.name must be one of {list(BUILDERS)}, got {self.name!r}")
        if self.learning_rate <= 0.0:
            raise ConfigError(
                f"optimizer.learning_rate must be > 0, got {self.learning_rate}; try 2e-3"
            )
        if self.matrix_learning_rate <= 0.0:
            raise ConfigError(
                "optimizer.matrix_learning_rate must be > 0, got "
                f"{self.matrix_learning_rate}; try 0.02"
            )
        if not 0.0 <= self.momentum < 1.0 or not 1 <= self.newton_schulz_steps <= MOST_STEPS:
            raise ConfigError(
                "optimizer needs momentum in [0, 1) and newton_schulz_steps in [1, "
                f"{MOST_STEPS}], got {self.momentum}, {self.newton_schulz_steps}; try 0.95 and 5"
            )
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ConfigError(f"optimizer.betas must lie in [0, 1), got {self.betas}")
        if not 0.0 < self.layer_decay <= 1.0 or self.text_factor < 0.0:
            raise ConfigError(
                "optimizer needs layer_decay in (0, 1] and text_factor >= 0, got "
                f"{self.layer_decay}, {self.text_factor}; try 0.75 and 0.1"
            )
        check_numbers(self)

    def factor(self, tower: str) -> float:
        """Learning-rate factor of a tower."""
        return {
            "understand": self.understand_factor,
            "execute": self.execute_factor,
            "align": self.align_factor,
        }[tower]


class _Grouped(torch.optim.Optimizer):
    """Adam moments on lists of tensors; children say how the moments become a step."""

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        super().__init__(params, dict(defaults))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        if closure is not None:
            raise ConfigError("this optimizer takes no closure; call backward() before step()")
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._step_group(group, params, [p.grad for p in params])

    def _moments(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        for p in params:
            if not self.state[p]:
                self.state[p] = {
                    "step": 0,
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
            self.state[p]["step"] += 1
        first = [self.state[p]["exp_avg"] for p in params]
        second = [self.state[p]["exp_avg_sq"] for p in params]
        beta1, beta2 = group["betas"]
        torch._foreach_mul_(first, beta1)
        torch._foreach_add_(first, grads, alpha=1.0 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, 1.0 - beta2)
        return first, second

    @abstractmethod
    def _step_group(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]
    ) -> None: ...


class Lamb(_Grouped):
    """LAMB as written out: p -= lr * min(||p||, 10) / ||u|| * u, u = m / (sqrt(v) + eps) + wd p."""

    NORM_CLAMP = 10.0

    def _step_group(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        first, second = self._moments(group, params, grads)
        scale = torch._foreach_sqrt(second)
        torch._foreach_add_(scale, group["eps"])
        update = torch._foreach_div(first, scale)
        torch._foreach_add_(update, params, alpha=group["weight_decay"])
        weight = torch.stack(torch._foreach_norm(params)).clamp(max=self.NORM_CLAMP)
        length = torch.stack(torch._foreach_norm(update))
        trust = torch.where((weight > 0) & (length > 0), weight / length, 1.0)
        torch._foreach_mul_(update, list(trust.unbind()))
        torch._foreach_add_(params, update, alpha=-group["lr"])


class CappedLamb(_Grouped):
    """Adam with decoupled decay whose update is no longer than the parameter it moves."""

    def _step_group(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        first, second = self._moments(group, params, grads)
        beta1, beta2 = group["betas"]
        steps = [self.state[p]["step"] for p in params]
        scale = torch._foreach_div(second, [1.0 - beta2**n for n in steps])
        torch._foreach_sqrt_(scale)
        torch._foreach_add_(scale, group["eps"])
        update = torch._foreach_div(first, [1.0 - beta1**n for n in steps])
        torch._foreach_div_(update, scale)
        weight = torch.stack(torch._foreach_norm(params))
        length = torch.stack(torch._foreach_norm(update))
        cap = torch.where(length > weight, weight / length, 1.0)
        torch._foreach_mul_(update, list(cap.unbind()))
        torch._foreach_mul_(params, 1.0 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(params, update, alpha=-group["lr"])


def _adamw(groups: list[dict[str, Any]], defaults: Mapping[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, fused=True, **defaults)


BUILDERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "lamb": Lamb,
    "lamb_capped": CappedLamb,
    "muon": Muon,
}


def factors(tower: str, names: Iterable[str], config: OptimizerConfig) -> dict[str, float]:
    """Learning-rate factor of each weight of a tower, by its name in the tower.

    In U's video tower of n blocks, block i (from 0) has layer_decay^(n - i) times the tower's, what
    stands before the blocks layer_decay^(n + 1), what stands behind them 1 (decisions D33).
    """
    found = dict.fromkeys(names, config.factor(tower))
    if tower != "understand":
        return found
    blocks = {name: int(match[1]) for name in found if (match := _VIDEO_BLOCK.match(name))}
    count = max(blocks.values(), default=-1) + 1
    for name in found:
        if name.startswith(_TEXT):
            found[name] *= config.text_factor
        elif name in blocks:
            found[name] *= config.layer_decay ** (count - blocks[name])
        elif name.startswith(_VIDEO) and not name.startswith(_BEHIND_BLOCKS):
            found[name] *= config.layer_decay ** (count + 1)
    return found


def parameter_groups(
    towers: Mapping[str, nn.Module], config: OptimizerConfig
) -> list[dict[str, Any]]:
    """Group the parameters of each tower by learning-rate factor, matrices apart from vectors.

    For `muon`, the weights that it moves are apart, too; their factor holds their own peak.

    Args:
        towers: Modules by tower name ("understand", "execute", "align").
        config: Decay and learning-rate factors.

    Returns:
        torch parameter groups with `tower` and `factor` beside the usual keys.
    """
    groups: list[dict[str, Any]] = []
    for tower, module in towers.items():
        named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        apart = matrices(tower, module) if config.name == "muon" else frozenset[str]()
        members: dict[_Kind, list[nn.Parameter]] = {}
        for name, factor in factors(tower, named, config).items():
            spared = config.decay_matrices_only and named[name].ndim < 2
            kind = _Kind(name in apart, -factor, spared)
            members.setdefault(kind, []).append(named[name])
        groups += [
            {"params": members[kind], "tower": tower, **_options(kind, config)}
            for kind in sorted(members)
        ]
    return groups


class _Kind(NamedTuple):
    """What the weights of a group have in common, in the order of the groups."""

    matrices: bool  # moved by Muon
    slowness: float  # the negative factor
    spared: bool  # from decay


def _options(kind: _Kind, config: OptimizerConfig) -> dict[str, Any]:
    if not kind.matrices:
        decay = 0.0 if kind.spared else config.weight_decay
        return {"factor": -kind.slowness, "weight_decay": decay}
    return {
        "factor": -kind.slowness * (config.matrix_learning_rate / config.learning_rate),
        "lr": config.matrix_learning_rate,
        "weight_decay": config.matrix_weight_decay,
        "matrices": True,
        "momentum": config.momentum,
        "newton_schulz_steps": config.newton_schulz_steps,
    }


def build_optimizer(
    towers: Mapping[str, nn.Module], config: OptimizerConfig
) -> torch.optim.Optimizer:
    """The optimizer a run asks for, over the three towers."""
    defaults = {
        "lr": config.learning_rate,
        "betas": config.betas,
        "eps": config.eps,
        "weight_decay": config.weight_decay,
    }
    return BUILDERS[config.name](parameter_groups(towers, config), defaults)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give each group `learning_rate` times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["factor"]


def clip_gradients(optimizer: torch.optim.Optimizer, max_norm: float) -> dict[str, Tensor]:
    """Clip the gradient of each tower by itself, so that one tower never throttles another.

    Returns:
        Gradient norm before clipping, of each tower that has a gradient.
    """
    norms: dict[str, Tensor] = {}
    for tower in dict.fromkeys(group["tower"] for group in optimizer.param_groups):
        params = [
            p
            for group in optimizer.param_groups
            if group["tower"] == tower
            for p in group["params"]
            if p.grad is not None
        ]
        if params:
            limit = max_norm if max_norm > 0.0 else float("inf")
            norms[tower] = nn.utils.clip_grad_norm_(params, limit, foreach=True)
    return norms


def clip_share(norm: float, max_norm: float) -> float:
    """What `clip_gradients` multiplies a gradient of this norm by; 1 where max_norm is 0."""
    return min(1.0, max_norm / (norm + 1e-6)) if max_norm > 0.0 else 1.0  # as torch has it


def gradients_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Of all weights that have one, in the order of the groups."""
    return [
        p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
    ]


def average_gradients(grads: list[Tensor]) -> None:
    """Mean of each gradient over all processes, in place and in one piece.

    The same bits as DistributedDataParallel, but nothing is sent of a tower that did not act, and
    the few megabytes of the small presets go in one message; used on CPUs.
    """
    flat = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = flat.split([grad.numel() for grad in grads])
    torch._foreach_copy_(grads, [part.view_as(g) for part, g in zip(parts, grads, strict=True)])
