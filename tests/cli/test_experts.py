import pytest

from premotor.cli.experts import command
from premotor.demonstrate import survey as module
from premotor.errors import EpisodesMissing, OutputExists, UnknownName


@pytest.mark.sim
def test_the_command_leaves_a_table_and_can_be_resumed(tmp_path, capsys):
    arguments = ["slide_block_to_color_target", "--seeds", "2", "--random", "1", "--workers", "1"]
    arguments += ["--out", str(tmp_path)]
    assert command(arguments) == 0
    said = capsys.readouterr().out
    assert "4 of 4" in said
    table = (tmp_path / "experts.md").read_text()
    assert "| slide_block_to_color_target | 4 of 4 | 2/2 = 100.0 % | 34.2 to 100.0 % |" in table
    assert "random actions per episode" in table
    with pytest.raises(OutputExists):
        command(arguments)
    assert command([*arguments, "--resume"]) == 0
    assert (tmp_path / "experts.md").read_text() == table


def test_a_broken_episode_fails_the_command_after_the_table_is_written(tmp_path, monkeypatch):
    def act(unit):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_act_as_expert", act)
    with pytest.raises(EpisodesMissing, match="9 episodes broke"):
        command(["open_drawer", "--seeds", "1", "--workers", "1", "--out", str(tmp_path)])
    assert (tmp_path / "experts.md").exists()


def test_an_unknown_task_is_answered_with_the_nearest_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'open_drawer'"):
        command(["open_drawers", "--out", str(tmp_path)])
