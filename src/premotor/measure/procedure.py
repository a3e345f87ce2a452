"""From differences over training seeds to what may be said: rules fixed before the first run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from premotor.errors import ConfigError
from premotor.measure.paired import MOST_FLIPPED
from premotor.measure.power import sensitivity
from premotor.measure.seeds import MissingRun, OverSeeds, SeedContrast, over_seeds
from premotor.records import Interval

CLAIMS_FROM = 10  # planned seeds; with fewer only intervals are shown
MIRROR_CONTROLS = ("labels", "shuffled")  # arms that an effect of the mirror must beat
_FLIPS_FROM = 6  # seeds; with fewer the sign-flip test cannot reach 0.05

Kind = Literal["helped", "hurt", "no effect", "not decided"]
Stage = Literal["under way", "stopped", "complete", "incomplete"]


@dataclass(frozen=True, kw_only=True)
class ClaimRule:
    """What a plan fixes before its first run."""

    seeds: tuple[int, ...]  # training seeds, in the order in which they are run
    look: int = 0  # after so many seeds it may stop for futility, and only that; 0: no look
    smallest_effect: float = 0.03  # of interest, as a share: 3 points
    num_outcomes: int = 2  # primary ones; one that is not there yet counts all the same
    level: float = 0.05  # of all outcomes together (Holm)

    def __post_init__(self) -> None:
        if not 1 <= len(self.seeds) <= MOST_FLIPPED or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(
                f"seeds must be 1 to {MOST_FLIPPED} different ones, got {list(self.seeds)}"
            )
        if self.look and not 2 <= self.look < len(self.seeds):
            raise ConfigError(
                f"look must be 0, or at least 2 and fewer than the {len(self.seeds)} seeds, got "
                f"{self.look}; 0 takes none"
            )
        if not 0.0 < self.smallest_effect < 1.0 or not 0.0 < self.level < 1.0:
            raise ConfigError(
                "smallest_effect and level must lie between 0 and 1, got "
                f"{self.smallest_effect} and {self.level}; try 0.03 and 0.05"
            )


@dataclass(frozen=True, kw_only=True)
class OutcomeVerdict:
    """What may be said of one outcome."""

    outcome: str
    kind: Kind
    sentence: str
    found: OverSeeds  # what it rests on: the seeds up to the look, or all
    p_holm: float | None  # p of the t test, corrected for the number of outcomes; None before all


@dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    """What may be said of one arm minus another in all primary outcomes."""

    ours: str
    theirs: str
    stage: Stage  # "stopped": at the look; "incomplete": a run broke, so nothing is claimed
    outcomes: tuple[OutcomeVerdict, ...]
    missing: tuple[MissingRun, ...]


@dataclass(frozen=True, kw_only=True)
class MirrorVerdict:
    """Whether an effect on one outcome may be called one of the mirror."""

    outcome: str
    holds: bool
    sentence: str
    controls: tuple[SeedContrast, ...]  # the claimed arm minus each control


def claim_verdict(rule: ClaimRule, contrasts: Sequence[SeedContrast]) -> ClaimVerdict:
    """What the seeds say so far, by rules that do not depend on what they say.

    The rules, in this order; intervals are t intervals of 95 % over seeds:

    1. *Stopped*: at the first `look` seeds the intervals of all outcomes lie wholly within the
       smallest effect. Each is called "no effect" of that size; later seeds change nothing.
    2. *Under way* or *incomplete*: a planned outcome, or a planned seed's run in an arm, is still
       to come, or the run broke. Intervals are shown, every outcome is "not decided".
    3. *Complete*, but planned with fewer than 10 seeds: the same.
    4. *Complete*: an outcome whose p of the t test, corrected by Holm over the outcomes, is below
       the level has "helped" or "hurt". The exact sign-flip test stands beside as a check: where
       its own corrected p is not below the level, the sentence says so.
    5. Another one whose interval lies wholly within the smallest effect has "no effect" of that
       size (equivalence by an interval of 95 % has 2.5 % error; Schuirmann, J. Pharmacokinet.
       Biopharm. 15, 1987).
    6. All else is "not decided".

    So a gain or a loss is claimed once, at the planned number; the look can only end without one
    and does not add to the level (docs/intervals.md, the procedure, simulated).

    Args:
        rule: What the plan fixed.
        contrasts: The same two arms in each primary outcome; larger must be better, and numbers
            are shares.

    Raises:
        ConfigError: There is none, or more than planned; they are of several pairs of arms or
            twice of an outcome; or a seed was not planned.
    """
    _check(rule, contrasts)
    at_look = [_first(contrast.over_seeds, rule.seeds[: rule.look]) for contrast in contrasts]
    missing = tuple(dict.fromkeys(run for c in contrasts for run in c.missing))
    every = len(contrasts) == rule.num_outcomes
    if rule.look and every and all(_futile(found, rule) for found in at_look):
        stage, outcomes = "stopped", _stopped(rule, contrasts, at_look)
    elif not every or any(len(c.over_seeds.seeds) < len(rule.seeds) for c in contrasts):
        stage = "incomplete" if any(run.broken for run in missing) else "under way"
        outcomes = tuple(_unfinished(rule, contrast) for contrast in contrasts)
    else:
        stage, outcomes = "complete", _complete(rule, contrasts)
    return ClaimVerdict(
        ours=contrasts[0].ours,
        theirs=contrasts[0].theirs,
        stage=stage,
        outcomes=outcomes,
        missing=missing,
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P values corrected for their number, such that any false claim among them is as rare as p.

    The k-th smallest of m is multiplied by m - k + 1 and is no less than the one before (Holm,
    Scand. J. Stat. 6, 1979). Nothing is taken of how they depend on each other.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, before = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        before = max(before, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = before
    return tuple(corrected)


def mirror_verdicts(
    verdict: ClaimVerdict, controls: Sequence[SeedContrast]
) -> tuple[MirrorVerdict, ...]:
    """Whether what helped may be called an effect of the mirror, outcome by outcome.

    It may where the arm also beats each arm that has the same kind of loss and watches nothing:
    contrasts with a learned code of the instruction (`labels`) and with partners of another
    instruction (`shuffled`). The whole t interval of each difference must lie above 0. As all of
    them must, none is corrected for the other (Berger, Technometrics 24, 1982).

    Args:
        verdict: Of the claim.
        controls: The claimed arm minus each control, in each outcome; what is not there was not
            compared.
    """
    return tuple(_mirror(verdict, of, controls) for of in verdict.outcomes)


def cannot_show(rule: ClaimRule, contrasts: Sequence[SeedContrast]) -> tuple[str, ...]:
    """What so few seeds cannot show, and which runs are missing: a plain sentence each."""
    missing = tuple(dict.fromkeys(run for contrast in contrasts for run in contrast.missing))
    said = [
        f"no result of {run.arm} with seed {run.seed}: {run.why}" for run in missing if run.broken
    ]
    if waiting := sum(not run.broken for run in missing):
        said.append(f"{waiting} run{'s' if waiting > 1 else ''} of the plan not finished")
    if len(rule.seeds) < CLAIMS_FROM:
        said.append(
            f"a plan of {len(rule.seeds)} seeds claims nothing, it takes {CLAIMS_FROM}: its "
            "intervals are shown"
        )
    return (*said, *(line for contrast in contrasts for line in _fails_to_show(rule, contrast)))


def _fails_to_show(rule: ClaimRule, contrast: SeedContrast) -> list[str]:
    found, what = contrast.over_seeds, f"{contrast.outcome}, {contrast.ours} - {contrast.theirs}"
    count = len(found.seeds)
    if found.sign_flip is None:
        return [f"{what}: no seed has both runs, so nothing is known"]
    said: list[str] = []
    if count < _FLIPS_FROM:
        said.append(
            f"{what}: with {_seeds(count)} the exact sign-flip test cannot go below p = "
            f"{found.sign_flip.least_p:.2g}, so that it tells nothing apart at 0.05"
        )
    seen = sensitivity(found, rule.smallest_effect)
    if seen is None:
        said.append(f"{what}: one seed has no interval over seeds")
    elif seen.least > rule.smallest_effect:
        said.append(
            f"{what}: if the spread is as seen (SD {_points(seen.sd)} points), {_seeds(count)} "
            f"show a difference of {_points(seen.least)} points in four of five cases, and one of "
            f"{_points(rule.smallest_effect)} points in {100 * seen.power:.0f} % of cases"
        )
    return said


def _check(rule: ClaimRule, contrasts: Sequence[SeedContrast]) -> None:
    pairs = {(contrast.ours, contrast.theirs) for contrast in contrasts}
    names = [contrast.outcome for contrast in contrasts]
    if len(pairs) != 1 or len(set(names)) < len(names) or len(names) > rule.num_outcomes:
        raise ConfigError(
            f"got contrasts {[f'{c.outcome}: {c.ours} - {c.theirs}' for c in contrasts]}; a claim "
            f"is about one pair of arms and has each of {rule.num_outcomes} outcomes once"
        )
    for contrast in contrasts:
        if others := sorted(set(contrast.over_seeds.seeds) - set(rule.seeds)):
            raise ConfigError(
                f"{contrast.outcome} has seeds {others}; planned are {list(rule.seeds)}: leave the "
                "others out"
            )


def _first(found: OverSeeds, seeds: Sequence[int]) -> OverSeeds | None:
    """What only these seeds say; None unless all are there."""
    by_seed = dict(zip(found.seeds, found.differences, strict=True))
    if not set(seeds) <= by_seed.keys():
        return None
    return over_seeds({seed: by_seed[seed] for seed in seeds})


def _futile(found: OverSeeds | None, rule: ClaimRule) -> bool:
    return found is not None and found.interval is not None and _small(found.interval, rule)


def _small(interval: Interval, rule: ClaimRule) -> bool:
    """Whether it lies wholly within the smallest effect of interest."""
    return -rule.smallest_effect < interval.low and interval.high < rule.smallest_effect


def _stopped(
    rule: ClaimRule, contrasts: Sequence[SeedContrast], at_look: Sequence[OverSeeds | None]
) -> tuple[OutcomeVerdict, ...]:
    return tuple(
        OutcomeVerdict(
            outcome=contrast.outcome,
            kind="no effect",
            sentence=f"{_no_effect(rule, found)}; stopped at the look after {rule.look} seeds",
            found=found,
            p_holm=None,
        )
        for contrast, found in zip(contrasts, at_look, strict=True)
        if found is not None
    )


def _unfinished(rule: ClaimRule, contrast: SeedContrast) -> OutcomeVerdict:
    found = contrast.over_seeds
    so_far = f"{len(found.seeds)} of {_seeds(len(rule.seeds))}"
    seen = "" if found.mean is None else f", {_difference(found)}"
    return OutcomeVerdict(
        outcome=contrast.outcome,
        kind="not decided",
        sentence=f"not decided: {so_far}{seen}; less than planned claims nothing",
        found=found,
        p_holm=None,
    )


def _complete(rule: ClaimRule, contrasts: Sequence[SeedContrast]) -> tuple[OutcomeVerdict, ...]:
    all_found = [contrast.over_seeds for contrast in contrasts]
    p_values = holm([1.0 if f.p_value is None else f.p_value for f in all_found])
    flipped = holm([1.0 if f.sign_flip is None else f.sign_flip.p_value for f in all_found])
    return tuple(
        _decided(rule, contrast, p, p_flipped)
        for contrast, p, p_flipped in zip(contrasts, p_values, flipped, strict=True)
    )


def _decided(rule: ClaimRule, contrast: SeedContrast, p: float, p_flipped: float) -> OutcomeVerdict:
    """Rules 3 to 6."""
    found = contrast.over_seeds
    kind, sentence = _kind(rule, found, p)
    if kind in ("helped", "hurt") and p_flipped >= rule.level:
        sentence += f"; the exact sign-flip test does not confirm it (p = {p_flipped:.2g})"
    return OutcomeVerdict(
        outcome=contrast.outcome, kind=kind, sentence=sentence, found=found, p_holm=p
    )


def _kind(rule: ClaimRule, found: OverSeeds, p: float) -> tuple[Kind, str]:
    if found.interval is None or found.mean is None or len(rule.seeds) < CLAIMS_FROM:
        few = f"{_seeds(len(rule.seeds))} planned, {_difference(found)}"
        return "not decided", f"not decided: {few}; fewer than {CLAIMS_FROM} claim nothing"
    small = _small(found.interval, rule)
    if p < rule.level:
        ruled_out = f"; {_points(rule.smallest_effect)} points or more are ruled out"
        kind: Kind = "helped" if found.mean > 0.0 else "hurt"
        return kind, f"{kind} by {_size(found.interval)}{ruled_out if small else ''}"
    if small:
        return "no effect", _no_effect(rule, found)
    if found.interval.low > 0.0 or found.interval.high < 0.0:
        why = f"corrected for the number of outcomes (Holm) p = {p:.2g}"
    else:
        why = f"that holds both none and {_points(rule.smallest_effect)} points or more"
    return "not decided", f"not decided: {_difference(found)}; {why}"


def _no_effect(rule: ClaimRule, found: OverSeeds) -> str:
    return f"no effect of {_points(rule.smallest_effect)} points or more: {_difference(found)}"


def _mirror(
    verdict: ClaimVerdict, of: OutcomeVerdict, controls: Sequence[SeedContrast]
) -> MirrorVerdict:
    own = {c.theirs: c for c in controls if c.outcome == of.outcome and c.ours == verdict.ours}
    if of.kind != "helped":
        sentence = f"{verdict.ours} is not shown to help, so there is no effect to ask about"
        return MirrorVerdict(
            outcome=of.outcome, holds=False, sentence=sentence, controls=tuple(own.values())
        )
    compared = {name: own[name].over_seeds for name in MIRROR_CONTROLS if name in own}
    beaten = {name: f.interval is not None and f.interval.low > 0.0 for name, f in compared.items()}
    told = [
        f"{'beats' if beaten[name] else 'is not shown to beat'} {name} ({_difference(found)})"
        for name, found in compared.items()
    ]
    told += [f"was not compared with {name}" for name in MIRROR_CONTROLS if name not in own]
    holds = len(beaten) == len(MIRROR_CONTROLS) and all(beaten.values())
    end = "an effect of the mirror" if holds else "not to be called an effect of the mirror"
    return MirrorVerdict(
        outcome=of.outcome,
        holds=holds,
        sentence=f"{verdict.ours} {' and '.join(told)}: {end}",
        controls=tuple(own.values()),
    )


def _difference(found: OverSeeds) -> str:
    """In points, with its interval and number of seeds."""
    if found.mean is None:
        return "no seed with both runs"
    if found.interval is None:
        return f"a difference of {_points(found.mean)} points, one seed"
    low, high = _points(found.interval.low), _points(found.interval.high)
    count = _seeds(found.interval.count)
    return f"a difference of {_points(found.mean)} points ({low} to {high}, {count})"


def _size(interval: Interval) -> str:
    """How large a gain or a loss is, without its sign."""
    if interval.value < 0.0:
        low, high = -interval.high, -interval.low
        interval = replace(interval, value=-interval.value, low=low, high=high)
    low, high = _points(interval.low), _points(interval.high)
    return f"{_points(interval.value)} points ({low} to {high}, {_seeds(interval.count)})"


def _seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"


def _points(share: float) -> str:
    """A share in points: at most one digit after the point, and never -0."""
    return f"{round(100.0 * share, 1) + 0.0:g}"
