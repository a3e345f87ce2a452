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

pytestmark = pytest.mark.golden
torch.set_num_threads(1)

TRUNK = {
    "fc_bef_attn.linear": "into",
    "fc_aft_attn.linear": "out",
    "lang_preprocess.linear": "words.linear",
    "lang_preprocess.norm": "words.norm",
    "patchify.conv2d": "stem.conv",
    "patchify.norm": "stem.norm",
    "pos_encoding": "stem.code",
    "proprio_preprocess.linear": "stem.proprioception",
    "proprio_preprocess.norm": "stem.norm_proprioception",
}
TRUNK_BLOCK = {
    "0.norm": "norm_attention",
    "0.fn.to_q": "query",
    "0.fn.to_kv": "key_value",
    "0.fn.to_out": "out",
    "1.norm": "norm_mlp",
    "1.fn.net.0": "mlp_in",
    "1.fn.net.2": "mlp_out",
}
CROSS_BLOCK = {
    "norm_cond": "norm_query",
    "cond_attn.q_attn": "query",
    "cond_attn.kv_attn": "key_value",
    "cond_attn.c_proj": "seen",
    "adaLN_modulation.1": "modulation",
    "attn.c_attn": "attention.qkv",
    "attn.c_proj": "attention.out",
    "mlp.fc1": "mlp.into",
    "mlp.fc2": "mlp.out",
}
SELF_BLOCK = {
    "ln_attn": "norm_attention",
    "ln_mlp": "norm_mlp",
    "attn.c_attn": "attention.qkv",
    "attn.c_proj": "attention.out",
    "mlp.fc1": "mlp.into",
    "mlp.fc2": "mlp.out",
}
TEXT = TextConfig(context=5, vocabulary=(1,), width=12, layers=1, heads=2, embed_dim=8)


def load(golden: Path, stem: str) -> tuple[dict, dict]:
    folder = golden / "execution"
    description = json.loads((folder / f"{stem}.json").read_text())
    return load_file(folder / f"{stem}.safetensors"), description


def close(actual: torch.Tensor, expected: torch.Tensor, description: dict) -> None:
    tolerance = description["tolerance"]
    rtol, atol = tolerance["float32_rtol"], tolerance["float32_atol"]
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def renamed(tensors: dict, prefix: str, table: dict[str, str], onto: str = "") -> dict:
    """Parameters below `prefix` whose stem is in `table`, under our names."""
    found = {}
    for name, tensor in tensors.items():
        if not name.startswith(prefix):
            continue
        stem = name.removeprefix(prefix)
        for theirs, ours in table.items():
            if stem == theirs or stem.startswith(theirs + "."):
                found[onto + ours + stem.removeprefix(theirs)] = tensor
    return found


def fill(module: nn.Module, weights: dict, optional: tuple[str, ...] = ()) -> None:
    result = module.load_state_dict(weights, strict=False)
    assert result.unexpected_keys == []
    assert [k for k in result.missing_keys if not k.startswith(optional)] == []


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
    weights = renamed(tensors, "param.", TRUNK)
    for layer in range(sizes["depth"]):
        onto = f"per_view.{layer}." if layer < half else f"joint.{layer - half}."
        weights |= renamed(tensors, f"param.layers.{layer}.", TRUNK_BLOCK, onto)
    fill(trunk, weights)
    images = tensors["in.images"].flatten(0, 1).permute(0, 2, 3, 1)
    with torch.no_grad():
        features = trunk(images, tensors["in.proprio"], tensors["in.language"])
    close(features.map, tensors["out.features"], description)


def token_weights(tensors: dict, cross: range, self_blocks: range) -> dict:
    table = {
        "chunk_embedder.chunk_embed": "chunk_code",
        "pos_emb": "position_code",
        "final_ln": "norm",
        "token_embedders.4.embed.0": "gripper_value",
        "token_embedders.5.embed.0": "collision_value",
        "token_predictors.1.linear": "rotation_heads.0",
        "token_predictors.2.linear": "rotation_heads.1",
        "token_predictors.3.linear": "rotation_heads.2",
        "token_predictors.4.linear": "gripper_head",
        "token_predictors.5.linear": "collision_head",
    }
    weights = renamed(tensors, "param.", table)
    for i, block in enumerate(cross):
        weights |= renamed(tensors, f"param.blocks.{block}.", CROSS_BLOCK, f"cross.{i}.")
    for i, block in enumerate(self_blocks):
        weights |= renamed(tensors, f"param.blocks.{block}.", SELF_BLOCK, f"self_blocks.{i}.")
    return weights


