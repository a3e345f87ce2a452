"""Units of work that may be done twice, in any order, by any process.

A unit names what it makes (task, variation, seed, place on disk) and writes it by renaming, so a
crash costs that unit alone and doing it again changes nothing. Who does it changes nothing either,
on machines alike: this process, processes on this machine, or Ray on one machine or many.
"""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for
from types import ModuleType
from typing import Any, Generic, Literal, TypeVar

from premotor.errors import ConfigError, PremotorError
from premotor.stopping import Stopped, StopSignal

Unit = TypeVar("Unit")
Result = TypeVar("Result")
Engine = Literal["processes", "ray"]
RAY_HERE = "local"  # the address that starts a Ray of our own on this machine
# Software GL (LP) with no thread of its own draws in the one that asks.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LP_NUM_THREADS": "0"}
_STOPPING = "what is under way is brought to its end; again to give it up"
MOST_WORKERS = 4096  # more can only be a slip
_RAY_STORE = 100 * 2**20  # [byte] shared memory for results, which are small
_RAY_LOOKS = 0.5  # [s] between two looks whether a stop was asked for
_RAY_ANSWERS = 10.0  # [s] in which a cluster takes a connection; Ray itself tries for ten minutes


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerCrashed(PremotorError):
    """A worker process, or its machine, was lost in the middle of a unit."""


class UnitBroken(PremotorError):
    """A unit whose result or error cannot be brought back to the process that asked."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who does the units.

    After SIGKILL, run `ray stop`: agents of a local Ray stay, and so does its folder `ray-*` in
    RAY_TMPDIR, TMPDIR or /tmp.
    """

    workers: int = 1
    """Units under way at a time, over all machines, in processes of one thread each; 1 of the
    engine "processes" works in this process."""
    engine: Engine = "processes"  # "ray" (extra premotor[ray]) changes no byte on machines alike
    ray_address: str = RAY_HERE
    """Ray on this machine (local; after a kill -9, `ray stop` ends what is left of it), or a
    cluster's address such as auto or head:6379. All machines of a cluster must see what is read
    and written in the same place (put it on shared storage) and need the same premotor, packages
    and GL; give --workers the cores of all of them."""

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise ConfigError(f"workers must be 1 to {MOST_WORKERS}, got {self.workers}")


@dataclass(frozen=True)
class Done(Generic[Unit, Result]):
    """A unit that came to its end: a result or an error."""

    unit: Unit
    result: Result | None
    error: Exception | None

    def unwrap(self) -> Result:
        """The result; where there is none, the unit's error is raised."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result


def run_units(
    function: Callable[[Unit], Result],
    units: Sequence[Unit],
    crew: Crew,
    on_done: Callable[[Done[Unit, Result]], None],
) -> None:
    """Run `function` over all units, calling `on_done` in this process as each one ends.

    On a first Ctrl-C, SIGTERM or SIGHUP no further unit is begun; those under way are brought to
    their end, and `on_done` gets them. On a second one they are given up.

    Args:
        function: Importable by name; gets a unit and returns something that can be pickled.
        units: What to do; a unit that raises is reported, the others go on.
        crew: Who does it.
        on_done: Gets units in the order in which they end, not in the order of `units`. What it
            raises stops the work.

    Raises:
        ConfigError: No Ray, where it was asked for.
        Stopped: It was asked to stop before all units were done.
    """
    left = len(units)

    def hand_on(done: Done[Unit, Result]) -> None:
        nonlocal left
        left -= 1
        on_done(done)

    with StopSignal(_STOPPING) as stop:
        if crew.engine == "ray":
            # Ray has its own answer to SIGTERM from its start on: ours is given again.
            with _ray(crew) as ray, StopSignal(_STOPPING) as within:
                within.received = stop.received
                _drain_ray(ray, function, units, crew.workers, hand_on, within)
        elif crew.workers == 1:
            for unit in units:
                if not stop.received:
                    hand_on(_attempt(function, unit))
        elif units:
            _run_pools(function, units, min(crew.workers, len(units)), hand_on, stop)
        if stop.received and left:
            raise Stopped


def _run_pools(
    function: Callable[[Unit], Result],
    units: Sequence[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
    stop: StopSignal,
) -> None:
    """Run units in spawned processes, whatever becomes of these."""
    for unit in _run_pool(function, units, workers, on_done, stop):
        # in a pool of its own: only the one that kills its process fails
        for culprit in _run_pool(function, [unit], 1, on_done, stop):
            if not stop.received:  # else its process was ended with this one: it is given back
                on_done(_crashed(culprit))


def _crashed(unit: Unit) -> Done[Unit, Any]:
    message = f"the worker process died on {unit}; too little memory, or a native crash"
    return Done(unit, None, WorkerCrashed(message))


def _attempt(function: Callable[[Unit], Result], unit: Unit) -> Done[Unit, Result]:
    try:
        return Done(unit, function(unit), None)
    except Exception as error:
        error.add_note(traceback.format_exc())  # the traceback does not travel between processes
        return Done(unit, None, error)


def _attempt_away(function: Callable[[Unit], Result], unit: Unit) -> Done[Unit, Result]:
    """As `_attempt`, in another process: what comes of it is sure to survive the way back."""
    done = _attempt(function, unit)
    try:
        pickle.loads(pickle.dumps(done))
    except Exception as error:
        what, text = "result", repr(done.result)
        if done.error is not None:
            what, text = "error", "\n".join(done.error.__notes__)
        message = f"{unit}: its {what} cannot be pickled ({error}); it was: {text}"
        return Done(unit, None, UnitBroken(message))
    return done


def _run_pool(
    function: Callable[[Unit], Result],
    units: Sequence[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
    stop: StopSignal,
) -> list[Unit]:
    """Run units in spawned processes; returns those that were under way when a process died."""
    queue = deque(units)
    suspects: list[Unit] = []
    while queue and not stop.received:
        others = set(multiprocessing.active_children())
        _start_tracker()
        pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_prepare_worker
        )
        try:
            suspects += _drain(pool, function, queue, workers, on_done, stop)
        except KeyboardInterrupt:  # the second one: what is under way is given up
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return suspects


def _drain(
    pool: ProcessPoolExecutor,
    function: Callable[[Unit], Result],
    queue: deque[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
    stop: StopSignal,
) -> list[Unit]:
    """Work until all is done, a stop is asked for or the pool breaks; returns what it broke on."""
    running: dict[Future[Done[Unit, Result]], Unit] = {}
    suspects: list[Unit] = []
    while ((queue and not stop.received) or running) and not suspects:
        try:
            while queue and len(running) < workers and not stop.received:
                future = pool.submit(_attempt_away, function, queue[0])
                running[future] = queue.popleft()
        except BrokenProcessPool:
            break
        suspects += _hand_over(running, on_done)
    return suspects + list(running.values())


def _hand_over(
    running: dict[Future[Done[Unit, Result]], Unit],
    on_done: Callable[[Done[Unit, Result]], None],
) -> list[Unit]:
    """Wait for the next units and hand them to `on_done`; returns those whose process died."""
    suspects: list[Unit] = []
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        unit = running.pop(future)
        try:
            done = future.result()
        except BrokenProcessPool:
            suspects.append(unit)
        else:
            on_done(done)
    return suspects


def _start_tracker() -> None:
    """Start Python's own process that removes semaphores, so that a lost terminal spares it."""
    before = signal.getsignal(signal.SIGHUP)
    if threading.current_thread() is not threading.main_thread() or before is None:
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever is started now inherits it
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, before)


