"""The survey of the experts: which episodes, what is counted, what a resumption redoes."""

from dataclasses import replace
from itertools import pairwise

import pytest

from premotor.demonstrate import survey as module
from premotor.demonstrate.expert import Recording
from premotor.demonstrate.seeds import RETRY_STRIDE, SPLITS
from premotor.demonstrate.survey import (
    MAX_EPISODES,
    SEEDS,
    SEEDS_PER_VARIATION,
    SurveyConfig,
    SurveyRecord,
    survey,
)
from premotor.demonstrate.tally import (
    remarks,
    tally,
    with_all,
)
from premotor.episode.identity import EpisodeId
from premotor.errors import ConfigError, DemonstrationFailed, OutputExists, UnknownName
from premotor.folders import Claim
from premotor.measure.intervals import wilson
from premotor.progress import no_progress
from premotor.records import read_lines
from premotor.simulate.environment import MAX_ATTEMPTS, Environment

TASK = "open_drawer"  # three variations
RESUME, OVERWRITE = Claim(resume=True), Claim(overwrite=True)


def _config(out, **changes) -> SurveyConfig:
    return SurveyConfig(**{"tasks": (TASK,), "seeds": 4, "out": out} | changes)


def _found(config: SurveyConfig, progress=no_progress) -> list[SurveyRecord]:
    return list(survey(config, progress).records.values())


def _record(variation: int = 0, seed: int = 0, **changes) -> SurveyRecord:
    known = {"task": TASK, "kind": "expert", "code_version": "1"}
    return SurveyRecord(variation=variation, seed=seed, **known | changes)


@pytest.fixture
def acted(monkeypatch):
    """Episodes acted by a stand-in: variation 1 never succeeds, variation 2 on its second try."""
    units = []

    def act(unit):
        units.append(unit)
        tries = sum(u.episode.variation == unit.episode.variation for u in units)
        success = unit.episode.variation == 0 or (unit.episode.variation == 2 and tries == 2)
        record = _record(unit.episode.variation, unit.episode.seed, kind=unit.kind, success=success)
        return replace(record, reason="success" if success else "waypoint 1: no_path")

    monkeypatch.setattr(module, "_act_as_expert", act)
    monkeypatch.setattr(module, "code_version", lambda: "1")
    return units


def test_a_variation_is_tried_until_it_succeeds_on_three_seeds_at_most(tmp_path, acted):
    row = tally(_found(_config(tmp_path)))[0]
    assert [u.episode.variation for u in acted if u.kind == "expert"] == [0, 1, 2, 0]
    assert [u.episode.variation for u in acted if u.kind == "further"] == [1, 2, 1]
    assert len({u.episode.seed for u in acted}) == len(acted)
    assert sum(u.episode.variation == 1 for u in acted) == SEEDS_PER_VARIATION
    assert row.uncovered == (1,)
    assert (row.expert.value, row.expert.count) == (0.5, 4)  # further seeds count for no rate
    assert row.failures == {"waypoint 1: no_path": 4}


def test_resuming_does_only_what_is_missing_or_damaged(tmp_path, acted):
    first = survey(_config(tmp_path))
    with pytest.raises(OutputExists, match="--resume"):
        survey(_config(tmp_path))
    config = _config(tmp_path, claim=RESUME)
    assert survey(config) == first
    assert len(acted) == 7
    lines = config.folder.records.read_text().splitlines(keepends=True)
    config.folder.records.write_text("".join(["{\n", *lines[1:3], *lines[4:]]))
    progress = []
    assert list(survey(config, lambda *told: progress.append(told)).records) == list(first.records)
    assert len(acted) == 9
    assert progress[:3] == [("experts", done, 4, "") for done in (2, 3, 4)]
    assert progress[-1] == ("experts", 7, 7, "")


def test_overwriting_begins_anew(tmp_path, acted, monkeypatch):
    config = _config(tmp_path, seeds=1, claim=OVERWRITE)
    survey(_config(tmp_path))
    config.folder.table.write_text("of before")
    monkeypatch.setattr(module, "code_version", lambda: "2")  # other code is no hindrance
    count = len(acted)
    assert survey(config).records.keys() == set(acted[count:])
    assert len(list(read_lines(config.folder.records, SurveyRecord))) == len(acted) - count
    assert not config.folder.table.exists()


