"""Everything that is measured of a run: before and after training, on unseen episodes."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from premotor.align.fit import FitConfig
from premotor.checkpoint import checkpoints, find, load_mirror
from premotor.demonstrate.seeds import chosen_tasks, unseen_slots
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeSlot
from premotor.errors import ConfigError, DataError, OutputExists, refuse_both
from premotor.evaluate.alignment import (
    Against,
    Refit,
    Spaces,
    agreement,
    learned,
    of_a_report,
    sight_of,
)
from premotor.evaluate.films import choose, film
from premotor.evaluate.held_out import HeldOut
from premotor.evaluate.naming import against, compare_all
from premotor.evaluate.recognition import NamingConfig, catalog, recognize
from premotor.evaluate.success import (
    RolloutUnit,
    actor_of,
    done_before,
    policies,
    roll_out_all,
    shared_environment,
)
from premotor.findings import STUDIES, Study
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import (
    EvalRecord,
    NamedClip,
    NamingPair,
    RecognitionRecord,
    RunManifest,
    read_json,
    read_lines,
    write_json,
    write_lines,
)
from premotor.represent import Source, open_dataset, pairs_of
from premotor.simulate import EPISODE_KEY_POSES
from premotor.worklist import Done

_log = logging.getLogger(__name__)
_FIT_SEED = 0  # of maps that are fitted anew


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How much is measured."""

    episodes: int = 20  # unseen episodes per task and checkpoint to act in; 0 = none, watch only
    tasks: tuple[str, ...] = ()  # names, studies too, or "all"; () = those of the data set
    device: Device = "auto"  # "auto": the GPU where there is one
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

    def __post_init__(self) -> None:
        if self.episodes < 0 or self.max_key_poses < 1 or self.workers < 0:
            raise ConfigError(
                "episodes and workers must be >= 0, max_key_poses >= 1, got "
                f"{self.episodes}, {self.workers}, {self.max_key_poses}"
            )
        if self.tasks:
            chosen_tasks(self.tasks)


@dataclass(frozen=True)
class Judgement:
    """What was measured."""

    rollouts: tuple[EvalRecord, ...]
    broken: tuple[str, ...]  # episodes without a record, and why: nobody's failure to act
    recognition: tuple[RecognitionRecord, ...] = ()  # empty without a data set, as is alignment
    alignment: tuple[Study, ...] = ()
    pairs: tuple[NamingPair, ...] = ()  # checkpoints that named the same clips


