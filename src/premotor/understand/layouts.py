"""Recognizers trained elsewhere: files of ViCLIP and of CLIP, in and out (decisions D32).

Every key of a file is accounted for, or nothing is taken. What may differ is fitted and said: the
tables of place, time and text order, and the patch filters of image towers, which get a time axis.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from premotor.backbones.attention import Activation
from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig
from premotor.backbones.weights import faults, left_out, read_checkpoint
from premotor.errors import CheckpointMismatch, ConfigError, UnknownName
from premotor.understand.adapt import (
    INFLATIONS,
    LENGTHENINGS,
    Inflation,
    Lengthening,
    spatial,
    text_order,
)
from premotor.understand.config import Colors, UnderstandConfig
from premotor.understand.recognizer import Recognizer
from premotor.understand.untold import (
    OPENAI_SCALARS,
    Told,
    activation_of,
    check_ratio,
    heads_of,
    settled,
)

TOWER = "vision_encoder.tower."
TEMPORAL = "vision_encoder.tower.temporal_positional_embedding"
TEMPERATURE = "temp"  # ViCLIP's learned tau
CLIP_SCALARS = ("logit_scale", *OPENAI_SCALARS)


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How weights of other sizes are fitted."""

    inflation: Inflation = "center"  # patch filters of an image tower over the frames of a token
    lengthening: Lengthening = "stretch"  # a temporal table for more steps than it has


@dataclass(frozen=True, eq=False)
class Imported:
    """A recognizer's weights under our names, and what is to be said about them."""

    config: UnderstandConfig
    weights: dict[str, Tensor]
    notes: tuple[str, ...]  # what was unwrapped, left aside and fitted


def viclip_b16() -> UnderstandConfig:
    """ViCLIP-B/16, 149.6 M parameters; the captions cleaned as it was trained with them."""
    return UnderstandConfig(cleaning="viclip")


def viclip_l14() -> UnderstandConfig:
    """ViCLIP-L/14, 427.6 M parameters."""
    return UnderstandConfig(
        video=VideoTransformerConfig(patch=14, width=1024, layers=24, heads=16, embed_dim=768),
        text=TextConfig(width=768, heads=12, embed_dim=768),
        cleaning="viclip",
    )


def clip_sizes(stored: Mapping[str, Tensor], told: Told) -> UnderstandConfig:
    """Sizes of the vision transformer and the text tower in a CLIP file.

    Eight frames, one per token, and at most 32 words, as ViCLIP begins from CLIP.

    Raises:
        CheckpointMismatch: A tensor that tells a size is missing, as in CLIP's ResNets.
        ConfigError: Nothing tells how many heads there are.
    """
    telling = {
        "visual.conv1.weight": 4,
        "visual.positional_embedding": 2,
        "visual.proj": 2,
        "positional_embedding": 2,
        "token_embedding.weight": 2,
    }
    lacking = [k for k, n in telling.items() if k not in stored or stored[k].ndim != n]
    if lacking:
        raise CheckpointMismatch(
            f"no sizes of a CLIP vision transformer: {', '.join(lacking)} missing or of another "
            "number of axes, nothing was imported; ResNets are not taken, ViCLIP has other layouts"
        )
    width, _, patch, _ = stored["visual.conv1.weight"].shape
    places, embed_dim = len(stored["visual.positional_embedding"]), stored["visual.proj"].shape[1]
    context, text_width = stored["positional_embedding"].shape
    check_ratio(stored, width)
    layers, text_layers = _layers(stored, "visual.transformer."), _layers(stored, "transformer.")
    return UnderstandConfig(
        video=VideoTransformerConfig(
            px=patch * round((places - 1) ** 0.5),
            patch=patch,
            width=width,
            layers=layers,
            heads=heads_of("video", (width, layers), told.heads),
            embed_dim=embed_dim,
        ),
        text=TextConfig(
            context=min(context, TextConfig.context),
            vocab_size=len(stored["token_embedding.weight"]),
            width=text_width,
            layers=text_layers,
            heads=heads_of("text", (text_width, text_layers), told.text_heads),
            embed_dim=embed_dim,
        ),
    )


def _layers(stored: Mapping[str, Tensor], prefix: str) -> int:
    return sum(k.startswith(prefix) and k.endswith(".ln_1.weight") for k in stored)


def viclip_name(ours: str) -> str:
    """ViCLIP's name of one of our weights."""
    return ours.replace(TOWER, "vision_encoder.", 1)


