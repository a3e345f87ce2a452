"""Units of work that may be done twice, in any order, by any process.

A unit names what it makes (task, variation, seed, place on disk) and writes it by renaming, so a
crash costs that unit alone and doing it again changes nothing.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from typing import Generic, TypeVar

from premotor.errors import ConfigError, PremotorError

Unit = TypeVar("Unit")
Result = TypeVar("Result")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS")


class WorkerCrashed(PremotorError):
    """A worker process died in the middle of a unit."""


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
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
) -> None:
    """Run `function` over all units, calling `on_done` in this process as each one ends.

    Args:
        function: Importable by name; gets a unit and returns something that can be pickled.
        units: What to do; a unit that raises is reported, the others go on.
        workers: Spawned processes, one thread each; 1 works in this process.
        on_done: Gets units in the order in which they end, not in the order of `units`. What it
            raises stops the work.
    """
    if workers < 1:
        raise ConfigError(f"workers must be >= 1, got {workers}")
    if workers == 1:
        for unit in units:
            on_done(_attempt(function, unit))
        return
    suspects = _run_pool(function, units, min(workers, max(len(units), 1)), on_done)
    for unit in suspects:  # in a pool of their own: only the one that kills its process fails
        for culprit in _run_pool(function, [unit], 1, on_done):
            message = f"the worker process died on {culprit}; too little memory, or a native crash"
            on_done(Done(culprit, None, WorkerCrashed(message)))


def _attempt(function: Callable[[Unit], Result], unit: Unit) -> Done[Unit, Result]:
    try:
        return Done(unit, function(unit), None)
    except Exception as error:
        error.add_note(traceback.format_exc())  # the traceback does not travel between processes
        return Done(unit, None, error)


def _run_pool(
    function: Callable[[Unit], Result],
    units: Sequence[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
) -> list[Unit]:
    """Run units in spawned processes; returns those that were under way when a process died."""
    queue = deque(units)
    suspects: list[Unit] = []
    while queue:
        pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_prepare_worker
        )
        try:
            suspects += _drain(pool, function, queue, workers, on_done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return suspects


def _drain(
    pool: ProcessPoolExecutor,
    function: Callable[[Unit], Result],
    queue: deque[Unit],
    workers: int,
    on_done: Callable[[Done[Unit, Result]], None],
) -> list[Unit]:
    """Work until the queue is empty or the pool breaks; returns the units it broke on."""
    running: dict[Future[Done[Unit, Result]], Unit] = {}
    suspects: list[Unit] = []
    while (queue or running) and not suspects:
        try:
            while queue and len(running) < workers:
                future = pool.submit(_attempt, function, queue[0])
                running[future] = queue.popleft()
        except BrokenProcessPool:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            unit = running.pop(future)
            try:
                done = future.result()
            except BrokenProcessPool:
                suspects.append(unit)
            else:
                on_done(done)
    return suspects + list(running.values())


def _prepare_worker() -> None:
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; the unit under way ends
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A pool's worker holds both ends of its queue and would wait for ever for a killed parent.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
