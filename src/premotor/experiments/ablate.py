"""What each part of the policy is worth: variants of a preset, one change at a time.

Acting only: no step carries clips, so that a variant trains in minutes. Each is a run folder as
`premotor train` makes it, judged by roll-outs on unseen episodes and by held-out keyframes, and
compared with the baseline on the same episodes, seed by seed where there are several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from premotor.checkpoint import checkpoints
from premotor.demonstrate.seeds import chosen_tasks, unseen_slots
from premotor.device import Device, chosen_device
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.errors import ConfigError, UnknownName
from premotor.evaluate.acting.keyframes import located, measure_keyframes, turned
from premotor.evaluate.acting.success import SIMULATOR, RollOuts, RolloutUnit, Weights
from premotor.folders import RunFolder
from premotor.measure.intervals import bootstrap, paired_difference, wilson
from premotor.measure.paired import MOST_FLIPPED, SignFlip, sign_flip, t_interval
from premotor.presets import train_preset
from premotor.progress import Progress
from premotor.records import (
    AblationRecord,
    EvalRecord,
    Interval,
    KeyframeRecord,
    write_atomically,
    write_json,
)
from premotor.report import ablation
from premotor.report.tables import is_study
from premotor.represent import Source
from premotor.simulate import EPISODE_KEY_POSES

Key = tuple[EpisodeId, int]  # episode, keyframe
Answers = dict[Key, bool]  # what one training got right
BySeed = dict[int, Answers]  # by training seed
Rate = Callable[[Answers], Interval]
Difference = Callable[[Answers, Answers, Sequence[Key]], Interval]  # ours, theirs, keys of both


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change of the preset."""

    name: str
    change: str  # in words
    options: tuple[str, ...] = ()  # the change, as options of `premotor train`


def _variant(name: str, change: str, options: str) -> Variant:
    return Variant(name=name, change=change, options=tuple(options.split()))


BASELINE = _variant("full", "the preset as it is, AdamW at 2e-3", "")
# Learning rates of the other optimizers: 1e-2 is what LAMB learned with before (decisions D42); the
# capped one lies between AdamW's and 5e-3, as the cap only ever shrinks a step. None was swept.
_CAPPED = "--optimizer.name lamb_capped --optimizer.learning-rate 3e-3"
VARIANTS = {
    variant.name: variant
    for variant in (
        BASELINE,
        _variant(
            "without_zoom", "one stage: all is read from the whole scene", "--execute.stages 1"
        ),
        _variant(
            "chunk_1", "gripper and collision one after the other", "--execute.tokens.chunk 1"
        ),
        _variant(
            "lamb",
            "LAMB at 1e-2, eps 1e-6",
            "--optimizer.name lamb --optimizer.learning-rate 1e-2 --optimizer.eps 1e-6",
        ),
        _variant("lamb_capped", "norm-capped Adam (the released recipe's) at 3e-3", _CAPPED),
        _variant(
            "released_init",
            "norm-capped Adam at 3e-3 with AdaLN at exactly zero, which it can never leave",
            f"{_CAPPED} --execute.tokens.modulation-std 0",
        ),
        _variant(
            "without_augmentation",
            "scenes neither moved, nor turned, nor colored; zoom and token noise stay",
            "--augment.shift 0 --augment.yaw 0 --augment.color 0",
        ),
        _variant(
            "coarse_context",
            "the zoom stage also sees the first stage's features",
            "--execute.coarse-context",
        ),
        _variant(
            "one_hot_rotation",
            "rotation labels in one bin, decoded to its middle",
            "--execute.tokens.label-sigma 0 --execute.tokens.mean-window 1",
        ),
        _variant("wide_zoom", "zoom by 2 instead of 4", "--execute.views.zoom 2"),
    )
}


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """Which variants, how long, and how much is measured."""

    data: Path  # folder of the data set, with the splits train and val
    out: Path = Path("runs/ablate")  # a run folder per variant and seed, table, figure and record
    only: tuple[str, ...] = ()  # beside the baseline `full`, in the table too; () = all
    seeds: int = 1  # trainings per variant, from 0 on; 1: intervals are about these episodes
    steps: int = 1500  # updates of each
    episodes: int = 20  # unseen episodes per task
    learn: tuple[str, ...] = ()  # tasks to train on; () = all of the data set
    tasks: tuple[str, ...] = ()  # to roll out, studies too; () = those trained on
    preset: str = "tiny"
    split: str = "val"  # whose keyframes are held out
    max_key_poses: int = EPISODE_KEY_POSES  # key poses per episode
    processes: int = 0  # of training; 0: one per core
    workers: int = 0  # simulator processes; 0 = as many as cores
    device: Device = "auto"  # of training and of the policies that are rolled out
    resume: bool = False  # go on in a folder that is there: what is finished is kept

    def __post_init__(self) -> None:
        train_preset(self.preset)
        for name in self.only:
            if name not in VARIANTS:
                raise UnknownName.of("variant", name, VARIANTS)
        if min(self.seeds, self.steps, self.episodes, self.max_key_poses) < 1:
            raise ConfigError(
                "seeds, steps, episodes and max_key_poses must be >= 1, got "
                f"{self.seeds}, {self.steps}, {self.episodes}, {self.max_key_poses}"
            )
        if self.seeds > MOST_FLIPPED:  # whose sign patterns can all be gone through
            raise ConfigError(f"seeds must be <= {MOST_FLIPPED}, got {self.seeds}")
        if min(self.processes, self.workers) < 0:
            raise ConfigError(
                f"processes and workers must be >= 0, got {self.processes}, {self.workers}"
            )
        if self.tasks:
            chosen_tasks(self.tasks)

    @property
    def source(self) -> Source:
        """What every variant learns from."""
        return Source(self.data, tasks=self.learn)


