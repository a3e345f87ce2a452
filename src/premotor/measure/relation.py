"""Whether the episodes that score high are those that succeed.

Successes are compared with failures of the same stratum (a task) alone. Over all episodes a score
that merely tells easy tasks from hard ones goes with success as well.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.findings import Relation
from premotor.measure.intervals import Z95
from premotor.measure.nulls import PERMUTATIONS, Trade, permutation_null
from premotor.measure.rows import codes
from premotor.records import Interval

_HALVINGS = 40  # of the span in which an end of an interval lies: to 1e-12


def relation(
    scores: Float[np.ndarray, " n"],
    success: Bool[np.ndarray, " n"],
    strata: Sequence[str],
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> Relation | None:
    """The area under the ROC curve within strata, with its interval and permutation test.

    With A_i the area in stratum i, of s_i successes and f_i failures, N_i together,

    A = sum_i w_i A_i / sum_i w_i,  w_i = s_i f_i / (N_i + 1)

    These weights are the inverse variances where score and success are independent; with them
    Wilcoxon's statistics of the strata join to van Elteren's (Bull. Int. Stat. Inst. 37, 1960).
    Strata without both outcomes do not take part. How the intervals are made: `_interval`.

    The p-value is (1 + #{|A' - 1/2| >= |A - 1/2|}) / (1 + permutations) over the A' of outcomes
    permuted within the strata: two-sided, since a score may go against success.

    Args:
        scores: One per episode, e.g. the cosine of z_u and z_e.
        success: How each episode went.
        strata: Name of each episode's stratum, e.g. its task; all alike to compare all with all.
        rng: Source of the permutations.
        permutations: How many.

    Returns:
        None where no stratum has both outcomes: with success everywhere or nowhere, nothing can
        be said.

    Raises:
        ConfigError: No episodes, sides of unequal length, or a score that is not finite.
    """
    _check(scores, success, strata)
    names = np.asarray(strata)
    parts: dict[str, _Part] = {}
    for name in dict.fromkeys(strata):
        (rows,) = np.nonzero(names == name)
        if 0 < success[rows].sum() < len(rows):
            parts[name] = _Part.of(rows, scores, success)
    if not parts:
        return None
    mixed = list(parts.values())
    rows = np.concatenate([part.rows for part in mixed])
    outcome, area = success[rows], _area(mixed)

    def distance(order: Int[np.ndarray, " m"]) -> float:
        return abs(area(outcome[order]) - 0.5)

    trade = Trade("task", codes(names[rows].tolist()))
    null = permutation_null(distance, trade, rng, permutations)
    assert null is not None  # a stratum with both outcomes has two rows to trade
    return Relation(
        auc=_interval(mixed),
        p=null.p,
        draws=null.draws,
        num_pairs=sum(part.pairs for part in mixed),
        by_stratum={name: _interval([part]) for name, part in parts.items()},
    )


def _check(
    scores: Float[np.ndarray, " n"], success: Bool[np.ndarray, " m"], strata: Sequence[str]
) -> None:
    sizes = (len(scores), len(success), len(strata))
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ConfigError(
            f"got {sizes[0]} scores, {sizes[1]} outcomes and {sizes[2]} strata; need one of each "
            "per episode, and at least one episode"
        )
    if not np.isfinite(scores).all():
        count = int((~np.isfinite(scores)).sum())
        raise ConfigError(f"{count} of {len(scores)} scores are NaN or infinite; leave them out")


@dataclass(frozen=True, eq=False)
class _Part:
    """A stratum with both outcomes."""

    rows: Int[np.ndarray, " k"]
    success: Bool[np.ndarray, " k"]
    ranks: Float[np.ndarray, " k"]  # of the scores within the stratum, from 1; ties share the mean

    @classmethod
    def of(
        cls,
        rows: Int[np.ndarray, " k"],
        scores: Float[np.ndarray, " n"],
        success: Bool[np.ndarray, " n"],
    ) -> "_Part":
        return cls(rows, success[rows], _ranks(scores[rows]))

    @property
    def successes(self) -> int:
        return int(self.success.sum())

    @property
    def pairs(self) -> int:
        return self.successes * (len(self.rows) - self.successes)

    @property
    def weight(self) -> float:
        return self.pairs / (len(self.rows) + 1)

    def placements(self, outcome: bool) -> Float[np.ndarray, " j"]:
        """Share of the other outcome that lies below each episode of this one."""
        own = self.success == outcome
        return (self.ranks[own] - _ranks(self.ranks[own])) / int((~own).sum())


def _ranks(values: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    return np.asarray(rankdata(values, method="average"), dtype=np.float64)


def _area(parts: Sequence[_Part]) -> Callable[[Bool[np.ndarray, " m"]], float]:
    """A as a function of the outcomes, which stand in the order of the parts' rows."""
    total = sum(part.weight for part in parts)
    ranks = np.concatenate([part.ranks / (len(part.rows) + 1) for part in parts]) / total
    least = sum(p.successes * (p.successes + 1) / 2 / (len(p.rows) + 1) for p in parts) / total
    return lambda outcome: min(max(float(ranks @ outcome) - least, 0.0), 1.0)  # but for rounding


def _interval(parts: Sequence[_Part]) -> Interval:
    """A with its 95 % score interval: all A* with |A - A*| <= 1.96 sqrt(V(A*)).

    V(A) = c A (1 - A) sum_i (w_i / W)^2 (1 + (N_i / 2 - 1) h(A)) / (s_i f_i),  W = sum_i w_i,
    h(A) = (1 - A) / (2 - A) + A / (1 + A)

    For one stratum and c = 1 it is method 5 of Newcombe (Stat. Med. 25, 2006, 559-573): the
    variance of Hanley & McNeil (Radiology 143, 1982), with N_i / 2 for either group, at the limits
    instead of at the estimate. For several, that variance is taken at one common A. At A = 1/2 it
    is that of the null, so without ties 1/2 never lies outside where van Elteren's test does not
    reject. Strata are not resampled: the interval is about these tasks, and one policy.

    It has a width where every success is above every failure, and where a stratum has but one
    failure. There placements alone would not do (`_placement_variance`), and a bootstrap, which
    always draws that one failure, takes it for sure. But the model is too sure where the rarer
    outcome scores more widely than the other; so V is stretched by c >= 1 to what the placements
    show at the estimate.
    """
    value = _area(parts)(np.concatenate([part.success for part in parts]))
    weights = _shares(parts)
    pairs = np.array([part.pairs for part in parts], dtype=np.float64)
    halves = np.array([len(part.rows) / 2 for part in parts])
    alone, shared = (float(np.sum(weights**2 * x / pairs)) for x in (1.0, halves - 1.0))

    def variance(a: float) -> float:
        h = (1.0 - a) / (2.0 - a) + a / (1.0 + a)
        return a * (1.0 - a) * (alone + shared * h)

    model, shown = variance(value), _placement_variance(parts)
    stretch = shown / model if shown > model > 0.0 else 1.0

    def reach(a: float) -> float:
        return Z95 * math.sqrt(stretch * variance(a))

    return Interval(
        value=value,
        low=_limit(value, 0.0, reach),
        high=_limit(value, 1.0, reach),
        count=sum(len(part.rows) for part in parts),
    )


def _shares(parts: Sequence[_Part]) -> Float[np.ndarray, " i"]:
    weights = np.array([part.weight for part in parts])
    return weights / weights.sum()


def _placement_variance(parts: Sequence[_Part]) -> float:
    """The variance of A that the placements show (DeLong et al., Biometrics 44, 1988, 837-845).

    An outcome that occurs once in its stratum is given the mean variance of the strata where it
    occurs more often; 0 where there are none.
    """
    total = 0.0
    for outcome in (True, False):
        found = [part.placements(outcome) for part in parts]
        counts = np.array([len(placements) for placements in found])
        spread = np.array([p.var(ddof=1) if len(p) > 1 else 0.0 for p in found])
        free = counts - 1
        if free.sum() == 0:
            return 0.0
        typical = (free @ spread) / free.sum()
        total += float(np.sum(_shares(parts) ** 2 * np.where(free > 0, spread, typical) / counts))
    return total


def _limit(value: float, end: float, reach: Callable[[float], float]) -> float:
    """The farthest point from `value` towards `end` from which `value` is within reach."""
    near, far = value, end
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        if abs(value - middle) <= reach(middle):
            near = middle
        else:
            far = middle
    return far
