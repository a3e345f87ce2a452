import pytest
import torch
from PIL import Image

from premotor import presets
from premotor.checkpoint import save_policy
from premotor.cli import collect
from premotor.cli.look import command
from premotor.errors import ConfigError, DataError, OutputExists, UnknownName
from premotor.execute.policy import Policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("look") / "policy"
    save_policy(folder, Policy(presets.train_preset("nano").mirror.execute))
    return str(folder)


@pytest.mark.sim
def test_a_decision_in_the_simulator_is_drawn(policy, tmp_path, capsys):
    out = tmp_path / "look.png"
    arguments = [policy, "push_buttons", "--variation", "1", "--keyframe", "1", "--out", str(out)]
    assert command(arguments) == 0
    assert "push the maroon button, then push the green button: to (" in capsys.readouterr().out
    assert Image.open(out).size[0] > 1000
    with pytest.raises(OutputExists, match="--overwrite"):
        command(arguments)
    with pytest.raises(ConfigError, match="decisions 0 to 3"):
        command([policy, "push_buttons", "--variation", "1", "--keyframe", "4"])


def test_a_policy_that_is_not_there_and_a_task_that_is_not_known_are_said(policy, tmp_path):
    with pytest.raises(DataError, match="no policy in"):
        command([str(tmp_path), "push_buttons"])
    with pytest.raises(UnknownName, match="push_buttons"):
        command([policy, "push_button"])
    for both in ([], ["push_buttons", "--data", str(tmp_path)]):
        with pytest.raises(ConfigError, match="a task or --data"):
            command([policy, *both])


@pytest.mark.sim
@pytest.mark.slow
def test_a_decision_of_a_data_set_is_drawn(policy, tmp_path):
    data, out = tmp_path / "data", tmp_path / "look.png"
    line = ["open_drawer", "--episodes", "1", "--split", "test", "--out", str(data)]
    assert collect.command(line) == 0
    assert command([policy, "--data", str(data), "--keyframe", "1", "--out", str(out)]) == 0
    assert Image.open(out).size[0] > 1000
    with pytest.raises(ConfigError, match="episodes 0 to 0"):
        command([policy, "--data", str(data), "--episode", "1", "--out", str(tmp_path / "no.png")])
