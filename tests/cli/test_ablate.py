"""A whole ablation at the smallest size: two variants, two updates, a made-up data set."""

import shlex
from pathlib import Path

import pytest
import torch

from premotor import checkpoint
from premotor.cli import main
from premotor.errors import (
    ConfigError,
    DataError,
    EpisodesMissing,
    OutputExists,
    TrainingDiverged,
    UnknownName,
)
from premotor.experiments import ablate
from premotor.experiments.variants import VARIANTS
from premotor.records import (
    AblationRecord,
    EvalRecord,
    RunManifest,
    read_json,
    read_lines,
    read_list,
)
from premotor.stopping import Stopped
from small_data import write_split

SMALL = "--preset nano --steps 2 --episodes 1 --max-key-poses 1 --processes 1 --workers 1"


def premotor(line: str) -> int:
    return main.run(shlex.split(line))


def stamps(out: Path) -> dict[Path, int]:
    """When each checkpoint and each measurement was written."""
    files = [*out.rglob("*.safetensors"), *out.rglob("keyframes.jsonl")]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.sim
@pytest.mark.slow
def test_an_ablation_is_trained_measured_and_gone_on_with(made_up_data, tmp_path, capsys):
    out = tmp_path / "ablate"
    line = f"ablate --data {made_up_data} --out {out} --only without_zoom {SMALL}"
    assert premotor(line) == 0
    said = capsys.readouterr()
    assert "not RLBench numbers" in said.out
    assert "without_zoom" in said.out
    assert "variants: 2/2" in said.err
    records = read_list(out / "ablation.json", AblationRecord)
    assert {(r.variant, r.measure) for r in records} == {
        (variant, measure)
        for variant in ("full", "without_zoom")
        for measure in ("success", "strict", "position", "rotation")
    }
    assert {r.difference is None for r in records if r.variant == "without_zoom"} == {False}
    run = out / "without_zoom" / "seed_0"
    assert len(checkpoint.load_mirror(run).execute.trunks) == 1
    assert read_json(run / "manifest.json", RunManifest).command == f"premotor {line}"
    (rollout,) = read_lines(run / "evaluation" / "rollouts.jsonl", EvalRecord)
    assert (rollout.task, rollout.step, rollout.max_key_poses) == ("push_buttons", 2, 1)
    assert rollout.seed >= 20_000_000

    with pytest.raises(OutputExists, match="--resume"):
        premotor(line)
    before, json = stamps(out), (out / "ablation.json").read_bytes()
    assert premotor(f"{line} --resume") == 0
    assert stamps(out) == before  # nothing done twice
    assert (out / "ablation.json").read_bytes() == json
    with pytest.raises(ConfigError, match="steps: 2 in the run, 3 now"):
        premotor(f"{line} --resume --steps 3")


def test_a_stopped_training_ends_the_ablation_with_a_word(made_up_data, tmp_path, monkeypatch):
    monkeypatch.setattr(ablate, "train", lambda job, claim, progress: False)
    with pytest.raises(
        Stopped, match=rf"variants: stopped, 0 of {len(VARIANTS)} done; go on with --resume"
    ):
        premotor(f"ablate --data {made_up_data} --out {tmp_path / 'o'} {SMALL}")


def test_a_training_that_breaks_costs_no_other(made_up_data, tmp_path, monkeypatch):
    honest = ablate.train

    def diverge_once(job, claim, progress):
        if "lamb" in str(job.out):
            raise TrainingDiverged("step 1: loss not finite")
        return honest(job, claim, progress)

    monkeypatch.setattr(ablate, "train", diverge_once)
    out = tmp_path / "o"
    with pytest.raises(EpisodesMissing, match=r"1 of 3 trainings broke.*lamb, seed 0: step 1"):
        premotor(f"ablate --data {made_up_data} --out {out} --only lamb wide_zoom {SMALL}")
    records = read_list(out / "ablation.json", AblationRecord)
    assert {r.variant for r in records} == {"full", "wide_zoom"}


@pytest.mark.slow
def test_held_out_keyframes_alone_and_weights_that_are_shared(tmp_path, make_demo, capsys):
    for split, seeds in (("train", range(4)), ("val", range(10, 12))):
        write_split(tmp_path / split, [make_demo(seed, "open_drawer") for seed in seeds])
    out = tmp_path / "ablate"
    line = (
        f"ablate --data {tmp_path} --out {out} --preset nano --steps 2 --processes 1 --episodes 0"
        " --vary 'blunt: execute.heatmap.mean_window=1' 'slow: optimizer.learning_rate=1e-4'"
    )
    assert premotor(line) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Ablation: decisive keyframes" in said
    assert "RLBench" not in said  # nobody acted
    records = read_list(out / "ablation.json", AblationRecord)
    assert {(r.variant, r.measure) for r in records} == {
        (variant, measure)
        for variant in ("full", "blunt", "slow")
        for measure in ("position", "rotation", "decisive")
    }
    assert "- `blunt`: execute.heatmap.mean_window=1\n" in (out / "ablation.md").read_text()
    assert not list(out.rglob("rollouts.jsonl"))
    names = ("full", "blunt", "slow")
    full, blunt, slow = (checkpoint.load_mirror(out / name / "seed_0") for name in names)
    assert (full.config.execute.heatmap.mean_window, blunt.config.execute.heatmap.mean_window) == (
        3,
        1,
    )
    weights = [model.state_dict() for model in (full, blunt, slow)]
    same = [all(torch.equal(own[key], weights[0][key]) for key in own) for own in weights]
    assert same == [True, True, False]
    assert not (out / "blunt/seed_0/metrics.jsonl").exists()  # never trained
    before = stamps(out)
    assert premotor(f"{line} --resume") == 0
    assert stamps(out) == before
    with pytest.raises(ConfigError, match=r"learning_rate: 0\.0001 in the run, 0\.01 now"):
        premotor(f"{line.replace('1e-4', '1e-2')} --resume")


def test_help_names_every_variant(capsys):
    with pytest.raises(SystemExit) as caught:
        premotor("ablate --help")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in VARIANTS)


def test_a_split_that_is_not_there_is_said_before_training(made_up_data, tmp_path):
    out = tmp_path / "ablate"
    with pytest.raises(DataError, match="tset"):
        premotor(f"ablate --data {made_up_data} --out {out} --split tset {SMALL}")
    assert not out.exists()


def test_a_task_without_a_simulator_is_said_before_training(tmp_path, make_demo):
    for split in ("train", "val"):
        write_split(tmp_path / split, [make_demo(0, task="touch_dot")])
    out = tmp_path / "ablate"
    with pytest.raises(UnknownName, match="touch_dot"):
        premotor(f"ablate --data {tmp_path} --out {out} {SMALL}")
    assert not out.exists()
