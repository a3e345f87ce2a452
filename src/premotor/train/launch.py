"""As many single-threaded processes as cores, by torch's elastic launcher (what torchrun runs).

Each runs `premotor.train.worker` on the file of a job. What one refuses, or why it fails, it writes
beside that file, and the process that launched them raises it as its own.

Two processes with one thread each are 1.25 to 1.35 times as fast as one with two threads: small
operators do not scale over threads (decisions D45). Under torchrun nothing is launched: we join.
"""

import logging
import os
import re
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from premotor import errors
from premotor.errors import ConfigError, PremotorError, ProcessLost
from premotor.records import read_json, write_json
from premotor.stopping import PARENT, STOPPED, asking, die_with_parent
from premotor.train.allocator import keep_freed_memory
from premotor.worklist import available_cores

_GUARDED = ("ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND", "ACCELERATE_USE_FSDP")
_FROM_0, _FROM_1 = ("[0-9]{1,9}", "an integer >= 0"), ("0*[1-9][0-9]{0,8}", "an integer >= 1")
_NUMBERS = {
    "RANK": _FROM_0,
    "LOCAL_RANK": _FROM_0,
    "WORLD_SIZE": _FROM_1,
    "LOCAL_WORLD_SIZE": _FROM_1,
    "MASTER_PORT": _FROM_1,
    "OMP_NUM_THREADS": ("0*[1-9][0-9]{0,3}(,[0-9]{1,4})*", "a number of threads from 1 to 9999"),
}
_PEER_GONE = ("closed by peer", "reset by peer", "Broken pipe")  # gloo's words for it
_FOR_WORKERS = {
    "OMP_NUM_THREADS": "1",
    # torch warns at the first paired step that no parameter was unused: the acting ones have some.
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class _Failure:
    """An error of a training process, for the one that launched it."""

    kind: str  # class in premotor.errors
    message: str


def in_worker() -> bool:
    """Whether this process was started by torchrun or by `launch`.

    Raises:
        ConfigError: What the environment says of it cannot be.
    """
    check_environment()
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def check_environment() -> None:
    """Refuse numbers in the environment that torch would stumble over, or not take as meant.

    Raises:
        ConfigError: One of them is no number, or none that can be.
    """
    for name, (pattern, expected) in _NUMBERS.items():
        given = os.environ.get(name)
        if given is not None and not re.fullmatch(pattern, given):
            raise ConfigError(
                f"{name} is {given!r} in the environment, expected {expected}; unset it, or let "
                "torchrun set it"
            )
    rank, world = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is not None and world is not None and int(rank) >= int(world):
        raise ConfigError(
            f"RANK is {rank} of WORLD_SIZE {world} in the environment, expected 0 to "
            f"{int(world) - 1}; unset both, or let torchrun set them"
        )


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
    """One thread, no orphan, freed memory kept, and no setting that the stored config lacks.

    Raises:
        ConfigError: An environment variable of `accelerate config` would overrule the config, or
            one of torchrun cannot be.
    """
    if lying := [name for name in _GUARDED if name in os.environ]:
        raise ConfigError(
            f"unset {', '.join(lying)}: the run's config.yaml says how it is trained, and an "
            "environment variable would make it lie"
        )
    keep_freed_memory()
    if in_worker():
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"].split(",")[0]))
        die_with_parent()


def leave(code: int) -> NoReturn:
    """End a worker whose work is written down, without taking the native threads apart.

    Those of the collective sometimes abort the process when Python ends ("terminate called without
    an active exception"), which would make a finished run look like a lost one.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def launch(job: Path, num_processes: int) -> bool:
    """Run `python -m premotor.train.worker JOB` in `num_processes` processes that train together.

    Args:
        job: File of a `TrainJob` in a folder of its own, which the launcher writes into as well.
        num_processes: How many.

    Returns:
        Whether training finished; False: it was asked to stop.

    Raises:
        PremotorError: What a process refused or failed with, in its class and words.
        ProcessLost: A process was killed from outside, or crashed and has said why on stderr.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(job.parent / "logs")),
    )
    command = [sys.executable, "-m", "premotor.train.worker", str(job)]
    logging.disable(logging.ERROR)  # the launcher's own account of what our message says better
    try:
        with _handlers_kept(), _environment_kept():
            elastic_launch(config, command[0])(*command[1:])
    except ChildFailedError as error:
        return _asked_to_stop(list(error.failures.values()), _told(job))
    except SignalException:
        return False
    finally:
        logging.disable(logging.NOTSET)
    return True


@contextmanager
def _environment_kept() -> Iterator[None]:
    """What workers inherit is set for them alone, and only where nobody has set it."""
    heard = ",".join(number.name for number in (*asking(), signal.SIGQUIT))
    wanted = _FOR_WORKERS | {PARENT: str(os.getpid()), "TORCHELASTIC_SIGNALS_TO_HANDLE": heard}
    lacking = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(lacking)
    try:
        yield
    finally:
        for name in lacking:
            del os.environ[name]


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


def tell_failure(job: Path, error: PremotorError) -> None:
    """Write down why this process fails, for the one that launched it; or say it."""
    kind = next(c for c in type(error).__mro__ if getattr(errors, c.__name__, None) is c)
    path = job.with_name(f"failure_{os.environ['RANK']}.json")
    try:
        write_json(path, _Failure(kind.__name__, str(error)))
    except OSError:  # the disk may be full here too
        sys.stderr.write(f"error: {error}\n")


def _told(job: Path) -> dict[int, PremotorError]:
    """Why processes failed, by their rank, as far as they have told."""
    told: dict[int, PremotorError] = {}
    for path in sorted(job.parent.glob("failure_*.json")):
        failure = read_json(path, _Failure)
        told[int(path.stem.split("_")[1])] = getattr(errors, failure.kind)(failure.message)
    return told


def _asked_to_stop(failures: Sequence[ProcessFailure], told: dict[int, PremotorError]) -> bool:
    """False where the processes only stopped as they were asked to; else what went wrong first.

    What a process says of itself counts before that it was lost, and this before what the others
    saw of it: that a connection broke.

    Raises:
        PremotorError: What a process refused or failed with.
        ProcessLost: A process was killed from outside or crashed.
    """
    for error in told.values():
        if not isinstance(error, ProcessLost):
            raise error
    own = [f for f in failures if f.exitcode != -signal.SIGTERM]  # the launcher ends the others so
    for failure in own:
        if failure.exitcode < 0:
            raise ProcessLost(
                f"training process {failure.local_rank} ended by signal {-failure.exitcode} "
                "(9: killed, often for want of memory); go on with --resume"
            )
    silent = sorted((f for f in own if f.local_rank not in told), key=lambda f: f.timestamp)
    if not silent and told:
        raise next(iter(told.values()))
    first = (silent or failures)[0]
    if first.exitcode == STOPPED:
        return False
    lost = ProcessLost(
        f"training process {first.local_rank} ended with exit code {first.exitcode}; "
        "what it wrote to stderr says why"
    )
    lost.exit_code = max(1, first.exitcode)
    raise lost


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
