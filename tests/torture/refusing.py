"""`python -m torture.refusing N FOLDER COMMAND ...`: premotor, whose N-th write below FOLDER fails.

What counts is what the system is asked for: a file opened for writing or flushed, a folder made, a
name changed. With N = 0 nothing fails; the number of writes is the last line on standard error.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from premotor.cli import main

Asked = tuple[str, str]  # the system's name of what is asked for, and the path
_FLUSH = "premotor.fsync"  # of ours: Python has no event of that
# Which argument of each event is the path that is written.
_NAMED = {"open": 0, "os.mkdir": 0, "os.rename": 1, _FLUSH: 0}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Writes:
    """Sees every write of this process below a folder, and refuses those it is told to.

    A hook of Python's cannot be taken back, so one is set for all, and looks at `of` each time.
    """

    of: "Writes | None" = None
    _set = False

    def __init__(self, folder: Path, refuse: Callable[[Asked], bool]) -> None:
        self.folder, self.refuse, self.seen = f"{folder}{os.sep}", refuse, list[Asked]()
        if not Writes._set:
            sys.addaudithook(Writes._look)
            os.fsync = _told(os.fsync)
            Writes._set = True

    def __enter__(self) -> "Writes":
        Writes.of = self
        return self

    def __exit__(self, *_error: object) -> None:
        Writes.of = None

    @staticmethod
    def _look(event: str, arguments: tuple) -> None:
        self = Writes.of
        if self is None or event not in _NAMED:
            return
        path = arguments[_NAMED[event]]
        if isinstance(path, int) or (event == "open" and not (arguments[2] or 0) & _WRITING):
            return
        asked = (event, os.path.abspath(os.fsdecode(path)))
        if not asked[1].startswith(self.folder):
            return
        self.seen.append(asked)
        if self.refuse(asked):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), asked[1])


def _told(real: Callable[[int], None]) -> Callable[[int], None]:
    def fsync(file: int) -> None:
        sys.audit(_FLUSH, os.readlink(f"/proc/self/fd/{file}"))
        real(file)

    return fsync


def _main() -> None:
    which, folder = int(sys.argv[1]), Path(sys.argv[2])
    sys.argv = ["premotor", *sys.argv[3:]]
    with Writes(folder, lambda _: len(writes.seen) == which) as writes:
        try:
            main.main()
        finally:
            if not which:
                print(len(writes.seen), file=sys.stderr)


if __name__ == "__main__":
    _main()
