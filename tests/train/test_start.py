"""Runs that begin with a stored recognizer, a stored policy, or one of each."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import make
from premotor import checkpoint, presets, represent
from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.weights import file_sha256
from premotor.claims import Claim
from premotor.errors import CheckpointMismatch, ConfigError, DataError
from premotor.execute.policy import Policy
from premotor.folders import RunFolder
from premotor.geometry.cameras import Window
from premotor.mirror import Mirror
from premotor.records import RunManifest, StartRecord, read_json, write_json
from premotor.train import loop, run, start
from premotor.train.config import StartConfig, TrainConfig
from premotor.train.optim import Name, build_optimizer
from premotor.understand.recognizer import Recognizer

CONFIG = replace(
    presets.train_preset("nano"), steps=2, eval_every=0, checkpoint_every=1, processes=1
)
NANO = CONFIG.mirror


def other_sizes() -> Recognizer:
    """A recognizer that is no preset's: larger patches, other words, another way to clean them."""
    understand = replace(
        NANO.understand,
        video=replace(NANO.understand.video, px=48, layers=1, drop_path=0.0),
        text=replace(NANO.understand.text, context=20, vocabulary=(), vocab_size=49408),
        cleaning="viclip",
        window=Window(top=0.25),
        temperature=0.01,
    )
    torch.manual_seed(5)
    return Recognizer(understand)


@pytest.fixture
def viclip(tmp_path: Path) -> Path:
    checkpoint.save_recognizer(tmp_path / "viclip", other_sizes())
    return tmp_path / "viclip"


def stored_run(out: Path, seed: int, step: int) -> Mirror:
    """A run folder with one checkpoint."""
    torch.manual_seed(seed)
    mirror = Mirror(NANO)
    checkpoint.save(out, step, mirror)
    return mirror


def begun(config: TrainConfig) -> TrainConfig:
    """The configuration with the sizes of the folders it begins with."""
    return replace(config, mirror=start.with_sizes(config.mirror, start.stored_sizes(config.start)))


def train(out: Path, data: Path, config: TrainConfig) -> None:
    source = represent.Source(data)
    folder, claim = RunFolder(out), Claim(resume=True)
    run.check_run(folder, config, source.open(), claim)
    run.claim_run(folder, config, claim)
    assert loop.fit(config, folder, source, lambda _: None, "premotor train nano").finished


def weights(out: Path, step: int) -> dict[str, Tensor]:
    return load_file(out / "checkpoints" / f"step_{step:06d}" / checkpoint.WEIGHTS)


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return all(torch.equal(found[k], v) for k, v in expected.items())


def part(found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k.removeprefix(f"{name}."): v for k, v in found.items() if k.startswith(f"{name}.")}


def test_step_zero_has_the_stored_recognizer_and_all_else_as_the_seed_has_it(
    dots: Path, tmp_path: Path, viclip: Path
):
    config = begun(replace(CONFIG, start=StartConfig(recognizer=viclip)))
    train(tmp_path / "run", dots, config)
    first, untrained = weights(tmp_path / "run", 0), loop.build_mirror(config).state_dict()
    stored = load_file(viclip / "recognizer.safetensors")
    assert part(first, "understand").keys() == stored.keys()
    assert same(part(first, "understand"), stored)
    for name in ("execute", "align"):
        assert same(part(first, name), part(untrained, name))
    assert not same(weights(tmp_path / "run", 2), first)
    assert checkpoint.load_recognizer(tmp_path / "run", 0).config == config.mirror.understand


def test_two_runs_give_one_half_each(dots: Path, tmp_path: Path):
    watcher = stored_run(tmp_path / "u", seed=1, step=4)
    actor = stored_run(tmp_path / "e", seed=2, step=7)
    config = replace(
        CONFIG, steps=1, start=StartConfig(recognizer=tmp_path / "u", policy=tmp_path / "e")
    )
    assert begun(config) == config
    train(tmp_path / "run", dots, config)
    first = weights(tmp_path / "run", 0)
    assert same(part(first, "understand"), watcher.understand.state_dict())
    assert same(part(first, "execute"), actor.execute.state_dict())
    assert same(part(first, "align"), loop.build_mirror(config).align.state_dict())


def test_a_run_is_resumed_after_the_folder_is_gone(dots: Path, tmp_path: Path, viclip: Path):
    config = begun(replace(CONFIG, start=StartConfig(recognizer=viclip)))
    train(tmp_path / "whole", dots, config)
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    shutil.rmtree(tmp_path / "torn" / "checkpoints" / "step_000002")
    shutil.rmtree(viclip)
    train(tmp_path / "torn", dots, config)
    assert same(weights(tmp_path / "torn", 2), weights(tmp_path / "whole", 2))
    assert run.read_config(tmp_path / "torn" / "config.yaml") == config


