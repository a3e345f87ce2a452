"""Whether one of two models, or of two ways to train, is better: on the same episodes and seeds."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.records import Interval

MOST_FLIPPED = 20  # differences whose sign patterns are all gone through: a million


@dataclass(frozen=True)
class McNemar:
    """Episodes on which two models differ, and how surprising their imbalance is."""

    only_ours: int  # episodes that ours alone got right
    only_theirs: int
    p_value: float  # two-sided, exact; 1.0 where the two never differ


def mcnemar(ours: Bool[np.ndarray, " n"], theirs: Bool[np.ndarray, " n"]) -> McNemar:
    """Exact test that two models are right equally often (McNemar 1947; binomial form).

    Episodes on which both are right, or both wrong, say nothing. If the models were alike, each of
    the other m would favor either with probability 1/2, so with k the smaller count

    p = min(1, 2 sum_{i <= k} C(m, i) / 2^m)

    Args:
        ours: Whether each episode was right.
        theirs: The same episodes under the other model.
    """
    if len(ours) == 0 or len(theirs) != len(ours):
        raise ConfigError(
            f"got {len(ours)} and {len(theirs)} outcomes; need as many of each, >= 1, of the same "
            "episodes in the same order"
        )
    one, two = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    m, k = one + two, min(one, two)
    tail = sum(math.comb(m, i) for i in range(k + 1))
    return McNemar(one, two, min(1.0, 2 * tail / 2**m))


def t_interval(values: Float[np.ndarray, " s"]) -> Interval:
    """Mean over training seeds with its 95 % t interval (Student 1908), S - 1 degrees of freedom.

    m -+ t sd / sqrt(S), with the standard deviation sd of the S values (divisor S - 1)

    Two ways to train are compared by the differences D_s of their task means at each seed s, on the
    same episodes: then the interval is about the mean difference over all seeds that might have
    been drawn, and about these episodes. Episodes are not counted: were those of all seeds pooled
    as so many, the spread between trainings would be taken for an effect (docs/intervals.md). No
    width means that the seeds agree, not certainty.

    Args:
        values: One per training seed, >= 2; they are taken to scatter normally.
    """
    count = len(values)
    if count < 2:
        raise ConfigError(
            f"got {count} values; an interval over training seeds needs at least 2: train once more"
        )
    mean = float(values.mean())
    half = float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / np.sqrt(count))
    return Interval(value=mean, low=mean - half, high=mean + half, count=count)


@dataclass(frozen=True)
class SignFlip:
    """How surprising it is that paired differences lean to one side, and how it could be."""

    p_value: float  # two-sided, exact; 1.0 where all differences are 0
    least_p: float  # 2 / 2^S, all of one sign: cannot reach 0.05 with fewer than 6


def sign_flip(differences: Float[np.ndarray, " s"]) -> SignFlip:
    """Exact test that paired differences lean to neither side (Fisher 1935).

    Were two ways to train alike, each difference would be as likely with the other sign. p is the
    share of the 2^S sign patterns whose sum is as far from 0 as the one seen, or farther.

    Args:
        differences: One per training seed, 1 to 20 of them.
    """
    if not 1 <= len(differences) <= MOST_FLIPPED:
        raise ConfigError(
            f"got {len(differences)} differences; all their sign patterns are gone through for 1 "
            f"to {MOST_FLIPPED} of them"
        )
    sums = differences[:1]  # the other sign of the first mirrors all patterns, and counts as much
    for difference in differences[1:]:
        sums = np.concatenate([sums + difference, sums - difference])
    rounding = 1e-9 * np.abs(differences).sum()
    far = np.abs(sums) >= abs(differences.sum()) - rounding
    return SignFlip(float(far.mean()), 2.0 / 2 ** len(differences))
