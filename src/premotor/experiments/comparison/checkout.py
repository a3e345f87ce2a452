"""Which code runs, and whether it is the one that a plan was committed with.

A comparison that counts runs from one fixed copy of the code: a checkout at the commit of the plan,
with nothing changed in it. Its records say so, and refuse what another code made.
"""

import hashlib
import subprocess
from pathlib import Path

import premotor
from premotor.errors import ConfigError
from premotor.experiments.comparison.records import CodeState
from premotor.running_code import code_version

_PACKAGE = Path(premotor.__file__).resolve().parent
_SHOWN = 5  # files that an error names
_NO_COPY = (
    "counted runs need one fixed copy of the code: `git worktree add --detach DIR COMMIT`, then "
    "PYTHONPATH=DIR/src premotor compare DIR/PLAN"
)


def code_state() -> CodeState:
    """The code of this process."""
    changed = _git(_PACKAGE, "status", "--porcelain", "--", str(_PACKAGE))
    known = _git(_PACKAGE, "ls-files", "--", str(_PACKAGE))
    return CodeState(
        version=code_version(), source=_hashed(_PACKAGE), clean=bool(known) and not changed
    )


def _hashed(package: Path) -> str:
    """Of the contents of all files and their places, whatever commit they belong to."""
    digest = hashlib.sha256()
    for path in sorted(p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def check_committed(plan: Path, beside: tuple[Path, ...]) -> None:
    """Refuse a plan that is not committed in the checkout that this code runs from, unchanged.

    Args:
        plan: The file of a comparison that counts.
        beside: Folders of what it writes, which may lie in the checkout.

    Raises:
        ConfigError: It says what lies where, and what to do.
    """
    plan = plan.resolve()
    top = _git(plan.parent, "rev-parse", "--show-toplevel")
    if not top:
        raise ConfigError(
            f"{plan} lies in no git repository, and a comparison that counts has its plan "
            f"committed before its first run; commit it. {_NO_COPY}"
        )
    root = Path(top).resolve()
    if not _PACKAGE.is_relative_to(root):
        raise ConfigError(
            f"the plan lies in the checkout {root}, and the code that runs in {_PACKAGE}; "
            f"{_NO_COPY}"
        )
    if not _git(root, "ls-files", "--", str(plan)):
        raise ConfigError(f"{plan} is not committed; `git add` and `git commit` it first")
    written = [p.resolve().relative_to(root) for p in beside if p.resolve().is_relative_to(root)]
    passed = [f":(exclude){path.as_posix()}" for path in written if path.parts]
    if changed := _git(root, "status", "--porcelain", "--", ".", *passed).splitlines():
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        names = ", ".join(line[3:] for line in changed[:_SHOWN])
        raise ConfigError(
            f"{root} differs from its commit ({names}{more}); commit or remove that, or take a "
            f"copy: {_NO_COPY}"
        )


def _git(folder: Path, *arguments: str) -> str:
    """What git says, "" where it refuses."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.rstrip("\n")