def test_the_manifest_says_where_the_weights_came_from(dots: Path, tmp_path: Path, viclip: Path):
    stored_run(tmp_path / "e", seed=2, step=7)
    started = StartConfig(recognizer=viclip, policy=tmp_path / "e")
    train(tmp_path / "run", dots, begun(replace(CONFIG, steps=1, start=started)))
    manifest = read_json(tmp_path / "run" / "manifest.json", RunManifest)
    file = tmp_path / "e" / "checkpoints" / "step_000007" / checkpoint.WEIGHTS
    assert manifest.start == (
        StartRecord(
            half="recognizer",
            folder=str(viclip),
            step=None,
            sha256=file_sha256(viclip / "recognizer.safetensors"),
        ),
        StartRecord(half="policy", folder=str(tmp_path / "e"), step=7, sha256=file_sha256(file)),
    )


def test_what_shapes_the_weights_is_the_folders_and_what_only_training_asks_is_ours(viclip: Path):
    ours = replace(
        NANO,
        understand=replace(
            NANO.understand,
            video=replace(NANO.understand.video, drop_path=0.1),
            u_source="embed",
            mask_ratio=0.25,
        ),
    )
    stored = other_sizes().config
    found = start.with_sizes(ours, start.stored_sizes(StartConfig(recognizer=viclip)))
    assert found.understand == replace(
        stored,
        video=replace(stored.video, drop_path=0.1),
        u_source="embed",
        mask_ratio=0.25,
        temperature=NANO.understand.temperature,
    )
    assert found.execute == NANO.execute


def test_the_policy_keeps_its_sizes_and_gets_the_dropout_labels_and_noise_of_the_run():
    stored = replace(
        NANO.execute,
        trunk=replace(NANO.execute.trunk, width=64, dropout=0.3),
        tokens=replace(NANO.execute.tokens, label_sigma=0.0, mean_window=1),
        e_source="queries",
    )
    found = start.with_sizes(NANO, {"policy": stored})
    assert found.execute == replace(
        stored,
        trunk=replace(stored.trunk, dropout=0.0),
        tokens=replace(stored.tokens, label_sigma=1.0),
        e_source="fine_max",
    )
    assert found.understand == NANO.understand


def test_a_misfit_is_refused_naming_every_field_with_both_values(viclip: Path):
    mirror = Mirror(NANO)
    before = {k: v.clone() for k, v in mirror.state_dict().items()}
    with pytest.raises(ConfigError, match="leave these fields out") as caught:
        start.begin(mirror, StartConfig(recognizer=viclip))
    said = str(caught.value)
    assert "understand.video.px: 48 in the folder, 32 asked for" in said
    assert "understand.video.layers: 1 in the folder, 2 asked for" in said
    assert "understand.text.context: 20 in the folder, 28 asked for" in said
    assert "understand.cleaning: viclip in the folder, none asked for" in said
    assert "understand.window.top: 0.25 in the folder, 0.0 asked for" in said
    assert "understand.text.vocabulary: () in the folder, (" in said
    assert len(said) < 1200  # the hundreds of ids of a vocabulary are not listed
    assert "temperature" not in said
    assert same(mirror.state_dict(), before)


def test_how_a_policy_is_read_out_may_be_chosen_anew(tmp_path: Path):
    stored_run(tmp_path / "e", seed=2, step=7)
    tokens = replace(NANO.execute.tokens, mean_window=7)
    mirror = Mirror(replace(NANO, execute=replace(NANO.execute, tokens=tokens)))
    start.begin(mirror, StartConfig(policy=tmp_path / "e"))
    assert same(part(weights(tmp_path / "e", 7), "execute"), mirror.execute.state_dict())


def test_a_folder_of_the_other_half_or_of_nothing_is_refused(tmp_path: Path, viclip: Path):
    with pytest.raises(DataError, match=r"no policy in .*viclip.*premotor import-policy"):
        start.stored_sizes(StartConfig(policy=viclip))
    with pytest.raises(DataError, match=r"no recognizer in .*nowhere"):
        start.stored_sizes(StartConfig(recognizer=tmp_path / "nowhere"))


def test_damaged_weights_are_refused_key_by_key(viclip: Path):
    stored = load_file(viclip / "recognizer.safetensors")
    gone = stored.popitem()[0]
    save_file(stored, viclip / "recognizer.safetensors")
    config = begun(replace(CONFIG, start=StartConfig(recognizer=viclip)))
    with pytest.raises(CheckpointMismatch, match=f"missing {gone}"):
        start.begin(loop.build_mirror(config), config.start)


