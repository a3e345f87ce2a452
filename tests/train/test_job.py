"""Training as a library: one call, one process or several."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from premotor import presets
from premotor.checkpoint import checkpoints, save
from premotor.claims import Claim
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.folders import RunFolder
from premotor.records import RunManifest, StepRecord, read_json, read_lines, write_json
from premotor.represent import Source
from premotor.train.follow import StepProgress, followed
from premotor.train.job import TrainJob, train
from premotor.train.loop import build_mirror
from premotor.train.run import append_step, forget_steps

NANO = replace(presets.train_preset("nano"), steps=4, probe_episodes=0, processes=1)


@dataclass(frozen=True)
class Told:
    """One call of a `Progress`."""

    stage: str
    done: int
    total: int
    remark: str


def listener(calls: list[Told]) -> Callable[[str, int, int, str], None]:
    return lambda *call: calls.append(Told(*call))


def steps_in(out: Path) -> list[StepRecord]:
    return list(read_lines(RunFolder(out).metrics, StepRecord))


def retold(out: Path, total: int) -> list[Told]:
    """What a progress that hears of every step in a run's metrics is told."""
    calls: list[Told] = []
    steps = StepProgress(listener(calls), total)
    for record in steps_in(out):
        steps.show(record)
    return calls


def record(step: int) -> StepRecord:
    return StepRecord(
        step=step,
        losses={"execute": 10.0 - step, "total": 1.0},
        grad_norm=1.0,
        learning_rate=1e-3,
        samples_per_second=100.0,
        data_seconds=0.0,
        step_seconds=0.1,
    )


@pytest.mark.parametrize("name", list(presets.TRAIN))
def test_a_job_survives_its_file(name: str, tmp_path: Path):
    preset = presets.train_preset(name)
    config = replace(
        preset,
        start=replace(preset.start, recognizer=tmp_path / "seen"),
        pairing=replace(preset.pairing, ratios={"turn_tap": 0.1}),
        optimizer=replace(preset.optimizer, eps=1e-7 / 3.0),
    )
    job = TrainJob(config, Source(Path("d"), True, ("turn_tap",)), Path("o"), "premotor train x")
    write_json(tmp_path / "job.json", job)
    assert read_json(tmp_path / "job.json", TrainJob) == job


def test_one_call_trains_and_tells_of_every_step(dots: Path, tmp_path: Path):
    calls: list[Told] = []
    job = TrainJob(NANO, Source(dots), tmp_path / "run", "a line")
    assert train(job, Claim(), listener(calls))
    assert [c for c in calls if c.stage == "train"] == retold(job.out, 4)
    assert [c.done for c in calls if c.stage == "train"] == [1, 2, 3, 4]
    assert "loss of acting" in calls[-1].remark
    assert [c.step for c in checkpoints(job.out)] == [0, 4]
    assert read_json(RunFolder(job.out).manifest, RunManifest).command == "a line"
    with pytest.raises(OutputExists, match="--resume"):
        train(job, Claim())
    assert train(job, Claim(resume=True))
    assert len(steps_in(job.out)) == 4  # nothing was done twice


def test_a_run_is_thrown_away_only_when_all_else_is_well(
    dots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = TrainJob(replace(NANO, steps=1), Source(dots), tmp_path / "run")
    train(job, Claim())
    unlikely = replace(NANO.pairing, ratios={"turn_tap": 2.0})
    for broken, error, message in (
        (replace(job, source=Source(tmp_path / "nowhere")), DataError, "nowhere"),
        (replace(job, source=Source(dots, tasks=("turn_tap",))), ConfigError, "turn_tap"),
        (replace(job, config=replace(NANO, pairing=unlikely)), ConfigError, "turn_tap"),
        (replace(job, config=replace(NANO, processes=3)), ConfigError, "do not split over 3"),
    ):
        with pytest.raises(error, match=message):
            train(broken, Claim(overwrite=True))
    with pytest.raises(ConfigError, match="give one of them"):
        train(job, Claim(resume=True, overwrite=True))
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    with pytest.raises(ConfigError, match="unset ACCELERATE_MIXED_PRECISION"):
        train(job, Claim(overwrite=True))
    monkeypatch.undo()
    assert len(steps_in(job.out)) == 1
    assert train(replace(job, config=NANO), Claim(overwrite=True))
    assert len(steps_in(job.out)) == 4


@pytest.mark.slow
def test_two_processes_are_told_of_like_one_and_their_errors_are_ours(dots: Path, tmp_path: Path):
    calls: list[Told] = []
    job = TrainJob(replace(NANO, processes=2), Source(dots), tmp_path / "run", "a line")
    assert train(job, Claim(), listener(calls))
    assert [c for c in calls if c.stage == "train"] == retold(job.out, 4)
    assert [c.step for c in checkpoints(job.out)] == [0, 4]
    assert read_json(RunFolder(job.out).manifest, RunManifest).command == "a line"
    alone = replace(job, config=NANO, out=tmp_path / "alone")
    train(alone, Claim())
    with pytest.raises(ConfigError, match="written by 1 processes, now there are 2"):
        train(replace(alone, config=job.config), Claim(resume=True))


def test_only_steps_that_are_new_are_followed(tmp_path: Path):
    save(tmp_path, 2, build_mirror(NANO))
    run, heard = RunFolder(tmp_path), list[int]()
    for step in range(4):
        append_step(run, record(step))  # 2 and 3 were done after the last checkpoint
    with followed(run, lambda r: heard.append(r.step)):
        forget_steps(run, 2)
        append_step(run, record(2))
        with run.metrics.open("a") as file:
            file.write('{"step": 3, "losses"')  # cut off by a crash
    assert heard == [2]


def test_a_progress_that_fails_is_heard_of(tmp_path: Path):
    def fail(_: StepRecord) -> None:
        raise KeyError("no such bar")

    with pytest.raises(KeyError, match="no such bar"), followed(RunFolder(tmp_path), fail):
        append_step(RunFolder(tmp_path), record(0))
    with pytest.raises(DataError, match="ours"), followed(RunFolder(tmp_path / "other"), fail):
        raise DataError("ours")
