"""Checkpoints in the reference's names: taken over whole, or refused with every reason."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from premotor import checkpoint
from premotor.backbones.text import TextConfig, TextTower
from premotor.errors import CheckpointMismatch, ConfigError, DataError, OutputExists, UnknownName
from premotor.execute.config import ExecuteConfig, TokensConfig, TrunkConfig, ViewsConfig
from premotor.execute.policy import Policy
from premotor.importer import (
    LAYOUTS,
    build,
    import_policy,
    policy_modules,
    their_name,
    with_released_habits,
)

torch.set_num_threads(1)
SMALL = ExecuteConfig(
    views=ViewsConfig(size=16),
    trunk=TrunkConfig(patch=4, embed_dim=16, width=32, heads=2, per_view_depth=1, joint_depth=1),
    tokens=TokensConfig(heads=2, cross_depth=1, self_depth=2),
    text=TextConfig(context=6, vocab_size=50, width=64, layers=1, heads=1, embed_dim=8),
)


def theirs(config: ExecuteConfig = SMALL) -> dict[str, Tensor]:
    """Random weights of a policy in the reference's names, and its constants."""
    torch.manual_seed(1)
    modules = policy_modules(config)
    own = {k: v for k, v in Policy(config).state_dict().items() if not k.startswith("text.")}
    stored = {their_name(k, modules): torch.rand_like(v) for k, v in own.items()}
    frequencies = 1e4 ** -(torch.arange(0, 16, 2) / 16)
    constants = {f"policy.token_embedders.{i}.div_term": frequencies[None] + 0 for i in (3, 4, 5)}
    return stored | constants


def written(path: Path, stored: dict[str, Tensor]) -> Path:
    save_file(stored, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "arp.safetensors", theirs())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    return written(tmp_path / "clip.safetensors", TextTower(SMALL.text).state_dict())


def test_the_whole_policy_lands_under_our_names(file: Path):
    imported, stored = import_policy(file, "arp", SMALL), theirs()
    assert torch.equal(
        imported.weights["heads.1.mask.2.bias"],
        stored["policy.token_predictors.2.upsample.net_mask.2.bias"],
    )
    assert torch.equal(
        imported.weights["trunks.1.joint.0.query.weight"], stored["mvt2.layers.1.0.fn.to_q.weight"]
    )
    assert torch.equal(
        imported.weights["tokens.self_blocks.0.mlp.out.bias"],
        stored["policy.blocks.1.mlp.fc2.bias"],
    )
    assert len(imported.weights) == len(stored) - 3
    assert "text tower is not in the file" in imported.notes[-1]


def test_the_written_policy_is_read_by_our_own_loader(file: Path, clip: Path, tmp_path: Path):
    policy = build(import_policy(file, "arp", SMALL), clip, seed=0)
    checkpoint.save_policy(tmp_path / "out", policy)
    back = checkpoint.load_policy(tmp_path / "out")
    assert back.config == replace(SMALL, frozen_text=policy.config.frozen_text)
    assert all(torch.equal(v, back.state_dict()[k]) for k, v in policy.state_dict().items())
    with pytest.raises(OutputExists, match="remove it"):
        checkpoint.save_policy(tmp_path / "out", policy)


