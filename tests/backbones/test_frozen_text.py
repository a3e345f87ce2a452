"""A frozen tower: a CLIP file in, the features a trained tower would give, each read once."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from premotor.backbones.frozen_text import (
    NOT_TEXT,
    FrozenText,
    FrozenTextConfig,
    FrozenTextTower,
)
from premotor.backbones.text import TextConfig, TextTower
from premotor.errors import CheckpointMismatch, ConfigError, DataError

SIZES = TextConfig(context=6, vocab_size=50, width=64, layers=2, heads=1, embed_dim=8)
IDS = torch.tensor([[48, 3, 4, 49, 0, 0], [48, 5, 49, 0, 0, 0], [48, 3, 4, 49, 0, 0]])


def clip_weights() -> dict[str, Tensor]:
    """A text tower as CLIP's files hold it: in half precision, among other things."""
    torch.manual_seed(0)
    text = {k: v.half() for k, v in TextTower(SIZES).state_dict().items()}
    return text | {
        "visual.conv1.weight": torch.zeros(4, 3, 2, 2),
        "visual.transformer.resblocks.0.ln_1.weight": torch.zeros(4),
        "logit_scale": torch.tensor(4.6),
        "input_resolution": torch.tensor(224),
        "context_length": torch.tensor(6),
        "vocab_size": torch.tensor(50),
    }


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    save_file(clip_weights(), tmp_path / "clip.safetensors")
    return tmp_path / "clip.safetensors"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The texts that a tower was given since, in order."""
    seen: list[list[int]] = []
    original: Callable[..., Tensor] = TextTower.tokens

    def counted(tower: TextTower, ids: Tensor) -> Tensor:
        seen.extend(ids.tolist())
        return original(tower, ids)

    monkeypatch.setattr(TextTower, "tokens", counted)
    return seen


def trained(weights: dict[str, Tensor]) -> TextTower:
    tower = TextTower(SIZES)
    tower.load_state_dict({k: weights[k].float() for k in tower.state_dict()})
    return tower.eval()


def test_features_are_those_of_a_trained_tower_with_the_same_weights(clip_file: Path):
    expected = trained(clip_weights()).tokens(IDS)
    found = FrozenText(SIZES, clip_file, 8).tokens(IDS)
    assert found.dtype == torch.float32
    # each text by itself against all in one batch: float32 rounds otherwise, 1.3e-6 was seen
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=1e-5)


def test_each_distinct_text_is_read_once_in_mixed_batches(clip_file: Path, calls: list[list[int]]):
    text = FrozenText(SIZES, clip_file, 8)
    first = text.tokens(IDS)
    assert calls == IDS[:2].tolist()
    mixed = torch.cat([IDS[1:], torch.tensor([[48, 9, 49, 0, 0, 0]])])
    second = text.tokens(mixed)
    assert calls == [*IDS[:2].tolist(), mixed[2].tolist()]
    assert torch.equal(second[:2], first[1:])


def test_features_do_not_depend_on_the_batch_they_are_first_seen_in(clip_file: Path):
    together = FrozenText(SIZES, clip_file, 8).tokens(IDS)
    alone = FrozenText(SIZES, clip_file, 8).tokens(IDS[1:2])
    assert torch.equal(together[1:2], alone)


def test_the_text_not_used_for_longest_is_forgotten(clip_file: Path, calls: list[list[int]]):
    text = FrozenText(SIZES, clip_file, 2)
    rows = torch.tensor([[48, word, 49, 0, 0, 0] for word in (1, 2, 3)])
    whole = text.tokens(rows)
    assert whole.shape == (3, 6, 64)
    del calls[:]
    text.tokens(rows[[1, 2]])
    assert calls == []
    text.tokens(rows[[1]])
    text.tokens(rows[[0]])
    assert calls == rows[[0]].tolist()
    assert torch.equal(text.tokens(rows[[1]])[0], whole[1])
    assert len(calls) == 1


def test_nothing_is_trained_and_only_the_hash_is_saved(clip_file: Path):
    text = FrozenText(SIZES, clip_file, 8).train()
    assert list(text.parameters()) == []
    assert set(text.state_dict()) == {"sha256"}
    assert text.state_dict()["sha256"].shape == (32,)
    assert not text.tokens(IDS).requires_grad


def test_features_measured_in_inference_mode_can_be_trained_on(clip_file: Path):
    text, head = FrozenText(SIZES, clip_file, 8), torch.nn.Linear(64, 1)
    with torch.inference_mode():
        text.tokens(IDS)
    head(text.tokens(IDS)).sum().backward()
    assert head.weight.grad is not None


def test_mixed_precision_does_not_reach_the_tower(clip_file: Path):
    expected = FrozenText(SIZES, clip_file, 8).tokens(IDS)
    with torch.autocast("cpu", torch.bfloat16):
        found = FrozenText(SIZES, clip_file, 8).tokens(IDS)
    assert torch.equal(found, expected)


def test_a_copy_reads_the_same(clip_file: Path):
    text = FrozenText(SIZES, clip_file, 8)
    assert torch.equal(copy.deepcopy(text).tokens(IDS), text.tokens(IDS))


def test_every_key_of_the_file_is_accounted_for(tmp_path: Path):
    stored = clip_weights()
    del stored["ln_final.bias"]
    stored["text_projection"] = torch.zeros(64, 9)
    stored["attn_mask"] = torch.zeros(6, 6)
    save_file(stored, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointMismatch) as caught:
        FrozenText(SIZES, tmp_path / "odd.safetensors", 8)
    said = str(caught.value)
    for part in (
        "odd.safetensors",
        "missing ln_final.bias (64,)",
        "extra attn_mask (6, 6)",
        "misshapen text_projection: (64, 9) stored, (64, 8) expected",
    ):
        assert part in said
    assert not any(f"extra {name}" in said for name in NOT_TEXT)


def test_a_tower_of_other_sizes_is_refused_with_those_of_the_file(clip_file: Path):
    other = TextConfig(context=7, vocab_size=50, width=128, layers=3, heads=2, embed_dim=8)
    sizes = "text.context 6, text.vocab_size 50, text.width 64, text.embed_dim 8, text.layers 2"
    with pytest.raises(CheckpointMismatch, match=f"{sizes}, text.heads 1"):
        FrozenText(other, clip_file, 8)


def test_a_missing_file_is_named_with_its_field(tmp_path: Path):
    with pytest.raises(DataError, match=r"RN50\.pt is missing, to which frozen_text\.weights"):
        FrozenText(SIZES, tmp_path / "RN50.pt", 8)


def test_a_configuration_names_its_file_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert FrozenTextConfig(weights=Path("RN50.pt")).weights == tmp_path / "RN50.pt"
    with pytest.raises(ConfigError, match=r"frozen_text\.cache must be >= 1"):
        FrozenTextConfig(cache=0)


@pytest.fixture
def tower() -> FrozenTextTower:
    torch.manual_seed(1)
    return FrozenTextTower(SIZES)


def test_a_frozen_tower_is_a_tower_that_does_not_learn(tower: FrozenTextTower):
    torch.manual_seed(1)
    learning = TextTower(SIZES)
    assert {k: v.shape for k, v in tower.state_dict().items()} == {
        k: v.shape for k, v in learning.state_dict().items()
    }
    torch.testing.assert_close(tower(IDS), learning(IDS).detach(), atol=1e-6, rtol=1e-6)
    assert not tower(IDS).requires_grad
    assert not any(p.requires_grad for p in tower.parameters())


def test_kept_embeddings_are_the_bits_of_fresh_ones_in_any_batch(
    tower: FrozenTextTower, calls: list[list[int]]
):
    kept = tower(IDS)
    assert calls == IDS[:2].tolist()
    assert torch.equal(tower(IDS.flip(0)), kept.flip(0))
    assert len(calls) == 2
    fresh = copy.deepcopy(tower)
    fresh.load_state_dict(tower.state_dict())
    assert torch.equal(fresh(IDS[1:2]), kept[1:2])
    assert len(calls) == 3


def test_no_embedding_outlives_its_weights(tower: FrozenTextTower):
    before, other = tower(IDS), copy.deepcopy(tower)
    weights = {k: v + 0.1 for k, v in tower.state_dict().items()}
    torch.nn.ModuleDict({"text": other}).load_state_dict(
        {f"text.{k}": v for k, v in weights.items()}
    )
    assert not torch.allclose(other(IDS), before)
    expected = TextTower(SIZES)
    expected.load_state_dict(weights)
    torch.testing.assert_close(other(IDS), expected(IDS).detach(), atol=1e-4, rtol=1e-4)
    assert torch.equal(tower(IDS), before)  # the copy's weights are not the original's
    assert tower.double()(IDS).dtype == torch.float64


def test_a_frozen_tower_can_be_measured_in_between_and_reads_in_float32(tower: FrozenTextTower):
    head = torch.nn.Linear(8, 1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert tower(IDS).dtype == torch.float32
    head(tower(IDS)).sum().backward()
    assert head.weight.grad is not None