@dataclass(frozen=True)
class AblationRun:
    """One training of one variant."""

    config: AblateConfig
    variant: Variant
    seed: int

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.config.out / self.variant.name / f"seed_{self.seed}"

    @property
    def train_arguments(self) -> list[str]:
        """What `premotor` is told; it can go on where it was stopped."""
        config = self.config
        acting_only = ["--pairing.recognition-every", "0"]  # no clips: u and z stay untrained
        unprobed = ["--probe-episodes", "0", "--eval-every", "0"]
        return [
            *("train", config.preset, "--data", str(config.data), "--out", str(self.path)),
            *("--seed", str(self.seed), "--steps", str(config.steps)),
            *("--processes", str(config.processes), *acting_only, *unprobed),
            *("--device", config.device),
            *(("--tasks", *config.learn) if config.learn else ()),
            *(*self.variant.options, "--resume"),
        ]

    @property
    def trained(self) -> bool:
        """Whether the last update is done."""
        known = checkpoints(self.path)
        return bool(known) and known[-1].step == self.config.steps


@dataclass(frozen=True)
class Outcome:
    """What was measured of one run."""

    run: AblationRun
    rollouts: tuple[EvalRecord, ...]
    keyframes: tuple[KeyframeRecord, ...]


def runs(config: AblateConfig) -> list[AblationRun]:
    """All trainings, the baseline first: every variant once before any is trained again."""
    chosen = [v for v in VARIANTS.values() if v is BASELINE or v.name in (config.only or VARIANTS)]
    return [AblationRun(config, v, seed) for seed in range(config.seeds) for v in chosen]


def episodes_of(config: AblateConfig) -> list[EpisodeSlot]:
    """The unseen episodes that every variant is rolled out on.

    Raises:
        UnknownName: A task of the data set is not one of the simulator's.
        DataError: The split is missing or damaged.
    """
    held_out = config.source.open(config.split).episodes
    of_data = tuple(dict.fromkeys(info.task for info in held_out))
    return unseen_slots(chosen_tasks(config.tasks or of_data), config.episodes)


def measure(run: AblationRun, workers: int, progress: Progress) -> Outcome:
    """Roll out and look at held-out keyframes; what was measured before is read back.

    Args:
        run: Trained to its last update.
        workers: Simulator processes.
        progress: Told how far each stage is.

    Raises:
        DataError: The split is missing or damaged.
        EpisodesMissing: A simulator crashed, or an episode has no layout; all others are kept.
    """
    config = run.config
    keyframes = measure_keyframes(run.path, config.source, config.split, progress)
    weights = Weights(str(run.path), config.steps, "trained", config.preset)
    rolled = RollOuts(
        ledger=RunFolder(run.path).evaluation.rollouts,
        device=chosen_device(config.device),
        workers=workers,
        progress=progress,
    ).of([RolloutUnit(weights, slot, config.max_key_poses) for slot in episodes_of(config)])
    rollouts = rolled.insist("roll-outs")  # the same episodes are compared, so all must stand
    return Outcome(run, tuple(rollouts), tuple(keyframes))


def summarize(outcomes: Sequence[Outcome]) -> list[AblationRecord]:
    """Every measure per task and over all tasks, with intervals and differences to the baseline.

    With several training seeds a rate is the mean over them, and variants are paired over seeds:
    per seed the difference on the same episodes, of these a t interval and the exact sign-flip
    test. With one seed intervals are about these episodes: success has Wilson's, its difference
    the score interval for pairs; keyframes are bootstrapped over episodes, paired too.
    """
    baseline = _answers(outcomes, BASELINE)
    records: list[AblationRecord] = []
    for variant in dict.fromkeys(o.run.variant for o in outcomes):
        steps = next(o.run.config.steps for o in outcomes if o.run.variant == variant)
        theirs = {} if variant == BASELINE else baseline
        answers = _answers(outcomes, variant)
        for task in _task_names(outcomes):
            for measure_name in _STATISTICS:
                if not (ours := _of_task(answers[measure_name], task)):
                    continue
                paired = _of_task(theirs.get(measure_name, {}), task)
                difference, flipped = _difference(measure_name, ours, paired)
                records.append(
                    AblationRecord(
                        variant=variant.name,
                        task=task,
                        measure=measure_name,
                        value=_value(measure_name, ours),
                        difference=difference,
                        steps=steps,
                        seeds=len(ours),
                        simulator=SIMULATOR if measure_name in _BY_EPISODE else "",
                        over=ablation.SEEDS if len(ours) > 1 else ablation.EPISODES,
                        p_value=flipped.p_value if flipped else None,
                        least_p=flipped.least_p if flipped else None,
                    )
                )
    return records


