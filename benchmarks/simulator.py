"""Observations per second, demonstrations per minute: one process, one thread."""

import resource
import time

from premotor.demonstrate.expert import record, run_expert
from premotor.simulate.environment import Environment
from premotor.simulate.tasks import TASKS

OBSERVATIONS = 200
EPISODES = 10  # per task


def main() -> None:
    """Print the figures of the simulator."""
    environment = Environment()
    environment.reset("push_buttons", 0, 0)
    environment.observe()
    started = time.perf_counter()
    for _ in range(OBSERVATIONS):
        environment.observe()
    passed = time.perf_counter() - started
    print(
        f"  four-camera RGB-D observation 128 x 128, no shadows: {OBSERVATIONS / passed:6.1f} /s "
        f"({1000 * passed / OBSERVATIONS:.1f} ms)"
    )
    for task in TASKS:
        acted = _seconds(environment, task, record)
        whole = _seconds(environment, task, run_expert)
        print(
            f"  {task:29s} {60 * EPISODES / whole:6.1f} demonstrations per minute and core, "
            f"{100 * (whole - acted) / whole:3.0f} % of it rendering"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:.0f} MiB")


def _seconds(environment: Environment, task: str, function) -> float:
    count = len(TASKS[task].variations)
    started = time.perf_counter()
    for seed in range(EPISODES):
        function(environment, task, seed % count, seed)
    return time.perf_counter() - started
