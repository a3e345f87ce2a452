"""Further processes that do units of a comparison: `python -m premotor...comparison.beside JOB`.

JOB is a `BesideJob` as JSON. Each process takes the next unit that nobody is at, so that they need
no word with each other; each ends when the process that started it does.
"""

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType

from premotor.codec import from_json, restore, to_json
from premotor.errors import PremotorError
from premotor.experiments.comparison.begin import Places, begin
from premotor.experiments.comparison.setting import Unit
from premotor.experiments.comparison.working import work
from premotor.progress import no_progress
from premotor.stopping import PARENT, STOPPED, die_with_parent

_log = logging.getLogger(__name__)
_MODULE = "premotor.experiments.comparison.beside"


@dataclass(frozen=True, kw_only=True)
class BesideJob:
    """What a further process does."""

    places: Places
    units: tuple[Unit, ...]
    workers: int  # simulator processes of a unit
    look: bool  # whether seeds after a look that found nothing are left out


class Helpers:
    """While the context lasts, further processes do units; left well, it waits until they have."""

    def __init__(self, job: BesideJob, count: int) -> None:
        self._job, self._count = job, count
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Helpers":
        environment = os.environ | {PARENT: str(os.getpid())}
        command = [sys.executable, "-m", _MODULE, to_json(self._job)]
        self._running = [subprocess.Popen(command, env=environment) for _ in range(self._count)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            for process in self._running:
                process.terminate()
        for process in self._running:
            code = process.wait()
            if code and kind is None:
                _log.warning("a process beside this one ended with code %d", code)


def main() -> None:
    """Do units until none is left."""
    die_with_parent()
    os.environ.pop(PARENT, None)  # it is not the parent of what this process starts
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    job = restore(BesideJob, from_json(sys.argv[1].encode(), "the job"), "the job")
    try:
        setting = begin(job.places, job.workers, "", no_progress, check=False)
        work(setting, job.units, look=job.look)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except PremotorError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
