"""Roll-outs of one judgement are shown, and never those of two together."""

from dataclasses import replace

import pytest

import make
from premotor.cli.evaluate import _tell_settings
from premotor.records import (
    ActingSettings,
    EvalRecord,
    JudgementRecord,
    WatchingSettings,
    write_json,
    write_lines,
)
from premotor.report.judgements import newest
from premotor.report.page import render
from premotor.report.run import read_run

WATCHED = WatchingSettings(
    step=5,
    split="test",
    fit_split="train",
    class_sets=("task",),
    prompts="all",
    templates=("{}",),
    other_camera="",
)


def acted(step: int, *tasks: str, seed: int = 0, **changes) -> list[EvalRecord]:
    """Two roll-outs of each task, before and after so many updates."""
    return [
        make.rollout(checkpoint=name, step=at, task=task, seed=2 * seed + i, **changes)
        for name, at in (("untrained", 0), ("trained", step))
        for task in tasks
        for i in range(2)
    ]


def ended(records: list[EvalRecord], seed: int = 0) -> JudgementRecord:
    last = records[-1]
    settings = ActingSettings(
        step=last.step, max_key_poses=last.max_key_poses, simulator=last.simulator, seed=seed
    )
    episodes = tuple(dict.fromkeys(r.episode for r in records))
    return JudgementRecord(ended="2026-01-01T00:00:00+00:00", acting=settings, episodes=episodes)


OLD = acted(5, "open_drawer", "push_buttons", success=False)


def test_old_roll_outs_are_not_credited_to_a_policy_that_was_trained_further():
    now = acted(10, "open_drawer")
    shown = newest([*OLD, *now], [ended(OLD), ended(now)])
    assert {(r.checkpoint, r.step) for r in shown.rollouts} == {("untrained", 0), ("trained", 10)}
    assert {r.task for r in shown.rollouts} == {"open_drawer"}
    assert all(r.success for r in shown.rollouts if r.checkpoint == "trained")
    assert any("4 roll-outs of another" in s and "after 5 updates" in s for s in shown.left_out)


@pytest.mark.parametrize(
    "changes", [{"max_key_poses": 7}, {"simulator": "another"}], ids=lambda c: next(iter(c))
)
def test_other_settings_are_another_judgement(changes):
    now = acted(5, "open_drawer", **changes)
    for ends in ([], [ended(OLD), ended(now)]):
        shown = newest([*OLD, *now], ends)
        assert list(shown.rollouts) == now
        assert shown.left_out


def test_another_seed_is_another_judgement():
    now = acted(5, "open_drawer", seed=1)
    shown = newest([*OLD, *now], [ended(OLD), ended(now, seed=1)])
    assert list(shown.rollouts) == now
    assert len(shown.left_out) == 2  # untrained and trained


def test_more_tasks_and_episodes_with_the_same_settings_are_one_judgement():
    drawer, both = acted(5, "open_drawer"), acted(5, "open_drawer", "push_buttons")
    shown = newest(both, [ended(both), ended(drawer)])
    assert set(shown.rollouts) == set(both)
    assert shown.left_out == ()


def test_what_has_not_come_to_its_end_is_told_and_left_out():
    begun = acted(10, "open_drawer", success=False)[:3]
    shown = newest([*OLD, *begun], [ended(OLD)])
    assert set(shown.rollouts) == {*OLD, *(r for r in begun if r.step == 0)}
    (said,) = shown.left_out
    assert "trained, after 10 updates" in said
    assert said.endswith("unfinished")


def test_roll_outs_that_tell_no_end_are_judged_by_the_last():
    now = acted(10, "open_drawer")
    shown = newest([*OLD, *now], [])
    assert {r.step for r in shown.rollouts} == {0, 10}
    former = [replace(r, step=-1) for r in OLD]
    assert list(newest(former, []).rollouts) == former
    assert newest(former, []).left_out == ()


def test_what_was_watched_with_other_weights_is_left_out(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5)
    evaluation = folder / "evaluation"
    now, films = acted(10, "open_drawer"), read_run(folder).films
    write_lines(evaluation / "rollouts.jsonl", [*OLD, *now])
    watched = JudgementRecord(ended="2026-01-01T00:00:00+00:00", watching=WATCHED)
    write_lines(evaluation / "judgements.jsonl", [watched, ended(OLD)])
    write_json(evaluation / "films" / "films.json", [replace(f, step=5) for f in films])
    assert read_run(folder).recognition
    assert read_run(folder).films
    write_lines(evaluation / "judgements.jsonl", [watched, ended(OLD), ended(now)])
    run = read_run(folder)
    assert run.recognition == run.studies == run.pairs == run.films == ()
    assert any(s.startswith("recognition and alignment of another") for s in run.judged.left_out)
    page = render(run)
    assert "One judgement: after 10 updates, at most 25 key poses, episodes of seed 0" in page
    assert "4 roll-outs of another judgement are left out: trained, after 5 updates" in page


def test_roll_outs_of_before_what_was_watched_last_are_left_out():
    watched = JudgementRecord(ended="2026-01-02T00:00:00+00:00", watching=replace(WATCHED, step=10))
    shown = newest(OLD, [ended(OLD), watched])
    assert shown.acting is None
    assert shown.rollouts == ()
    assert shown.watching
    assert len(shown.left_out) == 2


def test_the_terminal_tells_the_same(tmp_path, capsys):
    folder = make.run_folder(tmp_path / "run", steps=5)
    now = acted(10, "open_drawer")
    write_lines(folder / "evaluation" / "rollouts.jsonl", [*OLD, *now])
    write_lines(folder / "evaluation" / "judgements.jsonl", [ended(OLD), ended(now)])
    _tell_settings(folder)
    said = capsys.readouterr().out
    assert "roll-outs: after 10 updates, at most 25 key poses, episodes of seed 0" in said
    assert "left out: trained, after 5 updates" in said
