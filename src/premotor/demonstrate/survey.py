"""How well the experts do: every task over many seeds, every variation until it succeeds once.

Seeds come from a range of their own, which no data set draws from. Each episode leaves one small
file, written last of all, so a survey can be interrupted and resumed.
"""

import functools
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np

from premotor.demonstrate.expert import record
from premotor.demonstrate.replay import random_keyframes, replay
from premotor.demonstrate.seeds import chosen_tasks
from premotor.episode.identity import EpisodeId, OfEpisode
from premotor.errors import (
    ConfigError,
    DataError,
    DemonstrationFailed,
    OutputExists,
    PlacementFailed,
)
from premotor.progress import Progress, no_progress
from premotor.records import code_version, read_json, write_json
from premotor.simulate.environment import Environment, find_task
from premotor.worklist import RAY_HERE, Crew, Done, Engine, run_units

_log = logging.getLogger(__name__)

Kind = Literal["expert", "further", "random"]
MAX_EPISODES = 1_000_000  # of one kind and task
# First seed of each kind: beyond the splits of collect.py, this side of their redrawn seeds.
SEEDS: Mapping[Kind, int] = {
    "expert": 30_000_000,  # for the rates
    "further": 31_000_000,  # for variations that have not succeeded yet
    "random": 32_000_000,  # random actions
}
_FURTHER_STRIDE = 100_000  # variations that a task may have
SEEDS_PER_VARIATION = 3
TABLE = "experts.md"  # what the records come to, beside them
_RECORD = re.compile(rf"({'|'.join(SEEDS)})_\d{{5,}}_\d+\.json")
_LEFTOVER = re.compile(rf"\.({_RECORD.pattern}|{re.escape(TABLE)})\.\d+\.tmp")


@dataclass(frozen=True, kw_only=True)
class SurveyConfig:
    """What to survey, and where the episodes' results go."""

    tasks: tuple[str, ...]  # names, or "all"
    seeds: int = 100  # expert episodes per task; they go round the variations
    random: int = 0  # episodes of random actions per task
    out: Path = Path("experts")
    resume: bool = False  # keep the episodes that are there and do the rest
    workers: int = 1  # episodes at a time, over all machines
    engine: Engine = "processes"
    ray_address: str = RAY_HERE

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", chosen_tasks(self.tasks))
        if not 1 <= self.seeds <= MAX_EPISODES or not 0 <= self.random <= MAX_EPISODES:
            raise ConfigError(
                f"need seeds 1 to {MAX_EPISODES} and random 0 to {MAX_EPISODES}; got "
                f"{self.seeds}, {self.random}"
            )
        if self.workers < 1:
            raise ConfigError(f"workers must be >= 1, got {self.workers}")

    @property
    def crew(self) -> Crew:
        """Who does it."""
        return Crew(workers=self.workers, engine=self.engine, ray_address=self.ray_address)


@dataclass(frozen=True)
class SurveyUnit:
    """One episode: of the expert, replayed if it succeeds, or of random actions."""

    folder: Path
    episode: EpisodeId
    kind: Kind

    def __str__(self) -> str:
        return str(self.episode)

    @property
    def path(self) -> Path:
        """Where its result lies."""
        own = self.episode
        return self.folder / own.task / f"{self.kind}_{own.variation:05d}_{own.seed}.json"


@dataclass(frozen=True, kw_only=True)
class SurveyRecord(OfEpisode):
    """How one episode went."""

    kind: str
    code_version: str
    success: bool = False
    strict: bool = False  # success without a mishap
    reason: str = ""  # "success", or what stood in the way
    key_poses: int = 0  # found in the expert's episode, or random ones done
    placed: bool = True  # there was an admissible layout
    rejected: int = 0  # layouts that were not
    rejections: list[str] = field(default_factory=list)  # why, as far as known
    replayed: bool = False  # the keyframes alone reach the goal too
    replay_reason: str = ""
    seconds: float = 0.0  # of the episode with its reset, without replay; nothing is rendered


@dataclass(frozen=True)
class Survey:
    """What a survey found."""

    records: tuple[SurveyRecord, ...]  # task by task
    broken: tuple[str, ...]  # episodes without a record, and why: nobody's failure to act


def survey(config: SurveyConfig, progress: Progress = no_progress) -> Survey:
    """Do what is missing of a survey.

    Raises:
        OutputExists: There is something already and `resume` is not set.
        ConfigError: What is there is no survey, or one of another code.
    """
    _prepare(config)
    pending = [unit for task in config.tasks for unit in _first_units(config, task)]
    units: list[SurveyUnit] = []
    found: dict[SurveyUnit, SurveyRecord] = {}
    broken: list[str] = []
    while pending:
        units += pending
        _do(config, pending, found, broken, progress)
        pending = [unit for task in config.tasks for unit in _further_units(task, units, found)]
    return Survey(tuple(found[unit] for unit in sorted(found, key=_place(config))), tuple(broken))


def _prepare(config: SurveyConfig) -> None:
    """Sweep up after an interrupted survey, or refuse to touch what is there."""
    there = [path for path in config.out.rglob("*") if path.is_file()]
    if not there:
        return
    if not config.resume:
        raise OutputExists(
            f"{config.out} exists; continue it with --resume, or choose another --out"
        )
    mine = [path for path in there if config.out in (path.parent, path.parent.parent)]
    records = [path for path in mine if _RECORD.fullmatch(path.name)]
    leftovers = [path for path in mine if _LEFTOVER.fullmatch(path.name)]
    if not records and not leftovers:
        raise ConfigError(f"{config.out} is no survey to resume; choose another --out")
    for path in leftovers:
        path.unlink()


