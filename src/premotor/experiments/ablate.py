"""What each part of the policy is worth: variants of a preset, one change at a time.

Acting only: no step carries clips, so that a variant trains in minutes. Each is a run folder as
`premotor train` makes it, judged by held-out keyframes and by roll-outs on unseen episodes, if they
are wanted, and compared with the baseline on the same episodes, seed by seed where there are
several. A variant that only decodes otherwise has the weights of the baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from premotor.campaign import Campaign, Ledger
from premotor.checkpoint import checkpoints, load_mirror, save
from premotor.claims import Claim
from premotor.demonstrate.seeds import chosen_tasks, unseen_slots
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeSlot
from premotor.errors import ConfigError, UnknownName
from premotor.evaluate.acting.keyframes import known_keyframes, measure_keyframes
from premotor.evaluate.acting.success import RollOuts, RolloutUnit, Weights
from premotor.experiments.contrast import summarize
from premotor.experiments.variants import BASELINE, VARIANTS, Variant, parse_variant, with_common
from premotor.folders import AblationFolder, RunFolder
from premotor.measure.paired import MOST_FLIPPED
from premotor.mirror import Mirror
from premotor.presets import train_preset
from premotor.progress import Progress, no_progress
from premotor.records import (
    AblationRecord,
    TrainingRecord,
    write_atomically,
    write_json,
)
from premotor.report import ablation
from premotor.represent import Source
from premotor.settings import check_numbers
from premotor.simulate import EPISODE_KEY_POSES
from premotor.stopping import Stopped
from premotor.train.job import TrainJob, train
from premotor.train.run import check_run, claim_run, write_manifest
from premotor.worklist import MOST_WORKERS, available_cores


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """Which variants, how long, and how much is measured."""

    data: Path  # folder of the data set, with the splits train and val
    out: Path = Path("runs/ablate")  # a run folder per variant and seed, table, figure and record
    only: tuple[str, ...] = ()  # of those above, beside the baseline `full`; () = all, if no `vary`
    vary: tuple[str, ...] = ()
    """Variants of one's own, each in quotes as "name: field=value field=value", with fields as
    `premotor train` names them."""
    common: tuple[str, ...] = ()
    """Fields that all trainings have otherwise than the preset, as "pairing.batch_size=32"."""
    seeds: int = 1  # trainings per variant, from 0 on; 1: intervals are about these episodes
    steps: int = 1500  # updates of each
    episodes: int = 20  # unseen episodes per task; 0 = no roll-outs, held-out keyframes alone
    learn: tuple[str, ...] = ()  # tasks to train on; () = all of the data set
    tasks: tuple[str, ...] = ()  # to roll out, studies too; () = those trained on
    preset: str = "tiny"
    split: str = "val"  # whose keyframes are held out
    max_key_poses: int = EPISODE_KEY_POSES  # key poses per episode
    processes: int = 0  # of training; 0: one per core
    workers: int = 0  # simulator processes; 0 = as many as cores
    device: Device = "auto"  # of training and of the policies that are rolled out
    cache_dir: Path | None = None  # where what training reads is kept, as of `premotor train`
    claim: Annotated[Claim, tyro.conf.arg(name="")] = field(default_factory=Claim)

    def __post_init__(self) -> None:
        train_preset(self.preset)
        for name in self.only:
            if name not in VARIANTS:
                raise UnknownName.of("variant", name, VARIANTS)
        with_common(BASELINE, self.common)
        own = [parse_variant(text).name for text in self.vary]
        if twice := [name for name in own if name in VARIANTS or own.count(name) > 1]:
            raise ConfigError(f"several variants are called {twice[0]!r}; give yours another name")
        if min(self.seeds, self.steps, self.max_key_poses) < 1:
            raise ConfigError(
                "seeds, steps and max_key_poses must be >= 1, got "
                f"{self.seeds}, {self.steps}, {self.max_key_poses}"
            )
        if self.seeds > MOST_FLIPPED:  # whose sign patterns can all be gone through
            raise ConfigError(f"seeds must be <= {MOST_FLIPPED}, got {self.seeds}")
        if max(self.processes, self.workers) > MOST_WORKERS:
            raise ConfigError(
                f"processes and workers must be 0 to {MOST_WORKERS}, got {self.processes}, "
                f"{self.workers}"
            )
        if self.tasks:
            chosen_tasks(self.tasks)
        check_numbers(self)

    @property
    def folder(self) -> AblationFolder:
        """Where all lies."""
        return AblationFolder(self.out)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The baseline, those of the table that are wanted, and those that were typed."""
        named = self.only or (() if self.vary else VARIANTS)
        chosen = (v for v in VARIANTS.values() if v is not BASELINE and v.name in named)
        return self.baseline, *chosen, *map(parse_variant, self.vary)

    @property
    def baseline(self) -> Variant:
        """What every variant changes one thing of."""
        return with_common(BASELINE, self.common)

    @property
    def source(self) -> Source:
        """What every variant learns from."""
        return Source(self.data, tasks=self.learn, cache_dir=self.cache_dir)


