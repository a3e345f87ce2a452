"""All measures of two sides, each with nulls, interval, controls and stand-ins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from premotor.errors import ConfigError
from premotor.measure.catalog import Measure, MeasureConfig, measures
from premotor.measure.intervals import halves, spread_of_halves
from premotor.measure.nulls import PERMUTATIONS, permutation_null
from premotor.measure.sample import LEAST, Sample, another_episode
from premotor.records import AlignmentRecord, Interval, NullRecord

COSTLY = 200  # draws at most of a null whose every draw decomposes a matrix (recognition.md i)

Progress = Callable[[int, int], None]  # draws done, of


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """How sharp the nulls and intervals are."""

    permutations: int = PERMUTATIONS  # draws of each null; at most 200 of cca and ridge
    halves: int = 100  # of the episodes, for each interval; 0 = no intervals
    seed: int = 0  # of all draws
    only: tuple[str, ...] = ()  # names of measures; () = all that can be taken
    measure: MeasureConfig = field(default_factory=MeasureConfig)

    def __post_init__(self) -> None:
        if self.permutations < 2 or (self.halves != 0 and self.halves < 20):
            raise ConfigError(
                "permutations must be >= 2 and halves 0 or >= 20, got "
                f"{self.permutations} and {self.halves}; try 1000 and 100"
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Controls:
    """What a number is held against, row by row the same episodes; None = not at hand."""

    blanked: Float[np.ndarray, "n q"] | None = None  # b with the instruction withheld
    elsewhere: Float[np.ndarray, "n p"] | None = None
    """a from another source of clips, as a camera that the policy does not see. It is used where
    U is shown another episode; a itself is, where it is None."""
    untrained: tuple[Float[np.ndarray, "n p2"], Float[np.ndarray, "n q2"]] | None = None
    stand_ins: Mapping[str, Float[np.ndarray, "n k"]] = field(default_factory=dict[str, np.ndarray])
    """Features that need no network, "pixels" for a and "path" for b."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a number is the number of."""

    checkpoint: str = "trained"
    space: str = "raw"  # or "z": rows of both sides may be compared
    instruction: str = "given"
    episode: str = "same"
    sides: str = "u-e"


@dataclass(frozen=True, eq=False)
class _Job:
    """One measure of one sample, and the same measure of the untrained networks."""

    condition: Condition
    sample: Sample
    measure: Measure
    untrained: Sample | None = None
    sure: bool = False  # whether its interval is wanted


def study(
    sample: Sample,
    controls: Controls,
    condition: Condition,
    config: StudyConfig,
    on_progress: Progress | None = None,
) -> list[AlignmentRecord]:
    """Every measure that can be taken of a sample, and beside it what it is held against.

    Args:
        sample: The rows as they belong together.
        controls: The controls "blanked" and "another episode", untrained networks, stand-ins.
        condition: Checkpoint and space.
        config: Draws of nulls and intervals.
        on_progress: Told how many draws are done.

    Returns:
        Each measure of the sample followed by the same measure under the controls, which have
        nulls and no interval. Those of stand-ins come last.
    """
    jobs = _jobs(sample, controls, condition, config)
    total = sum(_draws(job, config) for job in jobs)
    done = 0

    def on_draw() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    return [_record(job, config, on_draw) for job in jobs]


def _jobs(
    sample: Sample, controls: Controls, condition: Condition, config: StudyConfig
) -> list[_Job]:
    same_space = condition.space == "z"
    beside: list[tuple[Condition, Sample]] = []
    if controls.blanked is not None:
        blanked = replace(condition, instruction="blanked")
        beside.append((blanked, replace(sample, b=controls.blanked)))
    seen = sample if controls.elsewhere is None else replace(sample, a=controls.elsewhere)
    other = elsewhere(seen, np.random.default_rng(config.seed))
    if other is not None:
        beside.append((replace(condition, episode="another"), other))
    untrained = None if controls.untrained is None else _swap(sample, *controls.untrained)
    jobs: list[_Job] = []
    for measure in _wanted(measures(sample, config.measure, same_space), config):
        jobs.append(_Job(condition, sample, measure, untrained, sure=config.halves > 0))
        for there, rows in beside:
            named = {m.name: m for m in measures(rows, config.measure, same_space)}
            if measure.name in named:
                jobs.append(_Job(there, rows, named[measure.name]))
    return jobs + _stand_ins(sample, controls, condition, config)


