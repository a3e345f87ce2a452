"""One unit of a comparison: trained in legs, judged between them, its records written as they come.

Killed anywhere, it goes on: what has a record is not done again. Training itself knows nothing of
that; it ends at an update that was named, with the weights that an uninterrupted one has there.
"""

import logging
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from premotor.campaign import Ledger
from premotor.claims import Claim
from premotor.errors import PremotorError, SystemRefused, TrainingDiverged
from premotor.experiments.comparison.judging import Judge
from premotor.experiments.comparison.records import BROKE, DIVERGED, LegRecord, UnitRecord
from premotor.experiments.comparison.setting import Setting, Unit
from premotor.records import EvalRecord, StepRecord, read_json, read_lines, write_json
from premotor.stopping import Stopped
from premotor.train.job import TrainJob, train
from premotor.train.run import package_versions

_log = logging.getLogger(__name__)


def known_unit(setting: Setting, unit: Unit) -> UnitRecord | None:
    """The record of a unit that needs nothing more: it is whole, or it diverged.

    Raises:
        DataError: The record is damaged.
    """
    path = setting.folder(unit).record
    found = read_json(path, UnitRecord) if path.is_file() else None
    return found if found and (found.whole or found.hopeless) else None


def do_unit(setting: Setting, unit: Unit) -> UnitRecord:
    """Do what is not done of a unit; its folder of records is owned by the caller.

    A unit that diverges or breaks has that on record: it counts as missing, and is named.

    Raises:
        Stopped: It was asked to stop; what is done is kept.
        SystemRefused: The disk is full or the like; no other unit would fare better.
    """
    fault = ""
    try:
        _train_and_judge(setting, unit)
        Judge(setting, unit).finish()
    except SystemRefused:
        raise
    except TrainingDiverged as error:
        fault = f"{DIVERGED}: {error}"
    except Exception as error:
        _log.exception("%s", unit)
        said = (
            str(error) if isinstance(error, PremotorError) else f"{type(error).__name__}: {error}"
        )
        fault = f"{BROKE}: {said}"
    record = _record(setting, unit, fault)
    write_json(setting.folder(unit).record, record)
    return record


def _train_and_judge(setting: Setting, unit: Unit) -> None:
    plan, folder = setting.plan, setting.folder(unit)
    steps = plan.steps_of(unit.arm)
    ledger = Ledger(folder.legs, LegRecord)
    known = [leg for leg in ledger.read() if leg.step in steps]
    with ledger.appending(known) as append:
        before = 0
        for step in steps:
            if step not in [leg.step for leg in known]:
                _train(setting, unit, step)
                append(_judged(setting, unit, Leg(before, step)))
            before = step


def _train(setting: Setting, unit: Unit, step: int) -> None:
    config = setting.plan.config(unit.arm, unit.seed)
    out = setting.run(unit).path
    job = TrainJob(config, setting.source, out, setting.begun.command, until=step)
    if not train(job, Claim(resume=True), setting.told(unit)):
        raise Stopped(f"{unit}: stopped; the same command goes on")


@dataclass(frozen=True)
class Leg:
    """The updates between two judged steps."""

    first: int
    end: int  # updates done when it is judged

    def of(self, records: Sequence[StepRecord]) -> list[StepRecord]:
        """Its steps."""
        return [record for record in records if self.first <= record.step < self.end]


def _judged(setting: Setting, unit: Unit, leg: Leg) -> LegRecord:
    started = time.perf_counter()
    held_out = Judge(setting, unit).look(leg.end)
    judge_seconds = time.perf_counter() - started
    steps = leg.of(list(read_lines(setting.run(unit).metrics, StepRecord)))
    return LegRecord(
        arm=unit.arm,
        seed=unit.seed,
        step=leg.end,
        train_seconds=math.fsum(record.step_seconds for record in steps),
        judge_seconds=judge_seconds,
        held_out=held_out,
        gradients=means(steps, lambda record: record.gradients),
        losses=means(steps, lambda record: record.losses),
    )


def means(
    records: Sequence[StepRecord], part: Callable[[StepRecord], dict[str, float]]
) -> dict[str, float]:
    """Mean of each number over the steps that have it."""
    found: dict[str, list[float]] = {}
    for record in records:
        for name, value in part(record).items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _record(setting: Setting, unit: Unit, fault: str) -> UnitRecord:
    begun, rollouts = setting.begun, setting.folder(unit).rollouts
    return UnitRecord(
        arm=unit.arm,
        seed=unit.seed,
        plan=begun.plan,
        code=begun.code,
        data=begun.data,
        versions=package_versions(),
        machine=f"{platform.node()}, {platform.machine()}, {platform.system()}",
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        rollout_seconds=math.fsum(r.seconds for r in Ledger(rollouts, EvalRecord).read()),
        fault=fault,
    )
