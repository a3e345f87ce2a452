"""Trunk, screen-point token with convex head, and action sequence against the reference."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from golden.stored import Stored, stems
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

ACTIONS = ("rot-x", "rot-y", "rot-z", "grip", "collision")
TEXT = TextConfig(context=5, vocabulary=(1,), width=12, layers=1, heads=1, embed_dim=8)


def fill(module: nn.Module, tensors: dict, modules: dict, absent: tuple[str, ...] = ()) -> None:
    """Load the parameters of a module by the importer's names."""
    own = {k for k in module.state_dict() if not k.startswith(absent)}
    weights = {k: tensors["param." + their_name(k, modules)] for k in own}
    assert module.load_state_dict(weights, strict=False).unexpected_keys == []


def with_types(tensors: dict, rows: list[int]) -> dict:
    """The type codes under our eight types; the reference data has fewer where fewer are used."""
    name = "param.chunk_embedder.token_type_embed.weight"
    return tensors | {name: tensors[name][rows]}


def mlp_ratio(tensors: dict, embed: int) -> int:
    return len(tensors["param.blocks.0.mlp.fc1.weight"]) // embed


@pytest.mark.parametrize("stem", stems("execution", "mvt_trunk*"))
def test_the_trunk_equals_the_reference(golden, stem):
    stored = Stored("execution", stem)
    tensors, config = stored.tensors, trunk_config(stored.sizes)
    trunk = Trunk(config).eval()
    fill(trunk, tensors, trunk_modules(config))
    images = tensors["in.images"].flatten(0, 1).permute(0, 2, 3, 1)
    with torch.no_grad():
        features = trunk(images, tensors["in.proprio"], tensors["in.language"])
    stored.close(features.map, tensors["out.features"])


def trunk_config(sizes: dict) -> ExecuteConfig:
    half = sizes["depth"] // 2
    return ExecuteConfig(
        views=ViewsConfig(size=sizes["image"]),
        trunk=TrunkConfig(
            patch=sizes["patch"],
            embed_dim=2 * sizes["im_channels"],
            width=sizes["attn_dim"],
            heads=sizes["heads"],
            per_view_depth=half,
            joint_depth=sizes["depth"] - half,
            dropout=0.0,
        ),
        tokens=TokensConfig(heads=1),
        text=replace(TEXT, context=sizes["language_tokens"], width=sizes["language_dim"]),
        proprioception_dim=sizes["proprio"],
    )


@pytest.mark.parametrize("stem", stems("execution", "heatmap_token*"))
def test_the_screen_point_and_the_convex_head_equal_the_reference(golden, stem):
    stored = Stored("execution", stem)
    sizes = stored.sizes
    tensors = with_types(stored.tensors, [0] * 8)
    tokens = TokensConfig(
        heads=sizes["heads"],
        cross_depth=stored.depth(r"^param\.blocks\.(\d+)\."),
        self_depth=0,
        mlp_ratio=mlp_ratio(tensors, sizes["embed"]),
        dropout=0.0,
        norm_condition=sizes["norm_before_adaLN"],
    )
    transformer = TokenTransformer(sizes["embed"], tokens).eval()
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
        logits = head(maps * query[:, :, None, None]).heat
    stored.close(query, tensors["out.query"])
    stored.close(logits, tensors["out.logits"][:, 0])
    labels = tensors["out.target_heatmap"].view(-1, 1, *logits.shape[-2:])
    stored.close(heatmap_loss(logits[:, None], labels), tensors["out.loss"])


class Seeing(nn.Module):
    """A cross block that looks at the same cells whatever the sequence."""

    def __init__(self, block: nn.Module, cells: torch.Tensor) -> None:
        super().__init__()
        self.block, self.cells = block, cells

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self.block(x, mask, self.cells)


def sequence(stored: Stored, variant: str, layers: str) -> TokenTransformer:
    """The reference's transformer; the policy runs action tokens through its self blocks only."""
    sizes, chunks = stored.sizes, stored.tensors["in.chunk_ids"]
    config = TokensConfig(
        heads=sizes["heads"],
        cross_depth=sizes["cross_layers"],
        self_depth=sizes["self_layers"],
        mlp_ratio=sizes["mlp"] // sizes["embed"],
        dropout=0.0,
        norm_condition=sizes["norm_before_adaLN"],
        rotation_bins=sizes["rotation_bins"],
        chunk=int(chunks.bincount().max()),
        gripper_sees_rotation=variant == "open",
    )
    transformer = TokenTransformer(sizes["embed"], config).eval()
    # Ours are prompts and the screen points of two stages, then those of the reference but prompts.
    rows = [0, 0, 0, *range(1, len(sizes["token_types"]))]
    tensors = with_types(stored.tensors, rows)
    fill(transformer, tensors, token_modules(config, first_type=1))
    cross = [Seeing(block, tensors["in.visual_tokens"]) for block in transformer.cross]
    blocks = {"cross": cross, "self": [*transformer.self_blocks]}
    blocks["all"] = [*cross, *transformer.self_blocks]
    transformer.self_blocks = nn.ModuleList(blocks[layers])
    return transformer


@pytest.mark.parametrize("stem", stems("execution", "arp_sequence*"))
def test_the_action_sequence_equals_the_reference(golden, stem):
    stored = Stored("execution", stem)
    cases = stored.cases(r"out\.(\w+)\.(\w+)\.query_stream")
    for layers, variant in cases:
        check_sequence(stored, variant, layers)
    assert cases


def check_sequence(stored: Stored, variant: str, layers: str) -> None:
    tensors, transformer = stored.tensors, sequence(stored, variant, layers)
    after = stored.sizes["prompt_tokens"]
    prompts, values = tensors["in.prompt_features"], tensors["in.token_values"][:, after:].long()
    with torch.no_grad():
        taught = transformer.actions(prompts, values)
        greedy, decoded = transformer.decode(prompts)
    stem = f"out.{layers}.{variant}"
    stored.close(taught.queries, tensors[f"{stem}.query_stream"][:, after:])
    assert torch.equal(decoded, tensors[f"{stem}.greedy_values"].long())
    labels = tensors["in.label_values"][:, after:].long()
    for kind, logits in (("logits", taught), ("greedy_logits", greedy)):
        said = [*logits.rotation.unbind(1), logits.gripper, logits.collision]
        for i, name in enumerate(ACTIONS):
            stored.close(said[i], tensors[f"{stem}.{kind}.{name}"])
            if kind == "logits":
                loss = torch.nn.functional.cross_entropy(said[i], labels[:, i])
                stored.close(loss, tensors[f"{stem}.loss.{name}.ce_loss"])
