"""Made-up records of comparisons, as `premotor compare` leaves them, and data to train on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import make
from premotor.codec import from_yaml, to_yaml
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.experiments.comparison.records import (
    BegunRecord,
    CodeState,
    LegRecord,
    UnitRecord,
)
from premotor.experiments.comparison.setting import Unit, units_of
from premotor.folders import ComparisonFolder
from premotor.records import (
    HeldOutRecord,
    NamedClip,
    write_atomically,
    write_json,
    write_lines,
)

TASKS = ("open_drawer", "push_buttons", "turn_tap")
CODE = CodeState(version="0.1.0+abc", source="0123456789abcdef", clean=True)
DATA = {"train": "a", "val": "b", "test": "c"}
Rate = Callable[[str], float]  # of right answers, by arm


def made_plan(**changes: Any) -> ComparisonPlan:
    """A plan of apart and aligned on three tasks, with a few values otherwise."""
    text = "name: made up\ncounted: true\npreset: nano\ndata: {train: 4}\n"
    plan = from_yaml(ComparisonPlan, text, "made up")
    changes = {"tasks": TASKS, "judged_at": (0.0, 1.0), "episodes": 40, "films": 0} | changes
    return replace(plan, **changes)


def held_out(**changes: Any) -> HeldOutRecord:
    """What a checkpoint makes of held-out episodes."""
    record = HeldOutRecord(
        split="test",
        rows=30,
        clips=30,
        execute={"execute": 10.0, "coarse": 4.0},
        execute_by_task=dict.fromkeys(TASKS, 10.0),
        position=0.5,
        rotation=0.6,
        decisive=0.4,
        text_accuracy=0.5,
        text_accuracy_by_task=dict.fromkeys(TASKS, 0.5),
        text_within_task=0.6,
        text_log_p=-1.0,
        text_log_p_within_task=-0.5,
        temperature=1.0,
        fitted_on="val",
        neighbor={"u": 0.5, "e": 0.4, "e_without_words": 0.3},
        chance={},
    )
    return replace(record, **changes)


def write_records(
    folder: ComparisonFolder, plan: ComparisonPlan, rates: Mapping[str, float], noise: float = 0.02
) -> None:
    """Records of every unit of a plan, whole; `rates` is how often each arm is right.

    Runs of one arm scatter by `noise`; episodes are the same for all.
    """
    write_atomically(folder.plan, to_yaml(plan).encode())
    begun = BegunRecord(
        plan=plan.digest, code=CODE, data=DATA, created="2026-01-01T00:00:00+00:00", command="made"
    )
    write_json(folder.beginning, begun)
    for unit in units_of(plan):
        write_unit(folder, plan, unit, rates[unit.arm], noise)


def write_unit(
    folder: ComparisonFolder, plan: ComparisonPlan, unit: Unit, rate: float, noise: float
) -> None:
    """Records of one unit."""
    rng = np.random.default_rng([unit.seed, plan.compared.index(unit.arm)])
    own, known = folder.unit(unit.arm, unit.seed), rate + noise * rng.normal()
    episodes = [(task, seed) for task in TASKS for seed in range(plan.episodes)]
    right = rng.random((2, len(episodes))) < known
    step = plan.steps_of(unit.arm)[-1]
    write_lines(
        own.rollouts,
        [
            make.rollout(task=task, seed=seed, success=bool(won), step=step)
            for (task, seed), won in zip(episodes, right[0], strict=True)
        ],
    )
    write_lines(
        own.named,
        [
            NamedClip(
                task=task,
                variation=0,
                seed=seed,
                checkpoint="trained",
                class_set="text",
                truth="a",
                answer="a" if hit else "b",
                hit=float(hit),
            )
            for (task, seed), hit in zip(episodes, right[1], strict=True)
        ],
    )
    write_lines(own.legs, [made_leg(unit, s) for s in plan.steps_of(unit.arm)])
    write_json(own.record, made_unit(plan, unit))


def made_leg(unit: Unit, step: int, **changes: Any) -> LegRecord:
    """What was found at a judged step."""
    record = LegRecord(
        arm=unit.arm,
        seed=unit.seed,
        step=step,
        train_seconds=2.0,
        judge_seconds=1.0,
        held_out=held_out(),
        gradients={"policy/own": 2.0, "policy/align": 1.0, "policy/cosine": 0.5} if step else {},
        losses={"understand": 1.0} if step else {},
    )
    return replace(record, **changes)


def made_unit(plan: ComparisonPlan, unit: Unit, /, **changes: Any) -> UnitRecord:
    """A unit that is whole."""
    record = UnitRecord(
        arm=unit.arm,
        seed=unit.seed,
        plan=plan.digest,
        code=CODE,
        data=DATA,
        versions={"torch": "2"},
        machine="here",
        ended="2026-01-01T00:00:00+00:00",
    )
    return replace(record, **changes)


def records_of(path: Path, plan: ComparisonPlan, **rates: float) -> ComparisonFolder:
    """A folder of records, whole."""
    folder = ComparisonFolder(path)
    write_records(folder, plan, dict.fromkeys(plan.compared, 0.5) | rates)
    return folder
