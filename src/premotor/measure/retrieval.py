"""Finding an action's partner: who is nearest across the two sides.

Row i of `a` and row i of `b` are one episode, watched and done. The query is a row of one side,
the gallery all rows of the other.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import ConfigError
from premotor.measure.similarity import Statistic, check_paired, inverse, unit_rows


def cosines(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Cosine of every row of `a` with every row of `b`."""
    check_paired(a, b)
    return unit_rows(a) @ unit_rows(b).T


def rank_table(similarity: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    """Rank of every column in its row, 1 = most similar; tied columns share their mean rank."""
    return np.asarray(rankdata(-similarity, method="average", axis=1), dtype=np.float64)


def ranks(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Rank of each row's partner: the query is a row of `a`, the gallery is `b`."""
    return np.diag(rank_table(cosines(a, b)))


def recall_statistic(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], k: int = 1
) -> Statistic:
    """`recall_at_k` as a function of the order of b's rows."""
    hit = rank_table(cosines(a, b)) <= k
    rows = np.arange(len(a))

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        return float(hit[rows, order].mean())

    return statistic


def recall_at_k(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], k: int = 1) -> float:
    """Share of rows of `a` whose partner is among the k most similar rows of `b`; chance k / n."""
    return recall_statistic(a, b, k)(np.arange(len(a)))


def group_recall_statistic(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], groups: Int[np.ndarray, " n"]
) -> Statistic:
    """`group_recall` as a function of the order of b's rows."""
    found = cosines(a, b).argmax(axis=1)
    return lambda order: float((groups[inverse(order)[found]] == groups).mean())


def group_recall(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], groups: Int[np.ndarray, " n"]
) -> float:
    """Share of rows of `a` whose most similar row of `b` is of the same group (task, variation)."""
    return group_recall_statistic(a, b, groups)(np.arange(len(a)))


def recall_within_statistic(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], groups: Int[np.ndarray, " n"]
) -> Statistic:
    """Share of rows whose partner is the most similar among the rows of its own group.

    Rows that are alone in their group are left out; a tie is no hit. As a function of the order
    of b's rows.
    """
    similarities = cosines(a, b)
    members = [m for g in np.unique(groups) if len(m := np.flatnonzero(groups == g)) > 1]
    total = sum(len(m) for m in members)
    if not members:
        raise ConfigError("no two rows share a group, so there is nothing to search within one")

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        hits = 0.0
        for rows in members:
            block = similarities[np.ix_(rows, order[rows])]
            better_or_tied = (block >= np.diag(block)[:, None]).sum(axis=1)
            hits += float((better_or_tied == 1).sum())
        return hits / total

    return statistic


def chance_within(groups: Int[np.ndarray, " n"]) -> float:
    """What a guess gets of `recall_within_statistic`: one right answer among a group's rows."""
    sizes = np.unique(groups, return_counts=True)[1]
    sizes = sizes[sizes > 1]
    return float(len(sizes) / sizes.sum()) if len(sizes) else 0.0


def median_rank_statistic(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> Statistic:
    """`median_rank` as a function of the order of b's rows."""
    table = rank_table(cosines(a, b))
    rows = np.arange(len(a))
    return lambda order: float(np.median(table[rows, order]))


def median_rank(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> float:
    """Median rank of the partner, 1 = always first, (n + 1) / 2 at chance."""
    return float(np.median(ranks(a, b)))


def _log_sum_exp(x: Float[np.ndarray, "n m"], axis: int) -> Float[np.ndarray, " k"]:
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)


def bound_statistic(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], temperature: float = 0.05
) -> Statistic:
    """`information_bound` as a function of the order of b's rows."""
    logits = cosines(a, b) / temperature
    rows = np.arange(len(a))
    partition = (_log_sum_exp(logits, 1).mean() + _log_sum_exp(logits, 0).mean()) / 2.0
    ceiling = np.log(len(a))

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        return float(ceiling + logits[rows, order].mean() - partition)

    return statistic


def information_bound(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], temperature: float = 0.05
) -> float:
    """Lower bound on I(a; b) [nat] by bidirectional InfoNCE, at most log n.

    I(z_u; z_e) >= log n - L_align for n independent pairs (paper Eq. 21).
    """
    return bound_statistic(a, b, temperature)(np.arange(len(a)))
