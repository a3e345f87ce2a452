import pytest
import torch
from torch import Tensor, nn

from golden.stored import Stored, stems
from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.vit import VideoTransformer, VideoTransformerConfig

pytestmark = pytest.mark.golden


def state(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key[3:]: value for key, value in tensors.items() if key.startswith("sd.")}


def text_config(sizes: dict, vocabulary: tuple[int, ...] = ()) -> TextConfig:
    return TextConfig(
        context=sizes["context_length"],
        vocab_size=sizes["vocab_size"],
        vocabulary=vocabulary,
        width=sizes["transformer_width"],
        layers=sizes["transformer_layers"],
        heads=sizes["transformer_heads"],
        embed_dim=sizes["embed_dim"],
    )


def check_gradients(tower: nn.Module, stored: Stored, case: str) -> None:
    for name, parameter in tower.named_parameters():
        stored.close(parameter.grad, stored.tensors[f"{case}{name}"], "grad")


@pytest.mark.parametrize("name", stems("recognition", "vision_*"))
def test_the_video_tower_equals_the_reference(golden, name):
    stored = Stored("recognition", name)
    tensors, meta, sizes = stored.tensors, stored.about, stored.sizes
    tower = VideoTransformer(video_config(sizes))
    tower.load_state_dict(state(tensors))
    masked = [key.split(".")[0] for key in tensors if key.endswith(".keep_ids_nt")]
    assert len(masked) == len(meta["mask_ratios"])
    for case in ("full", "single", *masked):
        keep = tensors[f"{case}.keep_ids_nt"].long() if case in masked else None
        clip = tensors["in.single" if case == "single" else "in.video"]
        tower.zero_grad()
        pooled = tower(clip, keep)
        out = tower.project(pooled)
        stored.close(out, tensors[f"{case}.out"], "forward")
        for key, found in (("pooled", pooled), ("post", tower.tokens(clip, keep))):
            if f"{case}.{key}" in tensors:
                stored.close(found, tensors[f"{case}.{key}"], "forward")
        if f"{case}.grad.proj" in tensors:
            (out * tensors["in.grad_out"]).sum().backward()
            check_gradients(tower, stored, f"{case}.grad.")


def video_config(sizes: dict) -> VideoTransformerConfig:
    return VideoTransformerConfig(
        px=sizes["input_resolution"],
        patch=sizes["patch_size"],
        num_frames=sizes["num_frames"] * sizes["kernel_size"],
        tubelet=sizes["kernel_size"],
        width=sizes["width"],
        layers=sizes["layers"],
        heads=sizes["heads"],
        embed_dim=sizes["output_dim"],
    )


def whole(name: str) -> bool:
    """Whether a stored text tower has a row for every token, and not for those in use alone."""
    return "sd.token_embedding.weight" in Stored("recognition", name).about["tensors"]


@pytest.mark.parametrize("name", stems("recognition", "text_*"))
def test_the_text_tower_equals_the_reference(golden, name):
    if whole(name):
        check_whole(Stored("recognition", name))
    else:
        check_compact(Stored("recognition", name))


def check_whole(stored: Stored) -> None:
    tensors = stored.tensors
    tower = TextTower(text_config(stored.sizes))
    tower.load_state_dict(state(tensors))
    ids = tensors["in.tokens"].long()
    out = tower(ids)
    stored.close(out, tensors["out"], "forward")
    projected = tower.tokens(ids) @ tower.text_projection
    stored.close(projected, tensors["tokens_projected"], "forward")
    (out * tensors["in.grad_out"]).sum().backward()
    check_gradients(tower, stored, "grad.")


def check_compact(stored: Stored) -> None:
    """A compact vocabulary, on real instructions."""
    tensors = stored.tensors
    ids = tensors["vocab_rows.ids"]
    tower = TextTower(text_config(stored.sizes, tuple(ids.tolist())))
    rows = tensors["vocab_rows.values"][ids.argsort()]
    weights = state(tensors) | {
        "token_embedding.weight": torch.cat([rows, torch.zeros(1, rows.shape[1])])
    }
    tower.load_state_dict(weights)
    stored.close(tower(tensors["in.tokens"].long()), tensors["out"], "forward")
