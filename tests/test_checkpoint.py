import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from premotor import checkpoint, presets
from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.weights import file_sha256
from premotor.errors import CheckpointMismatch, ConfigError, DataError, OutputExists
from premotor.mirror import Mirror

CONFIG = presets.train_preset("nano").mirror


def mirror(seed: int) -> Mirror:
    torch.manual_seed(seed)
    return Mirror(CONFIG)


def same(a: Mirror, b: Mirror) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


def test_a_model_comes_back_from_its_run_folder(tmp_path: Path):
    model = mirror(0)
    checkpoint.save(tmp_path, 7, model, {"optimizer": {"x": torch.arange(3)}})
    back = checkpoint.load_mirror(tmp_path)
    assert same(model, back)
    assert not back.training
    state = checkpoint.load_state(checkpoint.find(tmp_path))
    assert state["optimizer"]["x"].tolist() == [0, 1, 2]


def test_every_fault_is_listed_and_nothing_is_loaded(tmp_path: Path):
    path = checkpoint.save(tmp_path, 0, mirror(0)).path / checkpoint.WEIGHTS
    stored = load_file(path)
    names = list(stored)
    del stored[names[0]]
    stored[names[1]] = torch.zeros(1, 2, 3)
    save_file(stored | {"stranger": torch.zeros(2)}, path)
    model, before = mirror(1), mirror(1)
    with pytest.raises(CheckpointMismatch) as caught:
        checkpoint.load_weights(model, path)
    for expected in (
        f"missing {names[0]}",
        "extra stranger (2,)",
        f"misshapen {names[1]}: (1, 2, 3)",
    ):
        assert expected in str(caught.value)
    assert same(model, before)


def frozen_mirror(path: Path, seed: int) -> Mirror:
    """A mirror whose policy reads words by the tower that is written to `path`."""
    torch.manual_seed(seed)
    sizes = TextConfig(context=12, vocab_size=60, width=64, layers=1, heads=1, embed_dim=8)
    save_file(TextTower(sizes).state_dict(), path)
    frozen = FrozenTextConfig(weights=path)
    execute = dataclasses.replace(CONFIG.execute, text=sizes, frozen_text=frozen)
    return Mirror(dataclasses.replace(CONFIG, execute=execute))


def test_a_model_with_frozen_text_comes_back_without_having_stored_it(tmp_path: Path):
    model = frozen_mirror(tmp_path / "clip.safetensors", 0)
    stored = checkpoint.save(tmp_path, 7, model).path / checkpoint.WEIGHTS
    text = [name for name in load_file(stored) if name.startswith("execute.text.")]
    assert text == ["execute.text.sha256"]
    back = checkpoint.load_mirror(tmp_path)
    assert back.config == model.config
    assert same(model, back)
    ids = torch.arange(12)[None]
    assert torch.equal(model.execute.text.tokens(ids), back.execute.text.tokens(ids))


def test_frozen_text_of_another_file_is_refused_with_both_hashes(tmp_path: Path):
    path = tmp_path / "clip.safetensors"
    checkpoint.save(tmp_path, 7, frozen_mirror(path, 0))
    hashes = [file_sha256(path)]
    frozen_mirror(path, 1)
    hashes.append(file_sha256(path))
    with pytest.raises(CheckpointMismatch, match=r"changed execute\.text\.sha256") as caught:
        checkpoint.load_mirror(tmp_path)
    assert all(digest in str(caught.value) for digest in hashes)
    path.unlink()
    with pytest.raises(DataError, match=r"clip\.safetensors is missing.*model\.yaml"):
        checkpoint.load_mirror(tmp_path)


def test_a_truncated_file_is_named(tmp_path: Path):
    path = checkpoint.save(tmp_path, 0, mirror(0)).path / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"model\.safetensors"):
        checkpoint.load_mirror(tmp_path)


def test_a_missing_step_is_refused_naming_those_there(tmp_path: Path):
    for step in (0, 5):
        checkpoint.save(tmp_path, step, mirror(0))
    with pytest.raises(DataError, match="steps there: 0, 5"):
        checkpoint.find(tmp_path, 3)
    assert checkpoint.find(tmp_path).step == 5


def test_the_untrained_and_the_last_checkpoints_are_kept(tmp_path: Path):
    for step in (0, 5, 10, 15):
        checkpoint.save(tmp_path, step, mirror(0))
    (tmp_path / "checkpoints" / ".step_000020.77").mkdir()
    checkpoint.prune(tmp_path, keep=2, every=5)
    left = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert left == ["step_000000", "step_000010", "step_000015"]