def clip_name(ours: str) -> str:
    """CLIP's name of one of our weights."""
    return ours.replace(TOWER, "visual.", 1).removeprefix("text_encoder.")


@dataclass(frozen=True)
class _Layout:
    """How a kind of file names its weights, and which scalars stand beside them."""

    name_of: Callable[[str], str]
    sizes: Callable[[Mapping[str, Tensor], Told], UnderstandConfig]
    activation: Callable[[Mapping[str, Tensor], Told], Activation]
    colors: Colors
    aside: tuple[str, ...]


@dataclass(frozen=True)
class _Rule:
    """How one weight of another size is fitted."""

    what: str
    ndim: int  # axes of what can be fitted
    fit: Callable[[Tensor], Tensor]


def _viclip(sizes: Callable[[], UnderstandConfig]) -> _Layout:
    """ViCLIP's own files: its nonlinearity is written into its code, its colors are ImageNet's."""
    return _Layout(
        viclip_name, lambda *_: sizes(), lambda *_: "quick_gelu", "imagenet", (TEMPERATURE,)
    )


LAYOUTS = {
    "viclip-b16": _viclip(viclip_b16),
    "viclip-l14": _viclip(viclip_l14),
    "clip": _Layout(clip_name, clip_sizes, activation_of, "clip", CLIP_SCALARS),
}


def import_recognizer(
    path: Path,
    layout: str,
    config: UnderstandConfig | None = None,
    fitting: Fitting | None = None,
    drop: tuple[str, ...] = (),
    told: Told | None = None,
) -> Imported:
    """Read a file of weights, strictly.

    Args:
        path: A torch file (loaded as weights only), a TorchScript archive or a safetensors file.
        layout: "viclip-b16", "viclip-l14", or "clip" for a CLIP with a vision transformer.
        config: Sizes of the recognizer to make; None = the layout's, for "clip" the file's.
        fitting: How tables and filters of other sizes are fitted.
        drop: Prefixes of keys to leave out knowingly.
        told: What the file does not tell; None = what its layout or its sizes tell.

    Raises:
        DataError: The file cannot be read.
        ConfigError: Something that the file does not tell has to be told, or the sizes have a stem
            that no such file has.
        CheckpointMismatch: Every missing, extra and misshapen key is listed.
    """
    if layout not in LAYOUTS:
        raise UnknownName.of("layout", layout, LAYOUTS)
    stored, unwrapped = read_checkpoint(path)
    stored, left = left_out(stored, drop)
    try:
        imported = taken_over(stored, layout, config, fitting, told)
    except (CheckpointMismatch, ConfigError) as error:
        raise type(error)(f"{path}: {error}") from None
    return replace(imported, notes=(*unwrapped, *left, *imported.notes))


def taken_over(
    stored: Mapping[str, Tensor],
    layout: str,
    config: UnderstandConfig | None = None,
    fitting: Fitting | None = None,
    told: Told | None = None,
) -> Imported:
    """Weights by their names of a layout as weights by ours; see `import_recognizer`."""
    kind, told = LAYOUTS[layout], told or Told()
    fittable = config is not None or layout == "clip"  # else the sizes are known to be right
    config, notes = settled(
        config or kind.sizes(stored, told), told, kind.activation(stored, told), kind.colors
    )
    _check_stem(config)
    notes += [_scalar_note(k, stored[k]) for k in kind.aside if k in stored]
    stored = {k: v for k, v in stored.items() if k not in kind.aside}
    expected = _expected(config)
    if layout == "clip":
        del expected[TEMPORAL]
    names = {kind.name_of(ours): ours for ours in expected}
    shapes = {theirs: expected[ours] for theirs, ours in names.items()}
    rules = _rules(config, fitting or Fitting()) if fittable else {}
    by_theirs = {kind.name_of(ours): rule for ours, rule in rules.items() if ours in expected}
    stored, fitted = _fitted(stored, shapes, by_theirs)
    if wrong := faults(shapes, stored):
        raise CheckpointMismatch(
            f"not of the layout {layout!r}, nothing was imported:\n  "
            + "\n  ".join(wrong)
            + "\nname another --layout, other sizes (--sizes), or what to leave out (--drop)"
        )
    kinds = sorted({str(v.dtype) for v in stored.values()} - {"torch.float32"})
    notes += [*fitted, *([f"converted {', '.join(kinds)} to float32"] if kinds else [])]
    weights = {names[k]: v.float().contiguous() for k, v in stored.items()}
    if layout == "clip":  # our own begins at noise, which would disturb what the tower knows
        weights[TEMPORAL] = torch.zeros(1, config.video.num_steps, config.video.width)
        notes.append("the temporal table is not in the file: zeros, frames are told apart later")
    return Imported(config, weights, tuple(notes))


