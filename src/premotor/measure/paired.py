"""Whether one of two models is better on the very same episodes."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from premotor.errors import ConfigError


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
