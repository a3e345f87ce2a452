"""Video transformer with joint space-time attention, ViCLIP's tower.

Differences to the reference, all exact: patches are chosen before they are embedded, and the last
block computes the class token only, where nothing else is asked for (decisions D24).
The parameter names are the released checkpoint's. Not the reference's: the convolutional stem,
an option, which lays maps of fine features where the patches are cut from pixels (decisions D81).

b: batch  t: frames  s: time steps of tubelets  n: patch tokens, spatial-major, time-minor
k: kept tokens  d: width  o: embedding  c: channels  f: pictures of a time step  y x: sides of them
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.attention import MOST_WIDTH, Activation, Transformer, check_transformer
from premotor.errors import ConfigError

Stem = Literal["patchify", "convolutional"]
StemInput = Literal["frames", "frames_and_changes"]
GROUPS = 4  # of every group norm
REDUCTION = 4  # of the sides of a frame, by the convolutional stem


@dataclass(frozen=True, kw_only=True)
class VideoTransformerConfig:
    """Sizes of a video tower; the defaults are ViCLIP-B/16's."""

    px: int = 224  # side of a frame [px]
    patch: int = 16  # side of a patch [px]
    num_frames: int = 8
    tubelet: int = 1  # frames per token
    width: int = 768
    layers: int = 12
    heads: int = 12
    embed_dim: int = 512  # after the projection
    activation: Activation = "quick_gelu"
    drop_path: float = 0.0  # of the last block; rises linearly from 0
    stem: Stem = "patchify"
    """What patches are cut from: patchify, the pixels, as ViCLIP has it; convolutional, the maps of
    two convolutions, which see small things and what moved, for a tower that begins untrained"""
    stem_dims: tuple[int, int] = (24, 48)  # convolutional: channels at 1/2 and 1/4 resolution
    stem_input: StemInput = "frames_and_changes"
    """convolutional: each frame alone, or beside its difference to the clip's first"""

    def __post_init__(self) -> None:
        check_transformer("video", self.width, self.layers, self.heads)
        if self.patch < 1 or self.px < self.patch or self.px % self.patch:
            raise ConfigError(f"video.px {self.px} must be a multiple of video.patch {self.patch}")
        if max(self.px, self.num_frames, self.embed_dim) > MOST_WIDTH or self.embed_dim < 1:
            raise ConfigError(
                f"video: px, num_frames and embed_dim must be at most {MOST_WIDTH}, got "
                f"{self.px, self.num_frames, self.embed_dim}"
            )
        if self.tubelet < 1 or self.num_frames < 1 or self.num_frames % self.tubelet:
            raise ConfigError(
                f"video.num_frames {self.num_frames} must be a multiple of tubelet {self.tubelet}"
            )
        if not 0.0 <= self.drop_path < 1.0:
            raise ConfigError(f"video.drop_path must be in [0, 1), got {self.drop_path}; try 0.1")
        self._check_stem()

    def _check_stem(self) -> None:
        if self.stem == "convolutional" and self.patch % REDUCTION:
            raise ConfigError(
                f"video.patch must be a multiple of {REDUCTION} with the convolutional stem, whose "
                f"maps are that much smaller, got {self.patch}; try 16, or video.stem patchify"
            )
        if any(not 0 < dim <= MOST_WIDTH or dim % GROUPS for dim in self.stem_dims):
            raise ConfigError(
                f"video.stem_dims must be multiples of {GROUPS} (group norm) from {GROUPS} to "
                f"{MOST_WIDTH}, got {self.stem_dims}; try (24, 48)"
            )

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.px // self.patch

    @property
    def num_steps(self) -> int:
        """Tokens along time."""
        return self.num_frames // self.tubelet


def random_keep(
    batch: int, num_tokens: int, mask_ratio: float, generator: torch.Generator
) -> Int[Tensor, "b k"]:
    """Tokens that survive masking: floor(ratio n) fall out of each sample, at random.

    Args:
        batch: Samples, each with its own subset.
        num_tokens: Patch tokens of the whole clip.
        mask_ratio: Share of tokens to drop, in [0, 1).
        generator: Source of the subsets, on the device where they are made.

    Returns:
        Ascending indices.
    """
    if not 0.0 <= mask_ratio < 1.0:
        raise ConfigError(f"mask_ratio must be in [0, 1), got {mask_ratio}; try 0.5")
    kept = num_tokens - math.floor(mask_ratio * num_tokens)
    noise = torch.rand(batch, num_tokens, generator=generator, device=generator.device)
    return noise.argsort(dim=1)[:, :kept].sort(dim=1).values


