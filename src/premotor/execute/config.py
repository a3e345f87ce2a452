"""What the policy is made of: views, trunk, heatmaps, token transformer, text tower."""

import math
from dataclasses import dataclass, field
from typing import Literal

from premotor.backbones.attention import MOST_WIDTH
from premotor.backbones.frozen_text import HEAD_DIM, FrozenTextConfig
from premotor.backbones.text import TextConfig
from premotor.episode.observation import SCENE_HIGH, SCENE_LOW
from premotor.errors import ConfigError
from premotor.settings import check_positive

NUM_VIEWS = 3  # top, +x and +y: one axis is lost in each (decisions D1)
NUM_CHANNELS = 10  # of a rendered view: xyz, rgb, depth, occupied or view, column, row

Stem = Literal["patchify", "convolutional"]
Upsampler = Literal["convex", "skip"]
MatchBy = Literal["pixels", "table"]
Source = Literal["fine_max", "coarse_max", "both_max", "prompts", "queries"]


MOST_DEPTH = 512  # blocks of one kind
MOST_SIDE = 4096  # [px] of a view
MOST_PATCH = 31  # cells a side
MOST_COUNT = 512  # of key poses told apart


def _require(good: bool, name: str, value: object, expected: str) -> None:
    if not good:
        raise ConfigError(f"execute.{name} must be {expected}, got {value}")


def _within(values: tuple[int, ...], low: int, high: int) -> bool:
    return all(low <= value <= high for value in values)


@dataclass(frozen=True, kw_only=True)
class ViewsConfig:
    """Three orthographic pictures of the cloud, of the whole scene and zoomed."""

    low: tuple[float, float, float] = SCENE_LOW  # [m] scene bounds
    high: tuple[float, float, float] = SCENE_HIGH  # [m]
    size: int = 224  # S, side of a view [px]
    zoom: float = 4.0  # the second stage sees 1 / zoom of the scene's side
    stride: int = 1  # the first stage draws every stride-th point of the cloud
    coarse_radius: float = 1.344  # [px] a point covers the pixel centres nearer than this
    fine_radius: float = 1.344  # [px]
    depth_behind: float = 2.0  # fine: points this far behind the window are drawn, in half-sides
    center_noise: float = 0.1  # training: uniform noise of the zoom's center, in cube units

    def __post_init__(self) -> None:
        sides = [b - a for a, b in zip(self.low, self.high, strict=True)]
        _require(min(sides) > 0.0, "views.high", self.high, f"above low={self.low} on each axis")
        _require(8 <= self.size <= MOST_SIDE, "views.size", self.size, f"from 8 to {MOST_SIDE}")
        _require(self.zoom >= 1.0, "views.zoom", self.zoom, ">= 1; try 4")
        _require(self.stride >= 1, "views.stride", self.stride, ">= 1")
        _require(self.center_noise >= 0.0, "views.center_noise", self.center_noise, ">= 0")
        room = 1.0 - self.zoom * self.center_noise
        _require(room > 0.0, "views.center_noise", self.center_noise, f"< 1/zoom = {1 / self.zoom}")


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """Multi-view transformer of one stage; both stages have the same sizes, own weights."""

    stem: Stem = "patchify"
    patch: int = 14  # patchify: side of a cell [px]; the convolutional stem always has 8
    stem_dims: tuple[int, int] = (16, 48)  # convolutional: channels at 1/2 and 1/4 resolution
    embed_dim: int = 128  # E, channels of the feature map
    width: int = 512  # inside the blocks
    heads: int = 8
    per_view_depth: int = 4  # blocks in which each view attends to itself only
    joint_depth: int = 4  # blocks over all views and the words
    mlp_ratio: int = 4
    gated: bool = True  # GEGLU, else a plain GELU MLP
    qk_norm: bool = False  # layer norm of each head's queries and keys (decisions D84)
    final_norm: bool = False  # layer norm after the last block
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, "execute.trunk", "patch", "embed_dim", "width", "heads", "mlp_ratio")
        depths, sizes = (self.per_view_depth, self.joint_depth), (self.width, self.embed_dim)
        _require(_within(depths, 0, MOST_DEPTH), "trunk depths", depths, f"from 0 to {MOST_DEPTH}")
        _require(_within(sizes, 1, MOST_WIDTH), "trunk widths", sizes, f"from 1 to {MOST_WIDTH}")
        _require(
            self.width % self.heads == 0, "trunk.heads", self.heads, f"a divisor of {self.width}"
        )
        _require(self.embed_dim % 8 == 0, "trunk.embed_dim", self.embed_dim, "a multiple of 8")
        _require(0.0 <= self.dropout < 1.0, "trunk.dropout", self.dropout, "in [0, 1)")
        divisible = all(dim % 4 == 0 for dim in self.stem_dims)
        _require(divisible, "trunk.stem_dims", self.stem_dims, "multiples of 4 (group norm)")

    @property
    def cell(self) -> int:
        """Side of a token's cell [px]."""
        return 8 if self.stem == "convolutional" else self.patch


