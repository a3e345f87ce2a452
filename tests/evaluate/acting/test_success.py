"""Many roll-outs: counted, gone on with, and with simulators that die."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import make
from premotor.campaign import Campaign
from premotor.episode.identity import EpisodeSlot
from premotor.evaluate.acting import success
from premotor.evaluate.acting.server import PolicyFailed, PolicyServer
from premotor.evaluate.acting.success import RollOuts, RolloutUnit, Weights, actor_of
from premotor.records import EvalRecord, read_lines, write_lines

RECORD = make.rollout(task="open_drawer", seed=7, success=False, step=3, failure="nothing_moved")
WEIGHTS = Weights("run", 3, "trained", "nano")
UNIT = RolloutUnit(WEIGHTS, EpisodeSlot("open_drawer", 0, (7,)))


def campaign(path: Path) -> Campaign[RolloutUnit, EvalRecord]:
    return RollOuts(ledger=path).campaign(actor_of)


def test_a_record_without_a_failure_is_read_and_counted_by_its_plain_reason(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    old = asdict(RECORD)
    del old["failure"]
    path.write_text(json.dumps(old) + "\n")
    (record,) = read_lines(path, EvalRecord)
    assert (record.failure, record.ending) == ("", "time_out")
    assert campaign(path).known([UNIT]) == {UNIT: record}


def test_only_roll_outs_of_the_same_weights_and_length_count_as_done(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text(json.dumps(asdict(RECORD)) + "\n" + '{"checkpoint": "tra')
    later, longer = replace(UNIT, weights=replace(WEIGHTS, step=4)), replace(UNIT, max_key_poses=30)
    assert campaign(path).known([UNIT, later, longer]) == {UNIT: RECORD}


def test_weights_have_the_preset_of_their_run(tmp_path):
    run = make.checkpoints(tmp_path / "run")
    assert Weights.of(run, 0, "untrained") == Weights(str(run), 0, "untrained", "nano")


def fares(actors, clips, traces, unit: RolloutUnit) -> EvalRecord:
    """In the place of a roll-out: episodes of an even seed succeed, those of seed 9 break."""
    (seed,) = unit.slot.seeds
    if seed == 9:
        raise ValueError("broke")
    return make.rollout(
        checkpoint=unit.weights.checkpoint,
        step=unit.weights.step,
        **vars(unit.slot.candidates[0]),
        success=seed % 2 == 0,
    )


def units_of(weights: Weights, seeds: Sequence[int]) -> list[RolloutUnit]:
    return [RolloutUnit(weights, EpisodeSlot("open_drawer", 0, (seed,))) for seed in seeds]


def test_roll_outs_come_in_order_with_those_that_broke_and_successes_are_told(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(success, "roll_out_unit", fares)
    path, told = tmp_path / "rollouts.jsonl", []
    other = make.rollout(checkpoint="started", seed=4)
    write_lines(path, [other, replace(RECORD, seed=8, success=True, step=3)])
    before = replace(WEIGHTS, step=0, checkpoint="untrained")
    units = [*units_of(before, [6, 7]), *units_of(WEIGHTS, [6, 7, 8, 9])]
    plan = RollOuts(ledger=path, progress=lambda *news: told.append(news))
    found = plan.of(units)
    assert [(r.checkpoint, r.seed) for r in found.records.values()] == [
        ("untrained", 6),
        ("untrained", 7),
        ("trained", 6),
        ("trained", 7),
        ("trained", 8),
    ]
    assert told[0] == ("roll out", 1, 6, "1 successes, trained")
    assert told[-1] == ("roll out", 6, 6, "2 successes, trained, 1 broken")
    assert "1 of 6 roll-outs broke" in str(found.missing("roll-outs"))
    assert next(read_lines(path, EvalRecord)) == other  # another policy's is kept


def test_nothing_to_roll_out_writes_nothing(tmp_path):
    assert RollOuts(ledger=tmp_path / "rollouts.jsonl").of([]).insist("roll-outs") == []
    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_cannot_go_on_stops_all(tmp_path, monkeypatch):
    def fails(*_: object) -> EvalRecord:
        raise PolicyFailed("no memory")

    monkeypatch.setattr(success, "roll_out_unit", fails)
    with pytest.raises(PolicyFailed, match="no memory"):
        RollOuts(ledger=tmp_path / "rollouts.jsonl").of(units_of(WEIGHTS, [6, 7]))


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
    assert said == [
        ["found", "done 0", "broken 1 WorkerCrashed"],
        ["found 0", "done 0", "broken 1 WorkerCrashed"],
    ]
    assert [record.step for record in read_lines(path, EvalRecord)] == [0]


@pytest.mark.sim
@pytest.mark.slow
def test_one_policy_for_two_simulators_gives_the_records_of_a_policy_in_this_process(tmp_path):
    run = str(make.checkpoints(tmp_path / "run"))
    weights = Weights(run, 0, "untrained", "nano")
    units = [
        RolloutUnit(weights, EpisodeSlot(task, 0, (7,)), max_key_poses=2)
        for task in ("open_drawer", "turn_tap")
    ]
    alone, served, clips = (tmp_path / name for name in ("alone.jsonl", "served.jsonl", "clips"))
    assert RollOuts(ledger=alone).campaign(actor_of).run(units).broken == {}
    with PolicyServer(actor_of) as actors:
        plan = RollOuts(ledger=served, clips=clips, workers=2)
        assert plan.campaign(actors).run(units).broken == {}
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
