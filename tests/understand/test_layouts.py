"""Recognizers trained elsewhere: taken over whole, or refused with every reason."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from premotor import checkpoint
from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig, random_keep
from premotor.errors import CheckpointMismatch, DataError, OutputExists, UnknownName
from premotor.understand.adapt import centered, spatial, spread, stretched
from premotor.understand.config import UnderstandConfig
from premotor.understand.layouts import (
    Fitting,
    build,
    import_recognizer,
    taken_over,
    viclip_b16,
    viclip_l14,
    viclip_weights,
    with_activation,
)
from premotor.understand.recognizer import Recognizer

torch.set_num_threads(1)
Shapes = dict[str, tuple[int, ...]]
SMALL = UnderstandConfig(
    video=VideoTransformerConfig(
        px=16, patch=4, num_frames=8, width=64, layers=2, heads=1, embed_dim=24
    ),
    text=TextConfig(context=12, vocab_size=50, width=64, layers=1, heads=1, embed_dim=24),
)


def _blocks(prefix: str, layers: int, d: int) -> Shapes:
    one: Shapes = {
        "attn.in_proj_weight": (3 * d, d),
        "attn.in_proj_bias": (3 * d,),
        "attn.out_proj.weight": (d, d),
        "attn.out_proj.bias": (d,),
        "mlp.c_fc.weight": (4 * d, d),
        "mlp.c_fc.bias": (4 * d,),
        "mlp.c_proj.weight": (d, 4 * d),
        "mlp.c_proj.bias": (d,),
        **{f"ln_{i}.{leaf}": (d,) for i in (1, 2) for leaf in ("weight", "bias")},
    }
    return {
        f"{prefix}transformer.resblocks.{i}.{k}": v for i in range(layers) for k, v in one.items()
    }


def _norm(name: str, d: int) -> Shapes:
    return {f"{name}.{leaf}": (d,) for leaf in ("weight", "bias")}


def _eye(prefix: str, video: VideoTransformerConfig, kernel: tuple[int, ...]) -> Shapes:
    d = video.width
    return {
        f"{prefix}class_embedding": (d,),
        f"{prefix}positional_embedding": (video.grid**2 + 1, d),
        f"{prefix}proj": (d, video.embed_dim),
        f"{prefix}conv1.weight": (d, 3, *kernel, video.patch, video.patch),
        **_norm(f"{prefix}ln_pre", d),
        **_norm(f"{prefix}ln_post", d),
        **_blocks(prefix, video.layers, d),
    }


def _reader(prefix: str, text: TextConfig) -> Shapes:
    return {
        f"{prefix}positional_embedding": (text.context, text.width),
        f"{prefix}text_projection": (text.width, text.embed_dim),
        f"{prefix}token_embedding.weight": (text.vocab_size, text.width),
        **_norm(f"{prefix}ln_final", text.width),
        **_blocks(prefix, text.layers, text.width),
    }


def viclip(config: UnderstandConfig) -> Shapes:
    """The key layout of ViCLIP's released files."""
    video = config.video
    times = (1, video.num_steps, video.width)
    return {
        "temp": (),
        "vision_encoder.temporal_positional_embedding": times,
        **_eye("vision_encoder.", video, (video.tubelet,)),
        **_reader("text_encoder.", config.text),
    }


def clip(config: UnderstandConfig) -> Shapes:
    """The key layout of OpenAI's CLIP files; texts of 77 tokens."""
    text = replace(config.text, context=77)
    return {"logit_scale": (), **_eye("visual.", config.video, ()), **_reader("", text)}


def drawn(shapes: Shapes) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(3)
    return {k: torch.randn(shape, generator=draw) for k, shape in shapes.items()}


def meta(shapes: Shapes) -> dict[str, Tensor]:
    return {k: torch.empty(shape, device="meta") for k, shape in shapes.items()}


