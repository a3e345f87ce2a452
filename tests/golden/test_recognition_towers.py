import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.vit import VideoTransformer, VideoTransformerConfig

pytestmark = pytest.mark.golden


def load(golden: Path, name: str) -> tuple[dict[str, Tensor], dict]:
    folder = golden / "recognition"
    return load_file(folder / f"{name}.safetensors"), json.loads(
        (folder / f"{name}.json").read_text()
    )


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


def check_gradients(
    tower: nn.Module, tensors: dict[str, Tensor], case: str, tolerance: dict
) -> None:
    for name, parameter in tower.named_parameters():
        torch.testing.assert_close(
            parameter.grad,
            tensors[f"{case}{name}"],
            rtol=tolerance["grad_rel"],
            atol=tolerance["grad_abs"],
        )


@pytest.mark.parametrize("name", ["vision_k1", "vision_k2"])
def test_the_video_tower_equals_the_reference(golden, name):
    tensors, meta = load(golden, name)
    sizes, tolerance = meta["config"], meta["tolerance"]
    config = VideoTransformerConfig(
        px=sizes["input_resolution"],
        patch=sizes["patch_size"],
        num_frames=tensors["in.video"].shape[2],
        tubelet=sizes["kernel_size"],
        width=sizes["width"],
        layers=sizes["layers"],
        heads=sizes["heads"],
        embed_dim=sizes["output_dim"],
    )
    tower = VideoTransformer(config)
    tower.load_state_dict(state(tensors))
    masked = [key.split(".")[0] for key in tensors if key.endswith(".keep_ids_nt")]
    assert len(masked) == len(meta["mask_ratios"])
    close = {"rtol": tolerance["forward_rel"], "atol": tolerance["forward_abs"]}
    for case in ("full", "single", *masked):
        keep = tensors[f"{case}.keep_ids_nt"].long() if case in masked else None
        clip = tensors["in.single" if case == "single" else "in.video"]
        tower.zero_grad()
        pooled = tower(clip, keep)
        out = tower.project(pooled)
        torch.testing.assert_close(out, tensors[f"{case}.out"], **close)
        for key, found in (("pooled", pooled), ("post", tower.tokens(clip, keep))):
            if f"{case}.{key}" in tensors:
                torch.testing.assert_close(found, tensors[f"{case}.{key}"], **close)
        if f"{case}.grad.proj" in tensors:
            (out * tensors["in.grad_out"]).sum().backward()
            check_gradients(tower, tensors, f"{case}.grad.", tolerance)


def test_the_text_tower_equals_the_reference(golden):
    tensors, meta = load(golden, "text_small")
    tower = TextTower(text_config(meta["config"]))
    tower.load_state_dict(state(tensors))
    tolerance = meta["tolerance"]
    close = {"rtol": tolerance["forward_rel"], "atol": tolerance["forward_abs"]}
    ids = tensors["in.tokens"].long()
    out = tower(ids)
    torch.testing.assert_close(out, tensors["out"], **close)
    projected = tower.tokens(ids) @ tower.text_projection
    torch.testing.assert_close(projected, tensors["tokens_projected"], **close)
    (out * tensors["in.grad_out"]).sum().backward()
    check_gradients(tower, tensors, "grad.", tolerance)


def test_a_compact_vocabulary_equals_the_reference_on_real_instructions(golden):
    tensors, meta = load(golden, "text_real")
    ids = tensors["vocab_rows.ids"]
    tower = TextTower(text_config(meta["config"], tuple(ids.tolist())))
    rows = tensors["vocab_rows.values"][ids.argsort()]
    weights = state(tensors) | {
        "token_embedding.weight": torch.cat([rows, torch.zeros(1, rows.shape[1])])
    }
    tower.load_state_dict(weights)
    tolerance = meta["tolerance"]
    torch.testing.assert_close(
        tower(tensors["in.tokens"].long()),
        tensors["out"],
        rtol=tolerance["forward_rel"],
        atol=tolerance["forward_abs"],
    )
