import pytest

from premotor import campaign
from premotor.cli.collect import command
from premotor.errors import ConfigError, OutputExists, UnknownName
from premotor.simulate.tasks import TASKS
from premotor.store.reader import DemoSet
from premotor.worklist import Crew


@pytest.mark.sim
@pytest.mark.slow
def test_the_command_leaves_a_data_set_and_a_table(tmp_path, capsys):
    arguments = ["slide_block_to_color_target", "--episodes", "1", "--seed", "7"]
    arguments += ["--split", "val", "--workers", "1", "--out", str(tmp_path)]
    assert command(arguments) == 0
    out = capsys.readouterr().out
    assert "100\u00a0%" in out
    assert "1 episodes" in out
    assert DemoSet.open(tmp_path, "val").episodes[0].seed == 10_700_000
    with pytest.raises(OutputExists):
        command(arguments)
    assert command([*arguments, "--resume"]) == 0


def test_one_cannot_both_keep_and_throw_away(tmp_path):
    with pytest.raises(ConfigError, match="give one of them"):
        command(["open_drawer", "--resume", "--overwrite", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_is_answered_with_the_nearest_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'open_drawer'") as caught:
        command(["open_drawers", "--out", str(tmp_path)])
    assert caught.value.exit_code == 2
    assert not (tmp_path / "train").exists()


def test_all_tasks_and_ray_can_be_asked_for(tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def run_units(function, units, crew, on_done):
        assert [u.slot.task for u in units] == list(TASKS)
        assert all(u.folder.path.is_absolute() for u in units)
        assert crew == Crew(workers=3, engine="ray", ray_address="head:6379")
        raise Stop

    monkeypatch.setattr(campaign, "run_units", run_units)
    monkeypatch.chdir(tmp_path)
    arguments = ["all", "--episodes", "1", "--workers", "3", "--out", "data"]
    with pytest.raises(Stop):
        command([*arguments, "--engine", "ray", "--ray-address", "head:6379"])