@dataclass(frozen=True)
class TrainingUnit:
    """One training of one variant."""

    variant: Variant
    seed: int

    def __str__(self) -> str:
        return f"{self.variant.name}, seed {self.seed}"

    @property
    def key(self) -> tuple[str, int]:
        """Of its record."""
        return self.variant.name, self.seed


def units_of(config: AblateConfig) -> list[TrainingUnit]:
    """All trainings, the baseline first: every variant once before any is trained again."""
    return [TrainingUnit(v, seed) for seed in range(config.seeds) for v in config.variants]


def job_of(config: AblateConfig, unit: TrainingUnit, command: str = "") -> TrainJob:
    """What is trained.

    Raises:
        ConfigError: The preset cannot be changed so.
    """
    preset = train_preset(config.preset)
    plain = replace(
        preset,
        seed=unit.seed,
        steps=config.steps,
        processes=config.processes,
        device=config.device,
        probe_episodes=0,
        eval_every=0,
        pairing=replace(preset.pairing, recognition_every=0),  # no clips: u and z stay untrained
    )
    run = config.folder.run(*unit.key)
    changed = unit.variant.apply(config.baseline.apply(plain))
    return TrainJob(changed, config.source, run.path, command)


def slots_of(config: AblateConfig) -> list[EpisodeSlot]:
    """The unseen episodes that every variant is rolled out on, if any.

    Raises:
        UnknownName: A task of the data set is not one of the simulator's.
        DataError: The split is missing or damaged.
    """
    held_out = config.source.open(config.split).episodes
    if config.episodes == 0:
        return []
    of_data = tuple(dict.fromkeys(info.task for info in held_out))
    return unseen_slots(chosen_tasks(config.tasks or of_data), config.episodes)


def check(config: AblateConfig) -> None:
    """Refuse what can be refused before anything is trained, and touch nothing.

    Raises:
        OutputExists: The folder is there and neither resumed nor overwritten, or is no ablation.
        ConfigError: A run in it has another configuration or data set.
        UnknownName: A task of the data set cannot be rolled out.
        DataError: A split is missing or damaged.
    """
    demos = config.source.open()
    slots_of(config)
    config.folder.check(config.claim)
    for unit in units_of(config):
        job = job_of(config, unit)  # refuses what the preset cannot be changed to
        run = RunFolder(job.out)
        if config.claim.resume and run.begun:
            check_run(run, job.config, demos, config.claim)


