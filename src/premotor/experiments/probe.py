"""Do two models that were trained apart align by themselves, and does that go with success?

The paper's first finding, as a command. Both towers are frozen; the maps T_u and T_e learn on one
split, and all is measured on episodes that neither the towers nor the maps have seen. Success is
the policy's own, on the very episodes whose demonstration U watches; e is that of the policy's
first decision, before anything went right or wrong.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from premotor.align.fit import FitConfig
from premotor.checkpoint import checkpoints, find, load_policy, load_recognizer
from premotor.data.dataset import Dataset
from premotor.data.pairing import Unit
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.errors import ConfigError, OutputExists, refuse_both
from premotor.evaluate.acting.own_video import own_clips
from premotor.evaluate.acting.success import SIMULATOR, RollOuts, RolloutUnit, Weights
from premotor.evaluate.agreeing.against_success import against_success
from premotor.evaluate.agreeing.alignment import (
    Against,
    Agreement,
    Refit,
    Spaces,
    agreement,
    embed,
    learned,
    sight_of,
)
from premotor.evaluate.agreeing.held_out import HeldOut
from premotor.evaluate.agreeing.towers import fitted, joined
from premotor.findings import ProbeRecord, Sight, SuccessRelation
from premotor.folders import RunFolder
from premotor.measure.features import save_features
from premotor.measure.plan import StudyConfig
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import (
    EvalRecord,
    code_version,
    read_lines,
    write_atomically,
    write_json,
    write_lines,
)
from premotor.report import probe as report
from premotor.represent import Source, open_dataset, pairs_of
from premotor.simulate import EPISODE_KEY_POSES
from premotor.train.config import TrainConfig
from premotor.train.run import read_config


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
    device: Device = "auto"  # "auto": the GPU where there is one
    workers: int = 0  # simulator processes; 0 = as many as cores

    def __post_init__(self) -> None:
        if self.fit_split == self.split:
            raise ConfigError(
                f"split and fit_split are both {self.split!r}: maps reach anything on the episodes "
                "they learned from; name two splits"
            )
        if self.max_key_poses < 1 or self.workers < 0:
            raise ConfigError(
                "max_key_poses must be >= 1 and workers >= 0, got "
                f"{self.max_key_poses}, {self.workers}"
            )


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
    path = run.resolve() / "config.yaml"
    if not path.is_file():
        return {}
    config, found = read_config(path), dict[Path, TrainConfig]()
    for folder in config.start.folders.values():
        found |= _training(folder)
    return {run.resolve(): config, **found}


def _aligned(config: TrainConfig) -> bool:
    pairs = config.pairing.recognition_every > 0 and not config.pairing.watch_only
    return pairs and config.mirror.align.weight > 0.0


def prepare(config: ProbeConfig, resume: bool, overwrite: bool) -> None:
    """Refuse what can be refused before anything is measured or thrown away.

    Raises:
        DataError: A run or a split is missing or damaged.
        OutputExists: Something was measured and neither resume nor overwrite was asked for.
    """
    refuse_both(resume, overwrite)
    chosen_device(config.device)
    _untouched_towers(config)
    for split in (config.fit_split, config.split):
        config.source.open(split)
    if config.out.exists() and any(config.out.iterdir()):
        if not any((config.out / name).exists() for name in ("rollouts.jsonl", "probe.json")):
            raise OutputExists(f"{config.out} is there and is no probe; choose another --out")
        if not resume and not overwrite:
            raise OutputExists(
                f"{config.out} is there; add --resume to keep its roll-outs, --overwrite to do "
                "them again, or choose another --out"
            )
        if overwrite:
            shutil.rmtree(config.out)


def probe(config: ProbeConfig, workers: int, progress: Progress) -> ProbeRecord:
    """Fit, measure, act, relate; write `probe.json`, `probe.md`, `probe.svg` and the features.

    Args:
        config: Which two models and which episodes; `prepare` has passed.
        workers: Simulator processes.
        progress: Told how far each stage is.

    Raises:
        DataError: A run or a split is missing or damaged.
        EpisodesMissing: A roll-out broke; those that are done are kept for the next try.
    """
    measured = _measure(config, progress)
    held_out, spaces = measured.held_out, measured.agreed["trained"].spaces
    relations: list[SuccessRelation] = []
    success = np.zeros(0, dtype=bool)
    if config.unit == "episode":
        records = _roll_out(config, held_out.dataset, workers, progress)
        success = np.array([record.success for record in records])
        own = None
        if config.own_videos:
            filmed = own_clips(_clips(config), held_out.dataset)
            own = embed(measured.mirror, filmed, held_out.pairs)
        relations += against_success(spaces, own, success, config.study)
    found = ProbeRecord(
        run_u=str(config.run_u),
        run_e=str(config.run_e),
        step_u=_step(config.run_u),
        step_e=_step(config.run_e),
        together=together(config.run_u, config.run_e),
        fit_split=config.fit_split,
        num_fit=measured.num_fit,
        split=config.split,
        num_rows=len(held_out.dataset.cache.episodes),
        unit=config.unit,
        sight=measured.sight,
        temperature=config.fit.align.temperature,
        studies=tuple(study for part in measured.agreed.values() for study in part.studies),
        relations=tuple(relations),
        successes=int(success.sum()),
        rollouts=len(success),
        simulator=SIMULATOR,
        code_version=code_version(),
    )
    _write(config.out, found, spaces, held_out.dataset)
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class _Measured:
    """How both checkpoints align, and on what that was measured."""

    agreed: Mapping[str, Agreement]  # by checkpoint, the trained one last
    mirror: Mirror  # the trained one, with its maps
    held_out: HeldOut
    sight: Sight
    num_fit: int  # episodes that the maps learned from


def _measure(config: ProbeConfig, progress: Progress) -> _Measured:
    """Fit maps between the towers of each checkpoint and measure how far they align."""
    align, seed = config.fit.align, config.study.seed
    sharpness = replace(config.study.measure, temperature=align.temperature)
    study = replace(config.study, measure=sharpness)
    agreed: dict[str, Agreement] = {}
    held_out: HeldOut | None = None
    stages = list(_mirrors(config))
    for count, (name, mirror) in enumerate(stages):
        progress("fit", count, len(stages), name)
        if held_out is None:
            held_out = HeldOut.open(
                config.source, config.split, mirror.config, config.other_camera, progress
            )
            held_out = replace(held_out, pairs=pairs_of(held_out.dataset, config.unit))
        dataset = open_dataset(config.source, config.fit_split, mirror.config, progress)
        sides = learned(mirror, dataset, pairs_of(dataset, config.unit), seed, progress)
        mirror.align = fitted(sides, config.fit, seed).to(chosen_device(config.device))
        last = count == len(stages) - 1
        sight = sight_of(mirror, held_out) if last else None
        untrained = agreed["untrained"].spaces if "untrained" in agreed else None
        agreed[name] = agreement(
            mirror,
            held_out,
            name,
            study,
            Against(
                refit=Refit(sides=sides, fit=config.fit) if last else None,
                untrained=untrained,
                sight=sight,
            ),
            progress,
        )
        if last:
            progress("fit", len(stages), len(stages), "")
            assert sight is not None
            return _Measured(
                agreed=agreed, mirror=mirror, held_out=held_out, sight=sight, num_fit=len(sides)
            )
    raise AssertionError("there is always a trained checkpoint")


def _mirrors(config: ProbeConfig) -> Iterator[tuple[str, Mirror]]:
    """Both towers joined: as they were before training, where both are known, and as they are."""
    device, align = chosen_device(config.device), config.fit.align
    if _untouched_towers(config):
        towers = load_recognizer(config.run_u, 0), load_policy(config.run_e, 0)
        yield "untrained", joined(*towers, align).to(device)
    yield (
        "trained",
        joined(load_recognizer(config.run_u), load_policy(config.run_e), align).to(device),
    )


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


def _clips(config: ProbeConfig) -> Path:
    return config.out / "clips" / f"step_{_step(config.run_e):06d}"


def _episodes(dataset: Dataset) -> list[EpisodeId]:
    return [info.episode for info in dataset.cache.episodes]


def _roll_out(
    config: ProbeConfig, dataset: Dataset, workers: int, progress: Progress
) -> list[EvalRecord]:
    """How the policy fared in each episode of the data set, in its order.

    Raises:
        EpisodesMissing: Roll-outs broke.
    """
    weights = Weights.of(config.run_e, find(config.run_e).step, "trained")
    units = [
        RolloutUnit(weights, EpisodeSlot(e.task, e.variation, (e.seed,)), config.max_key_poses)
        for e in _episodes(dataset)
    ]
    path = config.out / "rollouts.jsonl"
    clips = _clips(config) if config.own_videos else None
    if clips is None:
        known = read_lines(RunFolder(config.run_e).evaluation.rollouts, EvalRecord)
        write_lines(path, [*known, *read_lines(path, EvalRecord)])
    rolled = RollOuts(
        ledger=path,
        clips=clips,
        device=chosen_device(config.device),
        workers=workers,
        progress=progress,
    ).of(units)
    return rolled.insist("roll-outs")


def _write(out: Path, record: ProbeRecord, spaces: Spaces, dataset: Dataset) -> None:
    """The record, the page and figure that show it, and the features for `premotor align`."""
    write_json(out / "probe.json", record)
    write_atomically(out / "probe.md", report.markdown(record).encode())
    write_atomically(out / "probe.svg", report.figure(record).encode())
    episodes = _episodes(dataset)
    labels = {
        "task": [episode.task for episode in episodes],
        "variation": [str(episode.variation) for episode in episodes],
        "episode": [str(episode.seed) for episode in episodes],
    }
    raw = spaces["raw"]
    sides = {"u": raw.u, "e": raw.e}
    if "blanked" in raw.controls:
        sides["e_blanked"] = raw.controls["blanked"].e
    if raw.untrained is not None:
        sides |= {"u_untrained": raw.untrained.u, "e_untrained": raw.untrained.e}
    for name, values in sides.items():
        save_features(out / "features" / f"{name}.npz", values, labels)
