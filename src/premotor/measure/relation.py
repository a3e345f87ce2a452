"""Whether the episodes that score high are those that succeed.

Successes are compared with failures of the same stratum (a task) alone. Over all episodes a score
that merely tells easy tasks from hard ones goes with success as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.measure.intervals import Z95
from premotor.measure.nulls import PERMUTATIONS, permutation_null, stratum_codes
from premotor.records import Interval

_HALVINGS = 50  # of the span in which an end of an interval lies: to 1e-15


@dataclass(frozen=True, kw_only=True)
class Relation:
    """How a score goes with success; the fields are those of a `RelationRecord`."""

    auc: Interval  # P(score of a success > score of a failure of its stratum), ties 1/2
    p_value: float  # outcomes permuted within the strata, two-sided
    permutations: int
    num_pairs: int  # of a success and a failure of one stratum
    by_stratum: dict[str, Interval] = field(default_factory=dict[str, Interval])  # their own AUCs


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
    outcome = success[rows]

    def distance(order: Int[np.ndarray, " m"]) -> float:
        return abs(_joined(mixed, outcome[order]) - 0.5)

    null = permutation_null(distance, stratum_codes(names[rows].tolist()), "", rng, permutations)
    return Relation(
        auc=_interval(_joined(mixed, outcome), mixed),
        p_value=null.p_value,
        permutations=null.permutations,
        num_pairs=sum(part.pairs for part in mixed),
        by_stratum={n: _interval(_joined([p], success[p.rows]), [p]) for n, p in parts.items()},
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
    ranks: Float[np.ndarray, " k"]  # of the scores within the stratum, from 1; ties share the mean
    successes: int
    failures: int

    @classmethod
    def of(
        cls,
        rows: Int[np.ndarray, " k"],
        scores: Float[np.ndarray, " n"],
        success: Bool[np.ndarray, " n"],
    ) -> "_Part":
        won = int(success[rows].sum())
        ranks = np.asarray(rankdata(scores[rows], method="average"), dtype=np.float64)
        return cls(rows, ranks, won, len(rows) - won)

    @property
    def pairs(self) -> int:
        return self.successes * self.failures

    @property
    def weight(self) -> float:
        return self.pairs / (len(self.rows) + 1)


def _joined(parts: Sequence[_Part], outcome: Bool[np.ndarray, " m"]) -> float:
    """A of these outcomes, which stand in the order of the parts' rows, from sums of ranks."""
    start, total = 0, 0.0
    for part in parts:
        stop = start + len(part.rows)
        wins = part.ranks @ outcome[start:stop] - part.successes * (part.successes + 1) / 2
        total += part.weight * float(wins) / part.pairs
        start = stop
    return total / sum(part.weight for part in parts)


def _interval(value: float, parts: Sequence[_Part]) -> Interval:
    """A with its 95 % score interval: all A* with |A - A*| <= 1.96 sqrt(V(A*)).

    V(A) = A (1 - A) sum_i (w_i / W)^2 (1 + (N_i / 2 - 1) h(A)) / (s_i f_i),  W = sum_i w_i,
    h(A) = (1 - A) / (2 - A) + A / (1 + A)

    For one stratum it is method 5 of Newcombe (Stat. Med. 25, 2006, 559-573): the variance of
    Hanley & McNeil (Radiology 143, 1982), with N_i / 2 for either group, at the limits instead of
    at the estimate. For several, that variance is taken at one common A. At A = 1/2 it is that of
    the null, so without ties 1/2 lies outside where van Elteren's test rejects. Strata are not
    resampled: the interval is about these tasks, and one policy.

    It has a width where every success is above every failure, and where a stratum has but one
    failure: there the variance of placements (DeLong) cannot be estimated, and a bootstrap, which
    always draws that one failure, takes it for none.
    """
    weights = np.array([part.weight for part in parts]) / sum(part.weight for part in parts)
    pairs = np.array([part.pairs for part in parts], dtype=np.float64)
    halves = np.array([len(part.rows) / 2 for part in parts])
    alone, shared = (float(np.sum(weights**2 * x / pairs)) for x in (1.0, halves - 1.0))

    def reach(a: float) -> float:
        h = (1.0 - a) / (2.0 - a) + a / (1.0 + a)
        return Z95 * float(np.sqrt(a * (1.0 - a) * (alone + shared * h)))

    return Interval(
        value=value,
        low=_limit(value, 0.0, reach),
        high=_limit(value, 1.0, reach),
        count=sum(len(part.rows) for part in parts),
    )


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