def _stand_ins(
    sample: Sample, controls: Controls, condition: Condition, config: StudyConfig
) -> list[_Job]:
    """Stand-ins are no part of a shared space, so only spaces of their own are compared."""
    pixels, path = (controls.stand_ins.get(name) for name in ("pixels", "path"))
    pairs = {
        "pixels-e": (pixels, sample.b),
        "u-path": (sample.a, path),
        "pixels-path": (pixels, path),
    }
    return [
        _Job(replace(condition, sides=sides), rows, measure)
        for sides, (a, b) in pairs.items()
        if condition.space == "raw" and a is not None and b is not None
        for rows in [_swap(sample, a, b)]
        for measure in _wanted(measures(rows, config.measure, same_space=False), config)
    ]


def _wanted(found: list[Measure], config: StudyConfig) -> list[Measure]:
    return [m for m in found if not config.only or m.name in config.only]


def _swap(sample: Sample, a: np.ndarray, b: np.ndarray) -> Sample:
    return replace(sample, a=a, b=b)


def elsewhere(sample: Sample, rng: np.random.Generator) -> Sample | None:
    """A of one episode with b of another of the same variation; None where too few have one."""
    if not sample.variations:
        return None
    rows, partners = another_episode(sample.groups, rng)
    if len(rows) < LEAST:
        return None
    order = np.argsort(rows)
    rows, partners = rows[order], partners[order]
    done = sample.take(rows)
    return replace(done, a=sample.a[partners])


def _draws(job: _Job, config: StudyConfig) -> int:
    movable = [codes for codes in job.sample.strata().values() if len(set(codes)) < len(codes)]
    return len(movable) * _permutations(job.measure, config) + (config.halves if job.sure else 0)


def _permutations(measure: Measure, config: StudyConfig) -> int:
    return min(config.permutations, COSTLY) if measure.costly else config.permutations


def _record(job: _Job, config: StudyConfig, on_draw: Callable[[], None]) -> AlignmentRecord:
    measure, sample = job.measure, job.sample
    sign = -1.0 if measure.low_is_good else 1.0
    statistic = measure.statistic(sample)
    rng = np.random.default_rng(config.seed)
    count = _permutations(measure, config)
    nulls = tuple(
        _turned(
            permutation_null(lambda o: sign * statistic(o), codes, name, rng, count, on_draw), sign
        )
        for name, codes in sample.strata().items()
    )
    interval, gain = _sure(job, config, on_draw) if job.sure else (None, None)
    condition = job.condition
    return AlignmentRecord(
        checkpoint=condition.checkpoint,
        measure=measure.name,
        space=condition.space,
        instruction=condition.instruction,
        value=statistic(np.arange(len(sample))),
        reference=nulls[0].null_mean if measure.reference is None else measure.reference,
        num_rows=len(sample),
        nulls=nulls,
        episode=condition.episode,
        sides=condition.sides,
        interval=interval,
        gain=gain,
    )


def _turned(null: NullRecord, sign: float) -> NullRecord:
    """The null of a measure whose small values are the good ones, in the measure's own numbers.

    z and p stay as they are: large and small where the measure is good. The quantile is the one
    that 5 % of the shuffled pairings are better than.
    """
    return replace(null, null_mean=sign * null.null_mean, null_q95=sign * null.null_q95)


def _sure(
    job: _Job, config: StudyConfig, on_draw: Callable[[], None]
) -> tuple[Interval, Interval | None]:
    """The interval of a measure, and that of what it is better by than the untrained networks."""

    def values(rows: Int[np.ndarray, " m"]) -> tuple[float, float]:
        found = job.measure.value(job.sample.take(rows))
        if job.untrained is None:
            return found, 0.0
        return found, sign * (found - job.measure.value(job.untrained.take(rows)))

    sign = -1.0 if job.measure.low_is_good else 1.0
    n, draws = len(job.sample), list[tuple[float, float]]()
    for rows in halves(n, np.random.default_rng(config.seed), config.halves):
        draws.append(values(rows))
        on_draw()
    (value, gain), spread = values(np.arange(n)), np.array(draws)
    return (
        spread_of_halves(value, spread[:, 0], n),
        spread_of_halves(gain, spread[:, 1], n) if job.untrained is not None else None,
    )
