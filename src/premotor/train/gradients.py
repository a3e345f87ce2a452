"""The gradient of one update: of the losses' sum, or of each loss by itself (decisions D89).

The towers share no parameter, so that the own loss of U is L_u and that of E is L_e; L_align pulls
at both, and is all that the maps learn from. By each loss, own = the gradient of L_u + L_e and
pull = that of lambda L_align, tower by tower:

    gradient = c own + f c' pull                   f: align.recognizer_factor, align.policy_factor
    gradient = c own + f r |c own| pull / |pull|                           r: align.ratio, if > 0

    c = min(1, limit / |own|)    c' = min(c, limit / |pull|)

so that alignment never takes away from what a tower learns of its own loss, and weighs beside it
what lambda says, unless it alone is beyond the limit. The maps get pull within the limit. A step
that acts alone and is aligned with a bank (align/bank.py) does so in E and T_e.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from premotor.align.config import AlignConfig
from premotor.mirror import Mirror, MirrorLosses
from premotor.train.optim import (
    OptimizerConfig,
    average_gradients,
    clip_gradients,
    clip_share,
    gradients_of,
)

Parameters = Sequence[nn.Parameter]
Pulls = Mapping[nn.Parameter, Tensor]
# What a gradient is told of, and the weights of the joint network that it is: disjoint parts of
# the towers, and each tower whole.
PARTS: dict[str, tuple[str, ...]] = {
    "recognizer": ("understand.",),
    "recognizer/video": ("understand.vision_encoder.",),
    "recognizer/text": ("understand.text_encoder.",),
    "policy": ("execute.",),
    "policy/coarse": ("execute.trunks.0.", "execute.heads.0."),
    "policy/fine": ("execute.trunks.1.", "execute.heads.1."),
    "policy/action": ("execute.tokens.", "execute.patches."),
    "policy/text": ("execute.text.",),
    "maps": ("align.",),
    "maps/u": ("align.from_u.",),
    "maps/e": ("align.from_e.",),
    "maps/codes": ("align.codes",),
}
TOWERS = {"understand": "recognizer", "execute": "policy", "align": "maps"}  # as parts are called


@dataclass(frozen=True, eq=False)
class Gradients:
    """What is known of the gradient of an update, the same in every process."""

    norms: dict[str, float]  # before clipping, by tower; "align in T": of lambda L_align in T
    told: dict[str, float] = field(default_factory=dict)  # `StepRecord.gradients`


def of_sum(
    losses: MirrorLosses, optimizer: torch.optim.Optimizer, max_norm: float, average: bool
) -> Gradients:
    """Leave the gradient of the sum of all losses at the weights, clipped in each tower.

    Args:
        losses: With their graph.
        optimizer: From `build_optimizer`; its weights have no gradient yet.
        max_norm: Of each tower's gradient; 0: any.
        average: Gradients are averaged over the processes here, not by the engine.
    """
    losses.total.backward()
    if average:
        average_gradients(gradients_of(optimizer))
    norms = clip_gradients(optimizer, max_norm)
    return Gradients({tower: float(norm) for tower, norm in norms.items()})


class EachLoss:
    """The gradient of each loss clipped by itself, and measured part by part."""

    def __init__(self, mirror: nn.Module, config: AlignConfig) -> None:
        """Know the weights by tower and part.

        Args:
            mirror: The joint network, or one whose weights are named like its.
            config: How L_align joins the towers' own losses.
        """
        self._config = config
        learned = {name: p for name, p in mirror.named_parameters() if p.requires_grad}
        self._learned = list(learned.values())
        self._parts: dict[str, list[nn.Parameter]] = {}
        for part, prefixes in PARTS.items():
            self._parts[part] = [p for name, p in learned.items() if name.startswith(prefixes)]

    def descend(
        self, losses: MirrorLosses, optimizer: torch.optim.Optimizer, max_norm: float, average: bool
    ) -> Gradients:
        """Leave the gradient at the weights; arguments are those of `of_sum`.

        With align.weight 0 it is that of the own losses and the maps have none, as if nothing
        were aligned.
        """
        align = losses.align if self._config.weight > 0.0 else None
        losses.own.backward(retain_graph=align is not None)
        pulls = {} if align is None else self._pulls(align)
        if average:
            average_gradients([*gradients_of(optimizer), *pulls.values()])
        watches = {"understand", "execute"} <= losses.terms.keys()
        told = self._measured(pulls) if watches or pulls else {}
        norms = {tower: float(n) for tower, n in clip_gradients(optimizer, max_norm).items()}
        if pulls:
            ratios = self._join(pulls, norms, max_norm)
            told |= {f"{TOWERS[tower]}/ratio": value for tower, value in ratios.items()}
        return Gradients(norms, told if watches else _of_acting(told))

    def _pulls(self, align: Float[Tensor, ""]) -> dict[nn.Parameter, Tensor]:
        """Gradient of lambda L_align, at the weights that it reaches."""
        found = torch.autograd.grad(self._config.weight * align, self._learned, allow_unused=True)
        return {p: pull for p, pull in zip(self._learned, found, strict=True) if pull is not None}

    def _join(self, pulls: Pulls, norms: dict[str, float], max_norm: float) -> dict[str, float]:
        """Add the pulls to the clipped gradients, and their norms to the norms.

        Returns:
            Of each tower that has an own loss, |what was added| / |what it was added to|.
        """
        ratios: dict[str, float] = {}
        for tower, part in TOWERS.items():
            reached = [p for p in self._parts[part] if p in pulls]
            if not reached:
                continue
            norm = float(nn.utils.get_total_norm([pulls[p] for p in reached]))
            own = norms.get(tower, 0.0)
            clipped = own * clip_share(own, max_norm)
            share = clip_share(max(own, norm), max_norm)
            if tower != "align":
                share = self._weighed(tower, share, clipped / norm if norm > 0.0 else 0.0)
            _add(reached, pulls, share)
            norms["align" if tower == "align" else f"align in {tower}"] = norm
            if clipped > 0.0:
                ratios[tower] = share * norm / clipped
        return ratios

    def _weighed(self, tower: str, share: float, alike: float) -> float:
        """What a tower's pull is multiplied by.

        Args:
            tower: Its name.
            share: What that would be by lambda alone.
            alike: What would make it as long as the own loss's gradient.
        """
        config = self._config
        factor = config.recognizer_factor if tower == "understand" else config.policy_factor
        return factor * (share if config.ratio == 0.0 else config.ratio * alike)

    def _measured(self, pulls: Pulls) -> dict[str, float]:
        """Norm of own and pull, and their cosine, before clipping, of each part (StepRecord)."""
        rows = [_products(p.grad, pulls.get(p), p) for p in self._learned]
        place = {p: row for row, p in enumerate(self._learned)}
        table = torch.stack(rows).double().cpu()
        told: dict[str, float] = {}
        for part, weights in self._parts.items():
            if not weights:
                continue
            own, pull, both = table[[place[p] for p in weights]].sum(0).tolist()
            if not part.startswith("maps"):
                told[f"{part}/own"] = math.sqrt(own)
            if pulls:
                told[f"{part}/align"] = math.sqrt(pull)
            if own > 0.0 and pull > 0.0:
                told[f"{part}/cosine"] = both / math.sqrt(own * pull)
        return told


def by_loss(mirror: Mirror, config: OptimizerConfig) -> EachLoss | None:
    """What makes an update's gradient of that of each loss, if a run asks for it; None: the sum."""
    return EachLoss(mirror, mirror.config.align) if config.clip == "each" else None


def _of_acting(told: Mapping[str, float]) -> dict[str, float]:
    """What is told of a step that acts alone, by names that no mean over paired steps mixes in."""
    known = {name: x for name, x in told.items() if not name.startswith("recognizer")}
    return {f"acting/{name}": value for name, value in known.items()}


def _products(own: Tensor | None, pull: Tensor | None, like: Tensor) -> Float[Tensor, "3"]:
    """<own, own>, <pull, pull> and <own, pull> of a weight; 0 where there is none."""
    nothing = like.new_zeros(())
    first, second = (None if x is None else x.flatten() for x in (own, pull))
    pairs = (first, first), (second, second), (first, second)
    found = [nothing if a is None or b is None else torch.dot(a, b) for a, b in pairs]
    return torch.stack(found)


def _add(weights: Parameters, pulls: Pulls, share: float) -> None:
    """Add share * pull to the gradient of each weight."""
    for p in weights:
        if p.grad is None:
            p.grad = share * pulls[p]
        else:
            p.grad.add_(pulls[p], alpha=share)