def _answers(outcomes: Sequence[Outcome], variant: Variant) -> dict[str, BySeed]:
    """By measure and seed: which episodes or keyframes the trainings of a variant got right."""
    found: dict[str, BySeed] = {name: {} for name in _STATISTICS}
    for outcome in [o for o in outcomes if o.run.variant == variant]:
        own = {name: by_seed.setdefault(outcome.run.seed, {}) for name, by_seed in found.items()}
        for r in outcome.rollouts:
            key = (r.episode, 0)
            own["success"][key], own["strict"][key] = r.success, r.strict
        for r in outcome.keyframes:
            key = (r.episode, r.keyframe_index)
            own["position"][key], own["rotation"][key] = located(r), turned(r)
    return found


def _task_names(outcomes: Sequence[Outcome]) -> list[str]:
    """All tasks that were measured; where there are several, their pool last, studies apart."""
    records = [r for o in outcomes for r in (*o.rollouts, *o.keyframes)]
    names = list(dict.fromkeys(r.task for r in records))
    several = sum(not is_study(name) for name in names) > 1
    return [*names, ablation.ALL_TASKS] if several else names


def _of_task(by_seed: BySeed, task: str) -> BySeed:
    """The answers on a task, or on all but studies; seeds without any are left out."""
    every = task == ablation.ALL_TASKS
    chosen = {
        seed: {k: own[k] for k in own if k[0].task == task or (every and not is_study(k[0].task))}
        for seed, own in by_seed.items()
    }
    return {seed: answers for seed, answers in chosen.items() if answers}


def _value(measure_name: str, ours: BySeed) -> Interval:
    """Mean over seeds, or the rate of the only one."""
    if len(ours) == 1:
        (answers,) = ours.values()
        return _STATISTICS[measure_name][0](answers)
    return _within(0.0, t_interval(np.array([_share(own, list(own)) for own in ours.values()])))


def _difference(
    measure_name: str, ours: BySeed, theirs: BySeed
) -> tuple[Interval | None, SignFlip | None]:
    """The difference to the baseline, and with several seeds its test.

    None where the baseline lacks one of the seeds, or shares no episode with it.
    """
    common = {s: [key for key in own if key in theirs.get(s, {})] for s, own in ours.items()}
    if not all(common.values()):
        return None, None
    if len(ours) == 1:
        ((seed, keys),) = common.items()
        return _STATISTICS[measure_name][1](ours[seed], theirs[seed], keys), None
    gaps = np.array(
        [_share(ours[seed], keys) - _share(theirs[seed], keys) for seed, keys in common.items()]
    )
    return _within(-1.0, t_interval(gaps)), sign_flip(gaps)


def _share(answers: Answers, keys: Sequence[Key]) -> float:
    return sum(answers[key] for key in keys) / len(keys)


def _within(least: float, interval: Interval) -> Interval:
    """Cut off at what a rate, or a difference of two, can be."""
    return replace(interval, low=max(interval.low, least), high=min(interval.high, 1.0))


def _rate_of_episodes(answers: Answers) -> Interval:
    return wilson(sum(answers.values()), len(answers))


def _difference_of_episodes(ours: Answers, theirs: Answers, common: Sequence[Key]) -> Interval:
    return paired_difference(
        np.array([ours[key] for key in common]), np.array([theirs[key] for key in common])
    )


def _rate_of_keyframes(answers: Answers) -> Interval:
    return _resampled(list(answers), [float(right) for right in answers.values()])


def _difference_of_keyframes(ours: Answers, theirs: Answers, common: Sequence[Key]) -> Interval:
    return _resampled(common, [float(ours[key]) - float(theirs[key]) for key in common])


def _resampled(keys: Sequence[Key], values: Sequence[float]) -> Interval:
    """Bootstrap over whole episodes."""
    places = {episode: i for i, episode in enumerate(dict.fromkeys(key[0] for key in keys))}
    groups = np.array([places[key[0]] for key in keys])
    return bootstrap(np.array(values), groups, np.random.default_rng(0))


_BY_EPISODE = ("success", "strict")
_STATISTICS: dict[str, tuple[Rate, Difference]] = {  # of one training, about these episodes
    **dict.fromkeys(_BY_EPISODE, (_rate_of_episodes, _difference_of_episodes)),
    **dict.fromkeys(("position", "rotation"), (_rate_of_keyframes, _difference_of_keyframes)),
}


def write(config: AblateConfig, records: Sequence[AblationRecord]) -> None:
    """Write `ablation.json`, `ablation.md` and `ablation.svg` into the ablation's folder."""
    changes = {variant.name: variant.change for variant in VARIANTS.values()}
    write_json(config.out / "ablation.json", list(records))
    write_atomically(config.out / "ablation.md", ablation.markdown(records, changes).encode())
    write_atomically(config.out / "ablation.svg", ablation.figure(records).encode())
