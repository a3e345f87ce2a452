"""Success rates: many roll-outs over processes, each an idempotent unit."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch

from premotor import __version__
from premotor.checkpoint import load_mirror
from premotor.demonstrate.collect import SPLIT_BASE
from premotor.errors import PlacementFailed
from premotor.evaluate.actor import Actor
from premotor.evaluate.rollout import MAX_STEPS, RolloutResult, roll_out
from premotor.measure.intervals import wilson
from premotor.records import EvalRecord, Interval, read_lines
from premotor.simulate.environment import Environment, find_task
from premotor.worklist import Done, run_units

SIMULATOR = "premotor-mujoco"  # stands beside every success rate: these are no RLBench numbers
_RETRIES = 10  # seeds tried where one has no admissible layout
_RETRY_STRIDE = 1_000_003


@dataclass(frozen=True)
class RolloutUnit:
    """One roll-out: which weights, which episode."""

    run: str
    step: int
    checkpoint: str  # "untrained" or "trained"
    preset: str
    task: str
    variation: int
    seed: int
    max_steps: int = MAX_STEPS

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What makes two roll-outs the same."""
        return self.checkpoint, self.task, self.variation, self.seed


def unseen_episodes(task: str, count: int, seed: int = 0) -> list[tuple[str, int, int]]:
    """Task, variation and seed of the first `count` test episodes; variations are cycled.

    The seeds are those that `premotor collect --split test` draws, which no training set has.
    """
    variations = len(find_task(task).variations)
    base = SPLIT_BASE["test"] + seed * 100_000
    return [(task, i % variations, base + i) for i in range(count)]


@lru_cache(maxsize=2)
def actor_of(run: str, step: int) -> Actor:
    """The policy of a checkpoint, loaded once per process."""
    torch.set_num_threads(1)
    return Actor(load_mirror(Path(run), step).execute)


@lru_cache(maxsize=1)
def shared_environment() -> Environment:
    """One simulator per process."""
    return Environment()


def roll_out_unit(unit: RolloutUnit) -> EvalRecord:
    """Do one unit in this process; what `run_units` calls in its workers."""
    result, seed = _first_admissible(unit)
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
        code_version=__version__,
    )


def _first_admissible(unit: RolloutUnit) -> tuple[RolloutResult, int]:
    """Roll out on the unit's seed, or on the next that has a layout at all."""
    actor, environment = actor_of(unit.run, unit.step), shared_environment()
    for k in range(_RETRIES):
        episode = (unit.task, unit.variation, unit.seed + k * _RETRY_STRIDE)
        try:
            return roll_out(environment, actor, episode, unit.max_steps), unit.seed
        except PlacementFailed:
            continue
    raise PlacementFailed(
        f"no admissible layout for {unit.task} variation {unit.variation} from seed {unit.seed} "
        f"in {_RETRIES} seeds; widen the placement region of the task"
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
    wanted = {unit.key for unit in units}
    for key, record in found.items():
        if key in wanted:
            on_done(record)
    todo = [unit for unit in units if unit.key not in found]
    path.parent.mkdir(parents=True, exist_ok=True)
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
