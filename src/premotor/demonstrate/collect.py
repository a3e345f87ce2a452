"""Seeds to demonstrations on disk: which episodes a data set holds, and making them.

An episode is its (task, variation, seed); who records it, when and beside what else changes no
byte, on machines alike. The work list goes round the tasks, so that a longer list only adds to its
end.
"""

import functools
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from premotor.demonstrate.expert import run_expert
from premotor.demonstrate.seeds import chosen_tasks, episode_slots
from premotor.episode.identity import EpisodeSlot
from premotor.errors import (
    ConfigError,
    DataError,
    DemonstrationFailed,
    EpisodesMissing,
    MotionFailed,
    OutputExists,
    PlacementFailed,
    PremotorError,
    refuse_both,
)
from premotor.progress import Progress, no_progress
from premotor.records import read_json, write_lines
from premotor.simulate.environment import Environment
from premotor.store import layout, meta
from premotor.store.layout import EpisodeInfo
from premotor.store.writer import write_episode
from premotor.worklist import RAY_HERE, Crew, Done, Engine, WorkerCrashed, run_units

_log = logging.getLogger(__name__)

_PLAN = "worklist.json"
_NAMED = 10  # failures quoted in an error; the log has them all


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """Which demonstrations to make, and where."""

    tasks: tuple[str, ...]  # names, or "all"
    episodes: int = 100  # per task
    seed: int = 0  # another value gives other episodes
    split: str = "train"  # train, val or test: no seed in common
    out: Path = Path("data")
    resume: bool = False  # make what is missing or damaged
    overwrite: bool = False  # throw away what is there
    workers: int = 1  # episodes at a time, over all machines
    engine: Engine = "processes"  # who runs them; changes no byte on machines alike
    ray_address: str = RAY_HERE  # of a cluster; all of its machines must see `out`

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", chosen_tasks(self.tasks))
        episode_slots(self.tasks, self.episodes, self.seed, self.split)
        if self.workers < 1:
            raise ConfigError(f"workers must be >= 1, got {self.workers}")
        refuse_both(self.resume, self.overwrite)

    @property
    def folder(self) -> Path:
        """Where the split lies; absolute, since workers may start elsewhere."""
        return (self.out / self.split).absolute()

    @property
    def crew(self) -> Crew:
        """Who does it."""
        return Crew(workers=self.workers, engine=self.engine, ray_address=self.ray_address)


@dataclass(frozen=True)
class DataPlan:
    """Which data set a folder holds, or is to hold (`worklist.json`)."""

    tasks: tuple[str, ...]
    episodes: int  # per task
    seed: int
    split: str

    @classmethod
    def of(cls, config: CollectConfig) -> "DataPlan":
        """What is asked for."""
        return cls(config.tasks, config.episodes, config.seed, config.split)

    def __str__(self) -> str:
        tasks = ", ".join(self.tasks)
        return f"{self.episodes} episodes each of {tasks} (split {self.split}, seed {self.seed})"


@dataclass(frozen=True)
class EpisodeUnit:
    """One episode to make."""

    folder: Path
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


def work_list(config: CollectConfig) -> list[EpisodeUnit]:
    """All units of a data set, in the order of their episode numbers."""
    slots = episode_slots(config.tasks, config.episodes, config.seed, config.split)
    return [EpisodeUnit(config.folder, index, slot) for index, slot in enumerate(slots)]


def collect(config: CollectConfig, progress: Progress = no_progress) -> tuple[TaskReport, ...]:
    """Make a data set, or what is missing of it.

    Raises:
        OutputExists: There is something already and neither `resume` nor `overwrite` is set.
        DemonstrationFailed: On some unit the expert failed with all seeds. What succeeded is kept.
        EpisodesMissing: No expert failed, but some unit lost its worker or broke; as above.
    """
    units = work_list(config)
    _prepare(config)
    pending = [unit for unit in units if not is_complete(unit)]
    if pending:
        (config.folder / layout.INFO_PATH).unlink(missing_ok=True)
    count = len(units) - len(pending)
    failed: list[Exception] = []

    def on_done(done: Done[EpisodeUnit, EpisodeInfo]) -> None:
        nonlocal count
        if done.error is not None:
            failed.append(done.error)
            expected = isinstance(done.error, PremotorError)
            _log.error("%s: %s", done.unit, done.error, exc_info=None if expected else done.error)
        count += 1
        progress("collect", count, len(units), "")

    progress("collect", count, len(units), "")
    run_units(collect_unit, pending, config.crew, on_done)
    if failed:
        raise _missing(failed, len(units))
    infos = [layout.read_record(config.folder, unit.index) for unit in units]
    meta.finalize(config.folder, infos)
    return tuple(_report(task, infos) for task in config.tasks)


