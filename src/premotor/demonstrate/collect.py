"""Seeds to demonstrations on disk: which episodes a data set holds, and making them.

An episode is its (task, variation, seed); who records it, when and beside what else changes no
byte, on machines alike. The work list goes round the tasks, so that a longer list only adds to its
end.
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from premotor.campaign import Campaign
from premotor.claims import Claim
from premotor.demonstrate.expert import run_expert
from premotor.demonstrate.seeds import chosen_tasks, episode_slots
from premotor.episode.identity import EpisodeSlot
from premotor.errors import (
    ConfigError,
    DataError,
    DemonstrationFailed,
    MotionFailed,
    PlacementFailed,
)
from premotor.folders import SplitFolder
from premotor.progress import Progress, no_progress
from premotor.records import read_json, write_lines
from premotor.settings import check_numbers
from premotor.simulate.environment import Environment
from premotor.store.layout import EpisodeInfo
from premotor.store.ledger import EpisodeLedger
from premotor.store.lerobot import finalize
from premotor.store.reader import check_episode
from premotor.store.writer import write_episode
from premotor.worklist import Crew

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """Which demonstrations to make, and where."""

    tasks: tuple[str, ...]  # names, or "all"
    episodes: int = 100  # per task
    per_variation: int = 0  # at least so many of every variation, for tasks with many of them
    seed: int = 0  # another value gives other episodes
    split: str = "train"  # train, val or test: no seed in common
    out: Path = Path("data")
    claim: Claim = field(default_factory=Claim)
    crew: Crew = field(default_factory=Crew)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", chosen_tasks(self.tasks))
        DataPlan.of(self).slots()
        check_numbers(self)

    @property
    def folder(self) -> SplitFolder:
        """Where the split lies; absolute, since workers may start elsewhere."""
        return SplitFolder((self.out / self.split).absolute())


@dataclass(frozen=True)
class DataPlan:
    """Which data set a folder holds, or is to hold (`worklist.json`)."""

    tasks: tuple[str, ...]
    episodes: int  # per task
    seed: int
    split: str
    per_variation: int = 0  # at least so many of every variation

    @classmethod
    def of(cls, config: CollectConfig) -> "DataPlan":
        """What is asked for."""
        shown = config.tasks, config.episodes, config.seed, config.split, config.per_variation
        return cls(*shown)

    def __str__(self) -> str:
        tasks, least = ", ".join(self.tasks), self.per_variation
        each = f", at least {least} of every variation" if least else ""
        return (
            f"{self.episodes} episodes each of {tasks}{each} (split {self.split}, seed {self.seed})"
        )

    def slots(self) -> list[EpisodeSlot]:
        """Its episodes, in the order of their numbers.

        Raises:
            UnknownName: There is no such task or split.
            ConfigError: More episodes than a split has seeds for, or a seed that no episode has.
        """
        return episode_slots(self.tasks, self.episodes, self.seed, self.split, self.per_variation)

    def goes_on(self, former: "DataPlan") -> bool:
        """Whether it only adds to the end of another, whose episodes can stay as they are."""
        known = former.slots()
        return self.slots()[: len(known)] == known


@dataclass(frozen=True)
class CollectUnit:
    """One episode to make."""

    folder: SplitFolder
    index: int
    slot: EpisodeSlot  # the first candidate on which the expert succeeds is the episode

    def __str__(self) -> str:
        return f"episode {self.index} ({self.slot.task}, variation {self.slot.variation})"


@dataclass(frozen=True)
class TaskReport:
    """How collecting went for one task."""

    task: str
    episodes: int
    variations: int  # different ones among the episodes
    runs: int  # of the expert, failed ones included
    placements: int  # layouts drawn for the episodes kept
    rejected: int  # of these, by geometry and inverse kinematics
    mean_keyframes: float
    mean_rows: float

    @property
    def expert_success(self) -> float:
        """Share of expert runs that succeeded."""
        return self.episodes / max(self.runs, 1)

    @property
    def rejection_rate(self) -> float:
        """Share of drawn layouts that were rejected."""
        return self.rejected / max(self.placements, 1)


def work_list(config: CollectConfig) -> list[CollectUnit]:
    """All units of a data set, in the order of their episode numbers."""
    slots = DataPlan.of(config).slots()
    return [CollectUnit(config.folder, index, slot) for index, slot in enumerate(slots)]


def collect(config: CollectConfig, progress: Progress = no_progress) -> tuple[TaskReport, ...]:
    """Make a data set, or what is missing of it.

    Raises:
        OutputExists: There is something already that is not to be resumed or overwritten.
        ConfigError: What is to be resumed is another data set.
        DemonstrationFailed: On some unit the expert failed with all seeds. What succeeded is kept.
        EpisodesMissing: No expert failed, but some unit lost its worker or broke; as above.
    """
    folder = config.folder
    folder.check(config.claim)
    if config.claim.resume and folder.begun:
        _check_same(config)
    folder.claim(config.claim)
    with folder.owned():
        write_lines(folder.plan, [DataPlan.of(config)])
        campaign = Campaign(
            stage="collect",
            work=collect_unit,
            ledger=EpisodeLedger.of(folder),
            keys=lambda unit: [unit.index],
            key_of=lambda info: info.index,
            holds=_is_unharmed,
            crew=config.crew,
            progress=progress,
        )
        infos = campaign.run(work_list(config)).insist("episodes")
        finalize(folder, infos)
    return tuple(_report(task, infos) for task in config.tasks)


def collect_unit(unit: CollectUnit) -> EpisodeInfo:
    """Record one episode and write its arrays.

    Raises:
        DemonstrationFailed: The expert failed on all of the unit's seeds.
    """
    failures: list[str] = []
    for episode in unit.slot.candidates:
        try:
            demo = run_expert(_environment(), episode)
        except (DemonstrationFailed, MotionFailed, PlacementFailed) as error:
            _log.warning("%s, seed %d: %s", unit, episode.seed, error)
            failures.append(f"seed {episode.seed}: {error}")
        else:
            return write_episode(unit.folder, unit.index, demo, failures)
    raise DemonstrationFailed(f"the expert failed on all seeds ({'; '.join(failures)})")


@functools.cache
def _environment() -> Environment:
    return Environment()  # one per process: it holds the GL context


def _is_unharmed(unit: CollectUnit, info: EpisodeInfo) -> bool:
    """Whether a record is of the unit's episode, and all of its files hold what they have to."""
    try:
        check_episode(unit.folder, info)
    except DataError as error:
        _log.warning("made again: %s", error)
        return False
    return info.episode in unit.slot.candidates


def _check_same(config: CollectConfig) -> None:
    """Refuse to continue another data set; only more episodes may be asked for.

    Raises:
        ConfigError: The data set there is another one.
    """
    folder, now = config.folder, DataPlan.of(config)
    try:
        was = read_json(folder.plan, DataPlan)
    except DataError as error:
        raise ConfigError(f"{folder.path} is no data set to resume: {error}") from error
    if not now.goes_on(was):
        raise ConfigError(
            f"{folder.path} holds {was}, asked for {now}; resume with the same tasks, seed and "
            "split and at least as many episodes of each"
        )


def _report(task: str, infos: Sequence[EpisodeInfo]) -> TaskReport:
    mine = [info for info in infos if info.task == task]
    rejected = sum(info.provenance.attempt for info in mine)
    return TaskReport(
        task=task,
        episodes=len(mine),
        variations=len({info.variation for info in mine}),
        runs=len(mine) + sum(len(info.failures) for info in mine),
        placements=len(mine) + rejected,
        rejected=rejected,
        mean_keyframes=float(np.mean([len(info.keyframe_steps) for info in mine])),
        mean_rows=float(np.mean([info.num_rows for info in mine])),
    )
