"""The recognizer: watch a clip, name the action (paper: action understanding, ViCLIP).

b: batch  t: frames  h w: side as recorded  l: tokens  o: embedding  u: width of u
c: text classes
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.frozen_text import FrozenTextTower
from premotor.backbones.text import TextTower
from premotor.batch import Observed
from premotor.errors import ConfigError
from premotor.understand.config import UnderstandConfig
from premotor.understand.video_encoder import VideoEncoder


@dataclass(frozen=True, eq=False)
class UnderstandOutput:
    """What was understood of a batch of clips."""

    u: Float[Tensor, "b u"]  # the representation that is aligned with e
    video: Float[Tensor, "b o"]  # not normalized
    text: Float[Tensor, "b o"]  # of the captions, not normalized
    classes: Float[Tensor, "c o"] | None = None  # of every class, where the batch carries them

    def followed_by(self, more: "UnderstandOutput") -> "UnderstandOutput":
        """These clips and more of the same batch, which share its classes."""
        u, video, text = (
            torch.cat([getattr(part, name) for part in (self, more)])
            for name in ("u", "video", "text")
        )
        return UnderstandOutput(u, video, text, self.classes)


class Recognizer(nn.Module):
    """A video tower and a text tower that meet in one space; no parameter is the policy's."""

    def __init__(self, config: UnderstandConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_encoder = VideoEncoder(config)
        text_tower = FrozenTextTower if config.freeze_text else TextTower
        self.text_encoder = text_tower(config.text)

    def forward(
        self,
        observed: Observed,
        mask_ratio: float = 0.0,
        generator: torch.Generator | None = None,
        classes: Float[Tensor, "c o"] | None = None,
    ) -> UnderstandOutput:
        """Encode clips and captions; see `VideoEncoder.forward` for what the generator does.

        In evaluation mode, clips are always seen whole (decisions D22). Where the batch
        carries a caption of every class, these alone are read: a row's caption is its class's.

        Args:
            observed: Clips and what is said of them.
            mask_ratio: Share of a clip's tokens to drop; training only.
            generator: Of all that is drawn; training only.
            classes: Every class as it was read already; then nothing is read.
        """
        source = generator if self.training else None
        if self.training and mask_ratio > 0.0 and source is None:
            raise ConfigError(f"mask_ratio {mask_ratio} needs a generator to draw the tokens from")
        seen = self.vision_encoder(observed.frames, mask_ratio, source)
        if classes is None and observed.classes is not None:
            classes = self.text_encoder(observed.classes)
        if classes is None:
            return UnderstandOutput(seen.u, seen.video, self.text_encoder(observed.caption))
        return UnderstandOutput(seen.u, seen.video, classes[observed.text_id], classes)

    def encode_video(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b o"]:
        """Embeddings of whole clips, to be compared with those of texts; not normalized."""
        return self.vision_encoder(frames).video

    def encode_text(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b o"]:
        """Embeddings of texts; not normalized."""
        return self.text_encoder(ids)
