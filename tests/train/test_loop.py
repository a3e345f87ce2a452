import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file

from premotor import checkpoint, presets, represent
from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.backbones.text import TextConfig, TextTower
from premotor.claims import Claim
from premotor.data.dataset import pairing_of, training_batches
from premotor.errors import ConfigError, DataError, TrainingDiverged
from premotor.evaluate.naming.recognition import recognize
from premotor.folders import RunFolder
from premotor.mirror import MirrorLosses
from premotor.records import RunManifest, StepRecord, read_json, read_lines
from premotor.stopping import StopSignal
from premotor.train import loop, probe, run, step
from premotor.train.config import TrainConfig
from premotor.train.loop import FitResult
from premotor.train.step import Objective, step_generator
from premotor.understand.classes import VariationTexts

CONFIG = dataclasses.replace(
    presets.train_preset("nano"), steps=8, eval_every=4, checkpoint_every=3, processes=1
)


def train(
    out: Path,
    data: Path,
    config: TrainConfig = CONFIG,
    crash_at: int = -1,
    until: int | None = None,
) -> FitResult:
    def on_step(record: StepRecord) -> None:
        if record.step == crash_at:
            raise KeyError("pulled the plug")

    source = represent.Source(data)
    folder, claim = RunFolder(out), Claim(resume=True)
    run.check_run(folder, config, source.open(), claim)
    run.claim_run(folder, config, claim)
    return loop.fit(config, folder, source, on_step, "premotor train nano", until)


