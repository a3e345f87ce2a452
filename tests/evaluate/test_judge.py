"""What of a run is measured, and what it is called."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import make
from premotor import claims
from premotor.claims import Claim
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.evaluate import judge
from premotor.evaluate.acting import success
from premotor.evaluate.acting.success import RolloutUnit
from premotor.evaluate.naming.recognition import NamingConfig
from premotor.findings import Study
from premotor.folders import RunFolder
from premotor.progress import no_progress
from premotor.records import (
    EvalRecord,
    FilmRecord,
    JudgementRecord,
    RunManifest,
    StartRecord,
    read_json,
    read_lines,
    read_list,
    write_json,
    write_lines,
)
from premotor.report.run import judged_of
from small_data import write_split

WATCH_ONLY = judge.EvaluateConfig(
    episodes=0, films=False, naming=NamingConfig(class_sets=("task",)), device="cpu"
)


def test_a_run_that_began_with_stored_weights_was_never_untrained(tmp_path: Path):
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    config = judge.EvaluateConfig()
    assert judge._checkpoints(run, config) == {"untrained": 0, "trained": 4}
    manifest = read_json(run / "manifest.json", RunManifest)
    began = StartRecord(half="recognizer", folder="viclip", step=None, sha256="0")
    write_json(run / "manifest.json", replace(manifest, start=(began,)))
    assert judge._checkpoints(run, config) == {"started": 0, "trained": 4}
    assert judge._checkpoints(run, replace(config, untrained=False)) == {"trained": 4}


def test_controls_are_refitted_of_the_last_checkpoint_where_there_is_something_to_fit_on(
    enough_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(judge, "of_a_report", lambda _: make.COARSE)
    monkeypatch.setattr(judge, "FitConfig", partial(judge.FitConfig, steps=2))
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    whole = judge.judge(run, enough_data, WATCH_ONLY, 1, no_progress)
    assert read_list(run / "evaluation" / "studies.json", Study) == list(whole.alignment)
    shutil.copytree(enough_data / "test", tmp_path / "data" / "test")
    trained = replace(WATCH_ONLY, untrained=False)
    alone = judge.judge(run, tmp_path / "data", trained, 1, no_progress)

    def refitted(found: judge.Judgement) -> set[tuple[str, str, str]]:
        return {
            (study.checkpoint, study.space, control.name)
            for study in found.alignment
            for finding in study.findings
            for control in finding.controls
            if control.refitted
        }

    assert refitted(alone) == set()
    assert refitted(whole) == {("trained", "z", name) for name in ("blanked", "another", "both")}
    without = replace(trained, fit_split="")
    assert refitted(judge.judge(run, enough_data, without, 1, no_progress)) == set()
    untrained = [s.finding("debiased_cka") for s in whole.alignment if s.sides == "u-e"]
    assert [found.untrained is None for found in untrained] == [True, True, False, False]


def fares(actors, clips, traces, unit: RolloutUnit) -> EvalRecord:
    """In the place of a roll-out, without a trace: the second episode of each task breaks."""
    (episode, *_) = unit.slot.candidates
    if episode.seed % 2:
        raise ValueError("broke")
    asked = {"step": unit.weights.step, "max_key_poses": unit.max_key_poses}
    return make.rollout(checkpoint=unit.weights.checkpoint, **vars(episode), **asked)


ACT_ONLY = replace(WATCH_ONLY, episodes=2, tasks=("open_drawer",), films=True)


def test_roll_outs_of_both_checkpoints_are_kept_and_those_that_broke_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(success, "roll_out_unit", fares)
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    told: list[tuple[str, int, int, str]] = []
    found = judge.judge(run, None, ACT_ONLY, 1, lambda *news: told.append(news))
    assert [(r.checkpoint, r.step) for r in found.rollouts] == [("untrained", 0), ("trained", 4)]
    assert "2 of 4 roll-outs broke" in str(found.missing)
    folder = RunFolder(run).evaluation
    assert list(read_lines(folder.rollouts, EvalRecord)) == list(found.rollouts)
    (judged,) = read_lines(folder.judgements, JudgementRecord)
    assert judged.acting is not None
    assert (judged.acting.step, judged.acting.seed, judged.watching) == (4, 0, None)
    assert set(judged.episodes) == {record.episode for record in found.rollouts}
    assert told[-1] == ("film", 1, 1, "1 not filmed, their states were not kept")
    assert read_list(folder.films / "films.json", FilmRecord) == []


def test_a_run_that_was_trained_further_is_judged_anew_and_keeps_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(success, "roll_out_unit", fares)
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    folder, before = RunFolder(run).evaluation, replace(ACT_ONLY, films=False)
    two = replace(before, tasks=("open_drawer", "turn_tap"))
    first = judge.judge(run, None, two, 1, no_progress).rollouts
    make.checkpoints(run, steps=(9,))
    second = judge.judge(run, None, before, 1, no_progress).rollouts
    assert {r.step for r in second} == {0, 9}
    assert {*first, *second} == set(read_lines(folder.rollouts, EvalRecord))
    shown = judged_of(folder)
    assert set(shown.rollouts) == set(second)
    assert any("trained, after 4 updates" in said for said in shown.left_out)


def test_what_was_measured_is_thrown_away_only_once_all_else_is_right(tmp_path: Path):
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    ledger = RunFolder(run).evaluation.rollouts
    write_lines(ledger, [make.rollout()])
    overwrite = Claim(overwrite=True)
    for wrong in (replace(ACT_ONLY, tasks=()), replace(ACT_ONLY, against=(tmp_path,))):
        with pytest.raises(ConfigError):
            judge.prepare(run, None, wrong, overwrite)
    with pytest.raises(OutputExists, match="--resume"):
        judge.prepare(run, None, ACT_ONLY, Claim())
    judge.prepare(run, None, ACT_ONLY, Claim(resume=True))
    assert ledger.is_file()
    judge.prepare(run, None, ACT_ONLY, overwrite)
    assert not ledger.exists()


def test_a_run_is_measured_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(claims, "_PATIENCE", 0.1)
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    with (
        RunFolder(run).evaluation.owned(),
        pytest.raises(OutputExists, match="another process is at work"),
    ):
        judge.judge(run, None, ACT_ONLY, 1, no_progress)


def test_any_checkpoint_that_was_kept_can_be_measured(tmp_path):
    run = make.checkpoints(tmp_path / "run", steps=(0, 2, 4))
    wanted = judge.EvaluateConfig(step=2, tasks=("open_drawer",))
    assert judge._checkpoints(run, wanted) == {"untrained": 0, "trained": 2}
    with pytest.raises(DataError, match=r"no checkpoint of step 3 .*steps there: 0, 2, 4"):
        judge.prepare(run, None, replace(wanted, step=3), Claim())


def test_a_split_of_one_episode_is_refused_before_anything_is_done(tmp_path, make_demo):
    write_split(tmp_path / "data" / "test", [make_demo(0)])
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    with pytest.raises(ConfigError, match="holds 1 episode, and alignment needs 2 or more"):
        judge.prepare(run, tmp_path / "data", judge.EvaluateConfig(), Claim())
    assert not (run / "evaluation").exists()


def test_a_judgement_that_ends_again_is_told_once_and_last(tmp_path):
    folder = RunFolder(tmp_path).evaluation
    rollouts = [make.rollout(seed=seed) for seed in range(2)]
    for config in (judge.EvaluateConfig(), judge.EvaluateConfig(seed=1), judge.EvaluateConfig()):
        judge._note_acting(folder, config, rollouts)
    told = read_lines(folder.judgements, JudgementRecord)
    assert [record.acting.seed for record in told if record.acting] == [1, 0]
