"""How well the experts do: every task over many seeds, every variation until it succeeds once.

Seeds come from a range of their own, which no data set draws from.
"""

import functools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np

from premotor.campaign import Campaign, Ledger, Results
from premotor.claims import Claim
from premotor.demonstrate.expert import record
from premotor.demonstrate.replay import random_keyframes, replay
from premotor.demonstrate.seeds import chosen_tasks
from premotor.episode.identity import EpisodeId, OfEpisode
from premotor.errors import ConfigError, DemonstrationFailed, PlacementFailed
from premotor.folders import SurveyFolder
from premotor.progress import Progress, no_progress
from premotor.running_code import code_version
from premotor.settings import check_numbers
from premotor.simulate.environment import Environment, find_task
from premotor.worklist import Crew

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


@dataclass(frozen=True, kw_only=True)
class SurveyConfig:
    """What to survey, and where the episodes' results go."""

    tasks: tuple[str, ...]  # names, or "all"
    seeds: int = 100  # expert episodes per task; they go round the variations
    random: int = 0  # episodes of random actions per task
    out: Path = Path("experts")
    claim: Claim = field(default_factory=Claim)
    crew: Crew = field(default_factory=Crew)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", chosen_tasks(self.tasks))
        if not 1 <= self.seeds <= MAX_EPISODES or not 0 <= self.random <= MAX_EPISODES:
            raise ConfigError(
                f"need seeds 1 to {MAX_EPISODES} and random 0 to {MAX_EPISODES}; got "
                f"{self.seeds}, {self.random}"
            )
        check_numbers(self)

    @property
    def folder(self) -> SurveyFolder:
        """Where it lies."""
        return SurveyFolder(self.out)


@dataclass(frozen=True)
class SurveyUnit:
    """One episode: of the expert, replayed if it succeeds, or of random actions."""

    episode: EpisodeId
    kind: Kind

    def __str__(self) -> str:
        return str(self.episode)


@dataclass(frozen=True, kw_only=True)
class SurveyRecord(OfEpisode):
    """How one episode went."""

    kind: Kind
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


def survey(
    config: SurveyConfig, progress: Progress = no_progress
) -> Results[SurveyUnit, SurveyRecord]:
    """Do what is missing of a survey.

    Returns:
        How each episode went, task by task; a broken one is nobody's failure to act.

    Raises:
        OutputExists: There is something already that is not to be resumed or overwritten.
        ConfigError: What is to be resumed is of another code.
    """
    folder = config.folder
    ledger = Ledger(folder.records, SurveyRecord)
    folder.check(config.claim)
    if config.claim.resume:
        _check_same_code(ledger)
    folder.claim(config.claim)
    campaign = Campaign(
        stage="experts",
        work=survey_unit,
        ledger=ledger,
        keys=lambda unit: [unit],
        key_of=lambda record: SurveyUnit(record.episode, record.kind),
        crew=config.crew,
        progress=progress,
    )
    first = [unit for task in config.tasks for unit in _first_units(config, task)]
    with folder.owned():
        found = campaign.run(first, more=lambda so_far: _further_units(config.tasks, so_far))

    def place(unit: SurveyUnit) -> tuple[int, int]:
        return config.tasks.index(unit.episode.task), unit.episode.seed

    return Results({u: found.records[u] for u in sorted(found.records, key=place)}, found.broken)


def _check_same_code(ledger: Ledger[SurveyRecord]) -> None:
    others = {record.code_version for record in ledger.read()} - {code_version()}
    if others:
        raise ConfigError(
            f"{ledger.path} was made by premotor {', '.join(sorted(others))}, this is "
            f"{code_version()}; resume with the code that began, start anew with --overwrite, or "
            "choose another --out (of two versions that end in -dirty nobody knows whether they "
            "are the same: commit before a long survey)"
        )


def _first_units(config: SurveyConfig, task: str) -> list[SurveyUnit]:
    count = len(find_task(task).variations)
    episodes: Mapping[Kind, int] = {"expert": config.seeds, "random": config.random}
    return [
        SurveyUnit(EpisodeId(task, i % count, SEEDS[kind] + i), kind)
        for kind, number in episodes.items()
        for i in range(number)
    ]


def _further_units(
    tasks: Sequence[str], results: Results[SurveyUnit, SurveyRecord]
) -> list[SurveyUnit]:
    """One more seed for each variation that has not succeeded and may be tried again."""
    done = {
        (r.task, r.variation) for r in results.records.values() if r.success and r.kind != "random"
    }
    tries = Counter(
        (unit.episode.task, unit.episode.variation)
        for unit in (*results.records, *results.broken)
        if unit.kind != "random"
    )
    variations = [(task, v) for task in tasks for v in range(len(find_task(task).variations))]
    return [
        SurveyUnit(EpisodeId(task, v, _further_seed(v, tries[task, v])), "further")
        for task, v in variations
        if (task, v) not in done and tries[task, v] < SEEDS_PER_VARIATION
    ]


def _further_seed(variation: int, tries: int) -> int:
    return SEEDS["further"] + _FURTHER_STRIDE * tries + variation


def survey_unit(unit: SurveyUnit) -> SurveyRecord:
    """Do one episode and tell how it went."""
    return _act_by_chance(unit) if unit.kind == "random" else _act_as_expert(unit)


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