def weights(out: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints" / f"step_{step:06d}" / checkpoint.WEIGHTS)


@pytest.fixture(scope="module")
def trained(dots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(out, dots) == FitResult(8, finished=True)
    return out


def test_a_recognizer_alone_learns_without_touching_the_policy(dots: Path, tmp_path: Path):
    alone = dataclasses.replace(CONFIG.pairing, watch_only=True)
    train(tmp_path / "run", dots, dataclasses.replace(CONFIG, pairing=alone, probe_episodes=0))
    before, after = weights(tmp_path / "run", 0), weights(tmp_path / "run", 8)
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"understand"}
    records = list(read_lines(tmp_path / "run" / "metrics.jsonl", StepRecord))
    assert {frozenset(r.losses) for r in records} == {frozenset({"total", "understand"})}


def test_the_baseline_is_bit_for_bit_a_run_that_aligns_nothing(
    dots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    align = dataclasses.replace(CONFIG.mirror.align, weight=0.0)
    mirror = dataclasses.replace(CONFIG.mirror, align=align)
    config = dataclasses.replace(CONFIG, mirror=mirror, steps=6, probe_episodes=0)
    train(tmp_path / "baseline", dots, config)
    judge = step.mirror_losses

    def unaligned(*args: Any) -> MirrorLosses:
        losses = judge(*args)
        return dataclasses.replace(losses, total=losses.own, align=None)

    monkeypatch.setattr(step, "mirror_losses", unaligned)
    train(tmp_path / "alone", dots, config)
    ours, theirs = weights(tmp_path / "baseline", 6), weights(tmp_path / "alone", 6)
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert torch.equal(
        ours["align.from_u.weight"], weights(tmp_path / "alone", 0)["align.from_u.weight"]
    )
    metrics = [
        [(r.losses["execute"], r.grad_norm, r.gradients) for r in read_lines(path, StepRecord)]
        for path in (tmp_path / "baseline" / "metrics.jsonl", tmp_path / "alone" / "metrics.jsonl")
    ]
    assert metrics[0] == metrics[1]


def test_a_tower_that_alignment_does_not_reach_is_that_of_the_baseline(dots: Path, tmp_path: Path):
    for name, change in (
        ("apart", {"weight": 0.0}),
        ("to_policy", {"moves": "policy"}),
        ("to_recognizer", {"moves": "recognizer"}),
    ):
        align = dataclasses.replace(CONFIG.mirror.align, **change)
        mirror = dataclasses.replace(CONFIG.mirror, align=align)
        config = dataclasses.replace(CONFIG, mirror=mirror, steps=6, probe_episodes=0)
        train(tmp_path / name, dots, config)
    apart, policy, recognizer = (
        weights(tmp_path / name, 6) for name in ("apart", "to_policy", "to_recognizer")
    )
    for moved, still, kept in (
        (policy, "understand.", "execute."),
        (recognizer, "execute.", "understand."),
    ):
        assert all(torch.equal(moved[k], v) for k, v in apart.items() if k.startswith(still))
        assert not all(torch.equal(moved[k], v) for k, v in apart.items() if k.startswith(kept))


def test_alignment_by_the_fine_features_asks_nothing_of_the_coarse_trunk(trained: Path):
    assert CONFIG.mirror.execute.e_source == "fine_max"
    assert not CONFIG.mirror.execute.coarse_context
    (told,) = (
        r.gradients for r in read_lines(trained / "metrics.jsonl", StepRecord) if r.gradients
    )
    assert told["policy/coarse/align"] == 0.0
    assert told["policy/fine/align"] > 0.0
    assert told["policy/coarse/own"] > 0.0
    assert "policy/coarse/cosine" not in told


def test_a_ratio_is_kept_at_every_paired_step(dots: Path, tmp_path: Path):
    align = dataclasses.replace(CONFIG.mirror.align, ratio=0.1, recognizer_factor=2.0)
    mirror = dataclasses.replace(CONFIG.mirror, align=align)
    pairing = dataclasses.replace(CONFIG.pairing, recognition_every=2)
    config = dataclasses.replace(CONFIG, mirror=mirror, pairing=pairing, steps=6, probe_episodes=0)
    train(tmp_path / "run", dots, config)
    records = list(read_lines(tmp_path / "run" / "metrics.jsonl", StepRecord))
    told = [r.gradients for r in records if r.gradients]
    assert len(told) == 3
    assert [t["policy/ratio"] for t in told] == pytest.approx([0.1] * 3, rel=1e-5)
    assert [t["recognizer/ratio"] for t in told] == pytest.approx([0.2] * 3, rel=1e-5)


@pytest.mark.gpu
def test_a_run_on_a_gpu_begins_with_the_loss_of_the_cpu(dots: Path, tmp_path: Path):
    config = dataclasses.replace(CONFIG, device="cuda", probe_episodes=0)
    assert train(tmp_path / "run", dots, config) == FitResult(8, finished=True)
    first, *rest = read_lines(tmp_path / "run" / "metrics.jsonl", StepRecord)
    assert all(math.isfinite(r.losses["total"]) for r in rest)
    dataset = represent.open_dataset(represent.Source(dots), "train", config.mirror)
    pairing = pairing_of(dataset, config.seed, config.pairing)
    batch = training_batches(dataset, pairing, config.seed, 0, 1)(0)
    objective = Objective(loop.build_mirror(config), config.augment)
    there = objective(batch, config.mask_ratio(0), step_generator(config.seed, 0, 0))
    # Only the noise of the colors is drawn elsewhere.
    assert first.losses["total"] == pytest.approx(float(there.total.detach()), rel=0.02)


def test_a_run_writes_down_what_it_did(trained: Path):
    records = list(read_lines(trained / "metrics.jsonl", StepRecord))
    assert [r.step for r in records] == list(range(8))
    assert ["align" in r.losses for r in records] == [i % 5 == 4 for i in range(8)]
    assert [bool(r.gradients) for r in records] == [i % 5 == 4 for i in range(8)]
    manifest = read_json(trained / "manifest.json", RunManifest)
    assert manifest.preset == "nano"
    assert set(manifest.parameters) == {"understand", "execute", "align"}
    kept = [c.step for c in checkpoint.checkpoints(trained)]
    assert kept == [0, 6, 8]
    assert run.read_config(trained / "config.yaml") == CONFIG


def test_the_words_of_all_texts_are_on_record_where_all_are_read(
    trained: Path, dots: Path, tmp_path: Path
):
    pairing = dataclasses.replace(CONFIG.pairing, texts="any")
    train(tmp_path / "any", dots, dataclasses.replace(CONFIG, pairing=pairing, steps=1))
    first, every = (
        set(read_json(p / "manifest.json", RunManifest).words) for p in (trained, tmp_path / "any")
    )
    assert every - first == {"press", "one"}


def test_the_probe_set_is_measured_at_first_regularly_and_at_last(trained: Path):
    found = sorted(p.name for p in (trained / "probe").glob("*.safetensors"))
    assert found == [f"step_{i:06d}.safetensors" for i in (0, 4, 8)]
    rows = json.loads((trained / "probe" / "rows.json").read_text())
    assert len(rows) == 4
    assert set(rows[0]) == {"task", "variation", "episode"}
    stored = load_file(trained / "probe" / found[0])
    assert set(stored) == {"u", "e", "z_u", "z_e"}
    assert torch.allclose(stored["z_e"].norm(dim=1), torch.ones(4))


def test_step_zero_is_the_untrained_model(trained: Path):
    untrained = loop.build_mirror(CONFIG).state_dict()
    stored = weights(trained, 0)
    assert all(torch.equal(untrained[k], v) for k, v in stored.items())


@pytest.mark.parametrize("crash_at", [1, 4, 6])
def test_a_crashed_run_ends_bit_for_bit_where_a_whole_one_does(
    trained: Path, dots: Path, tmp_path: Path, crash_at: int
):
    out = tmp_path / "torn"
    with pytest.raises(KeyError, match="plug"):
        train(out, dots, crash_at=crash_at)
    (out / "metrics.jsonl").open("a").write('{"step": ')
    assert train(out, dots).finished
    ours, expected = weights(out, 8), weights(trained, 8)
    assert all(torch.equal(ours[k], v) for k, v in expected.items())
    for name in ("step_000004", "step_000008"):
        a, b = (load_file(p / "probe" / f"{name}.safetensors") for p in (out, trained))
        assert all(torch.equal(a[k], b[k]) for k in b)
    records = list(read_lines(out / "metrics.jsonl", StepRecord))
    theirs = list(read_lines(trained / "metrics.jsonl", StepRecord))
    ours, expected = ([(r.step, r.losses, r.gradients) for r in kept] for kept in (records, theirs))
    assert ours == expected


def test_a_crashed_run_by_adamw_ends_bit_for_bit_where_a_whole_one_does(dots: Path, tmp_path: Path):
    adamw = dataclasses.replace(CONFIG.optimizer, name="adamw")
    config = dataclasses.replace(CONFIG, optimizer=adamw, steps=6, eval_every=0)
    assert train(tmp_path / "whole", dots, config).finished
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, config, crash_at=4)
    assert train(tmp_path / "torn", dots, config).finished
    ours, expected = weights(tmp_path / "torn", 6), weights(tmp_path / "whole", 6)
    assert all(torch.equal(ours[k], v) for k, v in expected.items())
    assert run.read_config(tmp_path / "whole" / "config.yaml") == config
    begin = weights(tmp_path / "whole", 0)
    assert not torch.equal(
        begin["execute.trunks.0.into.weight"], expected["execute.trunks.0.into.weight"]
    )


def test_a_run_that_watches_through_a_convolutional_stem_resumes_bit_for_bit(
    dots: Path, tmp_path: Path
):
    understand = CONFIG.mirror.understand
    video = dataclasses.replace(understand.video, stem="convolutional", stem_dims=(8, 8))
    mirror = dataclasses.replace(
        CONFIG.mirror, understand=dataclasses.replace(understand, video=video)
    )
    config = dataclasses.replace(CONFIG, mirror=mirror)
    train(tmp_path / "whole", dots, config)
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, config, crash_at=4)
    assert train(tmp_path / "torn", dots, config).finished
    assert run.read_config(tmp_path / "torn" / "config.yaml") == config
    begun, ours, expected = (
        weights(tmp_path / name, step) for name, step in (("whole", 0), ("torn", 8), ("whole", 8))
    )
    assert all(torch.equal(ours[k], v) for k, v in expected.items())
    new = [k for k in expected if ".tower.stem." in k]
    assert len(new) == 8
    assert not any(torch.equal(begun[k], expected[k]) for k in new)