@dataclass(frozen=True, kw_only=True)
class HeatmapConfig:
    """From the coarse feature map to a logit per pixel."""

    upsampler: Upsampler = "convex"
    hidden_factor: float = 1.25  # convex: hidden channels = factor * E
    sigma: float = 1.5  # [px] of the Gaussian label
    mean_window: int = 1  # decoding: mean over this many cells per axis around the best; odd
    coarse_weight: float = 0.0
    """Decoding: of the coarse log-likelihood in the zoomed stage's score; of no effect where
    execute.stages is 1."""

    def __post_init__(self) -> None:
        check_positive(self, "execute.heatmap", "mean_window")
        _require(
            self.hidden_factor > 0.0, "heatmap.hidden_factor", self.hidden_factor, "> 0; try 1.25"
        )
        _require(self.sigma > 0.0, "heatmap.sigma", self.sigma, "> 0")
        _require(self.mean_window % 2 == 1, "heatmap.mean_window", self.mean_window, "odd; try 5")
        weight = self.coarse_weight
        _require(0.0 <= weight < math.inf, "heatmap.coarse_weight", weight, ">= 0; try 1")


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """Autoregressive token transformer (ARP)."""

    heads: int = 8
    cross_depth: int = 4  # screen-point tokens: AdaLN blocks that look at the view's cells
    self_depth: int = 4  # action tokens
    mlp_ratio: int = 4
    qk_norm: bool = False  # as execute.trunk.qk_norm
    dropout: float = 0.1
    norm_condition: bool = True  # layer norm on the cross-attention's output before AdaLN
    modulation_std: float = 0.02  # of the AdaLN weights at the start; 0 = identity blocks
    code_std: float = 0.02  # of type, chunk, position and value codes at the start
    patch: int = 0  # side of what prompts see of the up-sampler's first map; odd, 0 = nothing
    shortcut_dim: int = 0  # width of an MLP from the prompts to all logits, added; 0 = none
    rotation_bins: int = 72  # per Euler angle
    chunk: int = 2  # gripper and collision are decoded together (2) or in turn (1)
    gripper_sees_rotation: bool = False  # else the last two tokens never attend to rotations
    label_sigma: float = 0.0  # [bins] of the circular rotation label; 0 = one-hot
    mean_window: int = 1  # decoding: circular mean over this many bins; odd
    input_noise: tuple[float, ...] = (0.1, 0.2, 0.4, 0.2, 0.1)  # chances of a shift by -2..2 bins

    def __post_init__(self) -> None:
        check_positive(self, "execute.tokens", "heads", "mlp_ratio", "mean_window")
        _require(0.0 <= self.dropout < 1.0, "tokens.dropout", self.dropout, "in [0, 1)")
        depths = self.cross_depth, self.self_depth
        _require(_within(depths, 0, MOST_DEPTH), "tokens depths", depths, f"from 0 to {MOST_DEPTH}")
        _require(self.chunk in (1, 2), "tokens.chunk", self.chunk, "1 or 2")
        good = self.patch == 0 or (0 < self.patch <= MOST_PATCH and self.patch % 2 == 1)
        _require(good, "tokens.patch", self.patch, f"odd, at most {MOST_PATCH}, or 0; try 3")
        bins = self.rotation_bins
        _require(4 <= bins <= MOST_WIDTH, "tokens.rotation_bins", bins, f"from 4 to {MOST_WIDTH}")
        _require(self.mean_window % 2 == 1, "tokens.mean_window", self.mean_window, "odd; try 5")
        good = len(self.input_noise) % 2 == 1 and abs(sum(self.input_noise) - 1.0) < 1e-6
        _require(good, "tokens.input_noise", self.input_noise, "an odd number of chances, sum 1")