def test_a_survey_gives_its_records_task_by_task_and_seed_by_seed(tmp_path, acted):
    tasks = (TASK, "turn_tap")
    units = list(survey(_config(tmp_path, tasks=tasks)).records)
    assert [unit.episode.task for unit in units] == sorted(unit.episode.task for unit in units)
    for task in tasks:
        seeds = [unit.episode.seed for unit in units if unit.episode.task == task]
        assert seeds == sorted(seeds)
        assert len(seeds) > 4


def test_records_of_another_code_are_not_mixed_in(tmp_path, acted, monkeypatch):
    survey(_config(tmp_path))
    monkeypatch.setattr(module, "code_version", lambda: "2-dirty")
    leftover = tmp_path / ".experts.md.77.tmp"
    leftover.touch()
    with pytest.raises(ConfigError, match=r"premotor 1, this is 2-dirty; .*another --out"):
        survey(_config(tmp_path, claim=RESUME))
    assert len(acted) == 7
    assert leftover.exists()  # refused before anything is done


def test_what_a_killed_survey_leaves_is_swept_up_and_nothing_else(tmp_path, acted):
    found = survey(_config(tmp_path))
    leftovers = [tmp_path / ".experts.jsonl.77.tmp", tmp_path / ".experts.md.77.tmp"]
    others = [tmp_path / "notes.77.tmp", tmp_path / "experts.md"]
    for file in leftovers + others:
        file.write_text("")
    assert survey(_config(tmp_path, claim=RESUME)) == found
    assert [file.exists() for file in leftovers + others] == [False, False, True, True]


@pytest.mark.parametrize("claim", [RESUME, OVERWRITE])
def test_a_folder_of_something_else_is_neither_resumed_nor_overwritten(tmp_path, acted, claim):
    survey(_config(tmp_path / "runs" / "experts"))
    former = tmp_path / "former" / TASK / "expert_00000_30000000.json"  # as version 0.1.0 had them
    thesis = tmp_path / "thesis.tex"
    former.parent.mkdir(parents=True)
    for path in (former, thesis):
        path.write_text("years of work")
    count = len(acted)
    for folder in (tmp_path / "runs", tmp_path, tmp_path / "former"):
        with pytest.raises(OutputExists, match=r"not a survey \(no experts.jsonl in it\)"):
            survey(_config(folder, claim=claim))
    assert len(acted) == count
    assert former.exists()
    assert thesis.exists()


def test_an_episode_that_breaks_is_named_and_costs_no_other(tmp_path, acted, monkeypatch):
    stand_in = module._act_as_expert

    def act(unit):
        if unit.episode.variation == 2:
            raise ZeroDivisionError("a bug in the task")
        return stand_in(unit)

    monkeypatch.setattr(module, "_act_as_expert", act)
    found = survey(_config(tmp_path))
    assert len(found.broken) == SEEDS_PER_VARIATION
    broke = f"3 of {len(acted) + 3} episodes broke, mend that and run again with --resume: "
    broke += "open_drawer, variation 2, seed 30000002: ZeroDivisionError: a bug in the task"
    assert broke in str(found.missing("episodes"))
    assert {r.variation for r in found.records.values()} == {0, 1}


def test_no_data_set_draws_a_seed_of_the_survey():
    ends = {kind: first + MAX_EPISODES for kind, first in SEEDS.items()}
    assert max(SPLITS.values()) + 10_000_000 <= min(SEEDS.values())
    assert max(ends.values()) <= RETRY_STRIDE  # to which collecting adds less than a split's end
    firsts = sorted(SEEDS.values())
    assert all(b - a >= MAX_EPISODES for a, b in pairwise(firsts))