def test_a_policy_that_counts_key_poses_learns_what_the_count_says(dots: Path, tmp_path: Path):
    execute = dataclasses.replace(CONFIG.mirror.execute, count_to=4)
    mirror = dataclasses.replace(CONFIG.mirror, execute=execute)
    train(tmp_path / "run", dots, dataclasses.replace(CONFIG, mirror=mirror, steps=2))
    begun, learned = (
        weights(tmp_path / "run", step)["execute.trunks.0.stem.proprioception.weight"]
        for step in (0, 2)
    )
    moved = (learned - begun).abs().amax(0)
    assert len(moved) == 3 + 4
    assert (moved[3:5] > 10 * moved[5:]).all()  # nobody did two key poses, or three, and went on


def test_a_run_with_frozen_text_resumes_bit_for_bit_after_probes(dots: Path, tmp_path: Path):
    sizes = TextConfig(context=24, width=64, layers=1, heads=1, embed_dim=8)
    save_file(TextTower(sizes).state_dict(), tmp_path / "clip.safetensors")
    frozen = FrozenTextConfig(weights=tmp_path / "clip.safetensors")
    execute = dataclasses.replace(CONFIG.mirror.execute, text=sizes, frozen_text=frozen)
    mirror = dataclasses.replace(CONFIG.mirror, execute=execute)
    config = dataclasses.replace(CONFIG, mirror=mirror, steps=3, eval_every=1, checkpoint_every=1)
    assert train(tmp_path / "whole", dots, config).finished
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, config, crash_at=1)
    assert train(tmp_path / "torn", dots, config).finished
    ours, expected = weights(tmp_path / "torn", 3), weights(tmp_path / "whole", 3)
    assert all(torch.equal(ours[k], v) for k, v in expected.items())
    assert run.read_config(tmp_path / "whole" / "config.yaml") == config


