"""What files of CLIP do not tell, and a wrong guess would not show: heads, nonlinearity, colors.

Sizes tell the number of heads of published models; else it has to be given. OpenAI's files are
known by three scalars in them; of all others the nonlinearity has to be given, for the same sizes
were published with either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from premotor.backbones.attention import Activation
from premotor.errors import CheckpointMismatch, ConfigError
from premotor.understand.config import Colors, UnderstandConfig

OPENAI_SCALARS = ("input_resolution", "context_length", "vocab_size")
# Heads by (width, layers), from the tables of CLIP (Radford et al. 2021, Table 19) and OpenCLIP
# (Cherti et al. 2023, and its model configurations).
VISION_HEADS = {
    (384, 12): 6,  # ViT-S
    (512, 12): 8,  # ViT-M
    (768, 12): 12,  # ViT-B
    (896, 12): 14,  # ViT-B plus
    (1024, 24): 16,  # ViT-L
    (1280, 32): 16,  # ViT-H, 80 wide
    (1408, 40): 16,  # ViT-g, 88 wide
    (1664, 48): 16,  # ViT-bigG, 104 wide
}
TEXT_HEADS = {
    (384, 12): 6,
    (512, 12): 8,
    (640, 12): 10,
    (768, 12): 12,
    (1024, 24): 16,
    (1280, 32): 20,
}
_HINT = "as published: ViT-B has 12, ViT-L and ViT-H 16"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said of a file of weights that it does not say itself."""

    heads: int | None = None  # of the vision tower; None: known by its sizes, or asked for
    text_heads: int | None = None  # of the text tower, likewise
    activation: Activation | None = None  # quick_gelu: OpenAI, MetaCLIP, DFN; gelu: LAION, DataComp
    colors: Colors | None = None  # mean and deviation it was trained with; None: the layout's


def settled(
    config: UnderstandConfig, told: Told, activation: Activation, colors: Colors
) -> tuple[UnderstandConfig, list[str]]:
    """A configuration with what the file does not tell, and what to say about that.

    Args:
        config: Sizes; its heads count where no published model has these sizes.
        told: Goes before all else.
        activation: Where none was told.
        colors: Where none were told.

    Raises:
        ConfigError: The configuration has other heads than the published model of its sizes.
    """
    video, text = config.video, config.text
    heads = heads_of("video", (video.width, video.layers), told.heads, video.heads)
    text_heads = heads_of("text", (text.width, text.layers), told.text_heads, text.heads)
    activation, colors = told.activation or activation, told.colors or colors
    config = replace(
        config,
        video=replace(video, heads=heads, activation=activation),
        text=replace(text, heads=text_heads, activation=activation),
        colors=colors,
    )
    return config, [
        f"heads: {heads} in the vision tower, {text_heads} in the text tower",
        f"nonlinearity: {activation}",
        f"mean and deviation of the colors: {colors}",
    ]


def heads_of(
    kind: str, sizes: tuple[int, int], told: int | None, configured: int | None = None
) -> int:
    """Heads of a tower.

    Args:
        kind: "video" or "text".
        sizes: Width and layers.
        told: Goes before all else.
        configured: Of a configuration, where no published model has these sizes.

    Raises:
        ConfigError: Nothing tells, or the configuration and the published model differ.
    """
    option, table = {
        "video": ("--heads", VISION_HEADS),
        "text": ("--text-heads", TEXT_HEADS),
    }[kind]
    tower, known = f"the {kind} tower of width {sizes[0]} and {sizes[1]} layers", table.get(sizes)
    if told is not None:
        if told < 1 or sizes[0] % told:
            raise ConfigError(f"{option} {told} is no divisor of {sizes[0]}, the width of {tower}")
        return told
    found = known or configured
    if found is None:
        raise ConfigError(f"nothing tells how many heads {tower} has; give {option} N ({_HINT})")
    if configured not in (None, found):
        raise ConfigError(
            f"{tower} was published with {found} heads, the sizes given have {configured}; give "
            f"{option} {configured} if that is meant, or {option} {found}"
        )
    return found


def activation_of(stored: Mapping[str, Tensor], told: Told) -> Activation:
    """The nonlinearity of a CLIP file.

    Raises:
        ConfigError: Neither the file nor the caller tells.
    """
    if told.activation is not None:
        return told.activation
    if all(name in stored for name in OPENAI_SCALARS):
        return "quick_gelu"
    raise ConfigError(
        "a CLIP file does not tell its nonlinearity, and this one is not OpenAI's own archive; "
        "give --activation quick_gelu (OpenAI, MetaCLIP, DFN) or gelu (LAION, DataComp)"
    )


def check_ratio(stored: Mapping[str, Tensor], width: int) -> None:
    """Refuse towers whose MLP is not four times as wide as the tower: ViT-g and ViT-bigG.

    Raises:
        CheckpointMismatch: It is of another width.
    """
    first = stored.get("visual.transformer.resblocks.0.mlp.c_fc.weight")
    if first is not None and len(first) != 4 * width:
        raise CheckpointMismatch(
            f"an MLP of {len(first)} in a tower of {width}, nothing was imported: only towers with "
            f"four times their width, {4 * width}, are taken, which ViT-g and ViT-bigG have not"
        )
