"""Whether a folder that is there may be written into: the same question for all commands.

A folder that is there already is taken up or thrown away only when that was asked for, and only
where it is of the right kind.
"""

import errno
import fcntl
import os
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from premotor.errors import ConfigError, OutputExists, naming
from premotor.paths import not_linked
from premotor.temporary import held_file, held_folder, sweep, sweep_beside, temporary

_PATIENCE = 10.0  # [s] that a process which is just ending gets to free its lock


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

        What is overwritten goes once a new folder has its place: where that cannot be, the old one
        stays. The room it takes is free from then on.

        Raises:
            OutputExists: It is of another kind, or there and neither resumed nor overwritten, or
                another process is at work in it.
            SystemRefused: The system does not let it be made.
        """
        self.check(claim)
        with naming(self.path):
            if self.begun and claim.overwrite:
                with self.owned():
                    self._renew()
            elif self.path.exists():
                with self.owned():
                    self.sweep()
            self.path.mkdir(parents=True, exist_ok=True)
            sweep_beside(self.path.resolve())

    def _renew(self) -> None:
        """An empty folder in the place of this one."""
        place = self.path.resolve()  # where it is a link, this stays one
        with held_folder(place.with_name(f"{place.name}.old")) as old:
            place.rename(old)  # a crash in the middle leaves no half a folder
            try:
                place.mkdir()
            except OSError:
                old.rename(place)
                raise

    def check(self, claim: Claim) -> None:
        """Refuse what `claim` would refuse, and touch nothing.

        Raises:
            OutputExists: As `claim`.
            SystemRefused: No folder can be there.
        """
        _check_place(self.path)
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
        sweep(self.path, self.foreign)

    @contextmanager
    def owned(self, patience: float = _PATIENCE) -> Iterator[None]:
        """Hold the folder's lock, which the system frees however this process ends.

        Args:
            patience: How long to wait for another process [s].

        Raises:
            OutputExists: Another process is at work in this folder, or its lock is a link.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a", opener=not_linked) as file:
            last = time.monotonic() + patience
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


def _check_place(path: Path) -> None:
    """Refuse a place where no folder can be, and touch nothing.

    Raises:
        SystemRefused: Something else is in the way, or nothing may be written there.
    """
    with naming(path):
        if path.is_symlink() and not path.exists():
            raise _refusal(errno.EEXIST)
        above = path
        while not above.exists():
            above = above.parent
        if above != path and not above.is_dir():
            raise _refusal(errno.ENOTDIR)
        if above.is_dir() and not os.access(above, os.W_OK | os.X_OK):
            readonly = os.statvfs(above).f_flag & os.ST_RDONLY
            raise _refusal(errno.EROFS if readonly else errno.EACCES)


def _refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def claim_file(path: Path, overwrite: bool) -> None:
    """Refuse a file that could not be written in the end, before any work is done for it.

    Args:
        path: What is to be written, whole, in the place of what is there.
        overwrite: Whether something may be there.

    Raises:
        OutputExists: Something is there, be it a link to nothing.
        SystemRefused: No file can be written there.
    """
    if os.path.lexists(path) and not overwrite:
        raise OutputExists(f"{path} exists; replace it with --overwrite")
    _check_place(path.parent)
    with naming(path):
        if path.is_dir():
            raise _refusal(errno.EISDIR)
        if path.parent.exists() and not path.parent.is_dir():
            raise _refusal(errno.ENOTDIR)
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        with held_file(path):
            pass
