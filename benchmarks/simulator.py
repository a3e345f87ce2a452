"""Observations per second, demonstrations per minute: one process, one thread."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import mean

from benchmarks.clock import Seconds, Stopwatch, peak_memory, per_call
from premotor.demonstrate.collect import CollectConfig, CollectUnit, collect_unit, work_list
from premotor.demonstrate.expert import record
from premotor.episode.identity import EpisodeId
from premotor.errors import DemonstrationFailed, PlacementFailed
from premotor.simulate.environment import Environment
from premotor.simulate.tasks import TASKS

OBSERVATIONS = 40  # per task
EPISODES = 10  # per task
SEEDS = 10  # tried for a layout to look at


@dataclass(frozen=True)
class _Pace:
    """How making a data set went."""

    made: int  # episodes, written and flushed
    runs: int  # of the expert for them, failed ones included
    acted: float  # [s] CPU time of the same runs, nothing rendered or written
    cpu: float  # [s] of all that `premotor collect` does for the episodes
    wall: float  # [s] of the same by the clock; longer where the machine is shared

    @property
    def rates(self) -> tuple[float, float, float]:
        """Demonstrations per minute by the clock and of CPU time; share not spent acting."""
        per_minute = 60 * self.made
        return per_minute / self.wall, per_minute / self.cpu, 1 - self.acted / self.cpu


def main(tasks: Sequence[str] = tuple(TASKS), episodes: int = EPISODES) -> None:
    """Print the figures of the simulator."""
    logging.disable(logging.WARNING)  # of failed runs, which are counted
    environment = Environment()
    _observations(environment, tasks)
    paces: list[_Pace] = []
    for task in tasks:
        pace = _pace(environment, task, episodes)
        paces.append(pace)
        made = f"{pace.made} of {episodes} made in {pace.runs} runs"
        print(f"  {task:29s} {_words(*pace.rates)}, {made}")
    total = _Pace(*(sum(values) for values in zip(*map(astuple, paces), strict=True)))
    print(f"  {f'all {len(tasks)}, time summed':29s} {_words(*total.rates)}")
    means = _words(*(mean(values) for values in zip(*(p.rates for p in paces), strict=True)))
    print(f"  {f'all {len(tasks)}, mean of the rates':29s} {means}")
    print(f"  peak memory {peak_memory()}")


def _observations(environment: Environment, tasks: Sequence[str]) -> None:
    """How long the four views of the first state take: the slowest task and the mean of all."""
    taken: dict[str, Seconds] = {}
    for task in tasks:
        _stage(environment, task)
        taken[task] = per_call(environment.observe, OBSERVATIONS)
    slowest = max(taken, key=lambda task: taken[task].wall)
    average = Seconds(*(mean(values) for values in zip(*taken.values(), strict=True)))
    print("  four-camera RGB-D observation 128 x 128, no shadows:")
    for name, seconds in ((f"mean of {len(tasks)} tasks", average), (slowest, taken[slowest])):
        print(
            f"    {name:27s} {1 / seconds.wall:6.1f} /s by the clock "
            f"({1000 * seconds.wall:.1f} ms, {1000 * seconds.cpu:.1f} ms CPU)"
        )


def _stage(environment: Environment, task: str) -> None:
    """The first layout that is admissible."""
    for seed in range(SEEDS):
        try:
            environment.reset(EpisodeId(task, 0, seed))
        except PlacementFailed:
            continue
        return
    raise PlacementFailed(f"no layout for {task}, variation 0, with seeds 0 to {SEEDS - 1}")


def _words(by_clock: float, by_cpu: float, not_acting: float) -> str:
    return (
        f"{by_clock:6.1f} demonstrations per minute and core, {by_cpu:6.1f} per CPU minute, "
        f"{100 * not_acting:3.0f} % of it rendering and writing"
    )


def _pace(environment: Environment, task: str, episodes: int) -> _Pace:
    with tempfile.TemporaryDirectory() as folder:
        config = CollectConfig(tasks=(task,), episodes=episodes, out=Path(folder))
        units = work_list(config)
        watch = Stopwatch()
        made = sum(_collect(unit) for unit in units)
        wall, cpu = watch.read()
    watch = Stopwatch()
    runs = sum(_act(environment, unit) for unit in units)
    return _Pace(made, runs, watch.read().cpu, cpu, wall)


def _collect(unit: CollectUnit) -> bool:
    try:
        collect_unit(unit)
    except DemonstrationFailed:
        return False  # its time counts
    return True


def _act(environment: Environment, unit: CollectUnit) -> int:
    """Act out what a unit needs; returns how many runs that took."""
    for run, episode in enumerate(unit.slot.candidates, start=1):
        try:
            record(environment, episode)
        except (DemonstrationFailed, PlacementFailed):
            continue
        return run
    return len(unit.slot.seeds)
