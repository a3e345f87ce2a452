"""Do two models that were trained apart align by themselves, and does that go with success?

The paper's first finding, as a command. Both towers are frozen; the maps T_u and T_e learn on one
split, and all is measured on episodes that neither the towers nor the maps have seen. Success is
the policy's own, on the very episodes whose demonstration U watches; e is that of the policy's
first decision, before anything went right or wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from jaxtyping import Bool

from premotor.align.fit import LEAST_ROWS, FitConfig
from premotor.checkpoint import checkpoints, find, load_policy, load_recognizer
from premotor.claims import Claim
from premotor.data.dataset import Dataset
from premotor.data.pairing import Unit
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeSlot
from premotor.errors import ConfigError, DataError
from premotor.evaluate.acting.own_video import own_clips
from premotor.evaluate.acting.success import SIMULATOR, RollOuts, RolloutUnit, Weights
from premotor.evaluate.agreeing.against_success import against_success
from premotor.evaluate.agreeing.alignment import (
    Against,
    Agreement,
    Refit,
    agreement,
    embed,
    learned,
    sight_of,
)
from premotor.evaluate.agreeing.held_out import HeldOut
from premotor.evaluate.agreeing.towers import fitted, joined
from premotor.evaluate.judge import LEAST_EPISODES
from premotor.findings import ProbePoint, ProbeRecord, Sight, SuccessRelation
from premotor.folders import ProbeFolder, RunFolder
from premotor.measure.crossed import curve_values
from premotor.measure.features import save_features
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides
from premotor.mirror import Mirror
from premotor.progress import Progress, no_progress
from premotor.records import (
    EvalRecord,
    read_lines,
    write_atomically,
    write_json,
    write_lines,
)
from premotor.report import probe as report
from premotor.represent import Source, open_dataset, pairs_of
from premotor.running_code import code_version
from premotor.settings import check_numbers
from premotor.simulate import EPISODE_KEY_POSES
from premotor.train.config import TrainConfig, read_config
from premotor.worklist import MOST_WORKERS, available_cores


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Which two models, on which episodes, and how sharply."""

    run_u: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_U")]  # who watches
    run_e: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_E")]  # who acts
    source: Annotated[Source, tyro.conf.arg(name="")]
    out: Path = Path("runs/probe")
    fit_split: str = "train"  # whose episodes T_u and T_e learn from
    split: str = "test"  # whose episodes are measured and acted in; nobody has learned from them
    unit: Unit = "episode"
    """What is watched: episodes, with the policy's first decision; or segments, one of each episode
    with the decision that leads through it. Success is held against whole episodes alone."""
    fit: FitConfig = field(default_factory=FitConfig)
    study: Annotated[StudyConfig, tyro.conf.arg(name="")] = field(default_factory=StudyConfig)
    other_camera: str = ""
    """Whose clips U sees in the control by another episode, as overhead, which no policy has; they
    are rendered once and kept in the data set's cache. Only for a U that can see through it: how
    many clips it names through either is told. "": the camera of the data set."""
    own_videos: bool = True  # roll out anew, and let U watch that too; else known roll-outs count
    max_key_poses: int = EPISODE_KEY_POSES  # key poses per roll-out
    steps: tuple[int, ...] = ()
    """Updates after which both towers are looked at besides, for a curve over training: kept
    checkpoints of both runs, each pair through maps of its own; () = the last ones alone"""
    device: Device = "auto"  # "auto": the GPU where there is one
    workers: int = 0  # simulator processes; 0 = as many as cores
    claim: Annotated[Claim, tyro.conf.arg(name="")] = field(default_factory=Claim)

    @property
    def folder(self) -> ProbeFolder:
        """Where all lies."""
        return ProbeFolder(self.out)

    def __post_init__(self) -> None:
        if self.fit_split == self.split:
            raise ConfigError(
                f"split and fit_split are both {self.split!r}: maps reach anything on the episodes "
                "they learned from; name two splits"
            )
        if self.max_key_poses < 1 or self.workers > MOST_WORKERS:
            raise ConfigError(
                f"max_key_poses must be >= 1 and workers 0 to {MOST_WORKERS}, got "
                f"{self.max_key_poses}, {self.workers}"
            )
        check_numbers(self)


def together(run_u: Path, run_e: Path) -> str:
    """Why two models were not trained apart, as alignment by itself demands; "" if they were."""
    if run_u.resolve() == run_e.resolve():
        return "both are one run"
    ours, theirs = _training(run_u), _training(run_e)
    for run, config in {**ours, **theirs}.items():
        if _aligned(config):
            return f"{run} was trained to align its own two towers"
    if shared := [run for run in ours if run in theirs]:
        return f"both go back to {shared[0]}"
    seeds = {config.seed for config in ours.values()} & {c.seed for c in theirs.values()}
    return f"both were trained with seed {min(seeds)}" if seeds else ""


def _training(run: Path) -> dict[Path, TrainConfig]:
    """A run and those whose weights it began with; a tower that came from elsewhere has none."""
    path = RunFolder(run.resolve()).config
    if not path.is_file():
        return {}
    config, found = read_config(path), dict[Path, TrainConfig]()
    for folder in config.start.folders.values():
        found |= _training(folder)
    return {run.resolve(): config, **found}


