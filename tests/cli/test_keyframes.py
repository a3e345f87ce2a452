"""`premotor keyframes`: a run on recorded episodes, at the smallest size."""

import shlex

import pytest

import make
from premotor.cli import main
from premotor.errors import DataError, UnknownName
from premotor.measure.keyframes import located
from premotor.records import KeyframeRecord, read_lines
from premotor.simulate.tasks import ALL_TASKS
from small_data import write_split


def premotor(line: str) -> int:
    return main.run(shlex.split(line))


@pytest.fixture
def run(tmp_path):
    """Untrained weights that call themselves steps 0 and 4."""
    make.checkpoints(tmp_path / "run", steps=(0, 4))
    return tmp_path / "run"


def test_shares_by_task_are_shown_and_every_keyframe_is_on_record(run, tmp_path, make_demo, capsys):
    demos = [make_demo(seed, task) for seed in range(2) for task in ("open_drawer", "touch_dot")]
    write_split(tmp_path / "data" / "val", demos)
    line = f"keyframes {run} --data {tmp_path / 'data'}"
    assert premotor(line) == 0
    said = capsys.readouterr()
    assert "after 4 updates" in said.err
    records = list(read_lines(run / "keyframes.jsonl", KeyframeRecord))
    assert [(r.task, r.step, r.keyframe_index) for r in records] == [
        (demo.episode.task, 4, k) for demo in demos for k in range(3)
    ]
    near = sum(map(located, records))
    table, decisive = said.out.split("Decisive keyframes")
    (total,) = [text for text in table.splitlines() if text.startswith("all of 2 tasks")]
    assert f" {100 * near / 12:.0f}" in total
    assert "12 in 4 episodes" in table
    assert "2 in 2 episodes" in decisive
    assert "touch dot" not in decisive
    assert premotor(f"{line} --tasks open_drawer --step 0") == 0  # measured anew
    records = list(read_lines(run / "keyframes.jsonl", KeyframeRecord))
    assert {(r.task, r.step) for r in records} == {("open_drawer", 0)}


def test_what_is_not_there_is_said(run, tmp_path, make_demo):
    write_split(tmp_path / "data" / "val", [make_demo(0, "open_drawer")])
    line = f"keyframes {run} --data {tmp_path / 'data'}"
    for options, error, message in (
        ("--split tset", DataError, "tset"),
        ("--step 3", DataError, "steps there: 0, 4"),
        ("--tasks open_drawers", UnknownName, "open_drawer"),
    ):
        with pytest.raises(error, match=message):
            premotor(f"{line} {options}")
    assert not (run / "keyframes.jsonl").exists()


@pytest.mark.sim
@pytest.mark.slow
def test_collected_episodes_have_their_decisive_keyframes(run, tmp_path):
    tasks, data = ("close_jar", "push_buttons", "place_cups"), tmp_path / "data"
    assert premotor(f"collect {' '.join(tasks)} --episodes 2 --split val --out {data}") == 0
    assert premotor(f"keyframes {run} --data {data}") == 0
    records = list(read_lines(run / "keyframes.jsonl", KeyframeRecord))
    for episode in {r.episode for r in records}:
        own = [r.decisive for r in records if r.episode == episode]
        task = ALL_TASKS[episode.task]
        assert own == list(task.decisive(task.variations[episode.variation]))
    assert {r.task for r in records if r.decisive} == {"close_jar", "push_buttons"}
