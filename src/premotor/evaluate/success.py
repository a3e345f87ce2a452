"""Success rates: many roll-outs over processes, each an idempotent unit."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch

from premotor.actor import Actor
from premotor.demonstrate.collect import CollectConfig, EpisodeUnit, work_list
from premotor.errors import PlacementFailed
from premotor.evaluate.rollout import RolloutResult, roll_out
from premotor.measure.intervals import wilson
from premotor.records import EvalRecord, Interval, code_version, read_lines, write_lines
from premotor.simulate import EPISODE_STEPS
from premotor.simulate.environment import Environment
from premotor.worklist import Done, run_units

Key = tuple[str, str, int, int]  # checkpoint, task, variation, seed

SIMULATOR = "premotor-mujoco"  # stands beside every success rate: these are no RLBench numbers


@dataclass(frozen=True)
class RolloutUnit:
    """One roll-out: which weights, which episode."""

    run: str
    step: int
    checkpoint: str  # "untrained" or "trained"
    preset: str
    task: str
    variation: int
    seeds: tuple[int, ...]  # the first that has an admissible layout is the episode
    max_steps: int = EPISODE_STEPS

    @property
    def keys(self) -> tuple[Key, ...]:
        """The records that would be this unit's."""
        return tuple((self.checkpoint, self.task, self.variation, s) for s in self.seeds)

    def made(self, record: EvalRecord) -> bool:
        """Whether a record is of these weights, allowed as many key poses."""
        return (record.step, record.max_steps) == (self.step, self.max_steps)


def unseen_episodes(tasks: Sequence[str], count: int, seed: int = 0) -> list[EpisodeUnit]:
    """The first `count` test episodes of each task.

    Their seeds are those that `premotor collect --split test` draws, which no training set has;
    here they do not depend on whether the expert succeeds.

    Raises:
        UnknownName: There is no such task.
    """
    config = CollectConfig(tasks=tuple(tasks), episodes=count, seed=seed, split="test")
    return sorted(work_list(config), key=lambda unit: tuple(tasks).index(unit.task))


@lru_cache(maxsize=2)
def actor_of(run: str, step: int) -> Actor:
    """The policy of a checkpoint, loaded once per process."""
    torch.set_num_threads(1)
    return Actor.load(Path(run), step)


@lru_cache(maxsize=1)
def shared_environment() -> Environment:
    """One simulator per process."""
    return Environment()


def roll_out_unit(unit: RolloutUnit) -> EvalRecord:
    """Do one unit in this process; what `run_units` calls in its workers."""
    result, seed = _roll_out(unit)
    return EvalRecord(
        checkpoint=unit.checkpoint,
        preset=unit.preset,
        task=unit.task,
        variation=unit.variation,
        seed=seed,
        instruction=result.instruction,
        success=result.success,
        strict=result.strict,
        steps=result.steps,
        reason=result.reason,
        seconds=result.seconds,
        simulator=SIMULATOR,
        code_version=code_version(),
        step=unit.step,
        max_steps=unit.max_steps,
    )


def _roll_out(unit: RolloutUnit) -> tuple[RolloutResult, int]:
    """Roll out on the first of the unit's seeds that has a layout at all."""
    actor, environment = actor_of(unit.run, unit.step), shared_environment()
    for seed in unit.seeds:
        try:
            episode = (unit.task, unit.variation, seed)
            return roll_out(environment, actor, episode, unit.max_steps), seed
        except PlacementFailed:
            continue
    raise PlacementFailed(
        f"no admissible layout for {unit.task} variation {unit.variation} on seeds {unit.seeds}; "
        "choose another --seed"
    )


def roll_out_all(
    units: Sequence[RolloutUnit],
    path: Path,
    workers: int,
    on_done: Callable[[EvalRecord], None],
) -> None:
    """Do all units that `path` does not hold yet, appending each as it ends.

    Args:
        units: What to roll out.
        path: JSON lines of `EvalRecord`.
        workers: Processes.
        on_done: Called in this process for each record, those found in `path` included.

    Raises:
        PremotorError: A unit failed for another reason than that its policy did.
    """
    found = {(r.checkpoint, r.task, r.variation, r.seed): r for r in read_lines(path, EvalRecord)}
    todo: list[RolloutUnit] = []
    for unit in units:
        known = [found[key] for key in unit.keys if key in found and unit.made(found[key])]
        if known:
            on_done(known[0])
        else:
            todo.append(unit)
    write_lines(path, found.values())  # without a last line that a crash cut off
    with path.open("a") as file:

        def append(done: Done[RolloutUnit, EvalRecord]) -> None:
            record = done.unwrap()
            file.write(json.dumps(asdict(record)) + "\n")
            file.flush()
            os.fsync(file.fileno())
            on_done(record)

        run_units(roll_out_unit, todo, workers, append)


@dataclass(frozen=True)
class SuccessRow:
    """Roll-outs of one checkpoint on one task, counted."""

    checkpoint: str
    task: str
    success: Interval
    strict: Interval
    reasons: dict[str, int]  # how the episodes ended, most frequent first


def success_table(records: Sequence[EvalRecord]) -> list[SuccessRow]:
    """Success rate per checkpoint and task, in order of appearance, with Wilson's interval."""
    rows: list[SuccessRow] = []
    for checkpoint, task in dict.fromkeys((r.checkpoint, r.task) for r in records):
        own = [r for r in records if (r.checkpoint, r.task) == (checkpoint, task)]
        rows.append(
            SuccessRow(
                checkpoint,
                task,
                wilson(sum(r.success for r in own), len(own)),
                wilson(sum(r.strict for r in own), len(own)),
                dict(Counter(r.reason for r in own).most_common()),
            )
        )
    return rows