def _aligned(config: TrainConfig) -> bool:
    pairs = config.pairing.recognition_every > 0 and not config.pairing.watch_only
    return pairs and config.mirror.align.weight > 0.0


def check(config: ProbeConfig) -> None:
    """Refuse what can be refused before anything is measured, and touch nothing.

    Raises:
        DataError: A run or a split is missing or damaged.
        OutputExists: Something was measured and is neither resumed nor overwritten.
    """
    chosen_device(config.device)
    _untouched_towers(config)
    _check_steps(config)
    for split, least in ((config.fit_split, LEAST_ROWS), (config.split, LEAST_EPISODES)):
        count = len(config.source.open(split))
        if count < least:
            raise ConfigError(
                f"split {split} of {config.source.path} holds {count} episodes, {least} or more "
                "are needed; `premotor collect` more"
            )
    config.folder.check(config.claim)


def _check_steps(config: ProbeConfig) -> None:
    """Refuse steps that a run has not kept.

    Raises:
        DataError: Those that each has are named.
    """
    kept = {run: [c.step for c in checkpoints(run)] for run in (config.run_u, config.run_e)}
    for run, known in kept.items():
        if missing := [step for step in config.steps if step not in known]:
            raise DataError(
                f"{run} has not kept {_listed(missing)} of --steps {_listed(config.steps)}; it has "
                f"{_listed(known) or 'no checkpoints'}; name steps that both runs have, or train "
                "with more --keep-checkpoints"
            )


def _listed(steps: Sequence[int]) -> str:
    return " ".join(str(step) for step in steps)


def probe(config: ProbeConfig, progress: Progress = no_progress) -> ProbeRecord:
    """Fit, measure, act, relate; write `probe.json`, `probe.md`, `probe.svg` and the features.

    Args:
        config: Which two models and which episodes.
        progress: Told how far each stage is.

    Raises:
        PremotorError: As `check`.
        EpisodesMissing: A roll-out broke; those that are done are kept for the next try.
        Stopped: It was asked to stop; the roll-outs that are done are kept.
    """
    check(config)
    config.folder.claim(config.claim)
    with config.folder.owned():
        measured = _measure(config, progress)
        relations, success = list[SuccessRelation](), np.zeros(0, dtype=bool)
        if config.unit == "episode":
            records = _roll_out(config, measured.held_out.dataset, progress)
            success = np.array([record.success for record in records])
            relations += _related(config, measured, success)
        found = _record(config, measured, relations, success)
        _write(config.folder, found, measured)
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class _Measured:
    """How both models align, and on what that was measured."""

    untrained: Agreement | None  # before any training, where that is known
    trained: Agreement
    mirror: Mirror  # the trained one, with its maps
    held_out: HeldOut
    sight: Sight
    num_fit: int  # episodes that the maps learned from
    curve: tuple[ProbePoint, ...]  # over training


def _related(
    config: ProbeConfig, measured: _Measured, success: Bool[np.ndarray, " n"]
) -> Iterator[SuccessRelation]:
    own = None
    if config.own_videos:
        clips = config.folder.clips(_step(config.run_e))
        filmed = own_clips(clips, measured.held_out.dataset)
        own = embed(measured.mirror, filmed, measured.held_out.pairs)
    return against_success(measured.trained.spaces, own, success, config.study)


def _record(
    config: ProbeConfig,
    measured: _Measured,
    relations: Sequence[SuccessRelation],
    success: Bool[np.ndarray, " n"],
) -> ProbeRecord:
    agreed = [part for part in (measured.untrained, measured.trained) if part is not None]
    return ProbeRecord(
        run_u=str(config.run_u),
        run_e=str(config.run_e),
        step_u=_step(config.run_u),
        step_e=_step(config.run_e),
        together=together(config.run_u, config.run_e),
        fit_split=config.fit_split,
        num_fit=measured.num_fit,
        split=config.split,
        num_rows=len(measured.held_out.dataset.cache.episodes),
        unit=config.unit,
        sight=measured.sight,
        temperature=config.fit.align.temperature,
        studies=tuple(study for part in agreed for study in part.studies),
        relations=tuple(relations),
        successes=int(success.sum()),
        rollouts=len(success),
        simulator=SIMULATOR,
        code_version=code_version(),
        curve=measured.curve,
    )


