"""Weights trained elsewhere, in the reference's names, as a policy of ours.

The names are those of ARP's released code, as the golden data has them: `mvt1.*` and `mvt2.*`
are the trunks, `policy.*` is the token transformer with the heatmap heads. Every key of the file
is accounted for, or nothing is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.backbones.weights import faults, left_out, read_checkpoint
from premotor.errors import CheckpointMismatch, ConfigError, UnknownName
from premotor.execute import released
from premotor.execute.config import ExecuteConfig, TokensConfig
from premotor.execute.policy import Policy

# Their module, our module.
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
TOKENS = {
    "chunk_embedder.chunk_embed": "chunk_code",
    "chunk_embedder.token_type_embed": "type_code",
    "pos_emb": "position_code",
    "final_ln": "norm",
}
HEATMAP = {
    "upsample.net_out.0": "low.0",
    "upsample.net_out.2": "low.2",
    "upsample.net_out.4": "low.4",
    "upsample.net_mask.0": "mask.0",
    "upsample.net_mask.2": "mask.2",
}
FIRST_TYPE = 3  # token type of rotation x; y, z, gripper and collision follow
LAYOUTS = {"arp": released.arp, "arp-plus": released.arp_plus, "mvt": released.arp}
TEXT = (
    "the text tower is not in the file: such policies are trained on per-token features of CLIP's "
    "RN50 text encoder (77 x 512), frozen"
)


@dataclass(frozen=True, eq=False)
class Imported:
    """A policy's weights under our names, and what is to be said about them."""

    config: ExecuteConfig
    weights: dict[str, Tensor]  # all but the text tower's
    notes: tuple[str, ...]  # what was unwrapped, left out, and what the file does not hold


def below(ours: str, theirs: str, table: Mapping[str, str]) -> dict[str, str]:
    """Our modules below `ours`, each with their module below `theirs`."""
    return {f"{ours}{b}": f"{theirs}{a}" for a, b in table.items()}


def trunk_modules(config: ExecuteConfig) -> dict[str, str]:
    """Their name of each module of a trunk."""
    modules, first = below("", "", TRUNK), config.trunk.per_view_depth
    for i in range(first):
        modules |= below(f"per_view.{i}.", f"layers.{i}.", TRUNK_BLOCK)
    for i in range(config.trunk.joint_depth):
        modules |= below(f"joint.{i}.", f"layers.{first + i}.", TRUNK_BLOCK)
    return modules


def token_modules(config: TokensConfig, first_type: int = FIRST_TYPE) -> dict[str, str]:
    """Their name of each module of the token transformer.

    Args:
        config: How many blocks there are.
        first_type: Token type of rotation x.
    """
    modules, first = below("", "", TOKENS), config.cross_depth
    for i in range(first):
        modules |= below(f"cross.{i}.", f"blocks.{i}.", CROSS_BLOCK)
    for i in range(config.self_depth):
        modules |= below(f"self_blocks.{i}.", f"blocks.{first + i}.", SELF_BLOCK)
    for i in range(3):
        modules[f"rotation_heads.{i}"] = f"token_predictors.{first_type + i}.linear"
    for i, name in enumerate(("gripper", "collision"), start=first_type + 3):
        modules[f"{name}_head"] = f"token_predictors.{i}.linear"
        modules[f"{name}_value"] = f"token_embedders.{i}.embed.0"
    return modules


def policy_modules(config: ExecuteConfig) -> dict[str, str]:
    """Their name of each module of the policy but the text tower."""
    modules = {f"tokens.{a}": f"policy.{b}" for a, b in token_modules(config.tokens).items()}
    for i in range(2):
        modules |= {f"trunks.{i}.{a}": f"mvt{i + 1}.{b}" for a, b in trunk_modules(config).items()}
        modules |= below(f"heads.{i}.", f"policy.token_predictors.{i + 1}.", HEATMAP)
    return modules


def their_name(ours: str, modules: Mapping[str, str]) -> str:
    """Reference name of one of our parameters."""
    if ours in modules:
        return modules[ours]
    module, _, leaf = ours.rpartition(".")
    return f"{modules[module]}.{leaf}"


