from pathlib import Path

import pytest

from compared import TASKS, made_plan, records_of
from premotor.experiments.comparison.reading import ComparisonRecords
from premotor.experiments.comparison.records import BegunRecord
from premotor.experiments.comparison.setting import Setting, Unit, units_of
from premotor.experiments.comparison.summary import summarize
from premotor.experiments.comparison.working import is_futile, work
from premotor.records import read_json


def found_in(path: Path, plan, **rates: float):
    return summarize(ComparisonRecords.read(records_of(path, plan, **rates)))


def test_a_planted_effect_is_found_and_called_what_it_is(tmp_path: Path):
    plan = made_plan(seeds=10, arms=("apart", "aligned", "labels", "shuffled"))
    found = found_in(tmp_path, plan, aligned=0.75, labels=0.5, shuffled=0.5)
    assert found.verdict is not None
    assert found.verdict.stage == "complete"
    assert [o.kind for o in found.verdict.outcomes] == ["helped", "helped"]
    assert all(mirror.holds for mirror in found.mirror)
    contrast = found.contrast("aligned", "success")
    assert contrast is not None
    assert contrast.over_seeds.mean == pytest.approx(0.25, abs=0.05)


def test_what_labels_do_as_well_is_no_effect_of_the_mirror(tmp_path: Path):
    plan = made_plan(seeds=10, arms=("apart", "aligned", "labels", "shuffled"))
    found = found_in(tmp_path, plan, aligned=0.75, labels=0.75, shuffled=0.5)
    assert found.verdict is not None
    assert [o.kind for o in found.verdict.outcomes] == ["helped", "helped"]
    assert not any(mirror.holds for mirror in found.mirror)


def test_with_few_seeds_the_table_says_what_it_cannot_show(tmp_path: Path):
    found = found_in(tmp_path, made_plan(seeds=4), aligned=0.9)
    assert found.verdict is not None
    assert {o.kind for o in found.verdict.outcomes} == {"not decided"}
    assert any("4 seeds claims nothing" in line for line in found.cannot)
    assert any("sign-flip test cannot go below p = 0.12" in line for line in found.cannot)
    assert any("got features of 0 seeds" in line for line in found.cannot)


def test_every_task_has_its_difference_and_every_arm_its_level(tmp_path: Path):
    found = found_in(tmp_path, made_plan(seeds=3), aligned=0.9)
    contrast = found.contrast("aligned", "text_accuracy")
    assert contrast is not None
    assert {task.task for task in contrast.tasks} == set(TASKS)
    for arm in ("apart", "aligned"):
        for task in TASKS:
            level = found.on_task(arm, "success", task)
            assert level is not None
            assert len(level.values) == 3


def test_an_arm_is_judged_by_what_it_moves_alone(tmp_path: Path):
    plan = made_plan(seeds=3, arms=("apart", "aligned", "to_policy", "to_recognizer"))
    found = found_in(tmp_path, plan)
    assert found.level("to_policy", "success") is not None
    assert found.level("to_policy", "text_accuracy") is None
    assert found.level("to_recognizer", "success") is None
    assert found.level("to_recognizer", "text_accuracy") is not None


def test_arms_with_fewer_seeds_are_compared_on_these(tmp_path: Path):
    plan = made_plan(seeds=4, arms=("apart", "aligned", "labels"), seeds_of={"labels": 2})
    found = found_in(tmp_path, plan)
    contrast = found.contrast("labels", "success")
    assert contrast is not None
    assert contrast.over_seeds.seeds == (0, 1)
    assert contrast.missing == ()


def test_gradients_and_curves_are_means_and_values_of_the_legs(tmp_path: Path):
    found = found_in(tmp_path, made_plan(seeds=3))
    own = [g for g in found.gradients if g.arm == "aligned"]
    assert [(g.part, g.step, g.own, g.align, g.cosine, g.applied, g.seeds) for g in own] == [
        ("policy", 20, 2.0, 1.0, 0.5, None, 3)
    ]
    curve = next(c for c in found.curves if (c.arm, c.seed, c.measure) == ("apart", 1, "position"))
    assert curve.steps == (0, 20)
    assert curve.values == (0.5, 0.5)
    assert sum(unit.train_seconds for unit in found.cost) == pytest.approx(6 * 4.0)
    assert found.provenance.plan_digest == made_plan(seeds=3).digest


def test_the_same_records_give_the_same_numbers(tmp_path: Path):
    folder = records_of(tmp_path, made_plan(seeds=3), aligned=0.6)
    assert summarize(ComparisonRecords.read(folder)) == summarize(ComparisonRecords.read(folder))


def test_after_a_look_that_finds_nothing_no_later_seed_is_trained(tmp_path: Path):
    plan = made_plan(seeds=10, look=6, smallest_effect=0.2)
    folder = records_of(tmp_path, plan)
    for seed in range(6, 10):
        for arm in plan.compared:
            folder.unit(arm, seed).record.unlink()
    begun = read_json(folder.beginning, BegunRecord)
    setting = Setting(
        plan=plan, records=folder, work=tmp_path, data=tmp_path, cache=tmp_path, begun=begun
    )
    assert not is_futile(setting, Unit("aligned", 5))
    assert is_futile(setting, Unit("apart", 6))
    done = work(setting, units_of(plan))
    assert {unit.seed for unit in done.records} == set(range(6))
    found = summarize(ComparisonRecords.read(folder))
    assert found.verdict is not None
    assert found.verdict.stage == "stopped"
    assert {o.kind for o in found.verdict.outcomes} == {"no effect"}


def test_a_look_at_an_effect_ends_nothing(tmp_path: Path):
    plan = made_plan(seeds=10, look=6)
    folder = records_of(tmp_path, plan, aligned=0.9)
    begun = read_json(folder.beginning, BegunRecord)
    setting = Setting(
        plan=plan, records=folder, work=tmp_path, data=tmp_path, cache=tmp_path, begun=begun
    )
    assert not is_futile(setting, Unit("apart", 6))