@pytest.mark.parametrize(
    ("layout", "config", "vision", "text", "keys"),
    [
        ("viclip-b16", viclip_b16(), (86_198_784, 153), (63_405_056, 149), 157),
        ("viclip-l14", viclip_l14(), (303_974_400, 297), (123_615_744, 149), 205),
    ],
)
def test_a_released_layout_is_taken_over_key_by_key(layout, config, vision, text, keys):
    shapes = viclip(config)
    imported = taken_over(meta(shapes), layout)
    for prefix, (count, number) in (("vision_encoder.", vision), ("text_encoder.", text)):
        own = [v.numel() for k, v in imported.weights.items() if k.startswith(prefix)]
        assert (sum(own), len(own)) == (count, number)
    with torch.device("meta"):
        recognizer = Recognizer(imported.config)
    ours = {k: v.shape for k, v in recognizer.state_dict().items()}
    assert ours == {k: v.shape for k, v in imported.weights.items()}
    video = recognizer.config.video
    patches = video.grid**2 * video.num_steps
    assert random_keep(1, patches, 0.9, torch.Generator()).shape[1] == keys  # a.1: kept at 0.9


@pytest.mark.parametrize(
    ("layout", "config"), [("viclip-b16", viclip_b16()), ("viclip-l14", viclip_l14())]
)
def test_a_missing_an_extra_and_a_misshapen_key_are_named_together(layout, config):
    shapes = viclip(config)
    del shapes["vision_encoder.ln_pre.bias"]
    places = shapes["vision_encoder.positional_embedding"]
    shapes["vision_encoder.positional_embedding"] = (50, places[1])
    shapes["text_encoder.stranger"] = (3,)
    with pytest.raises(CheckpointMismatch) as caught:
        taken_over(meta(shapes), layout)
    width = config.video.width
    assert str(caught.value).splitlines()[1:4] == [
        f"  missing vision_encoder.ln_pre.bias ({width},)",
        "  extra text_encoder.stranger (3,)",
        f"  misshapen vision_encoder.positional_embedding: (50, {width}) stored, {places} expected",
    ]
    assert "nothing was imported" in str(caught.value)


def written(path: Path, stored: dict[str, Tensor]) -> Path:
    torch.save({"model": stored, "epoch": 3}, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "viclip.pth", drawn(viclip(SMALL)))


def test_a_released_file_lands_under_our_names_and_is_read_by_our_own_loader(file, tmp_path):
    imported, stored = import_recognizer(file, "viclip-b16", SMALL), drawn(viclip(SMALL))
    assert imported.notes[0] == "unwrapped 'model'; left aside: epoch"
    assert any("left aside temp, a learned temperature" in note for note in imported.notes)
    for ours, theirs in (
        ("vision_encoder.tower.conv1.weight", "vision_encoder.conv1.weight"),
        ("text_encoder.transformer.resblocks.0.mlp.c_fc.bias",) * 2,
    ):
        assert torch.equal(imported.weights[ours], stored[theirs])
    recognizer = build(imported)
    checkpoint.save_recognizer(tmp_path / "out", recognizer)
    back = checkpoint.load_recognizer(tmp_path / "out")
    assert back.config == SMALL
    assert not back.training
    assert all(torch.equal(v, back.state_dict()[k]) for k, v in recognizer.state_dict().items())
    with pytest.raises(OutputExists, match="remove it"):
        checkpoint.save_recognizer(tmp_path / "out", recognizer)


def test_what_goes_in_comes_out_again(file):
    out, stored = viclip_weights(build(import_recognizer(file, "viclip-b16", SMALL))), None
    stored = drawn(viclip(SMALL))
    assert out.keys() == stored.keys()
    assert all(torch.equal(out[k], v) for k, v in stored.items() if k != "temp")
    assert out["temp"].item() == pytest.approx(SMALL.temperature)


def test_a_table_of_few_words_becomes_a_whole_one():
    config = replace(SMALL, text=replace(SMALL.text, vocabulary=(0, 7, 49)))
    recognizer = Recognizer(config)
    out = viclip_weights(recognizer)["text_encoder.token_embedding.weight"]
    rows = recognizer.text_encoder.token_embedding.weight
    assert out.shape == (50, 64)
    assert torch.equal(out[[0, 7, 49, 8, 30]], rows[[0, 1, 2, 3, 3]])


def test_other_frames_pixels_and_words_are_fitted_and_said(file):
    other = replace(
        SMALL,
        video=replace(SMALL.video, num_frames=12, px=24),
        text=replace(SMALL.text, context=10),
    )
    imported, stored = import_recognizer(file, "viclip-b16", other), drawn(viclip(SMALL))
    tower = "vision_encoder.tower."
    torch.testing.assert_close(
        imported.weights[f"{tower}temporal_positional_embedding"],
        stretched(stored["vision_encoder.temporal_positional_embedding"], 12),
    )
    torch.testing.assert_close(
        imported.weights[f"{tower}positional_embedding"],
        spatial(stored["vision_encoder.positional_embedding"], 6),
    )
    said = [note for note in imported.notes if note.startswith("fitted")]
    assert len(said) == 3
    assert "(1, 8, 64) to (1, 12, 64)" in " ".join(said)