def prepare(
    run: Path, data: Path | None, config: EvaluateConfig, resume: bool, overwrite: bool
) -> None:
    """Refuse what can be refused before anything that is there is thrown away.

    Raises:
        DataError: The run or the split is missing or damaged.
        OutputExists: Something was measured and neither resume nor overwrite was asked for.
    """
    refuse_both(resume, overwrite)
    chosen_device(config.device)
    _checkpoints(run, config)
    if config.episodes == 0 and data is None:
        raise ConfigError("--episodes 0 without --data leaves nothing to measure; give one of them")
    _episodes(config, data)
    if config.against and data is None:
        raise ConfigError("--against compares the names of clips, which --data gives; add it")
    for other in config.against:
        _named_by(other)
    folder = run / "evaluation"
    if not folder.exists() or resume:
        return
    if not overwrite:
        raise OutputExists(f"{folder} exists; use --resume to go on or --overwrite to start anew")
    shutil.rmtree(folder)


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
    """
    folder = run / "evaluation"
    named = _checkpoints(run, config)
    episodes = _episodes(config, data)
    recognition: list[RecognitionRecord] = []
    alignment: list[Study] = []
    pairs: list[NamingPair] = []
    if data is not None:
        recognition, clips, alignment = _compare(run, data, config, named, progress)
        write_json(folder / "recognition.json", recognition)
        write_lines(folder / "named.jsonl", clips)
        write_json(folder / STUDIES, alignment)
        pairs = compare_all(clips)
        for other in config.against:  # refuses other clips, when what was measured is on disk
            pairs += against(clips, str(other), _named_by(other))
        write_json(folder / "naming_pairs.json", pairs)
    records, broken = _roll_out(run, named, episodes, (config, workers, progress))
    if config.films and records:
        _film(run, named, records, (config, progress))
    return Judgement(
        tuple(records), tuple(broken), tuple(recognition), tuple(alignment), tuple(pairs)
    )


def _named_by(run: Path) -> list[NamedClip]:
    """How a run that was evaluated before named its clips.

    Raises:
        DataError: It was not, or without a data set.
    """
    path = run / "evaluation" / "named.jsonl"
    clips = list(read_lines(path, NamedClip))
    if not clips:
        raise DataError(f"no clips named in {path}; make it with `premotor evaluate {run} --data`")
    return clips


def _compare(
    run: Path, data: Path, config: EvaluateConfig, named: dict[str, int], progress: Progress
) -> tuple[list[RecognitionRecord], list[NamedClip], list[Study]]:
    """Recognition, in all and by clip, and alignment of each checkpoint on held-out episodes."""
    recognition: list[RecognitionRecord] = []
    clips: list[NamedClip] = []
    alignment: list[Study] = []
    untrained: Spaces | None = None
    held_out: HeldOut | None = None
    place = (Source(data, config.skip_bad), config.split)
    for count, (name, step) in enumerate(named.items()):
        progress("measure", count, len(named), name)
        mirror = load_mirror(run, step).to(chosen_device(config.device))
        held_out = held_out or HeldOut.open(place, mirror.config, config.other_camera, progress)
        dataset = held_out.dataset
        found = recognize(mirror.understand, dataset, catalog(dataset), name, config.naming)
        recognition += found.records
        clips += found.clips
        last = name == list(named)[-1]
        agreed = agreement(
            mirror,
            held_out,
            name,
            of_a_report(mirror.config.align.temperature),
            Against(
                refit=_refit(mirror, place[0], config, progress) if last else None,
                untrained=untrained,
                sight=sight_of(mirror, held_out) if held_out.elsewhere else None,
            ),
            progress,
        )
        alignment += agreed.studies
        untrained = agreed.spaces if name == "untrained" else untrained
    progress("measure", len(named), len(named), "")
    return recognition, clips, alignment


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
    last, named = find(run).step, {}
    if config.untrained and checkpoints(run)[0].step == 0:
        started = read_json(run / "manifest.json", RunManifest).start
        named = {"started" if started else "untrained": 0}
    named = {**named, "trained": last} if last > 0 else named
    if not named:
        raise ConfigError(f"{run} holds the untrained model alone; train it, or measure that too")
    return named


def _roll_out(
    run: Path,
    named: dict[str, int],
    episodes: Sequence[EpisodeSlot],
    options: tuple[EvaluateConfig, int, Progress],
) -> tuple[list[EvalRecord], list[str]]:
    """Records of all roll-outs, and what is to be said of those that broke."""
    config, workers, progress = options
    preset = read_json(run / "manifest.json", RunManifest).preset
    units = [
        RolloutUnit(str(run), step, name, preset, slot, config.max_key_poses)
        for name, step in named.items()
        for slot in episodes
    ]
    if not units:
        return [], []
    path = run / "evaluation" / "rollouts.jsonl"
    records, todo = done_before(units, path)
    broken: list[str] = []

    def tell() -> None:
        wins = sum(r.success for r in records if r.checkpoint == "trained")
        remark = f"{wins} successes after training" if "trained" in named else ""
        if broken:
            remark += f", {len(broken)} broken"
        progress("roll out", len(records) + len(broken), len(units), remark)

    def on_done(done: Done[RolloutUnit, EvalRecord]) -> None:
        if done.error is None:
            records.append(done.unwrap())
        else:
            broken.append(f"{done.unit}: {type(done.error).__name__}: {done.error}")
            _log.error("%s", broken[-1], exc_info=done.error)
        tell()

    tell()
    with policies(chosen_device(config.device)) as actors:
        roll_out_all(todo, path, actors, workers, on_done)
    return records, broken


def _film(
    run: Path,
    named: dict[str, int],
    records: Sequence[EvalRecord],
    options: tuple[EvaluateConfig, Progress],
) -> None:
    config, progress = options
    folder, device = run / "evaluation" / "films", chosen_device(config.device)
    last = list(named)[-1]
    chosen = choose(records, last)
    films = []
    for count, record in enumerate(chosen):
        progress("film", count, len(chosen), record.task)
        actor = actor_of(str(run), named[record.checkpoint], device=device)
        films.append(film(shared_environment(), actor, record, config.max_key_poses, folder))
    write_json(folder / "films.json", films)
    progress("film", len(chosen), len(chosen), "")
