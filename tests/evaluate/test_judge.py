"""What of a run is measured, and what it is called."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import make
from premotor.evaluate import judge
from premotor.evaluate.recognition import NamingConfig
from premotor.findings import STUDIES, Study
from premotor.progress import no_progress
from premotor.records import RunManifest, StartRecord, read_json, read_list, write_json

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
    assert read_list(run / "evaluation" / STUDIES, Study) == list(whole.alignment)
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