def _without_constants(weights: dict[str, Tensor], dim: int) -> tuple[dict[str, Tensor], list[str]]:
    """Leave out the frequencies of the rotation codes, which we compute, where they are ours."""
    powers = torch.arange(0, dim, 2, dtype=torch.float32) / dim
    expected = torch.exp(-torch.log(torch.tensor(1e4)) * powers)[None]
    names = [f"policy.token_embedders.{FIRST_TYPE + i}.div_term" for i in range(3)]
    wrong = [
        f"misvalued {k}: {tuple(weights[k].shape)} other frequencies than exp(-ln(1e4) 2k/{dim})"
        for k in names
        if k in weights
        and not (weights[k].shape == expected.shape and torch.allclose(weights[k], expected))
    ]
    return {k: v for k, v in weights.items() if k not in names}, wrong


def _expected(config: ExecuteConfig, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Shapes of our parameters below `parts`."""
    with torch.device("meta"):
        policy = Policy(replace(config, frozen_text=FrozenTextConfig()))
    return {k: v for k, v in policy.state_dict().items() if k.startswith(parts)}


def import_policy(
    path: Path, layout: str, config: ExecuteConfig | None = None, drop: Sequence[str] = ()
) -> Imported:
    """Read a released checkpoint, strictly.

    Args:
        path: A torch pickle (loaded as weights only) or a safetensors file.
        layout: "arp", "arp-plus" (whole policies), or "mvt" (the two trunks alone, as RVT-2 has
            them; the rest stays to be trained).
        config: Sizes of the policy in the file; None = the layout's released ones.
        drop: Prefixes of keys to leave out knowingly.

    Raises:
        DataError: The file cannot be read.
        CheckpointMismatch: Every missing, extra and misshapen key is listed.
    """
    if layout not in LAYOUTS:
        raise UnknownName.of("layout", layout, LAYOUTS)
    config = config or LAYOUTS[layout]()
    stored, notes = read_checkpoint(path)
    stored, left = left_out(stored, drop)
    expected = _expected(
        config, ("trunks.",) if layout == "mvt" else ("trunks.", "heads.", "tokens.")
    )
    modules = policy_modules(config)
    names = {their_name(ours, modules): ours for ours in expected}
    stored, wrong = _without_constants(stored, config.trunk.embed_dim)
    wrong = faults({a: expected[b] for a, b in names.items()}, stored) + wrong
    if wrong:
        raise CheckpointMismatch(
            f"{path} is not of the layout {layout!r}, nothing was imported:\n  "
            + "\n  ".join(wrong)
            + "\nname another --layout, other sizes (--sizes), or what to leave out (--drop)"
        )
    kinds = sorted({str(v.dtype) for v in stored.values()} - {"torch.float32"})
    told = [f"converted {', '.join(kinds)} to float32"] if kinds else []
    if layout == "mvt":
        told.append("heatmap heads and token transformer are not in the file: they are untrained")
    weights = {names[k]: v.float().contiguous() for k, v in stored.items()}
    return Imported(config, weights, (*notes, *left, *told, TEXT))


def build(imported: Imported, text: Path | None, seed: int) -> Policy:
    """A policy with the imported weights, and untrained ones where the layout has none.

    Args:
        imported: Of any layout.
        text: File of CLIP's weights, whose text tower reads the words; it stays where it is. None:
            a tower that is to be trained, for trunks alone.
        seed: Of the initialization of what was not imported.

    Raises:
        ConfigError: A whole policy without the text tower it was trained with.
    """
    config, whole = imported.config, any(k.startswith("tokens.") for k in imported.weights)
    if text is None and whole:
        raise ConfigError(f"{TEXT}; name a file of CLIP's weights, --text FILE")
    if text is not None:
        config = replace(config, frozen_text=replace(config.frozen_text, weights=text))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        policy = Policy(config)
    policy.load_state_dict(policy.state_dict() | imported.weights)
    return policy.eval()


def with_released_habits(policy: Policy) -> Policy:
    """Let an imported policy see as it did when it was trained, not with our corrected rig."""
    policy.rig = released.rig(policy.config.views.size)
    return policy
