"""From demonstrations to the report through the commands, at the smallest size."""

import shlex
from dataclasses import replace

import pytest
import torch
from markupsafe import escape

import make
from premotor.campaign import Results
from premotor.cli import evaluate, main
from premotor.errors import ConfigError, DataError, EpisodesMissing, OutputExists, UnknownName
from premotor.evaluate.acting.failures import FAILURES
from premotor.evaluate.acting.films import choose
from premotor.evaluate.acting.traces import trace_path
from premotor.evaluate.judge import Judgement
from premotor.findings import Study
from premotor.measure.intervals import wilson
from premotor.records import (
    EvalRecord,
    FilmRecord,
    NamedClip,
    NamingPair,
    RecognitionRecord,
    read_lines,
    read_list,
)
from premotor.report.findings import all_sentences, verdict_line
from premotor.report.table import shown
from premotor.report.tables import recognition_tables, success_tables
from premotor.worklist import WorkerCrashed

TASKS = "push_buttons open_drawer"
ROLLOUT = make.rollout(task="open_drawer", seed=7)


def premotor(line: str) -> int:
    return main.run(shlex.split(line))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A nano run of two steps on four demonstrations, with its data set beside it."""
    folder = tmp_path_factory.mktemp("chain")
    data, out = folder / "data", folder / "run"
    for split in ("train", "val", "test"):
        assert premotor(f"collect {TASKS} --episodes 2 --split {split} --out {data}") == 0
    line = f"train nano --data {data} --out {out} --steps 2 --processes 1 --eval-every 0"
    by_episode = "--pairing.pair-tasks 0 --pairing.pair-instructions 0 --pairing.partner episode"
    assert premotor(f"{line} {by_episode}") == 0
    return out


@pytest.mark.sim
@pytest.mark.slow
def test_everything_is_measured_before_and_after(run, capsys):
    data = run.parent / "data"
    line = f"evaluate {run} --data {data} --episodes 1 --max-key-poses 2 --workers 1"
    assert premotor(line) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not RLBench numbers" in said
    rollouts = list(read_lines(run / "evaluation" / "rollouts.jsonl", EvalRecord))
    assert {(r.checkpoint, r.task) for r in rollouts} == {
        (c, t) for c in ("untrained", "trained") for t in TASKS.split()
    }
    assert all(r.seed >= 20_000_000 for r in rollouts)
    recognition = read_list(run / "evaluation" / "recognition.json", RecognitionRecord)
    assert {r.class_set: r.num_classes for r in recognition} == {
        "task": 2,
        "text": 22,
        "text_within_task": 22,
        "variation": 53,
    }
    pairs = read_list(run / "evaluation" / "naming_pairs.json", NamingPair)
    assert [(p.class_set, p.ours, p.theirs, p.difference.count) for p in pairs] == [
        (r.class_set, "trained", "untrained", 4) for r in recognition[:4]
    ]
    assert len(list(read_lines(run / "evaluation" / "named.jsonl", NamedClip))) == 2 * 4 * 4
    studies = read_list(run / "evaluation" / "studies.json", Study)
    own = {(s.checkpoint, s.space): s for s in studies if s.sides == "u-e"}
    assert set(own) == {(c, space) for c in ("untrained", "trained") for space in ("z", "raw")}
    for (checkpoint, _), study in own.items():
        assert "debiased_cka" in {finding.measure for finding in study.findings}
        assert study.num_rows == 4
        for finding in study.findings:
            assert "blanked" in {control.name for control in finding.controls}
            assert finding.untrained is None or checkpoint == "trained"
    assert all(sentence in said for sentence in all_sentences(studies, "trained"))
    films = read_list(run / "evaluation" / "films" / "films.json", FilmRecord)
    assert {f.task for f in films} == set(TASKS.split())
    kept = {path.name for path in (run / "evaluation" / "traces").iterdir()}
    assert kept == {
        trace_path(run, r).name for r in choose(rollouts, "trained")
    }  # what else was kept on the way is gone
    with pytest.raises(OutputExists, match="--resume"):
        premotor(line)
    names = ["rollouts.jsonl", "films/films.json", *(f"films/{film.strip}" for film in films)]
    before = [(run / "evaluation" / name).read_bytes() for name in names]
    assert premotor(f"{line} --resume") == 0  # nothing is done twice, and films are the same
    assert [(run / "evaluation" / name).read_bytes() for name in names] == before
    assert premotor(f"report {run}") == 0
    page = (run / "report.html").read_text()
    assert "open drawer" in page
    assert str(escape(verdict_line(own["trained", "z"]))) in page


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ("--class-sets taks", UnknownName, "did you mean 'task'"),
        ("--tasks push_button", UnknownName, "did you mean 'push_buttons'"),
        ("--split tset", DataError, "tset"),
    ],
)
def test_what_cannot_be_measured_is_said(run, options, error, message):
    line = f"evaluate {run} --data {run.parent / 'data'} --episodes 1 {options} --overwrite"
    (run / "evaluation").mkdir(exist_ok=True)
    with pytest.raises(error, match=message):
        premotor(line)
    assert (run / "evaluation").is_dir()  # refused before anything was thrown away


@pytest.mark.sim
@pytest.mark.slow
def test_success_alone_needs_no_data_set(run, capsys):
    line = f"evaluate {run} --episodes 1 --max-key-poses 1 --workers 1 --no-films --no-untrained"
    with pytest.raises(ConfigError, match="--tasks all"):
        premotor(f"{line} --overwrite")
    assert premotor(f"{line} --tasks {TASKS} --device cpu --overwrite") == 0
    said = capsys.readouterr().out
    assert "recognition and alignment were left out" in said
    assert "mean over 2 tasks" in said
    there = {path.name for path in (run / "evaluation").iterdir()}
    assert there - {".lock"} == {"rollouts.jsonl", "judgements.jsonl"}
    rollouts = list(read_lines(run / "evaluation" / "rollouts.jsonl", EvalRecord))
    assert [r.checkpoint for r in rollouts] == ["trained"] * 2
    assert all(r.success or r.failure in FAILURES for r in rollouts)


@pytest.mark.sim
@pytest.mark.slow
def test_a_recognizer_alone_is_measured_without_acting(run, capsys):
    line = f"evaluate {run} --episodes 0 --class-sets task --overwrite"
    with pytest.raises(ConfigError, match="--episodes 0 without --data"):
        premotor(line)
    with pytest.raises(DataError, match="no clips named in"):
        premotor(f"{line} --data {run.parent / 'data'} --against {run.parent / 'data'}")
    assert premotor(f"{line} --data {run.parent / 'data'}") == 0
    said = capsys.readouterr().out
    assert "Recognition on held-out clips" in said
    assert "Success by task" not in said
    assert not (run / "evaluation" / "rollouts.jsonl").exists()
    assert premotor(f"report {run}") == 0


def test_the_terminal_shows_the_tables_of_the_report(capsys):
    study = replace(ROLLOUT, task="push_buttons_free", success=False, failure="wrong_object")
    rollouts = (ROLLOUT, replace(ROLLOUT, task="turn_tap", success=False), study)
    named = make.recognition(by_axis={"color": wilson(20, 60)})
    evaluate.show(Judgement(rollouts, recognition=(named,)))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    for table in (*success_tables(rollouts), *recognition_tables([named], [])):
        assert table.title in said
        for row in table.rows:
            texts = [
                shown(cell, column.kind) for cell, column in zip(row, table.columns, strict=True)
            ]
            assert set(" ".join(texts).split()) <= set(said.split())


def test_roll_outs_that_broke_are_told_after_the_tables(monkeypatch, tmp_path, capsys):
    unit = "trained: open_drawer, variation 0, seed 7"
    missing = Results({}, {unit: WorkerCrashed("died")}).missing("roll-outs")
    broken = Judgement((ROLLOUT,), missing)
    monkeypatch.setattr(evaluate, "prepare", lambda *_: None)
    monkeypatch.setattr(evaluate, "judge", lambda *_: broken)
    with pytest.raises(EpisodesMissing, match=r"1 roll-outs lost .* --resume .*: trained: open"):
        premotor(f"evaluate {tmp_path} --tasks open_drawer")
    said = capsys.readouterr().out
    assert "Success by task" in said
    assert "these numbers are without the roll-outs that are missing" in said


def test_a_gpu_that_is_not_there_is_refused(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="--device cpu"):
        premotor(f"evaluate {tmp_path} --tasks open_drawer --device cuda")


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        premotor(f"evaluate {tmp_path / 'nowhere'} --data {tmp_path}")