@contextlib.contextmanager
def in_one_thread() -> Iterator[None]:
    """Meanwhile, what this process loads and starts takes one thread."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare_worker() -> None:
    os.environ.update(_ONE_THREAD)
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent decides; the unit under way ends
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A pool's worker holds both ends of its queue and would wait for ever for a killed parent.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _ray(crew: Crew) -> Iterator[ModuleType]:
    """Ray, connected; on leaving, whatever still runs is stopped and a Ray of our own ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it tells its makers of each use
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"engine 'ray' needs Ray ({error}); run `pip install 'premotor[ray]'`, or use "
            "engine 'processes'"
        ) from error
    with tempfile.TemporaryDirectory(  # short, for Ray's sockets: their paths end at 107 characters
        prefix="ray-", dir=os.environ.get("RAY_TMPDIR"), ignore_cleanup_errors=True
    ) as folder:
        _connect(ray, crew, folder)
        try:
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: ModuleType, crew: Crew, folder: str) -> None:
    """Start a Ray that keeps its files in a folder, or join the one at an address."""
    address = crew.ray_address
    here = {
        "num_cpus": crew.workers,
        "include_dashboard": False,
        "object_store_memory": _RAY_STORE,
        "_temp_dir": folder,
    }
    try:
        _knock(address)
        ray.init(
            address=address,
            runtime_env={"env_vars": _ONE_THREAD},  # set before numpy comes
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(here if address == RAY_HERE else {}),
        )
    except (OSError, RuntimeError, ValueError) as error:  # absent, another version, no address
        raise ConfigError(
            f"no Ray at {address!r} ({error}); start one of the same version with "
            "`ray start --head`, or leave the address away"
        ) from error


def _knock(address: str) -> None:
    """Raise an OSError where an address of the form host:port takes no connection."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), _RAY_ANSWERS).close()


def _drain_ray(
    ray: ModuleType,
    function: Callable[[Unit], Result],
    units: Sequence[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
    stop: StopSignal,
) -> None:
    """Work until all units have ended or a stop is asked for, some of them at a time."""
    lost = (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.ObjectLostError,  # the result, with the machine that held it
    )
    attempt = ray.remote(num_cpus=1, max_retries=0)(_attempt_away)
    queue = deque(units)
    running = {}
    while (queue and not stop.received) or running:
        while queue and len(running) < workers and not stop.received:
            unit = queue.popleft()
            running[attempt.remote(function, unit)] = unit
        # Short waits: a signal that comes inside Ray's own code is noted between two of them.
        for ended in ray.wait(list(running), num_returns=1, timeout=_RAY_LOOKS)[0]:
            unit = running.pop(ended)
            try:
                done = ray.get(ended)
            except lost:
                done = _crashed(unit)
            except ray.exceptions.RayError as error:
                done = Done(unit, None, UnitBroken(f"{unit}: Ray could not run it: {error}"))
            on_done(done)
