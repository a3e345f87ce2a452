"""Temporary names: locked while somebody writes there, removed once nobody does.

Whatever is written is written under a name of its own (`temporary`) and then renamed, so that a
crash leaves no half a file; what it does leave is removed by whoever writes there next. Whether its
writer is still alive tells a lock, which the system frees however a process ends.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_END = ".tmp"
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]


def temporary(path: Path) -> Path:
    """A name beside `path` that no process on any machine has, `.NAME.HOST.PROCESS.RANDOM.tmp`."""
    own = f"{_HOST}.{os.getpid()}.{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{own}{_END}")


@contextmanager
def held_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside `path`, and its name: to be filled, and renamed by the caller.

    It is removed where it was not renamed.
    """
    place = temporary(path)
    try:
        with _opened(place) as file:
            yield place, file
    finally:
        place.unlink(missing_ok=True)


def _opened(place: Path) -> BinaryIO:
    while True:
        file = place.open("xb")
        _lock(file.fileno())
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # somebody took it for a leftover before it was locked


@contextmanager
def held_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`: to be filled, and renamed by the caller.

    It is removed where it was not renamed.
    """
    place = temporary(path)
    place.mkdir(parents=True)
    descriptor = os.open(place, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield place
    finally:
        os.close(descriptor)
        shutil.rmtree(place, ignore_errors=True)


def _lock(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def flush(path: Path) -> None:
    """Bring a file, or what a folder's names are, to the disk.

    Raises:
        OSError: The disk does not take it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_beside(path: Path) -> None:
    """Remove what crashes left of earlier tries to write `path`; a process number tells it."""
    start, known = f".{path.name}.", re.compile(r"([\w-]+\.)*\d+(\.\w+)?")
    with os.scandir(path.parent) as entries:
        names = [e.name for e in entries if e.name.startswith(start) and e.name.endswith(_END)]
    for name in names:
        if known.fullmatch(name[len(start) : -len(_END)]):
            _remove(path.with_name(name))


def sweep(folder: Path, foreign: Sequence[str] = ()) -> None:
    """Remove what crashes left below a folder, except in those that are others' work.

    Args:
        folder: Nothing is done where there is none.
        foreign: Names of folders in it that are passed over.
    """
    for leftover in list(folder.rglob(f".*{_END}")):
        if leftover.relative_to(folder).parts[0] not in foreign:
            _remove(leftover)


def _remove(leftover: Path) -> None:
    if _abandoned(leftover):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                leftover.unlink()


def _abandoned(path: Path) -> bool:
    """Whether nobody is writing there; of a link, which nobody makes, that is so."""
    if path.is_symlink():
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
