"""Everything that is measured of a run: before and after training, on unseen episodes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import tyro

from premotor.align.fit import FitConfig
from premotor.checkpoint import checkpoints, find, load_mirror
from premotor.claims import Claim
from premotor.demonstrate.seeds import chosen_tasks, unseen_slots
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeSlot
from premotor.errors import ConfigError, DataError, PremotorError
from premotor.evaluate.acting.films import film_all
from premotor.evaluate.acting.success import RollOuts, RolloutUnit, Weights, shared_environment
from premotor.evaluate.agreeing.alignment import (
    Against,
    Refit,
    Spaces,
    agreement,
    learned,
    of_a_report,
    sight_of,
)
from premotor.evaluate.agreeing.held_out import HeldOut
from premotor.evaluate.naming.accuracy import against, compare_all
from premotor.evaluate.naming.recognition import NamingConfig, catalog, recognize
from premotor.findings import Study
from premotor.folders import EvaluationFolder, RunFolder
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import (
    ActingSettings,
    EvalRecord,
    JudgementRecord,
    NamedClip,
    NamingPair,
    RecognitionRecord,
    RunManifest,
    WatchingSettings,
    read_json,
    read_lines,
    write_json,
    write_lines,
)
from premotor.represent import Source, open_dataset, pairs_of
from premotor.settings import check_numbers
from premotor.simulate import EPISODE_KEY_POSES
from premotor.temporary import sweep
from premotor.worklist import MOST_WORKERS

LEAST_EPISODES = 2  # with which u and e can be told to agree at all
_FIT_SEED = 0  # of maps that are fitted anew


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How much is measured."""

    episodes: int = 20  # unseen episodes per task and checkpoint to act in; 0 = none, watch only
    tasks: tuple[str, ...] = ()  # names, studies too, or "all"; () = those of the data set
    device: Device = "auto"  # "auto": the GPU where there is one
    step: int | None = None  # which checkpoint, by updates done; None = the last one
    untrained: bool = True  # measure the model as it began beside the trained one
    max_key_poses: int = EPISODE_KEY_POSES  # key poses per episode
    seed: int = 0  # which unseen episodes
    split: str = "test"  # for recognition and alignment
    fit_split: str = "train"
    """Whose episodes maps are fitted on anew for the controls of alignment, where the data set has
    it: so that a control takes information away and is not merely unfamiliar. "": no such fit."""
    against: tuple[Path, ...] = ()
    """Other runs that were evaluated on the same split: whether the same clips are named better."""
    naming: Annotated[NamingConfig, tyro.conf.arg(name="")] = field(default_factory=NamingConfig)
    other_camera: str = ""
    """Whose clips U sees in the control by another episode, as overhead, which no policy has; they
    are rendered once and kept in its cache. "": the camera of the data set."""
    films: bool = True  # film one success and one failure per task
    workers: int = 0  # simulator processes; 0 = as many as cores
    skip_bad: bool = False  # leave damaged episodes of the data set out
    cache_dir: Path | None = None  # where what is read of the data set is kept, as in training

    def __post_init__(self) -> None:
        if self.max_key_poses < 1 or self.workers > MOST_WORKERS:
            raise ConfigError(
                f"max_key_poses must be >= 1 and workers 0 to {MOST_WORKERS}, got "
                f"{self.max_key_poses}, {self.workers}"
            )
        if self.tasks:
            chosen_tasks(self.tasks)
        check_numbers(self)


@dataclass(frozen=True)
class Judgement:
    """What was measured."""

    rollouts: tuple[EvalRecord, ...]
    missing: PremotorError | None = None  # roll-outs that broke: nobody's failure to act
    recognition: tuple[RecognitionRecord, ...] = ()  # empty without a data set, as is alignment
    alignment: tuple[Study, ...] = ()
    pairs: tuple[NamingPair, ...] = ()  # checkpoints that named the same clips


