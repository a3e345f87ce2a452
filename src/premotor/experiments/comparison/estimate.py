"""What there is to do of a comparison, and about how long it takes: measured where it can be."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from premotor.claims import Claim
from premotor.experiments.comparison.begin import Places
from premotor.experiments.comparison.checkout import code_state
from premotor.experiments.comparison.compare import CompareConfig, chosen_units
from premotor.experiments.comparison.data import fingerprints_of, missing_splits
from premotor.experiments.comparison.judging import Judge
from premotor.experiments.comparison.plan import ComparisonPlan, read_plan
from premotor.experiments.comparison.reading import UnitRecords
from premotor.experiments.comparison.records import BegunRecord
from premotor.experiments.comparison.setting import Setting, Unit, units_of
from premotor.experiments.comparison.working import one_thread
from premotor.folders import ComparisonFolder
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import StepRecord, read_lines
from premotor.represent import Source
from premotor.train.job import TrainJob, train

_TIMED = 20  # updates of a timing run
_WARM = 5  # first ones of these, which are not timed
_PART = 10  # one of so many key poses and clips is judged in a timing run
_ROLLOUT = 6.0  # [s] a guess
_STATE = 12  # [bytes] of a parameter in a checkpoint: the weight, and about two of the optimizer

Known = Literal["measured of finished legs", "measured in a short timing run", "a guess"]


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How long things take, and how that is known."""

    update: float  # [s] of training
    look: float  # [s] of judging one checkpoint without acting
    trained: Known
    rollout: float  # [s]
    acted: Known


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is left to do of the units that were chosen."""

    units: int
    left: int  # units
    updates: int
    rows: int  # key poses that are learned from
    clips: int  # clips that are learned from
    looks: int  # checkpoints that are judged
    rollouts: int
    disk: int  # [bytes] of checkpoints: a guess from the number of parameters
    beside: int  # units at a time
    rates: Rates | None  # None: there are no data to measure with
    missing: tuple[str, ...]  # splits that are collected first
    fingerprints: dict[str, str]  # of the data that are there
    named: bool  # the plan names its data
    planned: bool  # they are those that it names

    @property
    def hours(self) -> dict[str, float]:
        """By part, of one process."""
        if self.rates is None:
            return {}
        return {
            "training": self.updates * self.rates.update / 3600.0,
            "judging": self.looks * self.rates.look / 3600.0,
            "roll-outs": self.rollouts * self.rates.rollout / 3600.0,
        }


def estimate(config: CompareConfig, progress: Progress) -> Estimate:
    """Count what has no record yet, and find out how fast it goes.

    Nothing is begun: what a timing run writes goes again.

    Args:
        config: The plan, and where.
        progress: Told how far the timing run is.

    Raises:
        PremotorError: The plan cannot be meant, or the data or records are damaged.
    """
    places, plan = config.places, read_plan(config.plan)
    chosen = [_records(places, unit) for unit in chosen_units(plan, config.only)]
    left = [_Left(plan, unit) for unit in chosen if not unit.ended]
    missing = tuple(missing_splits(plan, places.data))
    source = Source(places.data, tasks=plan.task_names, cache_dir=places.cache)
    found = {} if missing else fingerprints_of(plan, source)
    return Estimate(
        units=len(chosen),
        left=len(left),
        updates=sum(unit.updates for unit in left),
        rows=sum(unit.rows for unit in left),
        clips=sum(unit.clips for unit in left),
        looks=sum(len(unit.steps) for unit in left),
        rollouts=sum(unit.rollouts for unit in left),
        disk=sum(unit.disk for unit in left),
        beside=config.beside,
        rates=_rates(plan, places, not missing, progress),
        missing=missing,
        fingerprints=found,
        named=bool(plan.data.fingerprints),
        planned=found == plan.data.fingerprints,
    )


def told(found: Estimate) -> tuple[str, ...]:
    """The same in sentences."""
    said = [
        f"{found.left} of {found.units} units are left: {found.updates:,} updates on "
        f"{found.rows:,} key poses and {found.clips:,} clips, {found.looks:,} checkpoints to "
        f"judge, {found.rollouts:,} roll-outs.",
        f"Their checkpoints take about {found.disk / 2**30:.1f} GiB (a guess from the number of "
        "parameters).",
    ]
    if found.missing:
        said.append(f"To be collected first: the splits {', '.join(found.missing)}.")
    if found.fingerprints and not found.planned:
        lines = "".join(f"\n    {split}: {text}" for split, text in found.fingerprints.items())
        planned = "others than the plan's" if found.named else "which the plan does not name"
        said.append(f"The fingerprints of the data that are there, {planned}:{lines}")
    if found.rates is None:
        return (*said, "How long it takes cannot be said before the data are there.")
    hours = found.hours
    parts = ", ".join(f"{name} {value:.2f} h" for name, value in hours.items())
    rates = found.rates
    said.append(
        f"By one process {sum(hours.values()):.2f} h: {parts}. {rates.update:.3f} s an update and "
        f"{rates.look:.1f} s a checkpoint are {rates.trained}, {rates.rollout:.1f} s a roll-out "
        f"is {rates.acted}."
    )
    if found.beside > 1:
        each = sum(hours.values()) / found.beside
        said.append(
            f"By {found.beside} beside each other {each:.2f} h, if none slows the other (a guess)."
        )
    return tuple(said)


def _records(places: Places, unit: Unit) -> UnitRecords:
    return UnitRecords.of(places.records.unit(unit.arm, unit.seed), unit)


@dataclass(frozen=True)
class _Left:
    """What is left of one unit."""

    plan: ComparisonPlan
    known: UnitRecords

    @property
    def arm(self) -> str:
        return self.known.unit.arm

    @property
    def steps(self) -> list[int]:
        """Updates after which it is still to be judged."""
        done = {leg.step for leg in self.known.legs}
        return [step for step in self.plan.steps_of(self.arm) if step not in done]

    @property
    def _before(self) -> int:
        return max((leg.step for leg in self.known.legs), default=0)

    @property
    def updates(self) -> int:
        return self.plan.steps_of(self.arm)[-1] - self._before

    @property
    def _paired(self) -> list[bool]:
        pairing = self.plan.config(self.arm, self.plan.first_seed).pairing
        return [pairing.paired(step) for step in range(self._before, self._before + self.updates)]

    @property
    def rows(self) -> int:
        pairing = self.plan.config(self.arm, self.plan.first_seed).pairing
        return sum(pairing.pair_batch_size if p else pairing.batch_size for p in self._paired)

    @property
    def clips(self) -> int:
        pairing = self.plan.config(self.arm, self.plan.first_seed).pairing
        return sum(self._paired) * (pairing.pair_batch_size + pairing.more_clips)

    @property
    def rollouts(self) -> int:
        plan = self.plan
        if self.arm in plan.without_rollouts or plan.arm(self.arm).judged == "naming":
            return 0
        return plan.episodes * len(plan.task_names) - len(self.known.rollouts)

    @property
    def disk(self) -> int:
        config = self.plan.config(self.arm, self.plan.first_seed)
        with torch.device("meta"):
            count = sum(p.numel() for p in Mirror(config.mirror).parameters())
        kept = len({0, *config.keep_steps}) + config.keep_checkpoints
        return _STATE * count * kept


def _rates(plan: ComparisonPlan, places: Places, timed: bool, progress: Progress) -> Rates | None:
    """Of the legs on record; where there are none, of a timing run if there are data."""
    every = [_records(places, unit) for unit in units_of(plan)]
    legs = [leg for unit in every for leg in unit.legs]
    seconds = [record.seconds for unit in every for record in unit.rollouts]
    updates = sum(max((leg.step for leg in unit.legs), default=0) for unit in every)
    if updates:
        update = sum(leg.train_seconds for leg in legs) / updates
        look = float(np.mean([leg.judge_seconds for leg in legs]))
        trained: Known = "measured of finished legs"
    elif timed:
        update, look = _timing_run(plan, places, progress)
        trained = "measured in a short timing run"
    else:
        return None
    return Rates(
        update=update,
        look=look,
        trained=trained,
        rollout=float(np.mean(seconds)) if seconds else _ROLLOUT,
        acted="measured of finished legs" if seconds else "a guess",
    )


def _timing_run(plan: ComparisonPlan, places: Places, progress: Progress) -> tuple[float, float]:
    """Seconds of an update and of judging a checkpoint, by the claim's real configuration."""
    with one_thread(), tempfile.TemporaryDirectory(prefix="premotor-timing-") as folder:
        setting = Setting(
            plan=_smaller(plan),
            records=ComparisonFolder(Path(folder) / "records"),
            work=Path(folder) / "work",
            data=places.data.absolute(),
            cache=places.cache.absolute(),
            begun=BegunRecord(plan="", code=code_state(), data={}, created="", command=""),
            progress=progress,
        )
        unit = Unit(plan.claim, plan.first_seed)
        run = setting.run(unit)
        config = plan.config(unit.arm, unit.seed)
        job = TrainJob(config, setting.source, run.path, until=min(_TIMED, config.steps))
        train(job, Claim(), setting.told(unit))
        steps = [record.step_seconds for record in read_lines(run.metrics, StepRecord)]
        began = time.perf_counter()
        Judge(setting, unit).look(0)
        look = (time.perf_counter() - began) * _PART
        return _mean(steps[_WARM:] or steps), look


def _smaller(plan: ComparisonPlan) -> ComparisonPlan:
    """The same with a part of what is judged."""
    return replace(
        plan,
        keyframe_rows=max(1, (plan.keyframe_rows or 6 * plan.data.test) // _PART),
        clips=max(2, (plan.clips or plan.data.test) // _PART),
        feature_episodes=max(2, plan.feature_episodes // _PART),
    )


def _mean(seconds: Sequence[float]) -> float:
    return float(np.mean(seconds))