def _expected(config: UnderstandConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        return Recognizer(config).state_dict()


def _check_stem(config: UnderstandConfig) -> None:
    """Refuse a tower whose patches are not cut from pixels.

    Raises:
        ConfigError: It has another stem than ViCLIP and CLIP.
    """
    if config.video.stem != "patchify":
        raise ConfigError(
            f"the recognizer has video.stem {config.video.stem}, ViCLIP and CLIP have patchify, "
            "and nothing of the one fits into the other; name a recognizer, or sizes, with patchify"
        )


def _scalar_note(name: str, value: Tensor) -> str:
    if value.is_meta or value.numel() != 1 or name not in (TEMPERATURE, "logit_scale"):
        return f"left aside {name}, which is no weight"
    tau = float(value) if name == TEMPERATURE else float((-value.float()).exp())
    return f"left aside {name}, a learned temperature of {tau:.4g}; ours is in the configuration"


def _rules(config: UnderstandConfig, fitting: Fitting) -> dict[str, _Rule]:
    """What may differ from the recognizer to make, by our names."""
    video, tower = config.video, TOWER
    inflate, lengthen = INFLATIONS[fitting.inflation], LENGTHENINGS[fitting.lengthening]
    return {
        f"{tower}conv1.weight": _Rule("patch filters", 4, partial(inflate, tubelet=video.tubelet)),
        f"{tower}positional_embedding": _Rule("places", 2, partial(spatial, grid=video.grid)),
        TEMPORAL: _Rule("times", 3, partial(lengthen, steps=video.num_steps)),
        "text_encoder.positional_embedding": _Rule(
            "token positions", 2, partial(text_order, context=config.text.context)
        ),
    }


def _fitted(
    stored: Mapping[str, Tensor], shapes: Mapping[str, Tensor], rules: Mapping[str, _Rule]
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights that may differ, made to fit where they can be; all others as they are."""
    result, notes = dict(stored), []
    for name, rule in rules.items():
        old = stored.get(name)
        if old is None or old.ndim != rule.ndim or old.shape == shapes[name].shape:
            continue
        with suppress(ConfigError):  # what cannot be fitted is listed as misshapen
            new = rule.fit(old)
            if new.shape == shapes[name].shape:
                result[name] = new
                sizes = f"{tuple(old.shape)} to {tuple(new.shape)}"
                notes.append(f"fitted {name} ({rule.what}): {sizes}")
    return result, notes


def build(imported: Imported) -> Recognizer:
    """A recognizer with the imported weights."""
    with torch.random.fork_rng(devices=()):
        recognizer = Recognizer(imported.config)
    recognizer.load_state_dict(imported.weights)
    return recognizer.eval()


def viclip_weights(recognizer: Recognizer) -> dict[str, Tensor]:
    """All weights in ViCLIP's names and shapes, its temperature among them.

    A token table of few rows becomes a whole one, in which all other words are alike. With tokens
    of several frames ViCLIP's own code wants a longer table of times (decisions D25).

    Raises:
        ConfigError: It has a stem that ViCLIP has not.
    """
    _check_stem(recognizer.config)
    text = recognizer.text_encoder
    weights = {viclip_name(k): v.detach().cpu() for k, v in recognizer.state_dict().items()}
    table = "text_encoder.token_embedding.weight"
    weights[table] = weights[table][text.row_of_id.cpu()]
    weights[TEMPERATURE] = torch.tensor(recognizer.config.temperature)
    return {k: v.contiguous() for k, v in weights.items()}


def viclip_differences(config: UnderstandConfig) -> list[str]:
    """What ViCLIP's own code would do otherwise with these weights, one line each."""
    said = []
    if (config.video.activation, config.text.activation) != ("quick_gelu", "quick_gelu"):
        said.append("these weights belong to a plain GELU; ViCLIP's own code has quick_gelu")
    if config.colors != "imagenet":
        said.append("these weights belong to CLIP's colors; ViCLIP's own code has ImageNet's")
    return said
