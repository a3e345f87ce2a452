"""Freed memory stays with a training process: the next update needs as much again (decisions D73).

glibc hands large blocks back to the system as they are freed, so that each update asks for the same
memory anew, page by page.
"""

import ctypes
import sys

# Numbers and values of mallopt(3).
_TRIM_THRESHOLD, _NEVER = -1, 2**31 - 1  # [bytes] free at the heap's end before it shrinks
_MMAP_MAX, _NO_BLOCK = -4, 0  # large blocks come from the heap, too
_ARENA_MAX, _ONE_HEAP = -8, 1  # for all threads: what one frees another takes


def keep_freed_memory() -> bool:
    """Ask the C library to keep what is freed; whether it can (glibc alone knows how)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_TRIM_THRESHOLD, _NEVER), (_MMAP_MAX, _NO_BLOCK), (_ARENA_MAX, _ONE_HEAP))
    return sum(mallopt(name, value) for name, value in wanted) == len(wanted)