class PatchifyStem(nn.Module):
    """The pixels as they are; nothing is learned before the patches."""

    def __init__(self, config: VideoTransformerConfig) -> None:
        super().__init__()
        self.channels = 3
        self.kernel = (config.tubelet, config.patch, config.patch)  # what a patch is cut with

    def forward(self, clip: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b c s f y x"]:
        return clip.unflatten(2, (-1, self.kernel[0]))


class ConvolutionalStem(nn.Module):
    """Two convolutions to 1/4 resolution, over the frames of a time step together.

    Time steps are not mixed: each norm is over the maps of one.
    """

    def __init__(self, config: VideoTransformerConfig) -> None:
        super().__init__()
        first, second = config.stem_dims
        side = config.patch // REDUCTION
        self.channels, self.kernel = second, (1, side, side)
        self.tubelet, self.look = config.tubelet, LOOKS[config.stem_input]
        seen = self.look.channels * config.tubelet
        self.conv_half = nn.Conv2d(seen, first, 5, stride=2, padding=2)
        self.norm_half = nn.GroupNorm(GROUPS, first)
        self.conv_quarter = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.norm_quarter = nn.GroupNorm(GROUPS, second)

    def forward(self, clip: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b c s f y x"]:
        seen = self.look.at(clip).unflatten(2, (-1, self.tubelet))
        x = seen.transpose(1, 2).flatten(0, 1).flatten(1, 2)  # (b s, channels of its frames, h, w)
        x = x.contiguous(memory_format=torch.channels_last)  # a fifth faster on a CPU
        x = F.silu(self.norm_half(self.conv_half(x)))
        x = F.silu(self.norm_quarter(self.conv_quarter(x)))
        return x.unflatten(0, (len(clip), -1)).transpose(1, 2)[:, :, :, None]


def beside_changes(clip: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 6 t h w"]:
    """Frames, and what is different in each from the first of the clip."""
    return torch.cat([clip, clip - clip[:, :, :1]], dim=1)


@dataclass(frozen=True)
class Look:
    """What a convolutional stem sees of a clip."""

    channels: int  # of a frame
    at: Callable[[Tensor], Tensor]


LOOKS = {"frames": Look(3, lambda clip: clip), "frames_and_changes": Look(6, beside_changes)}
STEMS = {"patchify": PatchifyStem, "convolutional": ConvolutionalStem}


class VideoTransformer(nn.Module):
    """Frames in, one class token (or all tokens) out."""

    def __init__(self, config: VideoTransformerConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.stem = STEMS[config.stem](config)
        kernel = self.stem.kernel
        # Only its weight is used.
        self.conv1 = nn.Conv3d(self.stem.channels, d, kernel, kernel, bias=False)
        self.class_embedding = nn.Parameter(d**-0.5 * torch.randn(d))
        self.positional_embedding = nn.Parameter(d**-0.5 * torch.randn(config.grid**2 + 1, d))
        # Not zeros as in CLIP's scheme: from zero, the order of events is learned several times
        # more slowly. Weights of image towers bring no such table; their importer zeroes it.
        when = d**-0.5 * torch.randn(1, config.num_steps, d)
        self.temporal_positional_embedding = nn.Parameter(when)
        self.ln_pre = nn.LayerNorm(d)
        self.transformer = Transformer(
            d, config.layers, config.heads, config.activation, config.drop_path
        )
        self.ln_post = nn.LayerNorm(d)
        self.proj = nn.Parameter(d**-0.5 * torch.randn(d, config.embed_dim))

    def _patches(self, clip: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b n numbers"]:
        c = self.config
        expected = (3, c.px, c.px)
        shape = (clip.shape[1], *clip.shape[3:])
        if shape != expected or clip.shape[2] not in (c.tubelet, c.num_frames):
            raise ConfigError(
                f"clip of shape {tuple(clip.shape[1:])}; this tower takes "
                f"(3, {c.num_frames}, {c.px}, {c.px}), or {c.tubelet} frame(s)"
            )
        x = self.stem(clip).unflatten(5, (c.grid, -1)).unflatten(4, (c.grid, -1))
        return x.permute(0, 4, 6, 2, 1, 3, 5, 7).flatten(4).flatten(1, 3)

    def _positions(self, steps: int) -> Float[Tensor, "n d"]:
        """Where and when: spatial plus temporal table of each patch token."""
        when = self.temporal_positional_embedding[0]
        if steps == 1:
            when = when.mean(dim=0, keepdim=True)
        return (self.positional_embedding[1:, None] + when).flatten(0, 1)

    def embed(
        self, clip: Float[Tensor, "b 3 t h w"], keep: Int[Tensor, "b k"] | None = None
    ) -> Float[Tensor, "b _ d"]:
        """Class token and embedded patches, normalized, ready for the blocks."""
        patches = self._patches(clip)
        positions = self._positions(clip.shape[2] // self.config.tubelet)
        if keep is not None:
            patches = patches.gather(1, keep[..., None].expand(-1, -1, patches.shape[-1]))
            positions = positions[keep]
        x = F.linear(patches, self.conv1.weight.flatten(1)) + positions
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(x), 1, -1)
        return self.ln_pre(torch.cat([first.to(x.dtype), x], dim=1))

    def forward(
        self,
        clip: Float[Tensor, "b 3 t h w"],
        keep: Int[Tensor, "b k"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b d"]:
        """Pooled class token after the last norm, before the projection.

        Args:
            clip: Normalized frames.
            keep: Patch tokens that enter the transformer; None = all.
            generator: Source of the drop path; None = no drop path.
        """
        return self.ln_post(self.transformer.first(self.embed(clip, keep), generator))

    def tokens(
        self,
        clip: Float[Tensor, "b 3 t h w"],
        keep: Int[Tensor, "b k"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b _ d"]:
        """All tokens after the last norm, the class token first."""
        x = self.transformer(self.embed(clip, keep), generator=generator)
        return self.ln_post(x)

    def project(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b o"]:
        """Embedding in the space shared with the texts; not normalized."""
        return pooled @ self.proj
