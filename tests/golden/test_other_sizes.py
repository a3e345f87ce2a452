"""Reference data of other sizes, under other names, are read as their descriptions tell of them.

They are made by our own networks, in a temporary folder, and go through the tests of the stored
data: what had a size of its own in mind would not fit.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from golden import stored, test_execution_heads, test_recognition_towers
from premotor.backbones.text import TextTower
from premotor.backbones.vit import VideoTransformer
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

TOLERANCE = {"float32_rtol": 1e-4, "float32_atol": 1e-5}
TOWER = {"forward_abs": 1e-5, "forward_rel": 1e-4, "grad_abs": 1e-4, "grad_rel": 1e-4}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Golden data of our own."""
    for room in ("execution", "recognition"):
        (tmp_path / room).mkdir()
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    torch.manual_seed(0)
    return tmp_path


def write(path: Path, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    names = {name: {"shape": list(values.shape)} for name, values in tensors.items()}
    path.with_suffix(".json").write_text(json.dumps(about | {"tensors": names}))
    file = about.get("file", f"{path.stem}.safetensors")
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, path.parent / file)


def drawn(model: nn.Module) -> nn.Module:
    """No parameter is 0 or 1, so that each of them counts."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


def named(model: nn.Module, modules: dict, absent: tuple[str, ...] = ("?",)) -> dict[str, Tensor]:
    own = {k: v for k, v in model.state_dict().items() if not k.startswith(absent)}
    return {"param." + their_name(k, modules): v for k, v in own.items()}


def write_trunk(folder: Path, **changes: Tensor) -> None:
    sizes = {
        "image": 15,
        "patch": 5,
        "im_channels": 12,
        "attn_dim": 24,
        "heads": 3,
        "depth": 6,
        "language_tokens": 7,
        "language_dim": 9,
        "proprio": 5,
    }
    config = test_execution_heads.trunk_config(sizes)
    trunk = drawn(Trunk(config))
    given = {
        "in.images": torch.randn(4, 3, 10, 15, 15),
        "in.language": torch.randn(4, 7, 9),
        "in.proprio": torch.randn(4, 5),
    }
    images = given["in.images"].flatten(0, 1).permute(0, 2, 3, 1)
    with torch.no_grad():
        out = trunk(images, given["in.proprio"], given["in.language"]).map
    tensors = given | {"out.features": out} | named(trunk, trunk_modules(config))
    about = {"config": sizes, "tolerance": TOLERANCE, "file": "elsewhere.safetensors"}
    write(folder / "execution" / "mvt_trunk_wide", about, tensors | changes)


def test_a_trunk(folder: Path):
    write_trunk(folder)
    assert stored.stems("execution", "mvt_trunk*") == ["mvt_trunk_wide"]
    test_execution_heads.test_the_trunk_equals_the_reference(folder, "mvt_trunk_wide")
    write_trunk(folder, **{"out.features": torch.zeros(4, 3, 24, 3, 3)})
    with pytest.raises(AssertionError, match="not close"):
        test_execution_heads.test_the_trunk_equals_the_reference(folder, "mvt_trunk_wide")


def test_a_screen_point(folder: Path):
    sizes = {
        "embed": 24,
        "heads": 3,
        "grid": 5,
        "up_ratio": 2,
        "hidden_mult": 1,
        "norm_before_adaLN": True,
    }
    tokens = TokensConfig(heads=3, cross_depth=3, self_depth=0, mlp_ratio=2, dropout=0.0)
    transformer = drawn(TokenTransformer(24, tokens))
    config = ExecuteConfig(
        views=ViewsConfig(size=10),
        trunk=TrunkConfig(patch=2, embed_dim=24),
        heatmap=HeatmapConfig(hidden_factor=1.0),
        tokens=tokens,
        text=test_execution_heads.TEXT,
    )
    head, maps = drawn(ConvexHead(config)), torch.randn(3, 24, 5, 5)
    absent = ("rotation_heads", "gripper", "collision")
    types = transformer.state_dict()
    for name, values in types.items():  # the reference has one type of token, ours eight
        if len(values) == 8 and "type" in name:
            values.copy_(values[:1].expand_as(values))
    params = named(transformer, token_modules(tokens), absent)
    params |= named(head, below("", "token_predictors.0.", HEATMAP))
    code = "param.chunk_embedder.token_type_embed.weight"
    params[code] = params[code][:1]
    labels = torch.softmax(torch.randn(3, 100), dim=1).view(3, 1, 10, 10)
    with torch.no_grad():
        query = transformer.screen_points(0, maps.flatten(2).transpose(1, 2))
        logits = head(maps * query[:, :, None, None]).heat
    out = {
        "in.feature_map": maps,
        "out.query": query,
        "out.logits": logits[:, None],
        "out.target_heatmap": labels,
        "out.loss": heatmap_loss(logits[:, None], labels),
    }
    about = {"config": sizes, "tolerance": TOLERANCE}
    write(folder / "execution" / "heatmap_token", about, params | out)
    check = test_execution_heads.test_the_screen_point_and_the_convex_head_equal_the_reference
    check(folder, "heatmap_token")


def learned(tower: nn.Module, out: Tensor, grad_out: Tensor, case: str) -> dict[str, Tensor]:
    tower.zero_grad()
    (out * grad_out).sum().backward()
    return {f"{case}{name}": p.grad for name, p in tower.named_parameters()}


@pytest.mark.parametrize("tubelet", [1, 3])
def test_a_video_tower(folder: Path, tubelet: int):
    sizes = {
        "input_resolution": 20,
        "patch_size": 5,
        "width": 30,
        "layers": 4,
        "heads": 5,
        "output_dim": 10,
        "kernel_size": tubelet,
        "num_frames": 2,
    }
    tower = drawn(VideoTransformer(test_recognition_towers.video_config(sizes)))
    video, grad_out = torch.randn(3, 3, 2 * tubelet, 20, 20), torch.randn(3, 10)
    single = video[:1]
    pooled = tower(video)
    out = tower.project(pooled)
    tensors = {f"sd.{k}": v for k, v in tower.state_dict().items()}
    tensors |= {"in.video": video, "in.single": single, "in.grad_out": grad_out}
    tensors |= {"full.out": out, "full.pooled": pooled}
    tensors |= {"single.out": tower.project(tower(single))}
    tensors |= learned(tower, out, grad_out, "full.grad.")
    about = {"config": sizes, "tolerance": TOWER, "mask_ratios": []}
    write(folder / "recognition" / "vision_other", about, tensors)
    test_recognition_towers.test_the_video_tower_equals_the_reference(folder, "vision_other")


def test_a_text_tower(folder: Path):
    sizes = {
        "embed_dim": 14,
        "context_length": 9,
        "vocab_size": 120,
        "transformer_width": 20,
        "transformer_heads": 5,
        "transformer_layers": 1,
    }
    tower = drawn(TextTower(test_recognition_towers.text_config(sizes)))
    ids, grad_out = torch.randint(1, 120, (4, 9)), torch.randn(4, 14)
    out = tower(ids)
    tensors = {f"sd.{k}": v for k, v in tower.state_dict().items()}
    tensors |= {"in.tokens": ids.int(), "in.grad_out": grad_out, "out": out}
    tensors |= {"tokens_projected": tower.tokens(ids) @ tower.text_projection}
    tensors |= learned(tower, out, grad_out, "grad.")
    write(folder / "recognition" / "text_other", {"config": sizes, "tolerance": TOWER}, tensors)
    assert stored.stems("recognition", "text_*") == ["text_other"]
    test_recognition_towers.test_the_text_tower_equals_the_reference(folder, "text_other")