def _missing(errors: Sequence[Exception], count: int) -> PremotorError:
    """What to raise where units ended with errors: each kind has its remedy."""
    failed = [error for error in errors if isinstance(error, DemonstrationFailed)]
    crashed = [error for error in errors if isinstance(error, WorkerCrashed)]
    known = DemonstrationFailed | WorkerCrashed
    broken = [error for error in errors if not isinstance(error, known)]
    kinds = {
        "could not be made, choose another --seed": failed,
        "lost their worker, run again with --resume (and fewer --workers)": crashed,
        "broke, mend that and run again with --resume": broken,
    }
    message = "; ".join(
        f"{len(some)} of {count} episodes {what}: {_quoted(some)}"
        for what, some in kinds.items()
        if some
    )
    return DemonstrationFailed(message) if failed else EpisodesMissing(message)


def _quoted(errors: Sequence[Exception]) -> str:
    texts = [
        str(error) if isinstance(error, PremotorError) else f"{type(error).__name__}: {error}"
        for error in errors[:_NAMED]
    ]
    more = [f"and {len(errors) - _NAMED} more, see the log"] if len(errors) > _NAMED else []
    return "; ".join([*texts, *more])


def collect_unit(unit: EpisodeUnit) -> EpisodeInfo:
    """Record one episode and write it.

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
    raise DemonstrationFailed(f"{unit}: the expert failed on all seeds ({'; '.join(failures)})")


@functools.cache
def _environment() -> Environment:
    return Environment()  # one per process: it holds the GL context


def is_complete(unit: EpisodeUnit) -> bool:
    """Whether a unit's episode lies on disk, unharmed."""
    if not (unit.folder / layout.record_path(unit.index)).exists():
        return False
    try:
        info = layout.read_record(unit.folder, unit.index)
        layout.check_contents(unit.folder, info)
    except DataError as error:
        _log.warning("made again: %s", error)
        return False
    return info.episode in unit.slot.candidates


def _prepare(config: CollectConfig) -> None:
    """Make the folder ready, or refuse to touch what is there."""
    folder, plan = config.folder, config.folder / _PLAN
    if folder.exists() and any(folder.iterdir()):
        if config.overwrite and plan.is_file():
            trash = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
            folder.rename(trash)  # a crash in the middle leaves no folder that is half a set
            shutil.rmtree(trash)
        elif config.resume:
            _check_same(config, plan)
            for leftover in [p for p in folder.rglob(".*.tmp") if p.parent.name != "cache"]:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        else:
            raise OutputExists(
                f"{folder} exists; continue it with --resume, replace it with --overwrite "
                "(only a data set is ever replaced), or choose another --out"
            )
    write_lines(plan, [DataPlan.of(config)])


def _check_same(config: CollectConfig, plan: Path) -> None:
    """Refuse to continue another data set; only more episodes may be asked for.

    Raises:
        ConfigError: The data set there is another one.
    """
    try:
        was = read_json(plan, DataPlan)
    except DataError as error:
        raise ConfigError(f"{plan.parent} is no data set to resume: {error}") from error
    now = DataPlan.of(config)
    if replace(was, episodes=now.episodes) != now or now.episodes < was.episodes:
        raise ConfigError(
            f"{plan.parent} holds {was}, asked for {now}; resume with the same tasks, seed and "
            "split and at least as many episodes"
        )


def _report(task: str, infos: Sequence[EpisodeInfo]) -> TaskReport:
    mine = [info for info in infos if info.task == task]
    rejected = sum(int(info.provenance["attempt"]) for info in mine)
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
