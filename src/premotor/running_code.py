"""Which code is running, for the records of what it makes."""

import subprocess
from functools import lru_cache
from pathlib import Path

from premotor import __version__


@lru_cache(maxsize=1)
def code_version() -> str:
    """Version of the package, and the commit it was run from where that is its own checkout."""
    root = Path(__file__).parents[2]
    if not _is_checkout(root):
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{found.stdout.strip()}"


def _is_checkout(root: Path) -> bool:
    """Whether a folder is the top of premotor's repository, and not of one it is installed in."""
    project = root / "pyproject.toml"
    own = root / "src" / "premotor" / "running_code.py" == Path(__file__)
    return own and (root / ".git").exists() and 'name = "premotor"' in _text(project)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
