"""The policy: a cloud and an instruction in, the next keyframe and the representation e out.

Look at the whole scene (coarse), zoom to where it says something is to be done (fine), read what
is there, and decode how to turn and what the hand does (RVT-2, ARP).

b: batch  v: views  s: image side  g: cells a side  e: embed_dim  r: rotation bins  l: text tokens
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.frozen_text import FrozenText
from premotor.backbones.text import TextTower
from premotor.batch import Executed, Target
from premotor.execute import rotation
from premotor.execute.arp import ActionLogits, TokenTransformer
from premotor.execute.config import NUM_VIEWS, ExecuteConfig
from premotor.execute.drawing import Views, draw_whole, draw_zoomed
from premotor.execute.heatmap import HEADS
from premotor.execute.prompts import Patches
from premotor.execute.trunk import Features, Trunk, add_planes
from premotor.execute.virtual_views import (
    RIG,
    Rig,
    from_cube,
    lift,
    log_likelihood,
    to_cube,
    zoomed_scores,
)


@dataclass(frozen=True, eq=False)
class ExecuteOutput:
    """What the policy says; position, bins and what decided only where nothing was forced."""

    e: Float[Tensor, "b d"]
    coarse: Float[Tensor, "b v s s"]  # logits over the pixels of the whole scene
    fine: Float[Tensor, "b v s s"] | None  # of the zoomed scene; None without a zoom stage
    rotation: Float[Tensor, "b 3 r"]  # logits; y given x, z given both
    gripper: Float[Tensor, "b 2"]  # logits; 1 = open
    collision: Float[Tensor, "b 2"]  # logits; 1 = ignore collisions
    zoom_center: Float[Tensor, "b 3"]  # cube frame; the scene's, 0, without a zoom stage
    position: Float[Tensor, "b 3"] | None = None  # [m], world
    rotation_bins: Int[Tensor, "b 3"] | None = None  # decoded, greedy
    deciding: Float[Tensor, "b v s s"] | None = None  # logits that chose the position, last stage's
    rig: Rig = RIG  # habits of the views that were looked at: labels follow them


@dataclass(frozen=True, eq=False)
class _Seen:
    """One stage's output."""

    features: Features
    heat: Float[Tensor, "b v s s"]
    merged: Float[Tensor, "b v c q q"] | None  # the skip up-sampler's first map

    def maximum(self) -> Float[Tensor, "b v e"]:
        """Spatial maximum of each view's feature map."""
        return self.features.map.float().amax((3, 4))


def _output(
    e: Float[Tensor, "b d"],
    stages: tuple[_Seen, ...],
    logits: ActionLogits,
    center: Float[Tensor, "b 3"],
    rig: Rig,
) -> ExecuteOutput:
    coarse = stages[0].heat
    fine = stages[1].heat if len(stages) > 1 else None
    hand = logits.gripper, logits.collision
    return ExecuteOutput(e, coarse, fine, logits.rotation, *hand, center, rig=rig)


def _reader(config: ExecuteConfig) -> TextTower | FrozenText:
    """What makes one vector of each token of the sentence."""
    frozen = config.frozen_text
    if frozen.weights is not None:
        return FrozenText(config.text, frozen.weights, frozen.cache)
    tower = TextTower(config.text)
    tower.text_projection.requires_grad_(False)  # the tokens are read before it
    return tower


