"""Small files of weights as others wrote them, and our configurations of the same sizes."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.vit import VideoTransformerConfig
from premotor.codec import to_yaml
from premotor.execute.config import ExecuteConfig, TokensConfig, TrunkConfig, ViewsConfig
from premotor.execute.policy import Policy
from premotor.importer import policy_modules, their_name
from premotor.understand.config import UnderstandConfig
from premotor.understand.layouts import viclip_weights
from premotor.understand.recognizer import Recognizer

POLICY = ExecuteConfig(
    views=ViewsConfig(size=16),
    trunk=TrunkConfig(patch=4, embed_dim=16, width=32, heads=2, per_view_depth=1, joint_depth=1),
    tokens=TokensConfig(heads=2, cross_depth=1, self_depth=1),
    text=TextConfig(context=6, vocab_size=50, width=64, layers=1, heads=1, embed_dim=8),
)
RECOGNIZER = UnderstandConfig(
    video=VideoTransformerConfig(
        px=16, patch=8, num_frames=4, width=32, layers=1, heads=2, embed_dim=16
    ),
    text=TextConfig(context=8, vocab_size=40, width=32, layers=1, heads=2, embed_dim=16),
)


def policy(file: Path, sizes: Path) -> dict[str, Tensor]:
    """Write a released policy and its sizes; its weights by our names, without the text tower."""
    modules = policy_modules(POLICY)
    own = {k: v for k, v in Policy(POLICY).state_dict().items() if not k.startswith("text.")}
    torch.save({"model": {their_name(k, modules): v for k, v in own.items()}, "epoch": 80}, file)
    sizes.write_text(to_yaml(POLICY))
    return own


def words(file: Path) -> None:
    """Write the text tower that reads for that policy."""
    save_file(TextTower(POLICY.text).state_dict(), file)


def recognizer(file: Path, sizes: Path) -> dict[str, Tensor]:
    """Write a ViCLIP and its sizes; its weights by ViCLIP's names."""
    stored = viclip_weights(Recognizer(RECOGNIZER))
    torch.save({"model": stored, "epoch": 9}, file)
    sizes.write_text(to_yaml(RECOGNIZER))
    return stored