@dataclass(frozen=True, kw_only=True)
class WordsConfig:
    """How the sentence reaches the trunk."""

    slots: int = 0  # tokens are pooled to so many by learned queries; 0 = each token enters
    match_dim: int = 0  # width of the match of raw pixels with words; 0 = no match
    match_scale: float = 4.0  # cosine times this is the match
    match_by: MatchBy = "pixels"  # all that a pixel holds, or a table of its color alone

    def __post_init__(self) -> None:
        _require(self.slots >= 0, "words.slots", self.slots, ">= 0")
        _require(self.match_dim >= 0, "words.match_dim", self.match_dim, ">= 0")
        _require(
            self.slots > 0 or self.match_dim == 0,
            "words.match_dim",
            self.match_dim,
            "0 where words.slots is 0; try words.slots = 8",
        )
        good = self.match_by == "pixels" or self.match_dim > 0
        _require(good, "words.match_by", self.match_by, "pixels without a words.match_dim; try 16")


def _rn50_text() -> TextConfig:
    return TextConfig(context=77, width=512, layers=12, heads=8, embed_dim=1024)


@dataclass(frozen=True, kw_only=True)
class ExecuteConfig:
    """The whole policy; the defaults are the released sizes of ARP."""

    views: ViewsConfig = field(default_factory=ViewsConfig)
    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    heatmap: HeatmapConfig = field(default_factory=HeatmapConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)
    words: WordsConfig = field(default_factory=WordsConfig)
    text: TextConfig = field(default_factory=_rn50_text)
    frozen_text: FrozenTextConfig = field(default_factory=FrozenTextConfig)
    proprioception_dim: int = 3  # gripper open, two finger positions
    count_to: int = 0
    """How many key poses were done is told beside proprioception, up to one less than this (as is
    each further one): a number for each count. 0: it is not told"""
    stages: Literal[1, 2] = 2  # the whole scene, then the zoom; 1 = no zoom: all is read at once
    coarse_context: bool = False  # the fine trunk also sees the coarse features at its center
    e_source: Source = "fine_max"  # which tensor is e (decisions D15); fine: of the last stage

    def __post_init__(self) -> None:
        check_positive(self, "execute", "proprioception_dim")
        good = self.count_to == 0 or 2 <= self.count_to <= MOST_COUNT
        _require(good, "count_to", self.count_to, f"0, or from 2 to {MOST_COUNT}; try 25")
        cell, size = self.trunk.cell, self.views.size
        _require(size % cell == 0, "views.size", size, f"a multiple of the cell, {cell} px")
        heads, embed = self.tokens.heads, self.trunk.embed_dim
        _require(embed % heads == 0, "tokens.heads", heads, f"a divisor of embed_dim = {embed}")
        skips = self.heatmap.upsampler == "convex" or self.trunk.stem == "convolutional"
        _require(skips, "heatmap.upsampler", "skip", "convex with the patchify stem (no skips)")
        mapped = self.tokens.patch == 0 or self.heatmap.upsampler == "skip"
        expected = "0 with the convex up-sampler, which has no map between; try skip"
        _require(mapped, "tokens.patch", self.tokens.patch, expected)
        self._check_stages()
        if self.frozen_text.weights is not None:
            self._check_frozen()

    def _check_stages(self) -> None:
        """Refuse what one stage cannot do."""
        once = self.stages == 1
        _require(not (once and self.coarse_context), "coarse_context", True, "off with stages = 1")
        doubled = once and self.e_source == "both_max"
        _require(not doubled, "e_source", "both_max", "fine_max with stages = 1")

    def _check_frozen(self) -> None:
        """Refuse what a file of weights could not show to be wrong."""
        text = self.text
        expected = f"text.width / {HEAD_DIM} = {text.width / HEAD_DIM:g}, as in every CLIP"
        _require(text.heads * HEAD_DIM == text.width, "text.heads", text.heads, expected)
        count = len(text.vocabulary)
        expected = "() with frozen_text.weights, whose table has all ids"
        _require(count == 0, "text.vocabulary", f"{count} ids", expected)

    @property
    def state_dim(self) -> int:
        """Numbers told beside the cloud: proprioception and, if it is asked for, the count."""
        return self.proprioception_dim + self.count_to

    @property
    def grid(self) -> int:
        """G, cells along a side of a view."""
        return self.views.size // self.trunk.cell

    @property
    def last_zoom(self) -> float:
        """How much larger the last stage sees the scene than the first."""
        return self.views.zoom if self.stages == 2 else 1.0

    @property
    def e_dim(self) -> int:
        """D_e, width of e."""
        per = {"fine_max": 3, "coarse_max": 3, "both_max": 6, "prompts": 6, "queries": 1}
        return per[self.e_source] * self.trunk.embed_dim