def test_what_cannot_be_fitted_is_listed(file):
    with pytest.raises(CheckpointMismatch, match=r"misshapen vision_encoder\.conv1\.weight"):
        import_recognizer(file, "viclip-b16", replace(SMALL, video=replace(SMALL.video, tubelet=2)))
    wider = replace(SMALL, video=replace(SMALL.video, width=32, px=20))
    with pytest.raises(CheckpointMismatch, match=r"positional_embedding: \(17, 64\) stored"):
        import_recognizer(file, "viclip-b16", wider)


def test_a_clip_file_begins_a_video_tower_that_knows_no_order_of_frames(tmp_path):
    stored = drawn(clip(SMALL))
    imported = import_recognizer(written(tmp_path / "clip.pt", stored), "clip")
    sizes = imported.config
    assert (sizes.video.px, sizes.video.patch, sizes.video.num_frames) == (16, 4, 8)
    assert (sizes.text.context, sizes.text.heads) == (32, 1)
    said = " ".join(imported.notes)
    assert "temporal table is not in the file: zeros" in said
    assert "fitted positional_embedding (token positions): (77, 64) to (32, 64)" in said
    assert "left aside logit_scale, a learned temperature" in said
    tower = build(imported).vision_encoder.tower
    assert not tower.temporal_positional_embedding.any()
    frames = torch.randn(1, 3, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tower(frames.flip(2)), tower(frames), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "rule"), [("center", centered), ("mean", spread)])
def test_filters_of_an_image_get_the_frames_of_a_token(name, rule):
    stored = drawn(clip(SMALL))
    longer = replace(SMALL, video=replace(SMALL.video, tubelet=2))
    imported = taken_over(stored, "clip", longer, Fitting(inflation=name))
    found = imported.weights["vision_encoder.tower.conv1.weight"]
    torch.testing.assert_close(found, rule(stored["visual.conv1.weight"], 2))


def test_the_nonlinearity_is_set_by_who_trained_it():
    imported = with_activation(taken_over(drawn(clip(SMALL)), "clip"), "gelu")
    assert (imported.config.video.activation, imported.config.text.activation) == ("gelu",) * 2


def test_every_key_of_a_clip_that_does_not_fit_is_named_as_the_file_names_it():
    stored = drawn(clip(SMALL))
    del stored["visual.ln_pre.bias"]
    stored["visual.attnpool.weight"] = torch.zeros(2)
    stored["text_projection"] = torch.zeros(64, 23)
    with pytest.raises(CheckpointMismatch) as caught:
        taken_over(stored, "clip")
    for fault in (
        "missing visual.ln_pre.bias (64,)",
        "extra visual.attnpool.weight (2,)",
        "misshapen text_projection: (64, 23) stored, (64, 24) expected",
    ):
        assert fault in str(caught.value)


def test_other_files_and_layouts_are_refused(file, tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'viclip-b16'"):
        import_recognizer(file, "viclip-b6")
    with pytest.raises(CheckpointMismatch, match=r"viclip\.pth: no sizes of a CLIP vision"):
        import_recognizer(file, "clip")
    with pytest.raises(DataError, match="cannot be read"):
        import_recognizer(tmp_path / "none.pth", "clip")
    kept = import_recognizer(
        written(tmp_path / "more.pth", drawn(viclip(SMALL)) | {"extra.w": torch.zeros(1)}),
        "viclip-b16",
        SMALL,
        drop=("extra.",),
    )
    assert "left out 1 keys below 'extra.', as asked" in kept.notes


def test_half_precision_becomes_float32_and_is_said(tmp_path):
    half = {k: v.half().contiguous() for k, v in drawn(viclip(SMALL)).items()}
    save_file(half, tmp_path / "half.safetensors")
    imported = import_recognizer(tmp_path / "half.safetensors", "viclip-b16", SMALL)
    assert {v.dtype for v in imported.weights.values()} == {torch.float32}
    assert "converted torch.float16 to float32" in imported.notes
