"""What the recognizer is allowed to be."""

from dataclasses import dataclass, field
from typing import Literal

from premotor.backbones.text import TextConfig
from premotor.backbones.tokenizer import Cleaning
from premotor.backbones.vit import VideoTransformerConfig
from premotor.errors import ConfigError
from premotor.geometry.cameras import Window

Loss = Literal["contrastive", "class_table", "both"]
Colors = Literal["imagenet", "clip"]
USource = Literal["pooled", "embed", "embed_unit", "tokens_mean", "tokens_time"]


@dataclass(frozen=True, kw_only=True)
class UnderstandConfig:
    """The video-text network that names an action it watches; defaults are preset `paper`'s."""

    video: VideoTransformerConfig = field(default_factory=VideoTransformerConfig)
    text: TextConfig = field(default_factory=TextConfig)
    cleaning: Cleaning = "none"  # of captions and prompts; "viclip" for ViCLIP's own weights
    colors: Colors = "imagenet"  # whose mean and deviation; ViCLIP's weights have ImageNet's
    u_source: USource = "pooled"  # which tensor is u (decisions D30)
    loss: Loss = "contrastive"  # L_u among the batch's texts; class_table: all of the data's; both
    freeze_text: bool = False  # the text tower keeps its (trained!) weights; texts are read once
    temperature: float = 0.05  # tau of L_u, fixed
    mask_ratio: float = 0.5  # share of patch tokens dropped in training
    window: Window = field(default_factory=Window)  # the part of each frame that is looked at
    crop_scale: float = 0.8  # least share of its area that training crops to; 1.0 = no crop
    brightness: float = 0.1  # greatest relative change in training; 0.0 = none

    def __post_init__(self) -> None:
        if self.video.embed_dim != self.text.embed_dim:
            raise ConfigError(
                f"understand: video.embed_dim {self.video.embed_dim} and text.embed_dim "
                f"{self.text.embed_dim} must be equal: their cosine names the action"
            )
        if self.temperature <= 0.0:
            raise ConfigError(
                f"understand.temperature must be > 0, got {self.temperature}; try 0.05"
            )
        if not 0.0 <= self.mask_ratio < 1.0:
            raise ConfigError(
                f"understand.mask_ratio must be in [0, 1), got {self.mask_ratio}; try 0.5"
            )
        if not 0.0 < self.crop_scale <= 1.0:
            raise ConfigError(
                f"understand.crop_scale must be in (0, 1], got {self.crop_scale}; try 0.8"
            )
        if not 0.0 <= self.brightness < 1.0:
            raise ConfigError(
                f"understand.brightness must be in [0, 1), got {self.brightness}; try 0.1"
            )

    @property
    def needs_classes(self) -> bool:
        """Whether a batch to learn from has to carry a caption of every class."""
        return self.loss != "contrastive"

    @property
    def u_dim(self) -> int:
        """D_u, width of u."""
        if self.u_source in ("embed", "embed_unit"):
            return self.video.embed_dim
        if self.u_source == "tokens_time":
            return self.video.width * self.video.num_steps
        return self.video.width
