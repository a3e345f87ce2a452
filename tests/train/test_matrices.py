"""Every weight of every preset is known to be moved by Muon, or not to be."""

import re
from dataclasses import replace

import pytest
import torch

from premotor import presets
from premotor.mirror import Mirror, MirrorConfig
from premotor.train.matrices import matrices

BLOCK = ("attn.in_proj_weight", "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
TRUNK = ("query", "key_value", "out", "mlp_in", "mlp_out")
TOKENS = ("attention.qkv", "attention.out", "mlp.into", "mlp.out")
BY_MUON = {
    "understand.vision_encoder.tower.conv1.weight",
    *(f"understand.vision_encoder.tower.stem.conv_{name}.weight" for name in ("half", "quarter")),
    *(f"understand.vision_encoder.tower.transformer.resblocks.N.{name}" for name in BLOCK),
    *(f"understand.text_encoder.transformer.resblocks.N.{name}" for name in BLOCK),
    *(f"execute.text.transformer.resblocks.N.{name}" for name in BLOCK),
    "execute.trunks.N.words.linear.weight",
    *(f"execute.trunks.N.stem.{name}.weight" for name in ("conv", "mix")),
    *(f"execute.trunks.N.stem.conv_{name}.weight" for name in ("half", "quarter", "eighth")),
    *(f"execute.trunks.N.stem.match.{name}.weight" for name in ("pixel.0", "pixel.2", "word")),
    "execute.trunks.N.stem.match.color.2.weight",
    "execute.patches.linears.N.weight",
    *(f"execute.trunks.N.{name}.weight" for name in ("into", "out")),
    *(f"execute.trunks.N.joint.N.{name}.weight" for name in TRUNK),
    *(f"execute.trunks.N.per_view.N.{name}.weight" for name in TRUNK),
    *(f"execute.heads.N.merge_{name}.conv.weight" for name in ("quarter", "half")),
    *(f"execute.heads.N.merge_{name}.modulation.weight" for name in ("quarter", "half")),
    *(f"execute.heads.N.{name}.weight" for name in ("low.0", "low.2", "mask.0")),
    *(f"execute.tokens.cross.N.{name}.weight" for name in TOKENS),
    *(
        f"execute.tokens.cross.N.{name}.weight"
        for name in ("query", "key_value", "seen", "modulation")
    ),
    *(f"execute.tokens.self_blocks.N.{name}.weight" for name in TOKENS),
    "execute.tokens.shortcut.0.weight",
}
EMBEDDINGS = {
    "understand.vision_encoder.tower.positional_embedding",
    "understand.vision_encoder.tower.temporal_positional_embedding",
    "understand.text_encoder.positional_embedding",
    "understand.text_encoder.token_embedding.weight",
    "execute.text.positional_embedding",
    "execute.text.token_embedding.weight",
    *(f"execute.trunks.N.words.{name}" for name in ("query", "position", "code")),
    "execute.trunks.N.stem.code",
    *(f"execute.tokens.{name}_code.weight" for name in ("type", "chunk", "position")),
    *(f"execute.tokens.{name}_value.weight" for name in ("gripper", "collision")),
}
OUTPUTS = {
    "understand.vision_encoder.tower.proj",
    "understand.text_encoder.text_projection",
    "execute.text.text_projection",
    *(f"execute.heads.N.{name}.weight" for name in ("out", "low.4", "mask.2")),
    *(f"execute.tokens.{name}_head.weight" for name in ("gripper", "collision")),
    "execute.tokens.rotation_heads.N.weight",
    "execute.tokens.shortcut.2.weight",
    "align.from_u.weight",
    "align.from_e.weight",
}
NARROW = {
    "execute.trunks.N.stem.match.color.0.weight",
    "execute.trunks.N.due.weight",
    "execute.heads.N.match.weight",
}
STATE = {"execute.trunks.N.stem.proprioception.weight"}  # narrow, unless key poses are counted
REPEATED = re.compile(
    r"\b(resblocks|trunks|joint|per_view|heads|cross|self_blocks|rotation_heads|linears)\.\d+\."
)


def with_stem(config: MirrorConfig) -> MirrorConfig:
    """Watching through the convolutional stem."""
    video = replace(config.understand.video, stem="convolutional")
    return replace(config, understand=replace(config.understand, video=video))


CONFIGS = {name: preset.mirror for name, preset in presets.TRAIN.items()}
CONFIGS["nano, convolutional stem of the recognizer"] = with_stem(CONFIGS["nano"])


@pytest.mark.parametrize("name", CONFIGS)
def test_every_weight_of_a_preset_is_on_one_of_the_lists(name: str):
    with torch.device("meta"):
        mirror = Mirror(CONFIGS[name])
    counted = CONFIGS[name].execute.count_to > 0
    by_muon, narrow = (BY_MUON | STATE, NARROW) if counted else (BY_MUON, NARROW | STATE)
    for tower, module in mirror.towers.items():
        found = matrices(tower, module)
        for path, weight in module.named_parameters():
            known = REPEATED.sub(r"\1.N.", f"{tower}.{path}")
            if weight.ndim < 2:
                assert path not in found
                continue
            lists = [known in part for part in (by_muon, EMBEDDINGS, OUTPUTS, narrow)]
            assert sum(lists) == 1, f"{known}: decide in train/matrices.py, then list it here"
            assert (path in found) == lists[0], known


def test_a_side_of_seven_is_narrow_and_kernels_are_flattened():
    wide = torch.nn.Sequential(
        torch.nn.Linear(8, 8),
        torch.nn.Linear(7, 8),
        torch.nn.Conv2d(1, 8, 3),
        torch.nn.Conv2d(8, 7, 1),
    )
    assert matrices("execute", wide) == {"0.weight", "2.weight"}
