"""As many single-threaded processes as cores, by torch's elastic launcher (what torchrun runs).

Two processes with one thread each are 1.25 to 1.35 times as fast as one with two threads: small
operators do not scale over threads (decisions D45). Under torchrun nothing is launched: we join.
"""

import ctypes
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import NoReturn

import torch
from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from premotor.errors import ConfigError, PremotorError
from premotor.worklist import available_cores

INTERRUPTED = 130  # exit code of a command stopped by Ctrl-C
_GUARDED = ("ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND", "ACCELERATE_USE_FSDP")
_PEER_GONE = ("closed by peer", "reset by peer", "Broken pipe")  # gloo's words for it
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class ProcessLost(PremotorError):
    """A training process was killed from outside."""


def in_worker() -> bool:
    """Whether this process was started by torchrun or by `launch`."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def number_of_processes(wanted: int, device: str, batch_sizes: Sequence[int]) -> int:
    """How many data-parallel processes to start.

    Args:
        wanted: As configured; 0 is one per core (CPU) or per GPU, as far as the batches split.
        device: "cpu" or "cuda".
        batch_sizes: Global batch sizes, each of which must split evenly.

    Raises:
        ConfigError: A batch does not split over the wanted number.
    """
    limit = wanted or (torch.cuda.device_count() if device == "cuda" else available_cores())
    for count in range(max(1, limit), 0, -1):
        if all(size % count == 0 for size in batch_sizes):
            return count
        if wanted:
            raise ConfigError(
                f"batches of {list(batch_sizes)} rows do not split over {wanted} processes; "
                "choose multiples, or another --processes"
            )
    return 1


def prepare_worker() -> None:
    """One thread, no orphan, and no setting of the engine that the stored config does not show.

    Raises:
        ConfigError: An environment variable of `accelerate config` would overrule the config.
    """
    if lying := [name for name in _GUARDED if name in os.environ]:
        raise ConfigError(
            f"unset {', '.join(lying)}: the run's config.yaml says how it is trained, and an "
            "environment variable would make it lie"
        )
    if in_worker():
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def leave(code: int) -> NoReturn:
    """End a worker whose work is written down, without taking the native threads apart.

    Those of the collective sometimes abort the process when Python ends ("terminate called without
    an active exception"), which would make a finished run look like a lost one.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def launch(arguments: Sequence[str], num_processes: int) -> int:
    """Run `python -m premotor.cli.main ARGUMENTS` in `num_processes` processes that train together.

    Returns:
        Exit code: 0, 130 after Ctrl-C, else that of the first process that failed.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # torch warns at the first paired step that no parameter was unused: the acting ones have some.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with TemporaryDirectory(prefix="premotor-train-") as logs:
        return _launch(arguments, num_processes, Path(logs))


def _launch(arguments: Sequence[str], num_processes: int, logs: Path) -> int:
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs)),
    )
    command = [sys.executable, "-m", "premotor.cli.main", *arguments]
    logging.disable(logging.ERROR)  # the launcher's own account of what our message says better
    try:
        with _handlers_kept():
            elastic_launch(config, command[0])(*command[1:])
    except ChildFailedError as error:
        return _exit_code(error)
    except SignalException:
        return INTERRUPTED
    finally:
        logging.disable(logging.NOTSET)
    return 0


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Give Ctrl-C back its meaning: torch's launcher takes these signals and never returns them."""
    taken = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    kept = {number: signal.getsignal(number) for number in taken}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _exit_code(error: ChildFailedError) -> int:
    """That of the first process that failed of itself; it has said why, unless it was killed.

    Raises:
        ProcessLost: A process was killed from outside.
    """
    failures = sorted(error.failures.values(), key=lambda failure: failure.timestamp)
    killed = [f for f in failures if f.exitcode < 0 and f.exitcode != -signal.SIGTERM]
    if killed:
        raise ProcessLost(
            f"training process {killed[0].local_rank} ended by signal {-killed[0].exitcode} "
            "(9: killed, often for want of memory); go on with --resume"
        )
    return max(1, failures[0].exitcode)


@contextmanager
def peers_watched() -> Iterator[None]:
    """Say in one line that another process is gone; who killed it, the launcher says.

    Raises:
        ProcessLost: The connection to another process broke.
    """
    try:
        yield
    except RuntimeError as error:
        if not in_worker() or not any(sign in str(error) for sign in _PEER_GONE):
            raise
        raise ProcessLost("the connection to another training process broke") from error


class StopSignal:
    """Ctrl-C and SIGTERM ask for a stop at the next step instead of ending the process."""

    def __init__(self) -> None:
        self.received = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True

    def __enter__(self) -> "StopSignal":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