def _measure(config: ProbeConfig, progress: Progress) -> _Measured:
    """Fit maps between the towers, before and after training, and measure how far they align."""
    align, seed = config.fit.align, config.study.seed
    sharpness = replace(config.study.measure, temperature=align.temperature)
    study = replace(config.study, measure=sharpness)
    mirror, started = _joined(config), _joined(config, 0) if _untouched_towers(config) else None
    held_out = HeldOut.open(
        config.source, config.split, mirror.config, config.other_camera, progress
    )
    held_out = replace(held_out, pairs=pairs_of(held_out.dataset, config.unit))
    dataset = open_dataset(config.source, config.fit_split, mirror.config, progress)

    def fit(towers: Mirror) -> Sides:
        """Give them the maps that align them best; returns what these learned from."""
        sides = learned(towers, dataset, pairs_of(dataset, config.unit), seed, progress)
        towers.align = fitted(sides, config.fit, seed).to(chosen_device(config.device))
        return sides

    untrained = None
    if started is not None:
        progress("fit", 0, 2, "untrained")
        fit(started)
        untrained = agreement(started, held_out, "untrained", study, Against(), progress)
    progress("fit", 1, 2, "trained")
    sides, sight = fit(mirror), sight_of(mirror, held_out)
    beside = Against(
        refit=Refit(sides=sides, fit=config.fit),
        untrained=untrained.spaces if untrained else None,
        sight=sight,
    )
    trained = agreement(mirror, held_out, "trained", study, beside, progress)
    progress("fit", 2, 2, "")
    curve = _curve(config, held_out, dataset, progress)
    return _Measured(
        untrained=untrained,
        trained=trained,
        mirror=mirror,
        held_out=held_out,
        sight=sight,
        num_fit=len(sides),
        curve=tuple(curve),
    )


def _curve(
    config: ProbeConfig, held_out: HeldOut, dataset: Dataset, progress: Progress
) -> Iterator[ProbePoint]:
    """Both towers after each of the steps, through maps of their own."""
    temperature, steps = config.fit.align.temperature, sorted(set(config.steps))
    sharpness = replace(config.study.measure, temperature=temperature)
    for count, step in enumerate(steps):
        progress("curve", count, len(steps), f"step {step}")
        towers = _joined(config, step)
        sides = embed(towers, dataset, pairs_of(dataset, config.unit))["raw"]
        towers.align = fitted(sides, config.fit, config.study.seed).to(chosen_device(config.device))
        spaces = embed(towers, held_out.dataset, held_out.pairs)
        several = spaces["raw"].centered is not None
        yield ProbePoint(
            step=step,
            values=curve_values(spaces, sharpness),
            centered=curve_values(spaces, sharpness, centered=True) if several else {},
        )
    progress("curve", len(steps), len(steps), "")


def _joined(config: ProbeConfig, step: int | None = None) -> Mirror:
    """Both towers, after so many updates or the last one."""
    towers = load_recognizer(config.run_u, step), load_policy(config.run_e, step)
    return joined(*towers, config.fit.align).to(chosen_device(config.device))


def _untouched_towers(config: ProbeConfig) -> bool:
    """Whether both towers are known as they were before any training.

    Raises:
        DataError: The policy's run has no checkpoint.
    """
    find(config.run_e)
    known = (checkpoints(config.run_u), checkpoints(config.run_e))
    begun = [c.start.folders for r in (config.run_u, config.run_e) for c in _training(r).values()]
    whole = all(found and found[0].step == 0 and found[-1].step > 0 for found in known)
    return whole and not any(begun)


def _step(run: Path) -> int:
    found = checkpoints(run)
    return found[-1].step if found else -1


def _roll_out(config: ProbeConfig, dataset: Dataset, progress: Progress) -> list[EvalRecord]:
    """How the policy fared in each episode of the data set, in its order.

    Raises:
        EpisodesMissing: Roll-outs broke.
    """
    folder, step = config.folder, find(config.run_e).step
    weights = Weights.of(config.run_e, step, "trained")
    slots = [EpisodeSlot(i.task, i.variation, (i.seed,)) for i in dataset.cache.episodes]
    if not config.own_videos:
        known = read_lines(RunFolder(config.run_e).evaluation.rollouts, EvalRecord)
        write_lines(folder.rollouts, [*known, *read_lines(folder.rollouts, EvalRecord)])
    rolled = RollOuts(
        ledger=folder.rollouts,
        clips=folder.clips(step) if config.own_videos else None,
        device=chosen_device(config.device),
        workers=config.workers or available_cores(),
        progress=progress,
    ).of([RolloutUnit(weights, slot, config.max_key_poses) for slot in slots])
    return rolled.insist("roll-outs")


def _write(folder: ProbeFolder, record: ProbeRecord, measured: _Measured) -> None:
    """The record, the page and figure that show it, and the features for `premotor align`."""
    write_json(folder.record, record)
    write_atomically(folder.page, report.markdown(record).encode())
    write_atomically(folder.figure, report.figure(record).encode())
    episodes = [info.episode for info in measured.held_out.dataset.cache.episodes]
    labels = {
        "task": [episode.task for episode in episodes],
        "variation": [str(episode.variation) for episode in episodes],
        "episode": [str(episode.seed) for episode in episodes],
    }
    raw = measured.trained.spaces["raw"]
    sides = {"u": raw.u, "e": raw.e}
    if "blanked" in raw.controls:
        sides["e_blanked"] = raw.controls["blanked"].e
    if raw.untrained is not None:
        sides |= {"u_untrained": raw.untrained.u, "e_untrained": raw.untrained.e}
    for name, values in sides.items():
        save_features(folder.features(name), values, labels)