def _place(config: SurveyConfig) -> Callable[["SurveyUnit"], tuple[int, int]]:
    return lambda unit: (config.tasks.index(unit.episode.task), unit.episode.seed)


def _first_units(config: SurveyConfig, task: str) -> list[SurveyUnit]:
    count, folder = len(find_task(task).variations), config.out.absolute()
    episodes: Mapping[Kind, int] = {"expert": config.seeds, "random": config.random}
    return [
        SurveyUnit(folder, EpisodeId(task, i % count, SEEDS[kind] + i), kind)
        for kind, number in episodes.items()
        for i in range(number)
    ]


def _further_units(
    task: str, units: Sequence[SurveyUnit], found: Mapping[SurveyUnit, SurveyRecord]
) -> list[SurveyUnit]:
    """One more seed for each variation that has not succeeded and may be tried again."""
    mine = [unit for unit in units if unit.episode.task == task and unit.kind != "random"]
    tries = Counter(unit.episode.variation for unit in mine)
    done = {unit.episode.variation for unit in mine if unit in found and found[unit].success}
    return [
        SurveyUnit(
            units[0].folder, EpisodeId(task, variation, _further_seed(variation, tries)), "further"
        )
        for variation in range(len(find_task(task).variations))
        if variation not in done and tries[variation] < SEEDS_PER_VARIATION
    ]


def _further_seed(variation: int, tries: Mapping[int, int]) -> int:
    return SEEDS["further"] + _FURTHER_STRIDE * tries[variation] + variation


def _do(
    config: SurveyConfig,
    units: Sequence[SurveyUnit],
    found: dict[SurveyUnit, SurveyRecord],
    broken: list[str],
    progress: Progress,
) -> None:
    """Read the records that are there, make the others; both go to `found`."""
    found |= {unit: there for unit in units if (there := _read(unit)) is not None}
    before = len(found)

    def on_done(done: Done[SurveyUnit, SurveyRecord]) -> None:
        if done.error is not None:
            broken.append(f"{done.unit}: {type(done.error).__name__}: {done.error}")
            _log.error("%s", broken[-1], exc_info=done.error)
        else:
            found[done.unit] = done.unwrap()
        progress("experts", len(found), total, "")

    todo = [unit for unit in units if unit not in found]
    total = before + len(todo)
    run_units(survey_unit, todo, config.crew, on_done)


def _read(unit: SurveyUnit) -> SurveyRecord | None:
    if not unit.path.exists():
        return None
    try:
        there = read_json(unit.path, SurveyRecord)
    except DataError as error:
        _log.warning("made again: %s", error)
        return None
    if there.code_version != code_version():
        raise ConfigError(
            f"{unit.path} was made by premotor {there.code_version}, this is {code_version()}; "
            "resume with the code that began, or choose another --out (of two versions that end "
            "in -dirty nobody knows whether they are the same: commit before a long survey)"
        )
    return there


def survey_unit(unit: SurveyUnit) -> SurveyRecord:
    """Do one episode and write down how it went."""
    record = _act_by_chance(unit) if unit.kind == "random" else _act_as_expert(unit)
    write_json(unit.path, record)
    return record


@functools.cache
def _environment() -> Environment:
    return Environment()


def _act_as_expert(unit: SurveyUnit) -> SurveyRecord:
    env = _environment()
    started = time.perf_counter()
    try:
        recording = record(env, unit.episode)
    except PlacementFailed as error:
        return _unplaced(unit, error)
    except DemonstrationFailed as error:
        seconds = time.perf_counter() - started
        return replace(_placed(unit, env), reason=error.reason, seconds=seconds)
    seconds = time.perf_counter() - started
    again = replay(env, unit.episode, recording.keyframes)
    return replace(
        _placed(unit, env),
        success=True,
        strict=recording.strict,
        reason="success",
        key_poses=len(recording.keyframes),
        replayed=again.success,
        replay_reason=again.reason or "goal not reached",
        seconds=seconds,
    )


def _act_by_chance(unit: SurveyUnit) -> SurveyRecord:
    env, key_poses = _environment(), 0
    started = time.perf_counter()
    try:
        env.reset(unit.episode)
    except PlacementFailed as error:
        return _unplaced(unit, error)
    outcome = env.wait(0)
    key = [crc32(unit.episode.task.encode()), unit.episode.seed]
    for keyframe in random_keyframes(np.random.default_rng(key)):
        outcome, key_poses = env.act(keyframe), key_poses + 1
        if outcome.ended:
            break
    return replace(
        _placed(unit, env),
        success=outcome.success,
        strict=outcome.strict,
        reason=outcome.reason or "time_out",
        key_poses=key_poses,
        seconds=time.perf_counter() - started,
    )


def _placed(unit: SurveyUnit, env: Environment) -> SurveyRecord:
    """What is known of an episode once it is staged."""
    return _record(unit, env.rejections)


def _unplaced(unit: SurveyUnit, error: PlacementFailed) -> SurveyRecord:
    record = _record(unit, error.rejections)
    return replace(record, reason="no admissible layout", placed=False)


def _record(unit: SurveyUnit, rejections: Sequence[str]) -> SurveyRecord:
    return SurveyRecord(
        **vars(unit.episode),
        kind=unit.kind,
        code_version=code_version(),
        rejected=len(rejections),
        rejections=list(rejections),
    )
