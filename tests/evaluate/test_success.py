"""Many roll-outs: counted, gone on with, and with simulators that die."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import make
from premotor.episode.identity import EpisodeSlot
from premotor.evaluate.server import PolicyServer
from premotor.evaluate.success import (
    RolloutUnit,
    actor_of,
    done_before,
    roll_out_all,
)
from premotor.records import EvalRecord, read_lines
from premotor.worklist import Done

RECORD = make.rollout(task="open_drawer", seed=7, success=False, step=3, failure="nothing_moved")
UNIT = RolloutUnit("run", 3, "trained", "nano", EpisodeSlot("open_drawer", 0, (7,)))


def test_a_record_without_a_failure_is_read_and_counted_by_its_plain_reason(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    old = asdict(RECORD)
    del old["failure"]
    path.write_text(json.dumps(old) + "\n")
    (record,) = read_lines(path, EvalRecord)
    assert (record.failure, record.ending) == ("", "time_out")
    assert done_before([UNIT], path) == ([record], [])


def test_only_roll_outs_of_the_same_weights_and_length_count_as_done(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text(json.dumps(asdict(RECORD)) + "\n" + '{"checkpoint": "tra')
    later, longer = replace(UNIT, step=4), replace(UNIT, max_key_poses=30)
    assert done_before([UNIT, later, longer], path) == ([RECORD], [later, longer])
    assert path.read_text().count("\n") == 1  # what a crash cut off is gone


@pytest.mark.sim
@pytest.mark.slow
def test_a_dying_simulator_costs_its_roll_out_alone_and_the_rest_is_not_done_again(tmp_path):
    run, path = make.checkpoints(tmp_path / "run"), tmp_path / "rollouts.jsonl"
    script = str(Path(__file__).parent / "crash_worker.py")
    command = [sys.executable, script, str(run), str(path)]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(2)
    ]
    assert sorted(said[0]) == ["done 0 NoneType", "done 1 WorkerCrashed", "found"]
    assert sorted(said[1]) == ["done 1 WorkerCrashed", "found 0"]
    assert [record.step for record in read_lines(path, EvalRecord)] == [0]


@pytest.mark.sim
@pytest.mark.slow
def test_one_policy_for_two_simulators_gives_the_records_of_a_policy_in_this_process(tmp_path):
    run = str(make.checkpoints(tmp_path / "run"))
    units = [
        RolloutUnit(run, 0, "untrained", "nano", EpisodeSlot(task, 0, (7,)), max_key_poses=2)
        for task in ("open_drawer", "turn_tap")
    ]
    alone, served, clips = (tmp_path / name for name in ("alone.jsonl", "served.jsonl", "clips"))
    done: list[Done[RolloutUnit, EvalRecord]] = []
    roll_out_all(units, alone, actor_of, 1, done.append)
    with PolicyServer(actor_of) as actors:
        roll_out_all(units, served, actors, 2, done.append, clips)
    assert [d.error for d in done] == [None] * 4
    found = [
        {
            r.task: replace(r, seconds=0.0, code_version="")  # "-dirty" while somebody edits
            for r in read_lines(path, EvalRecord)
        }
        for path in (alone, served)
    ]
    assert set(found[0]) == {"open_drawer", "turn_tap"}
    assert found[0] == found[1]
    assert {p.name for p in clips.iterdir()} == {"open_drawer_0_7.npy", "turn_tap_0_7.npy"}