def ablate(
    config: AblateConfig, command: str = "", progress: Progress = no_progress
) -> list[AblationRecord]:
    """Train and judge every variant that has no record yet, and compare them.

    `ablation.json`, `ablation.md` and `ablation.svg` are written anew after each training.

    Args:
        config: Which variants, and where.
        command: Command line that asked for it, for the manifests.
        progress: Told how far all is.

    Raises:
        PremotorError: As `check`.
        EpisodesMissing: Trainings broke; the others are kept.
        Stopped: It was asked to stop; what is done is kept.
    """
    check(config)
    folder, slots, known = config.folder, slots_of(config), list[TrainingRecord]()

    def on_record(record: TrainingRecord) -> None:
        known.append(record)
        write(folder, summarize(known), config.variants)

    folder.claim(config.claim)
    with folder.owned():
        found = Campaign(
            stage="variants",
            work=partial(train_and_judge, config, slots, command, progress),
            ledger=Ledger(folder.trainings, TrainingRecord),
            keys=lambda unit: (unit.key,),
            key_of=lambda record: (record.variant, record.seed),
            holds=lambda _, record: _judged(record, config, slots),
            on_record=on_record,
            progress=progress,
        ).run(units_of(config))
        records = summarize(list(found.records.values()))
        write(folder, records, config.variants)
    found.insist("trainings")
    return records


def _judged(record: TrainingRecord, config: AblateConfig, slots: Sequence[EpisodeSlot]) -> bool:
    """Whether a record is of as long a training, and of the very episodes."""
    acted = {rollout.episode for rollout in record.rollouts}
    asked = [any(episode in acted for episode in slot.candidates) for slot in slots]
    allowed = {rollout.max_key_poses for rollout in record.rollouts}
    same = record.steps == config.steps and allowed <= {config.max_key_poses}
    return same and all(asked) and len(asked) == len(acted)


def train_and_judge(
    config: AblateConfig,
    slots: Sequence[EpisodeSlot],
    command: str,
    progress: Progress,
    unit: TrainingUnit,
) -> TrainingRecord:
    """Train a variant to its last update, look at held-out keyframes, and roll out.

    What was trained or measured of it before is gone on with.

    Raises:
        PremotorError: Training was refused or failed, or a roll-out broke.
        Stopped: It was asked to stop.
    """

    def told(stage: str, done: int, total: int, remark: str) -> None:
        progress(stage, done, total, f"{unit}: {remark}" if remark else str(unit))

    job = job_of(config, unit, command)
    run = RunFolder(job.out)
    device = chosen_device(config.device)
    if unit.variant.decodes_only and unit.variant.name != BASELINE.name:
        take_weights(job_of(config, TrainingUnit(BASELINE, unit.seed)), job)
    last = checkpoints(job.out)[-1:]
    finished = bool(last) and last[0].step == config.steps
    if not finished and not train(job, Claim(resume=True), told):
        raise Stopped
    asked = job.out, config.source, config.split
    keyframes = known_keyframes(*asked) or measure_keyframes(*asked, told, device=device)
    weights = Weights(str(job.out), config.steps, "trained", config.preset)
    rollouts = RollOuts(
        ledger=run.evaluation.rollouts,
        device=device,
        workers=config.workers or available_cores(),
        progress=told,
    ).of([RolloutUnit(weights, slot, config.max_key_poses) for slot in slots])
    return TrainingRecord(
        variant=unit.variant.name,
        seed=unit.seed,
        steps=config.steps,
        rollouts=tuple(rollouts.insist("roll-outs")),  # the same episodes must stand for all
        keyframes=tuple(keyframes),
    )


def take_weights(trained: TrainJob, job: TrainJob) -> None:
    """Make a run of what another one learned, under a configuration that decodes otherwise.

    Where it is there already, or the other is not finished, nothing is done.
    """
    run, last = RunFolder(job.out), checkpoints(trained.out)[-1:]
    if run.begun or not last or last[0].step != trained.config.steps:
        return
    learned, mirror = load_mirror(trained.out), Mirror(job.config.mirror)
    mirror.load_state_dict(learned.state_dict())
    claim_run(run, job.config, Claim())
    write_manifest(run, job.config, mirror, job.source, job.command)
    save(job.out, last[0].step, mirror)


def write(
    folder: AblationFolder, records: Sequence[AblationRecord], variants: Sequence[Variant]
) -> None:
    """Write `ablation.json`, `ablation.md` and `ablation.svg`."""
    changes = {variant.name: variant.change for variant in variants}
    write_json(folder.record, list(records))
    write_atomically(folder.page, ablation.markdown(records, changes).encode())
    write_atomically(folder.figure, ablation.figure(records).encode())
