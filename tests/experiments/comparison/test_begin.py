import dataclasses
import shutil

import pytest

from premotor.errors import ConfigError, OutputExists, UnknownName
from premotor.experiments.comparison import begin as module
from premotor.experiments.comparison import data
from premotor.experiments.comparison.begin import begin
from premotor.experiments.comparison.compare import chosen_units
from premotor.experiments.comparison.records import BegunRecord, CodeState
from premotor.experiments.comparison.setting import Unit
from premotor.progress import no_progress
from premotor.records import read_json

CODE = CodeState(version="0.1.0+abc", source="0123456789abcdef", clean=True)


@pytest.fixture(autouse=True)
def code(monkeypatch):
    """The code that runs, as a test says."""

    def runs(state: CodeState) -> None:
        monkeypatch.setattr(module, "code_state", lambda: state)

    runs(CODE)
    return runs


def begun(config):
    return begin(config.places, 1, "premotor compare plan.yaml", no_progress)


def test_the_first_run_writes_down_plan_code_and_data_and_later_ones_find_them(configure):
    config = configure()
    first = begun(config)
    kept = read_json(first.records.beginning, BegunRecord)
    assert kept.code == CODE
    assert kept.plan == first.plan.digest
    assert kept.data.keys() == {"train", "val"}
    assert kept.command == "premotor compare plan.yaml"
    assert begun(config).begun == kept
    assert (first.records.path / ".gitignore").read_text() == ".lock\n"


def test_a_plan_that_was_changed_after_the_first_run_is_refused_and_the_difference_shown(configure):
    begun(configure())
    with pytest.raises(ConfigError, match="another plan:\n  seeds: 2 in the records, 3 now"):
        begun(configure(("seeds: 2", "seeds: 3")))


def test_another_code_is_refused(configure, code):
    begun(configure())
    code(dataclasses.replace(CODE, version="0.1.0+def"))  # a commit that changed other files
    begun(configure())
    code(dataclasses.replace(CODE, source="fedcba9876543210"))
    with pytest.raises(ConfigError, match=r"was begun with the code 0\.1\.0\+abc"):
        begun(configure())


def test_other_data_are_refused_with_both_fingerprints(configure, compared_data, tmp_path):
    begun(configure())
    other = tmp_path / "other"
    shutil.copytree(compared_data, other)
    shutil.rmtree(other / "val")
    shutil.copytree(compared_data / "test", other / "val")
    with pytest.raises(ConfigError, match=r"other data.*val was [0-9a-f]{64}, is [0-9a-f]{64}"):
        begun(configure(data=other))


def test_data_that_are_not_those_of_the_plan_are_refused_with_both_fingerprints(configure):
    named = "data: {train: 18, val: 9, test: 9, fingerprints: {train: aa, val: bb}}"
    config = configure(("data: {train: 18, val: 9, test: 9}", named))
    with pytest.raises(ConfigError, match=r"train is [0-9a-f]{64}, planned aa; val is"):
        begun(config)
    assert not config.places.records.beginning.exists()


def test_more_or_fewer_episodes_than_planned_are_refused(configure):
    with pytest.raises(ConfigError, match="push_buttons: 18, planned 12"):
        begun(configure(("train: 18", "train: 12")))


def test_a_plan_that_counts_is_told_the_fingerprints_to_name(configure, monkeypatch):
    monkeypatch.setattr(module, "check_committed", lambda *_: None)
    with pytest.raises(ConfigError, match=r"write into it and commit:\ndata:\n  fingerprints:\n"):
        begun(configure(("counted: false", "counted: true")))


def test_what_is_missing_of_the_data_is_collected_by_its_seed(configure, monkeypatch, tmp_path):
    asked = []

    def collect(config, _):
        asked.append((config.split, config.episodes, config.seed, config.tasks, config.out))
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "collect", collect)
    with pytest.raises(KeyboardInterrupt):
        begun(configure(data=tmp_path / "new"))
    assert asked == [("train", 18, 0, ("push_buttons",), tmp_path / "new")]


def test_a_folder_of_something_else_is_left_alone(configure, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match="is not the records of a comparison"):
        begun(configure(records=tmp_path / "mine"))


def test_units_are_chosen_by_arm_or_by_arm_and_seed(configure):
    plan = begun(configure()).plan
    assert chosen_units(plan, ()) == [
        Unit(arm, seed) for seed in (0, 1) for arm in ("apart", "aligned")
    ]
    assert chosen_units(plan, ("aligned", "apart/1")) == [
        Unit("aligned", 0),
        Unit("apart", 1),
        Unit("aligned", 1),
    ]
    with pytest.raises(UnknownName, match="did you mean 'aligned'"):
        chosen_units(plan, ("alined",))
    with pytest.raises(ConfigError, match="'apart/2' is no unit: apart has the seeds 0 to 1"):
        chosen_units(plan, ("apart/2",))
