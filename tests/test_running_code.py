"""What is said of the code that is running."""

import subprocess
from pathlib import Path

import pytest

from premotor import __version__, running_code


def checkout(folder: Path, name: str, place: str) -> Path:
    """A repository with one commit, and the package somewhere in it."""
    package = folder / place / "premotor"
    package.mkdir(parents=True)
    for part in ("running_code.py", "__init__.py"):
        (package / part).touch()
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    return package / "running_code.py"


@pytest.mark.parametrize(
    ("name", "place", "own"),
    [
        ("premotor", "src", True),
        ("thesis", "src", False),
        ("thesis", ".venv/lib/python3.11/site-packages", False),
        ("premotor", ".venv/lib/python3.11/site-packages", False),
    ],
)
def test_the_commit_is_told_of_premotors_own_checkout_alone(
    name: str, place: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(running_code, "__file__", str(checkout(tmp_path, name, place)))
    version = running_code.code_version.__wrapped__()
    assert version.startswith(__version__)
    assert ("+" in version) is own
