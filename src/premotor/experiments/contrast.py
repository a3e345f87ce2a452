"""What trainings of several variants come to: rates, and differences to the baseline."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from premotor.episode.identity import EpisodeId
from premotor.evaluate.acting.success import SIMULATOR
from premotor.experiments.variants import BASELINE
from premotor.measure.intervals import bootstrap, paired_difference, wilson
from premotor.measure.keyframes import located, turned
from premotor.measure.paired import SignFlip, sign_flip, t_interval
from premotor.records import AblationRecord, Interval, TrainingRecord
from premotor.report import ablation
from premotor.report.tables import is_study

Key = tuple[EpisodeId, int]  # episode, keyframe
Answers = dict[Key, bool]  # what one training got right
BySeed = dict[int, Answers]  # by training seed
Rate = Callable[[Answers], Interval]
Difference = Callable[[Answers, Answers, Sequence[Key]], Interval]  # ours, theirs, keys of both


def summarize(trainings: Sequence[TrainingRecord]) -> list[AblationRecord]:
    """Every measure per task and over all tasks, with intervals and differences to the baseline.

    With several training seeds a rate is the mean over them, and variants are paired over seeds:
    per seed the difference on the same episodes, of these a t interval and the exact sign-flip
    test. With one seed intervals are about these episodes: success has Wilson's, its difference
    the score interval for pairs; keyframes are bootstrapped over episodes, paired too.
    """
    baseline = _answers(trainings, BASELINE.name)
    records: list[AblationRecord] = []
    for variant in dict.fromkeys(t.variant for t in trainings):
        steps = next(t.steps for t in trainings if t.variant == variant)
        theirs = {} if variant == BASELINE.name else baseline
        answers = _answers(trainings, variant)
        for task in _task_names(trainings):
            for measure_name in _STATISTICS:
                if not (ours := _of_task(answers[measure_name], task)):
                    continue
                paired = _of_task(theirs.get(measure_name, {}), task)
                difference, flipped = _difference(measure_name, ours, paired)
                records.append(
                    AblationRecord(
                        variant=variant,
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


def _answers(trainings: Sequence[TrainingRecord], variant: str) -> dict[str, BySeed]:
    """By measure and seed: which episodes or keyframes the trainings of a variant got right."""
    found: dict[str, BySeed] = {name: {} for name in _STATISTICS}
    for training in [t for t in trainings if t.variant == variant]:
        own = {name: by_seed.setdefault(training.seed, {}) for name, by_seed in found.items()}
        for r in training.rollouts:
            key = (r.episode, 0)
            own["success"][key], own["strict"][key] = r.success, r.strict
        for r in training.keyframes:
            key = (r.episode, r.keyframe_index)
            own["position"][key], own["rotation"][key] = located(r), turned(r)
            if r.decisive:
                own["decisive"][key] = located(r)
    return found


def _task_names(trainings: Sequence[TrainingRecord]) -> list[str]:
    """All tasks that were measured; where there are several, their pool last, studies apart."""
    records = [r for t in trainings for r in (*t.rollouts, *t.keyframes)]
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
_BY_KEYFRAME = ("position", "rotation", "decisive")
_STATISTICS: dict[str, tuple[Rate, Difference]] = {  # of one training, about these episodes
    **dict.fromkeys(_BY_EPISODE, (_rate_of_episodes, _difference_of_episodes)),
    **dict.fromkeys(_BY_KEYFRAME, (_rate_of_keyframes, _difference_of_keyframes)),
}
