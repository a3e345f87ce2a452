import pytest

from premotor.cli.collect import command
from premotor.errors import OutputExists, UnknownName
from premotor.store.reader import DemoSet


@pytest.mark.sim
@pytest.mark.slow
def test_the_command_leaves_a_data_set_and_a_table(tmp_path, capsys):
    arguments = ["slide_block_to_color_target", "--episodes", "1", "--seed", "7"]
    arguments += ["--split", "val", "--workers", "1", "--out", str(tmp_path)]
    assert command(arguments) == 0
    out = capsys.readouterr().out
    assert "100.0 %" in out
    assert "1 episodes" in out
    assert DemoSet.open(tmp_path, "val").episodes[0].seed == 10_700_000
    with pytest.raises(OutputExists):
        command(arguments)
    assert command([*arguments, "--resume"]) == 0


def test_an_unknown_task_is_answered_with_the_nearest_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'open_drawer'") as caught:
        command(["open_drawers", "--out", str(tmp_path)])
    assert caught.value.exit_code == 2
    assert not (tmp_path / "train").exists()
