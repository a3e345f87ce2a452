"""Files of numpy's arrays as strangers may have made them: sizes come first, then the numbers.

A header promises a shape; where the file does not hold it, nothing is allocated.
"""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from premotor.errors import DataError
from premotor.limits import ARRAYS, check_archive, check_file, check_most

Array = Shaped[np.ndarray, "..."]
_HEAD = 1 << 16  # [bytes] that hold any header that numpy reads
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_SUFFIX, _MAGIC = ".npy", b"\x93NUMPY"


def read_npy(path: Path, most: int = ARRAYS) -> Array:
    """The array of an .npy; nothing in it is run.

    Args:
        path: The file.
        most: Size that it may have [bytes].

    Raises:
        DataError: It is damaged, larger, or holds Python objects.
        OSError: It cannot be read.
    """
    size = check_file(path, most + _HEAD)
    with path.open("rb") as file:
        return _array(file, size, str(path))


def read_npz(path: Path, most: int = ARRAYS) -> dict[str, Array]:
    """The arrays of an .npz by name; nothing in it is run.

    Args:
        path: The file.
        most: Size that all arrays together may have [bytes].

    Raises:
        DataError: It is damaged, unpacks to more, or holds anything but plain arrays.
        OSError: It cannot be read.
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, path, most)
            return {
                entry.filename.removesuffix(_SUFFIX): _entry(archive, entry, path)
                for entry in archive.infolist()
            }
    except zipfile.BadZipFile as error:
        with path.open("rb") as file:
            single = file.read(len(_MAGIC)) == _MAGIC
        what = "is a single array, expected an .npz" if single else f"is no archive: {error}"
        raise DataError(f"{path} {what}") from error


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Array:
    what = f"{entry.filename!r} in {path}"
    if not entry.filename.endswith(_SUFFIX):
        raise DataError(f"{what} is no array")
    try:
        file = archive.open(entry)
    except (RuntimeError, zipfile.BadZipFile) as error:  # encrypted, or packed in another way
        raise DataError(f"{what}: {error}") from error
    with file:
        return _array(file, entry.file_size, what)


def _array(file: Any, size: int, what: str) -> Array:
    """An array out of an open file of so many bytes."""
    try:
        _check_header(file.read(_HEAD), size, what)
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # numpy, zlib and others each have their own of damaged files
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{what} is damaged: {reason}") from error


def _check_header(head: bytes, size: int, what: str) -> None:
    start = io.BytesIO(head)
    version = np.lib.format.read_magic(start)
    if version not in _READERS:
        raise DataError(f"{what} is of format {version}, expected (1, 0) or (2, 0)")
    shape, _, dtype = _READERS[version](start)
    if dtype.hasobject:
        raise DataError(f"{what} holds Python objects, which are not read")
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise DataError(f"{what} has the shape {shape}")
    promised, there = math.prod(shape) * dtype.itemsize, size - start.tell()
    if promised != there:
        raise DataError(
            f"{what} promises {dtype} {shape}, {promised:,} bytes, and holds {max(there, 0):,}"
        )
    check_most(promised, ARRAYS, what)
