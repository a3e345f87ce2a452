"""Two ways to train, compared over training seeds: one difference of their task means at each seed.

Arms of one seed share initial weights, the order of the data and the episodes that they are judged
on, so that their results may go up and down together; differences at each seed leave that out.
Axes: s training seeds, n episodes of one task, r resamples.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.measure.paired import SignFlip, sign_flip, t_interval
from premotor.records import Interval

NOT_FINISHED = "not finished"
Answers = Mapping[str, Mapping[Hashable, float]]  # by task and episode: what came of it


@dataclass(frozen=True, kw_only=True)
class ArmOutcome:
    """One outcome of the runs of one arm: success, accuracy, a held-out loss."""

    arm: str
    runs: Mapping[int, Answers]  # by training seed; a loss has one "episode" per task
    broken: Mapping[int, str]  # seeds whose run gave no result and never will, and why


@dataclass(frozen=True, kw_only=True)
class MissingRun:
    """A run that was planned and has no result."""

    arm: str
    seed: int
    why: str
    broken: bool  # it never will have one


@dataclass(frozen=True, kw_only=True)
class ArmLevel:
    """The task mean of one arm at each seed."""

    arm: str
    outcome: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]  # by seed: mean over tasks, every task alike
    mean: float | None  # over seeds; None without any
    interval: Interval | None  # t interval over seeds; None with fewer than two
    missing: tuple[MissingRun, ...]


@dataclass(frozen=True, kw_only=True)
class OverSeeds:
    """Differences D_s at several training seeds: where they lie, and how sure that is."""

    seeds: tuple[int, ...]
    differences: tuple[float, ...]  # D_s, one per seed
    mean: float | None  # None without seeds
    sd: float | None  # divisor S - 1; None with fewer than two seeds, as the next two
    interval: Interval | None  # t interval over seeds
    p_value: float | None  # of the two-sided t test that the mean is 0
    sign_flip: SignFlip | None  # the exact test beside it; None without seeds


@dataclass(frozen=True, kw_only=True)
class TaskContrast:
    """The difference on one task; it is shown, and nothing is claimed from it."""

    task: str
    episodes: int  # judged at each seed
    differences: tuple[float, ...]  # one per seed, in the order of the contrast's
    mean: float
    interval: Interval | None  # t interval over seeds; None with one


@dataclass(frozen=True, kw_only=True)
class SeedContrast:
    """One arm minus another in one outcome, over training seeds."""

    outcome: str
    ours: str  # arm
    theirs: str  # arm that is taken off
    over_seeds: OverSeeds  # of the mean over tasks, every task alike
    bootstrap: Interval | None = None  # over seeds and episodes; None where neither can be redrawn
    tasks: tuple[TaskContrast, ...] = ()
    missing: tuple[MissingRun, ...] = ()  # of both arms; a seed counts where both have a result


def over_seeds(differences: Mapping[int, float]) -> OverSeeds:
    """Mean, spread, t interval, t test and sign-flip test of one difference per seed.

    The t test and the t interval are the primary ones (S - 1 degrees of freedom); the sign-flip
    test, which takes nothing to be normal, stands beside (docs/intervals.md).

    Args:
        differences: D_s by training seed, in the order of the seeds; at most 20.
    """
    seeds, values = tuple(differences), np.array(list(differences.values()), dtype=np.float64)
    interval = t_interval(values) if len(values) > 1 else None
    return OverSeeds(
        seeds=seeds,
        differences=tuple(values.tolist()),
        mean=float(values.mean()) if len(values) else None,
        sd=float(values.std(ddof=1)) if len(values) > 1 else None,
        interval=interval,
        p_value=_t_test(values) if len(values) > 1 else None,
        sign_flip=sign_flip(values) if len(values) else None,
    )


def _t_test(values: Float[np.ndarray, " s"]) -> float:
    """Two-sided p; 1 where all differences are 0, 0 where they are alike and not 0."""
    mean, error = abs(float(values.mean())), float(values.std(ddof=1)) / np.sqrt(len(values))
    if error == 0.0:
        return 0.0 if mean else 1.0
    return 2.0 * float(stdtr(len(values) - 1, -mean / error))


def arm_level(outcome: str, arm: ArmOutcome, planned: Sequence[int]) -> ArmLevel:
    """What an arm reaches by itself: the spread between its seeds is that of its trainings.

    Args:
        outcome: What the numbers are, e.g. "success".
        arm: Its runs.
        planned: All training seeds of the plan.

    Raises:
        ConfigError: Its runs were not judged on the same episodes; one has a seed that was not
            planned, no task, a task without episodes, or a number that is none.
    """
    _check(outcome, arm, planned)
    seeds = tuple(seed for seed in planned if seed in arm.runs)
    _check_same([arm], seeds)
    values = np.array([np.mean(list(_task_means(arm.runs[seed]).values())) for seed in seeds])
    return ArmLevel(
        arm=arm.arm,
        outcome=outcome,
        seeds=seeds,
        values=tuple(values.tolist()),
        mean=float(values.mean()) if seeds else None,
        interval=t_interval(values) if len(seeds) > 1 else None,
        missing=_missing(arm, planned),
    )


def seed_contrast(
    outcome: str,
    ours: ArmOutcome,
    theirs: ArmOutcome,
    planned: Sequence[int],
    rng: np.random.Generator,
) -> SeedContrast:
    """One arm minus another at each seed that both have, on the same episodes.

    Args:
        outcome: What the numbers are, e.g. "success".
        ours: The runs of one arm.
        theirs: Those of the arm that is taken off.
        planned: All training seeds of the plan; those without a result are carried as missing.
        rng: Source of the resamples of the bootstrap.

    Raises:
        ConfigError: The arms were not judged on the same episodes at all seeds; a run has a seed
            that was not planned, no task, a task without episodes, or a number that is none.
    """
    for arm in (ours, theirs):
        _check(outcome, arm, planned)
    seeds = [seed for seed in planned if seed in ours.runs and seed in theirs.runs]
    _check_same([ours, theirs], seeds)
    by_task = _by_task(ours, theirs, seeds)
    means = np.array([gaps.mean(1) for gaps in by_task.values()]).mean(0) if seeds else np.empty(0)
    return SeedContrast(
        outcome=outcome,
        ours=ours.arm,
        theirs=theirs.arm,
        over_seeds=over_seeds(dict(zip(seeds, means.tolist(), strict=True))),
        bootstrap=_over_seeds_and_episodes(list(by_task.values()), rng),
        tasks=tuple(_task_contrast(task, gaps) for task, gaps in by_task.items()),
        missing=(*_missing(ours, planned), *_missing(theirs, planned)),
    )


def _check(outcome: str, arm: ArmOutcome, planned: Sequence[int]) -> None:
    """Every run was planned, and holds numbers."""
    if others := sorted({*arm.runs, *arm.broken} - set(planned)):
        raise ConfigError(
            f"{arm.arm} has runs with seeds {others}; planned are {list(planned)}: leave them out, "
            "as seeds that are added later may be picked for their result"
        )
    for seed, answers in arm.runs.items():
        for task, values in answers.items():
            if not values or not np.isfinite(list(values.values())).all():
                raise ConfigError(
                    f"{arm.arm} with seed {seed}: {outcome} on {task or 'all tasks'} has "
                    f"{'a number that is none' if values else 'no episode'}; name the run as broken"
                )
        if not answers:
            raise ConfigError(f"{arm.arm} with seed {seed}: no task; name the run as broken")


def _check_same(arms: Sequence[ArmOutcome], seeds: Sequence[int]) -> None:
    """All runs that are taken together were judged on the same episodes."""
    if not seeds:
        return
    first = arms[0].runs[seeds[0]]
    for arm in arms:
        for seed in seeds:
            run = arm.runs[seed]
            unlike = {t for t in {*first, *run} if first.get(t, {}).keys() != run.get(t, {}).keys()}
            if unlike:
                raise ConfigError(
                    f"{arm.arm} with seed {seed} and {arms[0].arm} with seed {seeds[0]} were not "
                    f"judged on the same episodes of {', '.join(sorted(unlike))}; judge both on "
                    "the same ones"
                )


def _by_task(
    ours: ArmOutcome, theirs: ArmOutcome, seeds: Sequence[int]
) -> dict[str, Float[np.ndarray, "s n"]]:
    """By task: difference at each seed and episode."""
    if not seeds:
        return {}
    first = ours.runs[seeds[0]]
    return {
        task: np.array(
            [[ours.runs[s][task][k] - theirs.runs[s][task][k] for k in first[task]] for s in seeds],
            dtype=np.float64,
        )
        for task in first
    }


def _task_means(answers: Answers) -> dict[str, float]:
    return {task: float(np.mean(list(values.values()))) for task, values in answers.items()}


def _task_contrast(task: str, gaps: Float[np.ndarray, "s n"]) -> TaskContrast:
    differences = gaps.mean(1)
    return TaskContrast(
        task=task,
        episodes=gaps.shape[1],
        differences=tuple(differences.tolist()),
        mean=float(differences.mean()),
        interval=t_interval(differences) if len(differences) > 1 else None,
    )


def _missing(arm: ArmOutcome, planned: Sequence[int]) -> tuple[MissingRun, ...]:
    return tuple(
        MissingRun(
            arm=arm.arm,
            seed=seed,
            why=arm.broken.get(seed, NOT_FINISHED),
            broken=seed in arm.broken,
        )
        for seed in planned
        if seed not in arm.runs
    )


def _over_seeds_and_episodes(
    by_task: Sequence[Float[np.ndarray, "s _"]], rng: np.random.Generator, resamples: int = 2000
) -> Interval | None:
    """Mean over tasks with its 95 % percentile interval, seeds and episodes redrawn.

    Tasks are the strata and stay; episodes of a task are redrawn for all seeds alike, as all runs
    are judged on the same ones. Never seeds alone: that interval is far too narrow with few seeds.
    """
    if not by_task or len(by_task[0]) < 2 or min(gaps.shape[1] for gaps in by_task) < 2:
        return None
    num_seeds = len(by_task[0])
    means = np.zeros((resamples, num_seeds))
    for gaps in by_task:
        means += _shares(gaps.shape[1], resamples, rng) @ gaps.T / len(by_task)
    redrawn = (_shares(num_seeds, resamples, rng) * means).sum(1)
    low, high = np.quantile(redrawn, [0.025, 0.975])
    value = float(np.mean([gaps.mean() for gaps in by_task]))
    return Interval(value=value, low=float(low), high=float(high), count=num_seeds)


def _shares(count: int, resamples: int, rng: np.random.Generator) -> Float[np.ndarray, "r _"]:
    """How often each of so many is drawn, over how many are drawn."""
    drawn = rng.integers(0, count, (resamples, count)) + count * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * count)
    return times.reshape(resamples, count) / count
