import shlex
from pathlib import Path

import pytest

from premotor.errors import ConfigError
from premotor.experiments.demo import DemoConfig, commands


def test_the_demo_is_made_of_commands_that_can_go_on():
    lines = commands(DemoConfig(out=Path("r"), data=Path("d")))
    assert [line[0] for line in lines] == [
        "doctor",
        "collect",
        "collect",
        "collect",
        "train",
        "evaluate",
        "report",
    ]
    assert all("--resume" in line for line in lines[1:-1])
    assert [line[line.index("--split") + 1] for line in lines[1:4]] == ["train", "val", "test"]


def test_overwriting_is_asked_of_every_command():
    lines = commands(DemoConfig(overwrite=True))
    assert all("--overwrite" in line and "--resume" not in line for line in lines[1:-1])


def test_a_demo_without_episodes_is_refused():
    with pytest.raises(ConfigError, match="unseen"):
        DemoConfig(unseen=0)


def test_the_readme_shows_the_commands_that_the_demo_runs():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    for line in commands(DemoConfig()):
        assert f"premotor {shlex.join(line)}\n" in readme
