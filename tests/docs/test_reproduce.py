"""What docs/reproduce.md shows of Python runs as it stands there."""

import re
from pathlib import Path

import pytest

from premotor.checkpoint import checkpoints

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reproduce.md").read_text()


def test_training_from_python_runs_as_shown(
    made_up_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "three").symlink_to(made_up_data)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block, names)
    assert names["finished"] is True
    assert checkpoints(Path("runs/nano"))[-1].step == 10
