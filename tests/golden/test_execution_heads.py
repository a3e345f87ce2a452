"""Trunk, screen-point token with convex head, and action sequence against the reference."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from premotor.backbones.text import TextConfig
from premotor.execute.arp import TokenTransformer
from premotor.execute.config import (
    ExecuteConfig,
    HeatmapConfig,
    TokensConfig,
    TrunkConfig,
    ViewsConfig,
)
from premotor.execute.heatmap import ConvexHead
from premotor.execute.loss import heatmap_loss
from premotor.execute.trunk import Trunk
from premotor.importer import HEATMAP, below, their_name, token_modules, trunk_modules

pytestmark = pytest.mark.golden
torch.set_num_threads(1)

TEXT = TextConfig(context=5, vocabulary=(1,), width=12, layers=1, heads=2, embed_dim=8)


def load(golden: Path, stem: str) -> tuple[dict, dict]:
    folder = golden / "execution"
    description = json.loads((folder / f"{stem}.json").read_text())
    return load_file(folder / f"{stem}.safetensors"), description


def close(actual: torch.Tensor, expected: torch.Tensor, description: dict) -> None:
    tolerance = description["tolerance"]
    rtol, atol = tolerance["float32_rtol"], tolerance["float32_atol"]
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def fill(module: nn.Module, tensors: dict, modules: dict, absent: tuple[str, ...] = ()) -> None:
    """Load the parameters of a module by the importer's names."""
    own = {k for k in module.state_dict() if not k.startswith(absent)}
    weights = {k: tensors["param." + their_name(k, modules)] for k in own}
    assert module.load_state_dict(weights, strict=False).unexpected_keys == []


def with_types(tensors: dict, rows: list[int]) -> None:
    """The type codes under our eight types; the reference data has fewer where fewer are used."""
    name = "param.chunk_embedder.token_type_embed.weight"
    tensors[name] = tensors[name][rows]


def test_the_trunk_equals_the_reference(golden):
    tensors, description = load(golden, "mvt_trunk")
    sizes = description["config"]
    half = sizes["depth"] // 2
    config = ExecuteConfig(
        views=ViewsConfig(size=sizes["image"]),
        trunk=TrunkConfig(
            patch=sizes["patch"],
            embed_dim=2 * sizes["im_channels"],
            width=sizes["attn_dim"],
            heads=sizes["heads"],
            per_view_depth=half,
            joint_depth=half,
            dropout=0.0,
        ),
        tokens=TokensConfig(heads=2),
        text=replace(TEXT, context=sizes["language_tokens"], width=sizes["language_dim"]),
    )
    trunk = Trunk(config).eval()
    fill(trunk, tensors, trunk_modules(config))
    images = tensors["in.images"].flatten(0, 1).permute(0, 2, 3, 1)
    with torch.no_grad():
        features = trunk(images, tensors["in.proprio"], tensors["in.language"])
    close(features.map, tensors["out.features"], description)


def test_the_screen_point_and_the_convex_head_equal_the_reference(golden):
    tensors, description = load(golden, "heatmap_token")
    sizes = description["config"]
    tokens = TokensConfig(
        heads=sizes["heads"], cross_depth=2, self_depth=0, dropout=0.0, norm_condition=False
    )
    transformer = TokenTransformer(sizes["embed"], tokens).eval()
    with_types(tensors, [0] * 8)
    fill(transformer, tensors, token_modules(tokens), ("rotation_heads", "gripper", "collision"))
    size = sizes["grid"] * sizes["up_ratio"]
    config = ExecuteConfig(
        views=ViewsConfig(size=size),
        trunk=TrunkConfig(patch=sizes["up_ratio"], embed_dim=sizes["embed"]),
        heatmap=HeatmapConfig(hidden_factor=float(sizes["hidden_mult"])),
        tokens=tokens,
        text=TEXT,
    )
    head = ConvexHead(config)
    fill(head, tensors, below("", "token_predictors.0.", HEATMAP))
    maps = tensors["in.feature_map"]
    with torch.no_grad():
        query = transformer.screen_points(0, maps.flatten(2).transpose(1, 2))
        logits = head(maps * query[:, :, None, None])
    close(query, tensors["out.query"], description)
    close(logits, tensors["out.logits"][:, 0], description)
    labels = tensors["out.target_heatmap"].view(-1, 1, size, size)
    close(heatmap_loss(logits[:, None], labels), tensors["out.loss"], description)


class Seeing(nn.Module):
    """A cross block that looks at the same cells whatever the sequence."""

    def __init__(self, block: nn.Module, cells: torch.Tensor) -> None:
        super().__init__()
        self.block, self.cells = block, cells

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self.block(x, mask, self.cells)


def sequence(tensors: dict, sizes: dict, chunk: int, variant: str, layers: str) -> TokenTransformer:
    """The reference's transformer; the policy runs action tokens through its self blocks only."""
    config = TokensConfig(
        heads=sizes["heads"],
        cross_depth=sizes["cross_layers"],
        self_depth=sizes["self_layers"],
        mlp_ratio=sizes["mlp"] // sizes["embed"],
        dropout=0.0,
        norm_condition=sizes["norm_before_adaLN"],
        rotation_bins=sizes["rotation_bins"],
        chunk=chunk,
        gripper_sees_rotation=variant == "open",
    )
    transformer = TokenTransformer(sizes["embed"], config).eval()
    with_types(tensors, [0, 0, 0, 1, 2, 3, 4, 5])
    fill(transformer, tensors, token_modules(config, first_type=1))
    cross = [Seeing(block, tensors["in.visual_tokens"]) for block in transformer.cross]
    blocks = {"cross": cross, "self": [*transformer.self_blocks]}
    blocks["all"] = [*cross, *transformer.self_blocks]
    transformer.self_blocks = nn.ModuleList(blocks[layers])
    return transformer


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("variant", ["blocked", "open"])
@pytest.mark.parametrize("layers", ["all", "self", "cross"])
def test_the_action_sequence_equals_the_reference(golden, chunk, variant, layers):
    tensors, description = load(golden, f"arp_sequence_chunk{chunk}")
    transformer = sequence(tensors, description["config"], chunk, variant, layers)
    prompts, values = tensors["in.prompt_features"], tensors["in.token_values"][:, 6:].long()
    with torch.no_grad():
        taught = transformer.actions(prompts, values)
        greedy, decoded = transformer.decode(prompts)
    stem = f"out.{layers}.{variant}"
    close(taught.queries, tensors[f"{stem}.query_stream"][:, 6:], description)
    assert torch.equal(decoded, tensors[f"{stem}.greedy_values"].long())
    labels = tensors["in.label_values"][:, 6:].long()
    for kind, logits in (("logits", taught), ("greedy_logits", greedy)):
        said = [*logits.rotation.unbind(1), logits.gripper, logits.collision]
        for i, name in enumerate(("rot-x", "rot-y", "rot-z", "grip", "collision")):
            close(said[i], tensors[f"{stem}.{kind}.{name}"], description)
            if kind == "logits":
                loss = torch.nn.functional.cross_entropy(said[i], labels[:, i])
                close(loss, tensors[f"{stem}.loss.{name}.ce_loss"], description)
