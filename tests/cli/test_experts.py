import pytest

from premotor.cli.experts import command, survey_tables, written
from premotor.demonstrate import survey as module
from premotor.demonstrate.survey import SurveyRecord
from premotor.demonstrate.tally import tally
from premotor.errors import EpisodesMissing, OutputExists, UnknownName
from premotor.measure.intervals import wilson


@pytest.mark.sim
def test_the_command_leaves_a_table_and_can_be_resumed(tmp_path, capsys):
    arguments = ["slide_block_to_color_target", "--seeds", "2", "--random", "1", "--workers", "1"]
    arguments += ["--out", str(tmp_path)]
    assert command(arguments) == 0
    said = capsys.readouterr().out
    assert "4 of 4" in said
    table = (tmp_path / "experts.md").read_text()
    row = "| slide_block_to_color_target | 4 of 4 | 2 | 100\u00a0% (34 to 100\u00a0%) |"
    assert row in table
    assert "random actions per episode" in table
    with pytest.raises(OutputExists):
        command(arguments)
    assert command([*arguments, "--resume"]) == 0
    assert (tmp_path / "experts.md").read_text() == table


def record(**changes) -> SurveyRecord:
    known = {"task": "open_drawer", "variation": 0, "seed": 0, "kind": "expert"}
    return SurveyRecord(**known | {"code_version": "1"} | changes)


def test_the_tables_hold_what_was_counted_and_round_no_failure_away():
    records = [
        *(record(variation=i % 3, success=True, key_poses=4, replayed=True) for i in range(1999)),
        record(rejected=200, seconds=2001.0),
        record(kind="random", key_poses=7),
    ]
    experts, keyframes = survey_tables(tally(records))
    rate = wilson(1999, 2000)
    assert experts.rows == (("open_drawer", "3 of 3", 2000, rate, 0.0, 200 / 2200),)
    assert keyframes.rows == (("open_drawer", 4.0, 3.0, wilson(1999, 1999), wilson(0, 1), 1.0005),)
    text = written(tally(records), records)
    assert "| open_drawer | 3 of 3 | 2,000 | 99.9\u00a0% (99.7 to 99.9\u00a0%) |" in text
    assert "| open_drawer | 4 | 3 |" in text
    assert "- open_drawer: expert failed" in text


def test_what_nothing_was_tried_of_is_not_known():
    _, keyframes = survey_tables(tally([record()]))
    assert keyframes.rows[0][1:] == (None, 3.0, None, None, 0.0)


def test_a_broken_episode_fails_the_command_after_the_table_is_written(tmp_path, monkeypatch):
    def act(unit):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_act_as_expert", act)
    with pytest.raises(EpisodesMissing, match="9 of 9 episodes broke"):
        command(["open_drawer", "--seeds", "1", "--workers", "1", "--out", str(tmp_path)])
    assert (tmp_path / "experts.md").exists()


def test_an_unknown_task_is_answered_with_the_nearest_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'open_drawer'"):
        command(["open_drawers", "--out", str(tmp_path)])
