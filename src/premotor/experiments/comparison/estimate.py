"""What there is to do of a comparison, and about how long it takes: measured where it can be."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from premotor.claims import Claim
from premotor.experiments.comparison.begin import Places
from premotor.experiments.comparison.compare import CompareConfig, chosen_units
from premotor.experiments.comparison.checkout import code_state
from premotor.experiments.comparison.data import fingerprints_of, missing_splits
from premotor.experiments.comparison.judging import Judge
from premotor.experiments.comparison.plan import ComparisonPlan, read_plan
from premotor.experiments.comparison.reading import ComparisonRecords, UnitRecords
from premotor.experiments.comparison.records import BegunRecord
from premotor.experiments.comparison.setting import Setting, Unit
from premotor.folders import ComparisonFolder
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import StepRecord, read_lines
from premotor.represent import Source
from premotor.train.loop import build_mirror
from premotor.train.job import TrainJob, train

_TIMED = 20  # updates of a timing run
_WARM = 5  # of these, first ones that are not timed
_PART = 10  # one of so many key poses and clips is judged for timing
_SECONDS_OF_ROLLOUT = 6.0  # a guess
_BYTES = 4  # of a number
_STATES = 3  # numbers per parameter in a checkpoint: weight, and about two of the optimizer
Known = Literal["measured of finished legs", "measured in a short timing run", "a guess"]


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How long things take, and how that is known."""

    update: float  # [s] of training
    look: float  # [s] of judging one checkpoint without acting
    rollout: float  # [s]
    trained: Known
    acted: Known


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is left to do."""

    units: int  # of the plan, as far as they were chosen
    left: tuple[Unit, ...]
    updates: int
    looks: int  # checkpoints to judge
    rollouts: int
    trained_rows: int  # key poses seen in training
    trained_clips: int
    judged_rows: int | None  # key poses asked for; None: all there are
    judged_clips: int | None
    disk: int  # [bytes] of weights, a guess from the number of parameters
    beside: int
    rates: Rates | None  # None without data
    missing: tuple[str, ...]  # splits that are to be collected first
    fingerprints: dict[str, str]  # of the data that are there

    @property
    def seconds(self) -> float | None:
        """All of it, by so many processes beside each other."""
        if self.rates is None:
            return None
        rates = self.rates
        work = self.updates * rates.update + self.looks * rates.look + self.rollouts * rates.rollout
        return work / self.beside