def prepare(run: Path, data: Path | None, config: EvaluateConfig, claim: Claim) -> None:
    """Refuse what can be refused before anything that is there is thrown away.

    Raises:
        DataError: The run or the split is missing or damaged.
        OutputExists: Something was measured and neither resume nor overwrite was asked for.
    """
    chosen_device(config.device)
    _checkpoints(run, config)
    if config.episodes == 0 and data is None:
        raise ConfigError("--episodes 0 without --data leaves nothing to measure; give one of them")
    _episodes(config, data)
    if config.against and data is None:
        raise ConfigError("--against compares the names of clips, which --data gives; add it")
    for other in config.against:
        _named_by(other)
    RunFolder(run).evaluation.claim(claim)
    sweep(run)  # what a crash left of the training, a report or a film


def judge(
    run: Path, data: Path | None, config: EvaluateConfig, workers: int, progress: Progress
) -> Judgement:
    """Measure a run; roll-outs that were done before are not done again.

    Args:
        run: A run folder with at least one checkpoint.
        data: The data set folder with the split to measure recognition and alignment on; None
            leaves both out.
        config: How much.
        workers: Simulator processes.
        progress: Told how far each stage is.

    Raises:
        DataError: The run or the split is missing or damaged.
        OutputExists: Another process is measuring this run.
    """
    folder, named = RunFolder(run).evaluation, _checkpoints(run, config)
    units = _units(run, config, named, _episodes(config, data))
    with folder.owned():
        watched, pairs = _Watched(), list[NamingPair]()
        if data is not None:
            source = Source(data, config.skip_bad, cache_dir=config.cache_dir)
            watched = _watch(run, source, config, named, progress)
            pairs = _write(watched, folder, config, list(named.values())[-1])
        rolled = RollOuts(
            ledger=folder.rollouts,
            traces=folder.traces if config.films else None,
            device=chosen_device(config.device),
            workers=workers,
            progress=progress,
        ).of(units)
        records = list(rolled.records.values())
        if records:
            _note_acting(folder, config, records)
        if config.films and records:
            film_all(records, list(named)[-1], folder, shared_environment(), progress)
    return Judgement(
        rollouts=tuple(records),
        missing=rolled.missing("roll-outs") if rolled.broken else None,
        recognition=tuple(watched.recognition),
        alignment=tuple(watched.alignment),
        pairs=tuple(pairs),
    )


@dataclass
class _Watched:
    """What all checkpoints made of the held-out episodes of a data set."""

    recognition: list[RecognitionRecord] = field(default_factory=list)
    clips: list[NamedClip] = field(default_factory=list)
    alignment: list[Study] = field(default_factory=list)


def _note_acting(
    folder: EvaluationFolder, config: EvaluateConfig, records: Sequence[EvalRecord]
) -> None:
    """Write down that these roll-outs are a judgement that came to its end."""
    last = records[-1]
    settings = ActingSettings(
        step=last.step,
        max_key_poses=last.max_key_poses,
        simulator=last.simulator,
        seed=config.seed,
    )
    episodes = tuple(dict.fromkeys(record.episode for record in records))
    _note(folder, JudgementRecord(ended=_now(), acting=settings, episodes=episodes))


def _note(folder: EvaluationFolder, record: JudgementRecord) -> None:
    """Add a judgement that ended; one that was gone on with, and ended again, is one."""
    known = read_lines(folder.judgements, JudgementRecord)
    others = [judged for judged in known if replace(judged, ended=record.ended) != record]
    write_lines(folder.judgements, [*others, record])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(
    watched: _Watched, folder: EvaluationFolder, config: EvaluateConfig, step: int
) -> list[NamingPair]:
    """Write it down, and compare who named what."""
    write_json(folder.recognition, watched.recognition)
    write_lines(folder.named, watched.clips)
    write_json(folder.studies, watched.alignment)
    settings = WatchingSettings(
        step=step,
        split=config.split,
        fit_split=config.fit_split,
        class_sets=config.naming.class_sets,
        prompts=config.naming.prompts,
        templates=config.naming.templates,
        other_camera=config.other_camera,
    )
    _note(folder, JudgementRecord(ended=_now(), watching=settings))
    pairs = compare_all(watched.clips)
    for other in config.against:  # refuses other clips, when what was measured is on disk
        pairs += against(watched.clips, str(other), _named_by(other))
    write_json(folder.naming_pairs, pairs)
    return pairs


