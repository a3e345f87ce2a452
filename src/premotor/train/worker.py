"""One of the processes that train together: `python -m premotor.train.worker JOB`.

`premotor.train.launch` starts it; JOB is the file of a `TrainJob` whose run was prepared.
"""

import logging
import signal
import sys
from pathlib import Path

from premotor.stopping import die_with_parent


def main() -> None:
    """Train, and tell the launcher of an error that the user can mend."""
    die_with_parent()  # first of all: what follows takes seconds to load
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        _work(Path(sys.argv[1]))
    except KeyboardInterrupt:  # it came before training listens
        sys.exit(128 + signal.SIGINT)


def _work(path: Path) -> None:
    # torch takes seconds to load, in which Ctrl-C must not end in a traceback.
    from premotor.errors import PremotorError, SystemRefused
    from premotor.records import read_json
    from premotor.stopping import STOPPED
    from premotor.train import launch
    from premotor.train.job import TrainJob, join

    try:
        launch.prepare_worker()
        finished = join(read_json(path, TrainJob))
    except PremotorError as error:
        launch.tell_failure(path, error)
        sys.exit(error.exit_code)
    except OSError as error:
        launch.tell_failure(path, SystemRefused.of(error))
        sys.exit(SystemRefused.exit_code)
    launch.leave(0 if finished else STOPPED)


if __name__ == "__main__":
    main()