def test_counting_keeps_apart_what_was_asked_apart():
    records = [
        _record(
            0, 0, success=True, strict=True, key_poses=3, replayed=True, rejected=1, seconds=1.0
        ),
        _record(1, 1, success=True, key_poses=5, replay_reason="no_path", seconds=3.0),
        _record(2, 2, reason="waypoint 0: no_path", rejections=["no way; x", "no way; y"]),
        _record(0, 3, placed=False, rejected=40, reason="no admissible layout"),
        _record(0, 4, kind="random", key_poses=7, reason="no_path"),
        _record(2, 5, kind="further", success=True, key_poses=99),
    ]
    row = tally(records)[0]
    assert (row.expert.value, row.expert.count) == (0.5, 4)
    assert row.strict.value == 0.25
    assert (row.replay.value, row.replay.count) == (0.5, 2)
    assert (row.random.value, row.random.count, row.random_steps) == (0.0, 1, 7.0)
    assert (row.rejected, row.layouts) == (41, 44)
    assert row.keyframes == 4.0
    assert row.uncovered == ()
    assert row.objections == {"no way": 2}
    assert "replay failed: no_path (1)" in remarks([row])[0]


def test_one_row_counts_all_tasks_together():
    records = [_record(i % 3, i, success=True, key_poses=2) for i in range(1999)]
    records += [_record(0, 0, task="turn_tap", key_poses=4), _record(1, 1, task="turn_tap")]
    records += [_record(0, 2, task=task, kind="random") for task in (TASK, "turn_tap")]
    rows = with_all(tally(records), records)
    assert [row.task for row in rows] == [TASK, "turn_tap", "all"]
    everything = rows[-1]
    assert (everything.variations, everything.uncovered) == (5, (0, 1))
    assert everything.expert == wilson(1999, 2001)
    assert everything.random == wilson(0, 2)
    assert rows[1].keyframes is None
    assert len(with_all(rows[:1], records[:9])) == 1


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"tasks": ("open_drawers",)}, UnknownName, "did you mean 'open_drawer'"),
        ({"seeds": 0}, ConfigError, "seeds 1 to"),
        ({"random": -1}, ConfigError, "random 0 to"),
    ],
)
def test_nonsense_is_refused(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        _config(tmp_path, **changes)


@pytest.mark.sim
def test_an_episode_is_acted_replayed_and_written_down(tmp_path):
    config = _config(tmp_path, seeds=1, tasks=("slide_block_to_color_target",), random=1)
    found = _found(config)
    expert = found[0]
    assert expert.success
    assert expert.replayed
    assert expert.replay_reason == "success"
    assert expert.key_poses == 2
    assert expert.seconds > 0
    chance = found[-1]
    assert chance.kind == "random"
    assert 1 <= chance.key_poses <= 25
    assert not chance.success
    kept = list(read_lines(config.folder.records, SurveyRecord))
    assert len(kept) == len(found) == 1 + 1 + 3  # three variations had no seed yet
    assert sorted(kept, key=lambda r: r.seed) == found


@pytest.mark.sim
def test_a_failing_expert_is_a_result_with_its_reason(tmp_path, monkeypatch):
    def fail(env: Environment, episode: EpisodeId) -> Recording:
        env.reset(episode)
        raise DemonstrationFailed(f"{episode}: waypoint 2: no_path", "waypoint 2: no_path")

    monkeypatch.setattr(module, "record", fail)
    found = survey(_config(tmp_path, seeds=1))
    assert {r.reason for r in found.records.values()} == {"waypoint 2: no_path"}
    assert len(found.records) == 3 * SEEDS_PER_VARIATION
    assert not found.broken


@pytest.mark.sim
def test_each_rejected_layout_of_an_impossible_episode_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(Environment, "_stage", lambda *_: "no way to waypoint 1, at 'cabinet'")
    found = _found(_config(tmp_path, seeds=1))
    expected = [["no way to waypoint 1, at 'cabinet'"] * MAX_ATTEMPTS] * 3 * SEEDS_PER_VARIATION
    assert [r.rejections for r in found] == expected
    assert {r.rejected for r in found} == {MAX_ATTEMPTS}
    row = tally(found)[0]
    assert row.objections == {"no way to waypoint 1, at 'cabinet'": MAX_ATTEMPTS}
    assert (row.rejected, row.layouts) == (MAX_ATTEMPTS, MAX_ATTEMPTS)
