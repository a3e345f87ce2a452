"""Recognizers trained elsewhere: taken over whole, or refused with every reason."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from premotor import checkpoint
from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig, random_keep
from premotor.errors import CheckpointMismatch, ConfigError, DataError, OutputExists, UnknownName
from premotor.understand.adapt import centered, spatial, spread, stretched
from premotor.understand.config import UnderstandConfig
from premotor.understand.layouts import (
    Fitting,
    build,
    import_recognizer,
    taken_over,
    viclip_b16,
    viclip_differences,
    viclip_l14,
    viclip_weights,
)
from premotor.understand.recognizer import Recognizer
from premotor.understand.untold import OPENAI_SCALARS, Told

torch.set_num_threads(1)
TOLD = Told(heads=1, text_heads=1, activation="quick_gelu")
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


def test_a_stem_that_the_others_do_not_have_goes_neither_in_nor_out(file):
    own = replace(SMALL, video=replace(SMALL.video, stem="convolutional"))
    with pytest.raises(ConfigError, match=r"viclip\.pth: .*stem convolutional, ViCLIP and"):
        import_recognizer(file, "viclip-b16", own)
    with pytest.raises(ConfigError, match="with patchify"):
        viclip_weights(Recognizer(own))


def test_what_cannot_be_fitted_is_listed(file):
    with pytest.raises(CheckpointMismatch, match=r"misshapen vision_encoder\.conv1\.weight"):
        import_recognizer(file, "viclip-b16", replace(SMALL, video=replace(SMALL.video, tubelet=2)))
    wider = replace(SMALL, video=replace(SMALL.video, width=32, px=20))
    with pytest.raises(CheckpointMismatch, match=r"positional_embedding: \(17, 64\) stored"):
        import_recognizer(file, "viclip-b16", wider)


def test_a_clip_file_begins_a_video_tower_that_knows_no_order_of_frames(tmp_path):
    stored = drawn(clip(SMALL))
    imported = import_recognizer(written(tmp_path / "clip.pt", stored), "clip", told=TOLD)
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
    imported = taken_over(stored, "clip", longer, Fitting(inflation=name), TOLD)
    found = imported.weights["vision_encoder.tower.conv1.weight"]
    torch.testing.assert_close(found, rule(stored["visual.conv1.weight"], 2))


def test_the_nonlinearity_is_set_by_who_trained_it():
    imported = taken_over(drawn(clip(SMALL)), "clip", told=replace(TOLD, activation="gelu"))
    assert (imported.config.video.activation, imported.config.text.activation) == ("gelu",) * 2


def test_every_key_of_a_clip_that_does_not_fit_is_named_as_the_file_names_it():
    stored = drawn(clip(SMALL))
    del stored["visual.ln_pre.bias"]
    stored["visual.attnpool.weight"] = torch.zeros(2)
    stored["text_projection"] = torch.zeros(64, 23)
    with pytest.raises(CheckpointMismatch) as caught:
        taken_over(stored, "clip", told=TOLD)
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


# ------------------------------------------------------------------- what a CLIP file does not tell

WIDE = replace(  # heads 80 wide in the vision tower, as ViT-H/14's, and 64 in the text tower
    SMALL,
    video=replace(SMALL.video, width=160, heads=2, embed_dim=48),
    text=replace(SMALL.text, width=128, layers=2, heads=2, embed_dim=48),
)
ACTIVATIONS = {"gelu": F.gelu, "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x)}
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def scaled(config: UnderstandConfig) -> dict[str, Tensor]:
    """Weights small enough for attention not to be all or nothing."""
    return {k: 0.2 * v for k, v in drawn(clip(config)).items()}


def norm(x: Tensor, stored: dict[str, Tensor], name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], stored[f"{name}.weight"], stored[f"{name}.bias"])


def blocks(x: Tensor, stored: dict[str, Tensor], prefix: str, heads: int, act, causal=False):
    """CLIP's transformer as its paper has it, written with torch's functions alone."""
    layers = sum(k.startswith(f"{prefix}resblocks.") and k.endswith("ln_1.bias") for k in stored)
    for i in range(layers):
        name = f"{prefix}resblocks.{i}"
        h = norm(x, stored, f"{name}.ln_1")
        weight, bias = stored[f"{name}.attn.in_proj_weight"], stored[f"{name}.attn.in_proj_bias"]
        q, k, v = (
            part.view(*part.shape[:2], heads, -1).transpose(1, 2)
            for part in F.linear(h, weight, bias).chunk(3, dim=-1)
        )
        scores = q @ k.mT / q.shape[-1] ** 0.5
        if causal:
            later = torch.ones(scores.shape[-2:]).triu(1).bool()
            scores = scores.masked_fill(later, -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        out = f"{name}.attn.out_proj"
        x = x + F.linear(mixed, stored[f"{out}.weight"], stored[f"{out}.bias"])
        h = norm(x, stored, f"{name}.ln_2")
        h = act(F.linear(h, stored[f"{name}.mlp.c_fc.weight"], stored[f"{name}.mlp.c_fc.bias"]))
        x = x + F.linear(h, stored[f"{name}.mlp.c_proj.weight"], stored[f"{name}.mlp.c_proj.bias"])
    return x


def image_embedding(stored: dict[str, Tensor], images: Tensor, heads: int, act) -> Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    weight = stored["visual.conv1.weight"]
    x = F.conv2d((images - mean) / std, weight, stride=weight.shape[-1]).flatten(2).mT
    first = stored["visual.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, x], dim=1) + stored["visual.positional_embedding"]
    x = blocks(norm(x, stored, "visual.ln_pre"), stored, "visual.transformer.", heads, act)
    return norm(x[:, 0], stored, "visual.ln_post") @ stored["visual.proj"]


def text_embedding(stored: dict[str, Tensor], ids: Tensor, heads: int, act) -> Tensor:
    x = stored["token_embedding.weight"][ids] + stored["positional_embedding"][: ids.shape[1]]
    x = norm(blocks(x, stored, "transformer.", heads, act, causal=True), stored, "ln_final")
    return x[torch.arange(len(ids)), ids.argmax(-1)] @ stored["text_projection"]


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_a_clip_with_heads_80_wide_reads_and_sees_as_its_reference_does(activation, tmp_path):
    stored = scaled(WIDE)
    file = written(tmp_path / "h14.pt", stored)
    told = Told(heads=2, text_heads=2, activation=activation)
    imported = import_recognizer(file, "clip", told=told)
    checkpoint.save_recognizer(tmp_path / "own", build(imported))
    recognizer = checkpoint.load_recognizer(tmp_path / "own")
    draw = torch.Generator().manual_seed(5)
    images = torch.rand(3, 3, 16, 16, generator=draw)
    ids = torch.randint(1, 50, (3, 32), generator=draw)
    act = ACTIVATIONS[activation]
    with torch.no_grad():
        seen, read = recognizer.encode_video(images[:, None]), recognizer.encode_text(ids)
    torch.testing.assert_close(seen, image_embedding(stored, images, 2, act), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read, text_embedding(stored, ids, 2, act), atol=1e-4, rtol=1e-4)
    other = image_embedding(stored, images, 4, act)  # the test tells heads apart
    assert (seen - other).abs().max() > 1e-2
    assert any(note == f"nonlinearity: {activation}" for note in imported.notes)
    assert "mean and deviation of the colors: clip" in imported.notes


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(activation="gelu"), r"how many heads the video tower of width 160 and 2 layers"),
        (Told(activation="gelu", heads=2), "how many heads the text tower of width 128"),
        (Told(heads=2, text_heads=2), r"--activation quick_gelu \(OpenAI"),
        (Told(heads=3, text_heads=2, activation="gelu"), "--heads 3 is no divisor of 160"),
        (Told(heads=0, text_heads=2, activation="gelu"), "--heads 0 is no divisor"),
    ],
)
def test_what_neither_the_file_nor_its_sizes_tell_is_asked_for(told, words):
    with pytest.raises(ConfigError, match=words):
        taken_over(drawn(clip(WIDE)), "clip", told=told)


@pytest.mark.parametrize(
    ("video", "text", "heads"),
    [
        ((768, 12), (512, 12), (12, 8)),
        ((1024, 24), (768, 12), (16, 12)),
        ((1280, 32), (1024, 24), (16, 16)),
    ],
)
def test_published_models_are_known_by_their_sizes(video, text, heads):
    sizes = replace(
        SMALL,
        video=replace(SMALL.video, width=video[0], layers=video[1]),
        text=replace(SMALL.text, width=text[0], layers=text[1]),
    )
    imported = taken_over(meta(clip(sizes)), "clip", told=Told(activation="gelu"))
    assert (imported.config.video.heads, imported.config.text.heads) == heads
    with pytest.raises(ConfigError, match=f"published with {heads[0]} heads, the sizes given"):
        taken_over(meta(clip(sizes)), "clip", sizes, told=Told(activation="gelu"))


def test_openais_own_files_are_known_by_their_scalars():
    stored = drawn(clip(SMALL)) | {name: torch.tensor(7) for name in OPENAI_SCALARS}
    imported = taken_over(stored, "clip", told=Told(heads=1, text_heads=1))
    assert imported.config.video.activation == "quick_gelu"


def test_towers_with_a_wider_mlp_are_refused_at_once():
    stored = drawn(clip(SMALL))
    stored["visual.transformer.resblocks.0.mlp.c_fc.weight"] = torch.zeros(279, 64)
    with pytest.raises(CheckpointMismatch, match="an MLP of 279 in a tower of 64"):
        taken_over(stored, "clip", told=TOLD)


def test_a_recognizer_of_viclips_keeps_imagenets_colors(file):
    imported = import_recognizer(file, "viclip-b16", SMALL)
    assert imported.config.colors == "imagenet"
    assert viclip_differences(imported.config) == []
    other = import_recognizer(
        file, "viclip-b16", SMALL, told=Told(colors="clip", activation="gelu")
    )
    assert len(viclip_differences(other.config)) == 2


def test_weights_that_are_no_numbers_are_named(tmp_path):
    stored = drawn(viclip(SMALL))
    stored["text_encoder.ln_final.bias"][3] = torch.nan
    stored["text_encoder.ln_final.weight"] = torch.ones(64, dtype=torch.int64)
    with pytest.raises(CheckpointMismatch) as caught:
        import_recognizer(written(tmp_path / "nan.pth", stored), "viclip-b16", SMALL)
    assert "broken text_encoder.ln_final.bias: NaN or infinity in it" in str(caught.value)
    assert "mistyped text_encoder.ln_final.weight: torch.int64 stored" in str(caught.value)
