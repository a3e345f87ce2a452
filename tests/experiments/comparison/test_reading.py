import dataclasses
from pathlib import Path

import pytest

from compared import CODE, made_leg, made_plan, made_unit, records_of
from premotor.claims import Claim
from premotor.errors import ConfigError, DataError
from premotor.experiments.comparison.reading import ComparisonRecords
from premotor.experiments.comparison.setting import Unit
from premotor.experiments.comparison.summary import summarize
from premotor.folders import ComparisonFolder
from premotor.records import write_json, write_lines

PLAN = made_plan(seeds=3)
ODD = Unit("aligned", 1)


def test_what_is_on_record_is_read_unit_by_unit(tmp_path: Path):
    found = ComparisonRecords.read(records_of(tmp_path, PLAN))
    assert [str(u.unit) for u in found.units][:3] == [
        "apart, seed 0",
        "aligned, seed 0",
        "apart, seed 1",
    ]
    assert all(unit.whole and len(unit.rollouts) == 120 for unit in found.units)
    assert found.plan == PLAN


def test_a_folder_without_a_comparison_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no records of a comparison"):
        ComparisonRecords.read(ComparisonFolder(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": dataclasses.replace(CODE, source="fedcba9876543210")}, "another code"),
        ({"data": {"train": "a", "val": "b", "test": "z"}}, "another data"),
        ({"plan": "0"}, "another plan"),
    ],
)
def test_runs_of_two_codes_data_sets_or_plans_in_one_table_are_refused_and_named(
    tmp_path: Path, change, said: str
):
    folder = records_of(tmp_path, PLAN)
    write_json(folder.unit("aligned", 1).record, made_unit(PLAN, ODD, **change))
    with pytest.raises(ConfigError, match=f"1 of 6 units.*{said}.*aligned, seed 1"):
        ComparisonRecords.read(folder)


def test_another_commit_of_the_same_files_is_the_same_code(tmp_path: Path):
    folder = records_of(tmp_path, PLAN)
    later = dataclasses.replace(CODE, version="0.1.0+def")  # a commit that changed other files
    write_json(folder.unit("aligned", 1).record, made_unit(PLAN, ODD, code=later))
    assert len(ComparisonRecords.read(folder).units) == 6


def test_a_seed_that_was_not_planned_is_refused_and_named(tmp_path: Path):
    folder = records_of(tmp_path, PLAN)
    extra = Unit("aligned", 7)
    write_lines(folder.unit("aligned", 7).legs, [made_leg(extra, 0)])
    with pytest.raises(ConfigError, match="not of its plan: units/aligned/seed_7"):
        ComparisonRecords.read(folder)


def test_a_plan_that_was_changed_by_hand_in_the_records_is_refused(tmp_path: Path):
    folder = records_of(tmp_path, PLAN)
    text = folder.plan.read_text()
    folder.plan.write_text(text.replace("smallest_effect: 0.03", "smallest_effect: 0.01"))
    with pytest.raises(ConfigError, match="was changed after the comparison had begun"):
        ComparisonRecords.read(folder)


def test_a_unit_that_diverged_is_named_and_counted_and_in_no_mean(tmp_path: Path):
    folder = records_of(tmp_path, PLAN)
    gone = made_unit(PLAN, ODD, fault="diverged: step 3: loss term 'execute' not finite")
    write_json(folder.unit("aligned", 1).record, gone)
    found = summarize(ComparisonRecords.read(folder))
    assert [(u.arm, u.seed) for u in found.broken] == [("aligned", 1)]
    level = found.level("aligned", "success")
    assert level is not None
    assert level.seeds == (0, 2)
    contrast = found.contrast("aligned", "success")
    assert contrast is not None
    assert contrast.over_seeds.seeds == (0, 2)
    assert [(m.arm, m.seed, m.broken) for m in contrast.missing] == [("aligned", 1, True)]
    assert any("aligned with seed 1" in line and "diverged" in line for line in found.cannot)


def test_a_unit_that_is_not_there_yet_is_named(tmp_path: Path):
    folder = records_of(tmp_path, PLAN)
    folder.unit("aligned", 2).record.unlink()
    found = summarize(ComparisonRecords.read(folder))
    assert found.missing == ("aligned, seed 2",)
    assert found.verdict is not None
    assert found.verdict.stage == "under way"


def test_the_records_of_a_comparison_are_no_place_for_anything_else(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Exception, match="is not the records of a comparison"):
        ComparisonFolder(tmp_path).check(Claim(resume=True))
