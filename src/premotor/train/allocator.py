"""Freed memory stays with a training process: the next update needs as much again (decisions D73).

glibc hands large blocks back to the system as they are freed, so that each update asks for the same
memory anew, page by page.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of mallopt(3)
_LARGEST_BLOCK = 32 * 2**20  # [bytes] that glibc takes from its heap, at most
_NEVER = 2**31 - 1  # [bytes] free at the heap's end before they are handed back


def keep_freed_memory() -> bool:
    """Ask the C library to keep what is freed; whether it can (glibc alone knows how)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    own = mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK) == 1
    return mallopt(_TRIM_THRESHOLD, _NEVER) == 1 and own