def test_a_class_table_of_frozen_text_resumes_bit_for_bit_and_names_clips(
    dots: Path, tmp_path: Path
):
    understand = dataclasses.replace(CONFIG.mirror.understand, loss="class_table", freeze_text=True)
    mirror = dataclasses.replace(CONFIG.mirror, understand=understand)
    pairing = dataclasses.replace(CONFIG.pairing, recognition_every=1)
    config = dataclasses.replace(
        CONFIG, mirror=mirror, pairing=pairing, steps=3, eval_every=1, checkpoint_every=1
    )
    assert train(tmp_path / "whole", dots, config).finished
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, config, crash_at=1)
    assert train(tmp_path / "torn", dots, config).finished
    ours, expected = weights(tmp_path / "torn", 3), weights(tmp_path / "whole", 3)
    assert all(torch.equal(ours[k], v) for k, v in expected.items())
    untrained = loop.build_mirror(CONFIG).state_dict()
    moved = {k for k in expected if not torch.equal(expected[k], untrained[k])}
    assert not any(k.startswith("understand.text_encoder.") for k in moved)
    assert any(k.startswith("understand.vision_encoder.") for k in moved)

    recognizer = checkpoint.load_mirror(tmp_path / "whole").understand
    held_out = represent.open_dataset(represent.Source(dots), "val", mirror)
    known = {(i.task, i.variation, i.instructions) for i in held_out.cache.episodes}
    texts = [VariationTexts(*row) for row in sorted(known)]
    named = recognize(recognizer, held_out, texts, "trained")
    assert {record.num_classes for record in named.records} >= {1, 3}


def test_a_stop_is_answered_with_a_checkpoint(
    dots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Path
):
    out = tmp_path / "stopped"
    monkeypatch.setattr(
        StopSignal, "__enter__", lambda self: setattr(self, "received", True) or self
    )
    assert train(out, dots) == FitResult(1, finished=False)
    assert [c.step for c in checkpoint.checkpoints(out)] == [0, 1]
    monkeypatch.undo()
    assert train(out, dots).finished
    assert torch.equal(
        weights(out, 8)["align.from_u.weight"], weights(trained, 8)["align.from_u.weight"]
    )


def test_another_seed_is_another_run(dots: Path, tmp_path: Path, trained: Path):
    config = dataclasses.replace(CONFIG, seed=1, steps=1)
    train(tmp_path / "other", dots, config)
    stored, theirs = weights(tmp_path / "other", 0), weights(trained, 0)
    changed = [k for k in stored if not torch.equal(stored[k], theirs[k])]
    assert changed


def test_divergence_names_the_term_and_keeps_the_last_good_checkpoint(dots: Path, tmp_path: Path):
    out = tmp_path / "diverged"
    with pytest.raises(KeyError):
        train(out, dots, crash_at=4)
    last = checkpoint.find(out)
    model = checkpoint.load_mirror(out)
    with torch.no_grad():
        model.align.from_u.weight.fill_(1e38)  # finite, unlike what comes of it
    checkpoint.save(out, last.step, model, checkpoint.load_state(last))
    with pytest.raises(TrainingDiverged, match="step 4: loss term 'align'"):
        train(out, dots)
    assert checkpoint.find(out).step == 3


