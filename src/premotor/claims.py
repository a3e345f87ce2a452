"""Whether a folder that is there may be written into: the same question for all commands.

A folder that is there already is taken up or thrown away only when that was asked for, and only
where it is of the right kind.
"""

import fcntl
import os
import re
import secrets
import shutil
import socket
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from premotor.errors import ConfigError, OutputExists
from premotor.paths import not_linked

_PATIENCE = 10.0  # [s] that a process which is just ending gets to free its lock


def temporary(path: Path) -> Path:
    """A name beside `path` that no process on any machine has, `.NAME.HOST.PID.RANDOM.tmp`.

    What a crash leaves under such a name is what `OutputFolder.sweep` removes.
    """
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
    return path.with_name(f".{path.name}.{host}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What to do where the output is there already."""

    resume: bool = False  # keep what is there and do the rest
    overwrite: bool = False  # throw away what is there and start anew

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ConfigError("--resume keeps what --overwrite throws away; give one of them")


class Use:
    """That a folder is being read: a shared lock, freed with this object or with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def of(cls, lock: Path) -> "Use | None":
        """Begin to use the folder that a lock lies in; None where it is gone."""
        try:
            found = cls(os.open(lock, os.O_RDONLY))
        except FileNotFoundError:
            return None
        return found if found._holds(lock) else None

    def _holds(self, lock: Path) -> bool:
        """Take it; whether the folder is there still."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # waits for who is removing it
        try:
            return os.path.samestat(os.fstat(self._descriptor), lock.stat())
        except FileNotFoundError:
            return False


def in_use(lock: Path) -> bool:
    """Whether somebody uses the folder that a lock lies in."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False  # there is no lock, or none can be had here


def remove_unused(folder: Path, lock: Path) -> bool:
    """Remove a folder that nobody uses (`Use`); whether it was done.

    Raises:
        OSError: The disk does not allow it.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        trash = temporary(folder)
        folder.rename(trash)  # nobody finds half a folder
        shutil.rmtree(trash)
    return True


@dataclass(frozen=True)
class OutputFolder:
    """A folder that one command makes, and may take up again.

    Attributes:
        kind: What such a folder is, in words.
        marks: Patterns of files, one of which is there from early on.
        foreign: Folders in it in which other commands may be at work.
    """

    path: Path
    kind: ClassVar[str] = "an output"
    marks: ClassVar[tuple[str, ...]] = ()
    foreign: ClassVar[tuple[str, ...]] = ()

    @property
    def begun(self) -> bool:
        """Whether there is anything; what a crash left under temporary names does not count."""
        return self.path.exists() and (
            not self.path.is_dir() or any(p.name[0] != "." for p in self.path.iterdir())
        )

    def claim(self, claim: Claim) -> None:
        """Make the folder ready: anew, to be taken up, or emptied.

        Raises:
            OutputExists: It is of another kind, or there and neither resumed nor overwritten, or
                another process is at work in it.
        """
        if self.begun:
            self.check(claim)
            with self.owned():
                if claim.overwrite:
                    trash = temporary(self.path)
                    self.path.rename(trash)  # a crash in the middle leaves no half a folder
                    shutil.rmtree(trash)
                else:
                    self.sweep()
        self.path.mkdir(parents=True, exist_ok=True)

    def check(self, claim: Claim) -> None:
        """Refuse what `claim` would refuse, and touch nothing.

        Raises:
            OutputExists: As `claim`.
        """
        if not self.begun:
            return
        if not self.path.is_dir() or not any(
            next(self.path.glob(mark), None) for mark in self.marks
        ):
            lacking = f"no {' or '.join(self.marks)} in it"
            raise OutputExists(
                f"{self.path} is there and is not {self.kind} ({lacking}); choose another place"
            )
        if not claim.resume and not claim.overwrite:
            raise OutputExists(
                f"{self.path} is there; add --resume to go on with it, --overwrite to start anew, "
                "or choose another place"
            )

    def sweep(self) -> None:
        """Remove what a crash left under temporary names, but not what is others' work."""
        for leftover in list(self.path.rglob(".*.tmp")):
            if leftover.relative_to(self.path).parts[0] in self.foreign:
                continue
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder's lock, which the system frees however this process ends.

        Raises:
            OutputExists: Another process is at work in this folder, or its lock is a link.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a", opener=not_linked) as file:
            last = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > last:
                        raise OutputExists(
                            f"another process is at work in {self.path}; wait or stop it"
                        ) from None
                    time.sleep(0.1)
            yield
