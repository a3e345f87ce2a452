"""Arrays on disk that are written row by row, and kept with their hash."""

import errno
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from premotor.errors import DataError, NoSpace
from premotor.folders import CacheFolder
from premotor.records import read_json, write_json
from premotor.store.layout import FileInfo
from premotor.store.stamps import Stamps, file_info
from premotor.temporary import flush, temporary


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tell what a disk refuses in one line.

    Args:
        folder: What is written lies there.

    Raises:
        NoSpace: The disk is full.
        DataError: It cannot be written for another reason.
    """
    remedy = "name another folder with --cache-dir"
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"no space left for the cache in {folder}; free some, or {remedy}"
            ) from error
        raise DataError(f"no cache can be written in {folder}: {error}; {remedy}") from error


class Growing:
    """An array on disk that gets its rows one after the other."""

    def __init__(self, path: Path, dtype: type[np.generic], row: tuple[int, ...]) -> None:
        self._dtype, self._row, self._bytes = np.dtype(dtype), row, 0
        self._file = path.open("wb")
        self._head()

    def _head(self) -> None:
        """Write how long it is; numpy leaves room in it for a number that grows."""
        length = self._bytes // (self._dtype.itemsize * math.prod(self._row))
        shape = (length, *self._row)
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def add(self, rows: np.ndarray) -> None:
        """More rows, of its type and shape."""
        self._bytes += self._file.write(np.ascontiguousarray(rows).data)

    def __enter__(self) -> "Growing":
        return self

    def __exit__(self, *_error: object) -> None:
        with self._file:
            self._file.seek(0)
            self._head()


def kept_array(cache: CacheFolder, name: str, make: Callable[[Path], None]) -> np.ndarray:
    """An array that is kept beside those of a cache, mapped from disk; made where it is missing.

    Args:
        cache: Where it is kept.
        name: Its name, without a suffix.
        make: Writes it into a file.

    Raises:
        DataError: It is there and is not what was written, or it cannot be written.
        NoSpace: The disk is full.
    """
    path, record = cache.array(name), cache.array_record(name)
    if not (path.is_file() and record.is_file()):
        place = temporary(path)
        try:
            with writing(cache.path):
                make(place)
                flush(place)
                info = file_info(place.parent, place.name)
                write_json(record, FileInfo(path.name, info.num_bytes, info.sha256))
                place.replace(path)
        finally:
            place.unlink(missing_ok=True)
    stamps = Stamps(cache.stamps)
    for file in stamps.altered(cache.path, [read_json(record, FileInfo)]):
        raise DataError(
            f"{cache.path / file.path} is not what was written; delete it and run again"
        )
    stamps.save()
    return np.load(path, mmap_mode="r")