def test_frozen_words_are_taken_over_and_their_file_may_have_moved(tmp_path: Path):
    sizes = TextConfig(context=24, width=64, layers=1, heads=1, embed_dim=8)
    for name, seed in (("clip", 0), ("another", 1)):
        torch.manual_seed(seed)
        save_file(TextTower(sizes).state_dict(), tmp_path / f"{name}.safetensors")
    frozen = FrozenTextConfig(weights=tmp_path / "clip.safetensors")
    policy = Policy(replace(NANO.execute, text=sizes, frozen_text=frozen))
    checkpoint.save_policy(tmp_path / "arp", policy)
    config = begun(replace(CONFIG, start=StartConfig(policy=tmp_path / "arp")))
    assert config.mirror.execute == policy.config
    moved = (tmp_path / "clip.safetensors").rename(tmp_path / "moved.safetensors")

    def reading(file: Path) -> Mirror:
        execute = replace(config.mirror.execute, frozen_text=FrozenTextConfig(weights=file))
        return Mirror(replace(config.mirror, execute=execute))

    start.begin(mirror := reading(moved), config.start)
    assert same(mirror.execute.state_dict(), policy.state_dict())
    with pytest.raises(CheckpointMismatch, match=r"changed text\.sha256"):
        start.begin(reading(tmp_path / "another.safetensors"), config.start)


def test_the_folder_is_the_same_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert StartConfig(policy=Path("arp")) == StartConfig(policy=tmp_path / "arp")


def test_a_manifest_from_before_there_were_starts_is_read(tmp_path: Path):
    path = tmp_path / "manifest.json"
    manifest = make.manifest()
    write_json(path, manifest)
    text = path.read_text()
    path.write_text(text.replace(',\n "start": []', ""))
    assert "start" not in path.read_text()
    assert read_json(path, RunManifest) == manifest


def test_a_run_is_trained_further_with_all_that_it_had(dots: Path, tmp_path: Path):
    train(tmp_path / "first", dots, CONFIG)
    further = begun(replace(CONFIG, steps=1, start=StartConfig(run=tmp_path / "first")))
    train(tmp_path / "second", dots, further)
    last, begin = weights(tmp_path / "first", 2), weights(tmp_path / "second", 0)
    assert same(begin, last)  # the maps, too
    assert not same(weights(tmp_path / "second", 1), last)
    manifest = read_json(tmp_path / "second" / "manifest.json", RunManifest)
    assert [(r.half, r.step) for r in manifest.start] == [("run", 2)]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_the_state_of_the_optimizer_is_taken_over_and_its_options_are_the_new_run_s(
    dots: Path, tmp_path: Path, name: Name
):
    first = replace(CONFIG, optimizer=replace(CONFIG.optimizer, name=name))
    train(tmp_path / "first", dots, first)
    decay = CONFIG.optimizer.weight_decay + 0.01
    config = replace(
        CONFIG,
        optimizer=replace(first.optimizer, weight_decay=decay),
        start=StartConfig(run=tmp_path / "first"),
    )
    optimizer = build_optimizer(loop.build_mirror(config).towers, config.optimizer)
    start.take_up_optimizer(optimizer, config)
    state = checkpoint.load_state(checkpoint.find(tmp_path / "first"))["optimizer"]
    ours = optimizer.state_dict()["state"]
    assert ours.keys() == state["state"].keys()
    assert all(
        torch.equal(ours[row][name], value)
        for row, kept in state["state"].items()
        for name, value in kept.items()
        if isinstance(value, Tensor)
    )
    assert decay in {group["weight_decay"] for group in optimizer.param_groups}


@pytest.mark.parametrize("name", ["lamb", "adamw"])
def test_another_optimizer_has_no_use_for_the_state(dots: Path, tmp_path: Path, name: Name):
    assert CONFIG.optimizer.name == "muon"
    train(tmp_path / "first", dots, CONFIG)
    other = replace(
        CONFIG,
        optimizer=replace(CONFIG.optimizer, name=name),
        start=StartConfig(run=tmp_path / "first"),
    )
    optimizer = build_optimizer(loop.build_mirror(other).towers, other.optimizer)
    with pytest.raises(ConfigError, match=rf"muon.*asks for {name}.*--start.recognizer"):
        start.take_up_optimizer(optimizer, other)


def test_a_run_and_a_half_do_not_go_together(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"start.run brings both halves"):
        StartConfig(run=tmp_path, policy=tmp_path)
