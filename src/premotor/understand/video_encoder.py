"""From the pixels of a clip to u: crop, resize, normalize, attend.

b: batch  t: frames  h w: sides as recorded  i j: sides of the window  p: side the tower takes
k: kept tokens  u: width of u  d: width of tokens  o: embedding
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.contrast import unit
from premotor.backbones.vit import VideoTransformer, random_keep
from premotor.geometry.cameras import Window
from premotor.understand.config import UnderstandConfig

MEAN = {"imagenet": (0.485, 0.456, 0.406), "clip": (0.48145466, 0.4578275, 0.40821073)}
STD = {"imagenet": (0.229, 0.224, 0.225), "clip": (0.26862954, 0.26130258, 0.27577711)}


@dataclass(frozen=True, eq=False)
class Encoded:
    """A clip as a vector to align and as a vector to name."""

    u: Float[Tensor, "b u"]
    video: Float[Tensor, "b o"]  # in the space of the texts, not normalized


def within(frames: Float[Tensor, "b t 3 h w"], window: Window) -> Float[Tensor, "b t 3 i j"]:
    """The pixels of a window, as recorded."""
    height, width = frames.shape[-2:]
    return frames[..., window.rows(height), window.columns(width)]


def resize(frames: Float[Tensor, "b t 3 h w"], px: int) -> Float[Tensor, "b t 3 p p"]:
    """Bicubic, ignoring the aspect; frames of that size pass untouched."""
    if frames.shape[-2:] == (px, px):
        return frames
    flat = F.interpolate(frames.flatten(0, 1), (px, px), mode="bicubic", antialias=True)
    return flat.unflatten(0, frames.shape[:2]).clamp(0.0, 1.0)


def random_view(
    frames: Float[Tensor, "b t 3 h w"],
    config: UnderstandConfig,
    generator: torch.Generator,
) -> Float[Tensor, "b t 3 p p"]:
    """One random crop and one random brightness per clip, the same in all its frames.

    No flip and no change of hue: instructions speak of left and right, of maroon and red
    (decisions D27).
    """
    b, t = frames.shape[:2]
    draws = torch.rand(4, b, generator=generator, device=generator.device).to(frames.device)
    side = (config.crop_scale + (1.0 - config.crop_scale) * draws[0]).sqrt()
    shift = (1.0 - side)[:, None] * (2.0 * draws[1:3].T - 1.0)
    affine = torch.cat([torch.diag_embed(side[:, None].expand(b, 2)), shift[..., None]], dim=2)
    px = config.video.px
    grid = F.affine_grid(affine.to(frames.dtype), [b, 1, px, px], align_corners=False)
    stacked = F.grid_sample(frames.flatten(1, 2), grid, "bilinear", "border", align_corners=False)
    gain = 1.0 + config.brightness * (2.0 * draws[3] - 1.0)
    return (stacked.unflatten(1, (t, 3)) * gain[:, None, None, None, None]).clamp(0.0, 1.0)


class VideoEncoder(nn.Module):
    """The watching eye: a clip in [0, 1] of any size to u and its embedding."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: UnderstandConfig) -> None:
        super().__init__()
        self.config = config
        self.tower = VideoTransformer(config.video)
        mean, std = torch.tensor(MEAN[config.colors]), torch.tensor(STD[config.colors])
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def forward(
        self,
        frames: Float[Tensor, "b t 3 h w"],
        mask_ratio: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Encoded:
        """The whole, undisturbed clip; or, given a generator, a cropped and masked one.

        Args:
            frames: RGB in [0, 1].
            mask_ratio: Share of patch tokens to drop; needs the generator.
            generator: Source of crop, brightness, mask and drop path.
        """
        seen = within(frames, self.config.window)
        if generator is None:
            view, keep = resize(seen, self.config.video.px), None
        else:
            view = random_view(seen, self.config, generator)
            keep = self._keep(view, mask_ratio, generator)
        clip = ((view - self.mean) / self.std).transpose(1, 2)
        return self._read(clip, keep, generator)

    def _keep(
        self, view: Float[Tensor, "b t 3 p p"], mask_ratio: float, generator: torch.Generator
    ) -> Int[Tensor, "b k"] | None:
        if mask_ratio == 0.0:
            return None
        video = self.config.video
        patches = video.grid**2 * (view.shape[1] // video.tubelet)
        return random_keep(len(view), patches, mask_ratio, generator).to(view.device)

    def _read(
        self,
        clip: Float[Tensor, "b 3 t p p"],
        keep: Int[Tensor, "b k"] | None,
        generator: torch.Generator | None,
    ) -> Encoded:
        source = self.config.u_source
        if not source.startswith("tokens"):
            pooled = self.tower(clip, keep, generator)
            video = self.tower.project(pooled)
            by_name = {"pooled": pooled, "embed": video, "embed_unit": unit(video)}
            return Encoded(by_name[source], video)
        tokens = self.tower.tokens(clip, keep, generator)
        video = self.tower.project(tokens[:, 0])
        if source == "tokens_mean":
            return Encoded(tokens[:, 1:].mean(dim=1), video)
        return Encoded(self._mean_per_time(tokens[:, 1:], keep), video)

    def _mean_per_time(
        self, tokens: Float[Tensor, "b k d"], keep: Int[Tensor, "b k"] | None
    ) -> Float[Tensor, "b u"]:
        """Means of the kept tokens of each time step, one after the other; 0 where none is kept."""
        steps = self.config.video.num_steps
        if keep is None:
            return tokens.unflatten(1, (-1, steps)).mean(dim=1).flatten(1)
        here = F.one_hot(keep % steps, steps).to(tokens.dtype)  # (b, k, steps)
        total = here.transpose(1, 2) @ tokens
        return (total / here.sum(dim=1)[..., None].clamp(min=1.0)).flatten(1)