def test_the_screen_point_and_the_convex_head_equal_the_reference(golden):
    tensors, description = load(golden, "heatmap_token")
    sizes = description["config"]
    tokens = TokensConfig(
        heads=sizes["heads"], cross_depth=2, self_depth=0, dropout=0.0, norm_condition=False
    )
    transformer = TokenTransformer(sizes["embed"], tokens).eval()
    weights = token_weights(tensors, range(2), range(0))
    kind = tensors["param.chunk_embedder.token_type_embed.weight"]
    weights["type_code.weight"] = kind.expand(8, -1)
    fill(transformer, weights, ("rotation_heads", "gripper", "collision"))
    size = sizes["grid"] * sizes["up_ratio"]
    config = ExecuteConfig(
        views=ViewsConfig(size=size),
        trunk=TrunkConfig(patch=sizes["up_ratio"], embed_dim=sizes["embed"]),
        heatmap=HeatmapConfig(hidden_factor=float(sizes["hidden_mult"])),
        tokens=tokens,
        text=TEXT,
    )
    head = ConvexHead(config)
    heads = {f"net_out.{i}": f"low.{i}" for i in (0, 2, 4)}
    heads |= {f"net_mask.{i}": f"mask.{i}" for i in (0, 2)}
    fill(head, renamed(tensors, "param.token_predictors.0.upsample.", heads))
    maps = tensors["in.feature_map"]
    with torch.no_grad():
        query = transformer.screen_points(0, maps.flatten(2).transpose(1, 2))
        logits = head(maps * query[:, :, None, None])
    close(query, tensors["out.query"], description)
    close(logits, tensors["out.logits"][:, 0], description)
    labels = tensors["out.target_heatmap"].view(-1, 1, size, size)
    close(heatmap_loss(logits[:, None], labels), tensors["out.loss"], description)


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("variant", ["blocked", "open"])
def test_the_action_sequence_equals_the_reference(golden, chunk, variant):
    tensors, description = load(golden, f"arp_sequence_chunk{chunk}")
    sizes = description["config"]
    config = TokensConfig(
        heads=sizes["heads"],
        cross_depth=0,
        self_depth=sizes["self_layers"],
        mlp_ratio=sizes["mlp"] // sizes["embed"],
        dropout=0.0,
        rotation_bins=sizes["rotation_bins"],
        chunk=chunk,
        gripper_sees_rotation=variant == "open",
    )
    transformer = TokenTransformer(sizes["embed"], config).eval()
    first = sizes["cross_layers"]
    weights = token_weights(tensors, range(0), range(first, first + sizes["self_layers"]))
    kinds = tensors["param.chunk_embedder.token_type_embed.weight"]
    weights["type_code.weight"] = kinds[[0, 0, 0, 1, 2, 3, 4, 5]]
    fill(transformer, weights)
    prompts, values = tensors["in.prompt_features"], tensors["in.token_values"][:, 6:].long()
    with torch.no_grad():
        taught = transformer.actions(prompts, values)
        greedy, decoded = transformer.decode(prompts)
    stem = f"out.self.{variant}"
    close(taught.queries, tensors[f"{stem}.query_stream"][:, 6:], description)
    assert torch.equal(decoded, tensors[f"{stem}.greedy_values"].long())
    for kind, logits in (("logits", taught), ("greedy_logits", greedy)):
        for i, axis in enumerate("xyz"):
            close(logits.rotation[:, i], tensors[f"{stem}.{kind}.rot-{axis}"], description)
        close(logits.gripper, tensors[f"{stem}.{kind}.grip"], description)
        close(logits.collision, tensors[f"{stem}.{kind}.collision"], description)
