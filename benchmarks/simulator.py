"""Observations per second, demonstrations per minute: one process, one thread."""

import resource
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from statistics import mean

from premotor.demonstrate.expert import record, run_expert
from premotor.errors import DemonstrationFailed, PlacementFailed
from premotor.simulate.environment import Environment
from premotor.simulate.tasks import TASKS

OBSERVATIONS = 200
EPISODES = 10  # per task


@dataclass(frozen=True)
class _Pace:
    """How episodes went by."""

    done: int  # demonstrations that succeeded
    acted: float  # [s] CPU time of all episodes, nothing rendered
    whole: float  # [s] CPU time of all episodes with what a demonstration keeps
    wall: float  # [s] of the same by the clock; longer where the machine is shared

    @property
    def rates(self) -> tuple[float, float, float]:
        """Demonstrations per minute by the clock and of CPU time; share of rendering."""
        per_minute = 60 * self.done
        return per_minute / self.wall, per_minute / self.whole, 1 - self.acted / self.whole


def main() -> None:
    """Print the figures of the simulator."""
    environment = Environment()
    _observations(environment)
    paces: list[_Pace] = []
    for task in TASKS:
        paces.append(_pace(environment, task))
        print(f"  {task:29s} {_words(*paces[-1].rates)}, {paces[-1].done} of {EPISODES} succeeded")
    total = _Pace(*(sum(values) for values in zip(*map(astuple, paces), strict=True)))
    print(f"  {f'all {len(TASKS)}, time summed':29s} {_words(*total.rates)}")
    means = _words(*(mean(values) for values in zip(*(p.rates for p in paces), strict=True)))
    print(f"  {f'all {len(TASKS)}, mean of the rates':29s} {means}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:.0f} MiB")


def _observations(environment: Environment) -> None:
    environment.reset("push_buttons", 0, 0)
    environment.observe()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(OBSERVATIONS):
        environment.observe()
    passed, worked = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"  four-camera RGB-D observation 128 x 128, no shadows: {OBSERVATIONS / passed:6.1f} /s "
        f"({1000 * passed / OBSERVATIONS:.1f} ms, {1000 * worked / OBSERVATIONS:.1f} ms CPU)"
    )


def _words(by_clock: float, by_cpu: float, rendering: float) -> str:
    return (
        f"{by_clock:6.1f} demonstrations per minute and core, {by_cpu:6.1f} per CPU minute, "
        f"{100 * rendering:3.0f} % of it rendering"
    )


def _pace(environment: Environment, task: str) -> _Pace:
    _, acted, _ = _run(environment, task, record)
    done, whole, wall = _run(environment, task, run_expert)
    return _Pace(done, acted, whole, wall)


def _run(
    environment: Environment, task: str, function: Callable[..., object]
) -> tuple[int, float, float]:
    """Episodes that succeeded; CPU and clock seconds that all took."""
    count, done = len(TASKS[task].variations), 0
    cpu, wall = time.process_time(), time.perf_counter()
    for seed in range(EPISODES):
        try:
            function(environment, task, seed % count, seed)
            done += 1
        except (DemonstrationFailed, PlacementFailed):
            pass  # its time counts
    return done, time.process_time() - cpu, time.perf_counter() - wall