def _named_by(run: Path) -> list[NamedClip]:
    """How a run that was evaluated before named its clips.

    Raises:
        DataError: It was not, or without a data set.
    """
    path = RunFolder(run).evaluation.named
    clips = list(read_lines(path, NamedClip))
    if not clips:
        raise DataError(f"no clips named in {path}; make it with `premotor evaluate {run} --data`")
    return clips


def _watch(
    run: Path, source: Source, config: EvaluateConfig, named: dict[str, int], progress: Progress
) -> _Watched:
    """Recognition, in all and by clip, and alignment of each checkpoint on held-out episodes."""
    found = _Watched()
    untrained: Spaces | None = None
    held_out: HeldOut | None = None
    for count, (name, step) in enumerate(named.items()):
        progress("measure", count, len(named), name)
        mirror = load_mirror(run, step).to(chosen_device(config.device))
        held_out = held_out or HeldOut.open(
            source, config.split, mirror.config, config.other_camera, progress
        )
        dataset, naming = held_out.dataset, config.naming
        told = recognize(mirror.understand, dataset, catalog(dataset), name, naming)
        found.recognition += told.records
        found.clips += told.clips
        last, seen = name == list(named)[-1], held_out.other_camera is not None
        beside = Against(
            refit=_refit(mirror, source, config, progress) if last else None,
            untrained=untrained,
            sight=sight_of(mirror, held_out, naming, told.records) if seen else None,
        )
        measured = of_a_report(mirror.config.align.temperature)
        agreed = agreement(mirror, held_out, name, measured, beside, progress)
        found.alignment += agreed.studies
        untrained = agreed.spaces if name == "untrained" else untrained
    progress("measure", len(named), len(named), "")
    return found


def _refit(
    mirror: Mirror, source: Source, config: EvaluateConfig, progress: Progress
) -> Refit | None:
    """What maps are fitted on anew; None where the data set has no such split."""
    if not config.fit_split or not (source.path / config.fit_split).is_dir():
        return None

    dataset = open_dataset(source, config.fit_split, mirror.config, progress)
    fit = FitConfig(align=mirror.config.align)
    return Refit(
        sides=learned(mirror, dataset, pairs_of(dataset, "episode"), _FIT_SEED, progress), fit=fit
    )


def _episodes(config: EvaluateConfig, data: Path | None) -> list[EpisodeSlot]:
    """The unseen episodes to act in."""
    tasks = _tasks(config, data)
    return unseen_slots(tasks, config.episodes, config.seed) if config.episodes > 0 else []


def _tasks(config: EvaluateConfig, data: Path | None) -> tuple[str, ...]:
    """Names of the tasks to act in; a data set that is given has to be there and whole."""
    found: tuple[str, ...] = ()
    if data is not None:
        episodes = Source(data, config.skip_bad).open(config.split).episodes
        if len(episodes) < LEAST_EPISODES:
            raise ConfigError(
                f"split {config.split} of {data} holds {len(episodes)} episode, and alignment "
                f"needs {LEAST_EPISODES} or more; `premotor collect` more, or leave --data away "
                "for success alone"
            )
        found = tuple(dict.fromkeys(e.task for e in episodes))
    if config.tasks:
        return chosen_tasks(config.tasks)
    if not found:
        raise ConfigError(
            "no tasks to act in: name some, as in --tasks all, or give --data for those of a data "
            "set, with recognition and alignment measured too"
        )
    return found


def _checkpoints(run: Path, config: EvaluateConfig) -> dict[str, int]:
    """Names and steps of the checkpoints to measure; with stored weights no run is untrained."""
    last, named = find(run, config.step).step, {}
    if config.untrained and checkpoints(run)[0].step == 0:
        started = read_json(RunFolder(run).manifest, RunManifest).start
        named = {"started" if started else "untrained": 0}
    named = {**named, "trained": last} if last > 0 else named
    if not named:
        raise ConfigError(f"{run} holds the untrained model alone; train it, or measure that too")
    return named


def _units(
    run: Path, config: EvaluateConfig, named: dict[str, int], episodes: Sequence[EpisodeSlot]
) -> list[RolloutUnit]:
    """All roll-outs, checkpoint by checkpoint."""
    weights = [Weights.of(run, step, name) for name, step in named.items()]
    return [RolloutUnit(w, slot, config.max_key_poses) for w in weights for slot in episodes]
