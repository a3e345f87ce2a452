"""How large a file may be, and what it unpacks to, asked before memory is.

A few bytes can promise any size: a header, an archive's table, zeros that compress a thousandfold.
"""

import os
import stat
import zipfile
from pathlib import Path

from premotor.errors import DataError

MIB, GIB = 2**20, 2**30
CONFIG = 4 * MIB  # [bytes] of a YAML file, with a vocabulary of all words
RECORDS = GIB  # [bytes] of a file of JSON
ARRAYS = 8 * GIB  # [bytes] of the arrays of one file
_RATIO = 20  # numbers that tell something compress less
_SMALL = 64 * MIB  # [bytes] that may compress as they like
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def memory() -> int:
    """What this machine, or the container we are in, has [bytes]."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = _CONTAINER.read_text().strip() if _CONTAINER.is_file() else ""
    return min(found, int(text)) if text.isdecimal() else found


def check_memory(num_bytes: int, what: str) -> None:
    """Refuse what this machine could not hold.

    Raises:
        DataError: It takes more memory than there is.
    """
    if num_bytes > (there := memory()):
        raise DataError(
            f"{what} takes {in_words(num_bytes)} of memory, this machine has {in_words(there)}; "
            "name something smaller, or a machine with more"
        )


def check_most(num_bytes: int, most: int, what: str) -> None:
    """Refuse what is larger than such things are.

    Raises:
        DataError: It is larger than `most`, or than memory.
    """
    if num_bytes > most:
        raise DataError(
            f"{what} has {in_words(num_bytes)}, expected at most {in_words(most)}; it is damaged "
            "or no such file"
        )
    check_memory(num_bytes, what)


def check_file(path: Path, most: int | None = None) -> int:
    """Size of a file that ends [bytes].

    Raises:
        DataError: It is no file (a folder, a device, a pipe), or larger than `most` or memory.
        OSError: It is missing or may not be looked at.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            f"{path} cannot be read: it is no file; name one, not a folder, a device or a pipe"
        )
    check_most(status.st_size, status.st_size if most is None else most, str(path))
    return status.st_size


def read_bytes(path: Path, most: int = RECORDS) -> bytes:
    """All of a file that is not larger than such files are.

    Raises:
        DataError: It is no file, or larger.
        OSError: It cannot be read.
    """
    check_file(path, most)
    return path.read_bytes()


def check_archive(archive: zipfile.ZipFile, path: Path, most: int = ARRAYS) -> None:
    """Refuse a zip archive that would unpack to more than its kind does, or than its size allows.

    Raises:
        DataError: It holds too much, or one name twice.
    """
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    packed = min(sum(entry.compress_size for entry in entries), path.stat().st_size)
    if unpacked > max(_SMALL, _RATIO * packed):
        raise DataError(
            f"{path} unpacks from {in_words(packed)} to {in_words(unpacked)}, as no file of real "
            "numbers does; save it anew, uncompressed"
        )
    check_most(unpacked, most, f"{path}, unpacked,")
    if len({entry.filename for entry in entries}) < len(entries):
        raise DataError(f"{path} holds a name twice; save it anew")


def in_words(num_bytes: int) -> str:
    """A number of bytes as one reads it."""
    for size, unit in ((GIB, "GiB"), (MIB, "MiB"), (2**10, "kiB")):
        if num_bytes >= size:
            return f"{num_bytes / size:,.1f} {unit}"
    return f"{num_bytes} bytes"