class Policy(nn.Module):
    """Stages with separate weights, one token transformer for all predictions.

    Prompts and e are read from the last stage: the zoomed one, or the only one.
    """

    def __init__(self, config: ExecuteConfig, rig: Rig = RIG) -> None:
        super().__init__()
        self.config, self.rig = config, rig
        self.text = _reader(config)
        contexts = (0, NUM_VIEWS if config.coarse_context else 0)[: config.stages]
        self.trunks = nn.ModuleList(Trunk(config, num_context) for num_context in contexts)
        head = HEADS[config.heatmap.upsampler]
        self.heads = nn.ModuleList(head(config) for _ in contexts)
        self.tokens = TokenTransformer(config.trunk.embed_dim, config.tokens)
        self.patches = Patches(config) if config.tokens.patch else None

    def forward(
        self,
        executed: Executed,
        instruction: Int[Tensor, "b l"],
        target: Target | None = None,
        generator: torch.Generator | None = None,
    ) -> ExecuteOutput:
        """Teacher-forced with a target (noisy inputs in training), greedy without.

        Args:
            executed: Cloud in the world frame and proprioception.
            instruction: Tokens of the sentence.
            target: The next keyframe: zoom and rotations are then read from it.
            generator: Source of the training noise.
        """
        words = self.text.tokens(instruction)
        coarse = self._look(0, self._whole_views(executed, generator), executed, words)
        stages, center = (coarse,), executed.points.new_zeros(len(executed.points), 3)
        if self.config.stages > 1:
            center = self._center(coarse, target, generator)
            zoomed = draw_zoomed(executed, center, self.config.views, self.rig)
            context = None
            if self.config.coarse_context:
                context = self.rig.look_up(coarse.features.map, center)
            stages = (coarse, self._look(1, zoomed, executed, words, context))
        if target is None:
            return self._infer(stages, center)
        return self._teach(stages, center, target, generator)

    def compile_dense(self) -> None:
        """Have torch compile trunks and heads; drawing the views has no fixed shapes and stays."""
        for module in (*self.trunks, *self.heads):
            module.compile(dynamic=False)

    def _whole_views(self, executed: Executed, generator: torch.Generator | None) -> Views:
        stride, offset = self.config.views.stride, 0
        if self.training and stride > 1:
            offset = int(torch.randint(stride, (1,), generator=generator))
        return draw_whole(executed, self.config.views, offset, self.rig)

    def _look(
        self,
        stage: int,
        rendered: Views,
        executed: Executed,
        words: Float[Tensor, "b l t"],
        context: Float[Tensor, "b v e"] | None = None,
    ) -> _Seen:
        """Attend, and say where: one stage."""
        views = self.config.views
        images = add_planes(*rendered, self.config.trunk.stem)
        features = self.trunks[stage](images, executed.proprioception, words, context)
        maps = features.map.flatten(0, 1)  # (b v, e, g, g)
        query = self.tokens.screen_points(stage, maps.flatten(2).transpose(1, 2))
        drawn = self.heads[stage](maps * query[:, :, None, None], features.levels)
        merged = None if drawn.merged is None else drawn.merged.unflatten(0, (-1, NUM_VIEWS))
        heat = drawn.heat.view(-1, NUM_VIEWS, views.size, views.size)
        return _Seen(features, heat, merged)

    def _best(self, logits: Float[Tensor, "b v s s"]) -> Float[Tensor, "b 3"]:
        """Point of the stage's cube with the largest score in all views together."""
        return lift(self.rig.score(logits), self.config.heatmap.mean_window)

    def _deciding(
        self, stages: tuple[_Seen, ...], center: Float[Tensor, "b 3"]
    ) -> Float[Tensor, "b v s s"]:
        """Logits of the last stage's pixels; what the coarse one said of them may have a share."""
        weight, last = self.config.heatmap.coarse_weight, stages[-1].heat
        if weight == 0.0:
            return last
        coarse = log_likelihood(stages[0].heat)
        zoom, offset = self.config.last_zoom, self.rig.offset
        return log_likelihood(last) + weight * zoomed_scores(coarse, center, zoom, offset)

    def _center(
        self, coarse: _Seen, target: Target | None, generator: torch.Generator | None
    ) -> Float[Tensor, "b 3"]:
        """Where to zoom: the truth (with noise in training), else what the coarse stage says."""
        if target is None:
            return self._best(coarse.heat)
        center = to_cube(target.position, self.config.views)
        if not self.training:
            return center
        draw = torch.rand(center.shape, generator=generator).to(center)
        return center + self.config.views.center_noise * (2.0 * draw - 1.0)

    def _prompts(self, last: _Seen, point: Float[Tensor, "b 3"]) -> Float[Tensor, "b 6 e"]:
        """Features at the point in each view, then each view's spatial maximum."""
        return torch.cat([self.rig.look_up(last.features.map, point), last.maximum()], dim=1)

    def _told(
        self,
        prompts: Float[Tensor, "b 6 e"],
        stages: tuple[_Seen, ...],
        center: Float[Tensor, "b 3"],
        point: Float[Tensor, "b 3"],
    ) -> Float[Tensor, "b 6 e"]:
        """The prompts as the action head gets them: with the patches around the point, if any."""
        if self.patches is None:
            return prompts
        maps = [stage.merged for stage in stages if stage.merged is not None]
        points = (center + point / self.config.last_zoom, point)[-len(stages) :]
        at_point, rest = prompts.split([NUM_VIEWS, prompts.shape[1] - NUM_VIEWS], dim=1)
        return torch.cat([at_point + self.patches(maps, points), rest], dim=1)

    def _teach(
        self,
        stages: tuple[_Seen, ...],
        center: Float[Tensor, "b 3"],
        target: Target,
        generator: torch.Generator | None,
    ) -> ExecuteOutput:
        tokens, views = self.config.tokens, self.config.views
        point = (to_cube(target.position, views) - center) * self.config.last_zoom
        prompts = self._prompts(stages[-1], point)
        exact = rotation.exact_bins(target.quaternion, tokens.rotation_bins)
        bins = rotation.nearest_bins(exact, tokens.rotation_bins)
        if self.training:
            bins = rotation.add_noise(bins, tokens.rotation_bins, tokens.input_noise, generator)
        hand = torch.stack([target.gripper_open, target.ignore_collisions], dim=1).long()
        told = self._told(prompts, stages, center, point)
        logits = self.tokens.actions(told, torch.cat([bins, hand], dim=1))
        e = self._representation(stages, prompts, logits)
        return _output(e, stages, logits, center, self.rig)

    def _infer(self, stages: tuple[_Seen, ...], center: Float[Tensor, "b 3"]) -> ExecuteOutput:
        deciding = self._deciding(stages, center)
        point = self._best(deciding)
        prompts = self._prompts(stages[-1], point)
        logits, values = self.tokens.decode(self._told(prompts, stages, center, point))
        e = self._representation(stages, prompts, logits)
        position = from_cube(center + point / self.config.last_zoom, self.config.views)
        said = _output(e, stages, logits, center, self.rig)
        return replace(said, position=position, rotation_bins=values[:, :3], deciding=deciding)

    def _representation(
        self, stages: tuple[_Seen, ...], prompts: Float[Tensor, "b 6 e"], logits: ActionLogits
    ) -> Float[Tensor, "b d"]:
        """The tensor that is aligned with u, by name (decisions D15)."""
        match self.config.e_source:
            case "fine_max":
                return stages[-1].maximum().flatten(1)
            case "coarse_max":
                return stages[0].maximum().flatten(1)
            case "both_max":
                return torch.cat([stage.maximum() for stage in stages], dim=1).flatten(1)
            case "prompts":
                return prompts.flatten(1)
            case "queries":
                return logits.queries.mean(1)