@pytest.mark.parametrize(
    ("steps", "keep", "expected"),
    [
        ((0, 70, 80, 89), 2, [0, 80, 89]),  # stopped at 89
        ((0, 80, 89, 90), 2, [0, 80, 90]),  # gone on with: as if it had not been
        ((0, 5, 10), 2, [0, 10]),
        ((0, 10, 20, 30), 1, [0, 30]),
        ((0, 10, 20, 25), 3, [0, 10, 20, 25]),
        ((0,), 2, [0]),
    ],
)
def test_a_checkpoint_out_of_turn_stays_until_there_is_a_later_one(tmp_path, steps, keep, expected):
    for step in steps:
        checkpoint.save(tmp_path, step, mirror(0))
    checkpoint.prune(tmp_path, keep=keep, every=10)
    assert [c.step for c in checkpoint.checkpoints(tmp_path)] == expected


def test_checkpoints_of_steps_that_were_named_stay(tmp_path: Path):
    for step in (0, 3, 10, 20, 30):
        checkpoint.save(tmp_path, step, mirror(0))
    checkpoint.prune(tmp_path, keep=1, every=10, steps=(3, 10))
    assert [c.step for c in checkpoint.checkpoints(tmp_path)] == [0, 3, 10, 30]


def test_saving_a_step_again_replaces_it(tmp_path: Path):
    checkpoint.save(tmp_path, 5, mirror(0))
    checkpoint.save(tmp_path, 5, mirror(1))
    assert same(checkpoint.load_mirror(tmp_path, 5), mirror(1))


def test_of_a_run_only_the_policy_is_loaded_after_the_step_that_is_asked_for(tmp_path: Path):
    for step in (0, 5):
        checkpoint.save(tmp_path, step, mirror(step))
    for step, seed in ((0, 0), (5, 5), (None, 5)):
        policy = checkpoint.load_policy(tmp_path, step)
        expected = mirror(seed).execute.state_dict()
        assert not policy.training
        assert all(torch.equal(v, expected[k]) for k, v in policy.state_dict().items())


def test_a_policy_alone_comes_back_and_is_never_written_over(tmp_path: Path):
    policy, place = mirror(3).execute, tmp_path / "new" / "policy"
    checkpoint.save_policy(place, policy)
    assert {p.name for p in place.iterdir()} == {"policy.safetensors", "policy.yaml"}
    assert [p.name for p in place.parent.iterdir()] == ["policy"]  # nothing temporary is left
    back = checkpoint.load_policy(place)
    assert back.config == policy.config
    assert all(torch.equal(v, back.state_dict()[k]) for k, v in policy.state_dict().items())
    with pytest.raises(OutputExists, match="another place"):
        checkpoint.save_policy(place, policy)


def test_a_folder_without_a_policy_says_what_belongs_there(tmp_path: Path):
    with pytest.raises(DataError, match=r"neither checkpoints .* nor policy\.safetensors"):
        checkpoint.load_policy(tmp_path)
    checkpoint.save_policy(tmp_path / "p", mirror(0).execute)
    with pytest.raises(ConfigError, match="no step 7"):
        checkpoint.load_policy(tmp_path / "p", 7)
    (tmp_path / "p" / "policy.yaml").unlink()
    with pytest.raises(DataError, match=r"policy\.yaml.* belongs beside the weights"):
        checkpoint.load_policy(tmp_path / "p")


def test_weights_of_another_policy_are_refused_key_by_key(tmp_path: Path):
    policy = mirror(0).execute
    checkpoint.save_policy(tmp_path / "p", policy)
    text = (tmp_path / "p" / "policy.yaml").read_text()
    assert "rotation_bins: 72" in text
    (tmp_path / "p" / "policy.yaml").write_text(text.replace("bins: 72", "bins: 36"))
    with pytest.raises(CheckpointMismatch, match="misshapen tokens"):
        checkpoint.load_policy(tmp_path / "p")


def test_the_recognizer_of_a_run_is_read_alone(tmp_path: Path):
    model = mirror(0)
    checkpoint.save(tmp_path, 7, model)
    back = checkpoint.load_recognizer(tmp_path)
    assert back.config == CONFIG.understand
    assert not back.training
    stored = model.understand.state_dict()
    assert all(torch.equal(v, stored[k]) for k, v in back.state_dict().items())


def test_a_recognizer_that_is_not_there_is_named_with_what_would_be_one(tmp_path: Path):
    with pytest.raises(DataError, match=r"no recognizer in .* recognizer\.safetensors"):
        checkpoint.load_recognizer(tmp_path)
    checkpoint.save_recognizer(tmp_path / "own", mirror(0).understand)
    with pytest.raises(ConfigError, match="holds a recognizer alone"):
        checkpoint.load_recognizer(tmp_path / "own", step=3)