def test_what_training_frameworks_wrap_around_is_taken_off_and_said(tmp_path: Path):
    wrapped = {f"module.{k}": v for k, v in theirs().items()}
    torch.save({"model": wrapped, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "model_80.pth")
    imported = import_policy(tmp_path / "model_80.pth", "arp", SMALL)
    assert imported.notes[0] == "unwrapped 'model'; left aside: epoch, optimizer"
    assert imported.notes[1] == "removed the prefix 'module.' of every key"
    assert len(imported.weights) == len(wrapped) - 3


def test_half_precision_becomes_float32_and_is_said(tmp_path: Path):
    half = {k: v if "div_term" in k else v.half() for k, v in theirs().items()}
    imported = import_policy(written(tmp_path / "half.safetensors", half), "arp", SMALL)
    assert {v.dtype for v in imported.weights.values()} == {torch.float32}
    assert "converted torch.float16 to float32" in imported.notes


def test_every_key_that_does_not_fit_is_listed(tmp_path: Path):
    stored = theirs()
    del stored["mvt1.pos_encoding"]
    stored["mvt1.up0.weight"] = torch.zeros(3)
    stored["policy.final_ln.bias"] = torch.zeros(5)
    stored["policy.token_embedders.4.div_term"] = torch.ones(1, 8)
    with pytest.raises(CheckpointMismatch) as caught:
        import_policy(written(tmp_path / "odd.safetensors", stored), "arp", SMALL)
    said = str(caught.value)
    assert "missing mvt1.pos_encoding (1, 48, 16)" in said
    assert "extra mvt1.up0.weight (3,)" in said
    assert "misshapen policy.final_ln.bias: (5,) stored, (16,) expected" in said
    assert "misvalued policy.token_embedders.4.div_term" in said
    assert "nothing was imported" in said


def test_another_layout_is_refused(file: Path):
    with pytest.raises(CheckpointMismatch, match=r"extra policy\.blocks\.0"):
        import_policy(file, "mvt", SMALL)
    with pytest.raises(UnknownName, match="did you mean 'arp'"):
        import_policy(file, "arpp", SMALL)


def test_keys_are_left_out_only_by_name(file: Path):
    imported = import_policy(file, "mvt", SMALL, drop=["policy."])
    assert any("below 'policy.', as asked" in note for note in imported.notes)
    assert {k.split(".")[0] for k in imported.weights} == {"trunks"}
    with pytest.raises(DataError, match="matches no key"):
        import_policy(file, "mvt", SMALL, drop=["polizy."])


def test_trunks_alone_leave_the_rest_untrained_by_the_seed(file: Path):
    imported = import_policy(file, "mvt", SMALL, drop=["policy."])
    same, again, other = (build(imported, None, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(v, again[k]) for k, v in same.items())
    assert torch.equal(same["trunks.0.out.weight"], other["trunks.0.out.weight"])
    assert not torch.equal(same["heads.0.low.0.weight"], other["heads.0.low.0.weight"])


def test_a_whole_policy_needs_the_words_it_was_trained_with(file: Path):
    with pytest.raises(ConfigError, match="--text FILE"):
        build(import_policy(file, "arp", SMALL), None, seed=0)


class Foreign:
    """Anything that only its own code can unpickle."""


def test_files_that_could_run_code_or_hold_no_weights_are_refused(tmp_path: Path):
    torch.save({"model": Foreign()}, tmp_path / "code.pth")
    with pytest.raises(DataError, match="could run foreign code"):
        import_policy(tmp_path / "code.pth", "arp", SMALL)
    torch.save({"epoch": 3, "weights": theirs()}, tmp_path / "odd.pth")
    with pytest.raises(DataError, match=r"at the top stand \['epoch', 'weights'\]"):
        import_policy(tmp_path / "odd.pth", "arp", SMALL)
    with pytest.raises(DataError, match="cannot be read"):
        import_policy(tmp_path / "none.pth", "arp", SMALL)


def test_released_habits_are_given_when_asked_for(file: Path, clip: Path):
    policy = build(import_policy(file, "arp", SMALL), clip, seed=0)
    assert policy.rig.eyes == (1.0, 1.0, 1.0)
    seen = with_released_habits(policy).rig
    assert (seen.eyes, seen.offset) == ((1.0, 1.0, 0.5), 1 / 16)


@pytest.mark.parametrize(("layout", "count"), [("arp", 72_115_622), ("arp-plus", 74_014_374)])
def test_the_layouts_have_the_released_sizes(layout: str, count: int):
    with torch.device("meta"):
        policy = Policy(LAYOUTS[layout]())
    named = policy.named_parameters()
    assert sum(p.numel() for k, p in named if not k.startswith("text.")) == count
