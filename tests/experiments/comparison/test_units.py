"""Units on made-up demonstrations: in legs, stopped and gone on with; and what faults become."""

import dataclasses
import json

import pytest

from campaigns import timeless
from premotor.campaign import Ledger
from premotor.checkpoint import checkpoints
from premotor.errors import SystemRefused, TrainingDiverged
from premotor.experiments.comparison import units, working
from premotor.experiments.comparison.begin import begin
from premotor.experiments.comparison.compare import compare
from premotor.experiments.comparison.judging import Judge
from premotor.experiments.comparison.records import LegRecord, UnitRecord
from premotor.experiments.comparison.setting import Unit
from premotor.progress import no_progress
from premotor.records import StepRecord, read_json, read_lines
from premotor.stopping import Stopped
from premotor.train.job import train

APART, ALIGNED = Unit("apart", 0), Unit("aligned", 0)
TIMES = ("train_seconds", "judge_seconds", "created", "command", "commands")


def setting_of(config):
    return begin(config.places, 1, "", no_progress)


def plain(path):
    return timeless(json.loads(path.read_text()), TIMES)


def test_a_unit_is_trained_in_legs_and_judged_after_each(configure):
    setting = setting_of(configure())
    record = units.do_unit(setting, ALIGNED)
    assert record.whole, record.fault
    folder = setting.folder(ALIGNED)
    legs = Ledger(folder.legs, LegRecord).read()
    assert [leg.step for leg in legs] == [0, 5, 10]
    assert [c.step for c in checkpoints(setting.run(ALIGNED).path)] == [0, 5, 8, 10]
    steps = list(read_lines(setting.run(ALIGNED).metrics, StepRecord))
    assert legs[1].losses["execute"] == pytest.approx(
        sum(s.losses["execute"] for s in steps[:5]) / 5
    )
    assert legs[2].losses["align"] == steps[9].losses["align"]
    assert legs[0].losses == {}
    assert legs[1].train_seconds == pytest.approx(sum(s.step_seconds for s in steps[:5]))
    for step in (0, 5, 10):
        assert folder.features(step).is_file()
        assert folder.fit_features(step).is_file()
    assert len(folder.named.read_text().splitlines()) == 9
    assert not folder.rollouts.exists()


def test_features_are_kept_of_the_baseline_and_of_the_seed_that_is_shown(configure):
    setting = setting_of(configure())

    def kept(arm: str, seed: int) -> list[int]:
        judge = Judge(setting, Unit(arm, seed))
        return [step for step in (0, 5, 10) if judge.keeps(step)]

    assert kept("apart", 0) == kept("apart", 1) == kept("aligned", 0) == [0, 5, 10]
    assert kept("aligned", 1) == []


def test_done_work_is_not_repeated(configure, monkeypatch):
    setting = setting_of(configure())
    first = working.work(setting, [APART])
    monkeypatch.setattr(units, "train", None)
    assert working.work(setting, [APART]) == first


@pytest.mark.rehearsal
def test_a_comparison_that_was_stopped_anywhere_ends_like_one_that_was_not(
    configure, monkeypatch, tmp_path
):
    whole = configure(records=tmp_path / "whole", work=tmp_path / "w")
    compare(whole)
    broken = configure(records=tmp_path / "broken", work=tmp_path / "b")
    calls = 0

    def stopping(*arguments):
        nonlocal calls
        calls += 1
        if calls in (2, 6, 9):
            raise Stopped
        return train(*arguments)

    monkeypatch.setattr(units, "train", stopping)
    for _ in range(3):
        with pytest.raises(Stopped):
            compare(broken)
    compare(broken)
    ours, theirs = (c.places.records.record for c in (broken, whole))
    assert plain(ours) == plain(theirs)


def test_a_unit_that_diverges_is_on_record_and_the_others_go_on(configure, monkeypatch):
    config = configure()

    def diverging(job, *rest):
        if job.config.mirror.align.weight > 0.0 and job.config.seed == 0 and job.until:
            raise TrainingDiverged("step 3: loss term 'align' not finite")
        return train(job, *rest)

    monkeypatch.setattr(units, "train", diverging)
    found = compare(config)
    assert [(u.arm, u.seed) for u in found.broken] == [("aligned", 0)]
    record = read_json(config.places.records.unit("aligned", 0).record, UnitRecord)
    assert record.fault == "diverged: step 3: loss term 'align' not finite"
    level = found.level("aligned", "text_accuracy")
    assert level is not None
    assert level.seeds == (1,)
    monkeypatch.setattr(units, "train", None)  # it would end in the same way: it is not tried again
    assert compare(config).broken == found.broken


def test_a_unit_that_broke_is_tried_again(configure, monkeypatch):
    setting = setting_of(configure())

    def breaking(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(units, "train", breaking)
    assert units.do_unit(setting, APART).fault == "broke: RuntimeError: out of luck"
    assert units.known_unit(setting, APART) is None
    monkeypatch.setattr(units, "train", train)
    assert working.work(setting, [APART]).records[APART].whole


def test_a_full_disk_ends_the_command_and_is_no_fault_of_the_unit(configure, monkeypatch):
    setting = setting_of(configure())

    def refusing(*_):
        raise SystemRefused("the disk is full")

    monkeypatch.setattr(units, "train", refusing)
    with pytest.raises(SystemRefused):
        units.do_unit(setting, APART)
    assert not setting.folder(APART).record.exists()


def test_a_unit_that_another_process_is_at_is_left_to_it(configure):
    setting = setting_of(configure())
    with setting.folder(APART).owned():
        done = working.work(setting, [APART])
    assert done.elsewhere == (APART,)
    assert done.records == {}


@pytest.mark.rehearsal
def test_reading_anew_gives_the_same_file(configure):
    config = configure()
    compare(config)
    before = config.places.records.record.read_bytes()
    compare(dataclasses.replace(config, read=True))
    assert config.places.records.record.read_bytes() == before
