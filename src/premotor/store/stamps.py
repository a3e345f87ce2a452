"""Whether files are still what their records say, without reading those that nobody touched.

Hashing a large set takes minutes, asking the disk about it milliseconds. So for each file whose
contents were looked at, it is kept how the disk told of it then; only what the disk tells
otherwise of now is hashed again.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from premotor.errors import DataError
from premotor.progress import Progress, no_progress
from premotor.records import read_json, write_json
from premotor.store.layout import FileInfo

_log = logging.getLogger(__name__)
Stamp = tuple[int, int, int, int]  # bytes, content changed [ns], file changed [ns], inode


@dataclass(frozen=True)
class StampRecord:
    """`stamps.json`; without it everything is hashed once more."""

    files: dict[str, Stamp] = field(default_factory=dict[str, Stamp])  # by `FileInfo.path`


def stamp_of(path: Path | str) -> Stamp:
    """How the disk tells of a file; its second time cannot be set back by who edits it.

    Raises:
        OSError: It is not there.
    """
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def file_info(folder: Path, name: str) -> FileInfo:
    """Describe a file that is there, by its name in the folder."""
    path = folder / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileInfo(name, os.fstat(file.fileno()).st_size, digest)


class Stamps:
    """The stamps of files that were found to be what their records say."""

    def __init__(self, path: Path) -> None:
        """Read them; a damaged file counts as none."""
        self._path, self._changed = path, False
        self._known = dict[str, Stamp]()
        with contextlib.suppress(DataError):
            self._known = read_json(path, StampRecord).files

    def add(self, folder: Path, files: Sequence[FileInfo]) -> None:
        """Take files for what their records say: they were just read or written."""
        self._known |= {file.path: stamp_of(folder / file.path) for file in files}
        self._changed = True

    def altered(
        self, folder: Path, files: Sequence[FileInfo], progress: Progress = no_progress
    ) -> Iterator[FileInfo]:
        """Those files whose contents are not what their records say, or that are not there.

        Args:
            folder: The records' paths begin there.
            files: The records.
            progress: Told of the files that are hashed.
        """
        touched = [f for f in files if not self._untouched(folder, f)]
        for count, file in enumerate(touched, 1):
            with contextlib.suppress(OSError):
                stamp = stamp_of(folder / file.path)
                if file_info(folder, file.path) == file:
                    self._known[file.path] = stamp
                    self._changed = True
                    progress("changed files", count, len(touched), "are hashed")
                    continue
            yield file

    def _untouched(self, folder: Path, file: FileInfo) -> bool:
        try:
            stamp = stamp_of(f"{folder}/{file.path}")
        except OSError:
            return False
        return stamp == self._known.get(file.path) and stamp[0] == file.num_bytes

    def save(self) -> None:
        """Keep them for the next time, where that is possible."""
        if not self._changed:
            return
        try:
            write_json(self._path, StampRecord(self._known))
        except OSError as error:
            _log.warning("%s cannot be written (%s): files are hashed again", self._path, error)
