"""Time by the clock, which one waits, and of the CPU, which others on the machine do not change."""

import resource
import time
from collections.abc import Callable
from typing import NamedTuple


class Seconds(NamedTuple):
    """How long something took."""

    wall: float  # [s] by the clock
    cpu: float  # [s] of this process and of those it has waited for


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._start = _now()

    def read(self) -> Seconds:
        """Time since the start."""
        now = _now()
        return Seconds(now.wall - self._start.wall, now.cpu - self._start.cpu)


def per_call(function: Callable[[], object], repeats: int) -> Seconds:
    """Mean of some calls, after one that is not counted."""
    function()
    watch = Stopwatch()
    for _ in range(repeats):
        function()
    wall, cpu = watch.read()
    return Seconds(wall / repeats, cpu / repeats)


def best_of(function: Callable[[], object], repeats: int) -> Seconds:
    """Smallest time of some calls, by the clock and of the CPU each for itself."""
    taken = []
    for _ in range(repeats):
        watch = Stopwatch()
        function()
        taken.append(watch.read())
    return Seconds(min(t.wall for t in taken), min(t.cpu for t in taken))


def peak_memory(who: int = resource.RUSAGE_SELF) -> str:
    """The most memory that a process held, in words."""
    return f"{resource.getrusage(who).ru_maxrss / 1024:.0f} MiB"


def _now() -> Seconds:
    own, waited = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime
    return Seconds(time.perf_counter(), cpu)