def test_another_number_of_processes_is_refused(dots: Path, tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(KeyError):
        train(out, dots, crash_at=4)
    last = checkpoint.find(out)
    state = checkpoint.load_state(last) | {"world": 4}
    checkpoint.save(out, last.step, checkpoint.load_mirror(out), state)
    with pytest.raises(ConfigError, match="--processes 4"):
        train(out, dots)


def test_missing_validation_split_is_said_and_survived(
    dots: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    config = dataclasses.replace(CONFIG, steps=1, probe_split="valid")
    train(tmp_path / "run", dots, config)
    assert "no probe set" in caplog.text
    assert not (tmp_path / "run" / "probe").exists()


def test_clips_are_whole_in_the_last_part_of_a_run():
    ratios = [CONFIG.mask_ratio(step) for step in range(8)]
    assert ratios == [0.5] * 6 + [0.0] * 2


def test_a_shared_probe_is_put_together_in_order(dots: Path):
    dataset = represent.open_dataset(represent.Source(dots), "val", CONFIG.mirror)
    chosen, mirror = probe.choose_probe(dataset, 5), loop.build_mirror(CONFIG)
    parts = [probe.Probe(dataset, chosen.transitions[rank::2]) for rank in range(2)]
    joined = probe._interleave([part.measure(mirror)["z_u"] for part in parts], 5)
    assert torch.allclose(joined, chosen.measure(mirror)["z_u"], atol=1e-6)


def test_damaged_episodes_are_left_out_only_when_asked(
    tmp_path: Path, write_data: Callable[[Path, int, int, int], Path]
):
    data = write_data(tmp_path / "data", 6, 4, 16)
    victim = data / "train" / "keyframes" / "episode_000002.parquet"
    victim.write_bytes(victim.read_bytes()[:-50])
    with pytest.raises(DataError, match="episode 2"):
        represent.Source(data).open()
    dataset = represent.open_dataset(represent.Source(data, skip_bad=True), "train", CONFIG.mirror)
    assert [info.index for info in dataset.cache.episodes] == [0, 1, 3, 4, 5]


@pytest.fixture
def _another_precision() -> Iterator[None]:
    """The engine keeps one precision per process; forget it before and after."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.usefixtures("_another_precision")
def test_a_step_in_bfloat16_keeps_weights_and_losses_float32(dots: Path, tmp_path: Path):
    config = dataclasses.replace(CONFIG, precision="bf16", steps=5, eval_every=0)
    assert train(tmp_path / "half", dots, config) == FitResult(5, finished=True)
    records = list(read_lines(tmp_path / "half" / "metrics.jsonl", StepRecord))
    assert all(torch.tensor(list(r.losses.values())).isfinite().all() for r in records)
    floating = [w for w in weights(tmp_path / "half", 5).values() if w.is_floating_point()]
    assert {w.dtype for w in floating} == {torch.float32}


def test_a_run_in_legs_ends_where_an_uninterrupted_one_does_and_keeps_what_it_is_told_to(
    dots: Path, tmp_path: Path, trained: Path
):
    out, config = tmp_path / "run", dataclasses.replace(CONFIG, keep_steps=(0, 1, 4, 8))
    assert train(out, dots, config, until=0) == FitResult(0, finished=True)
    assert train(out, dots, config, until=1) == FitResult(1, finished=True)
    with pytest.raises(KeyError):
        train(out, dots, config, crash_at=2, until=4)
    assert train(out, dots, config, until=4) == FitResult(4, finished=True)
    assert train(out, dots, config, until=1) == FitResult(4, finished=True)
    assert train(out, dots, config) == FitResult(8, finished=True)
    assert [c.step for c in checkpoint.checkpoints(out)] == [0, 1, 4, 6, 8]
    ours, theirs = weights(out, 8), weights(trained, 8)
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    records = read_lines(out / "metrics.jsonl", StepRecord)
    assert [r.step for r in records] == list(range(8))


def test_how_often_a_run_is_looked_at_may_change_and_nothing_else_does(
    dots: Path, tmp_path: Path, trained: Path
):
    out = tmp_path / "run"
    with pytest.raises(KeyError):
        train(out, dots, crash_at=4)
    rarely = dataclasses.replace(CONFIG, eval_every=0, checkpoint_every=8, keep_checkpoints=1)
    assert train(out, dots, rarely).finished
    assert run.read_config(RunFolder(out).config) == rarely
    ours, theirs = weights(out, 8), weights(trained, 8)
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
