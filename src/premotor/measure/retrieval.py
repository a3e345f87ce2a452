"""Finding an action's partner: who is nearest across the two sides.

Row i of `a` and row i of `b` are one episode, watched and done. The query is a row of one side,
the gallery all rows of the other. Rows that are equally near share the places that they contest,
so a partner among them counts by its chance, as in naming.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Real, UInt

from premotor.errors import ConfigError
from premotor.measure.neighbors import BLOCK, TIE
from premotor.measure.rows import NAMES, paired, unit_rows
from premotor.measure.similarity import Statistic, inverse


def both_units(
    a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"]
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Rows of both sides scaled to length 1, so that a product is a cosine."""
    paired(a, b)
    return unit_rows(a, NAMES[0]), unit_rows(b, NAMES[1])


@dataclass(frozen=True, eq=False)
class Gallery:
    """The rank of every row of one side for every query of the other, 1 = most similar.

    Twice the mean rank is kept, a whole number: for queries by gallery 800 MB at 20,000 rows.
    """

    twice: UInt[np.ndarray, "n n"]  # twice the mean rank over ways to break ties

    @classmethod
    def of(cls, a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"]) -> "Gallery":
        """Rank the rows of `b` by their cosine to each row of `a`, a block of queries at a time."""
        queries, gallery = both_units(a, b)
        n = len(queries)
        twice = np.empty((n, n), dtype=rank_type(n))
        for start in range(0, n, BLOCK):
            twice[start : start + BLOCK] = twice_ranks(queries[start : start + BLOCK] @ gallery.T)
        return cls(twice)

    @cached_property
    def _rows(self) -> Int[np.ndarray, " n"]:
        return np.arange(len(self.twice))

    def recall(self, k: int) -> Statistic:
        """`recall_at_k` as a function of the order of b's rows."""
        edge, share = self._edge(k)

        def statistic(order: Int[np.ndarray, " n"]) -> float:
            found = self.twice[self._rows, order]
            return float(((found < edge) + share * (found == edge)).mean())

        return statistic

    def _edge(self, k: int) -> tuple[UInt[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Rank of the rows that contest the k-th place of each query, and what each gets of it."""
        edge, share = np.empty(len(self.twice), self.twice.dtype), np.empty(len(self.twice))
        for start in range(0, len(self.twice), BLOCK):
            rows = self.twice[start : start + BLOCK]
            last = np.partition(rows, k - 1, axis=1)[:, k - 1, None]
            before, tied = (rows < last).sum(axis=1), (rows == last).sum(axis=1)
            edge[start : start + BLOCK] = last[:, 0]
            share[start : start + BLOCK] = (k - before) / tied
        return edge, share

    def median_rank(self) -> Statistic:
        """`median_rank` as a function of the order of b's rows."""
        return lambda order: float(np.median(self.twice[self._rows, order])) / 2.0

    def group_recall(self, groups: Int[np.ndarray, " n"]) -> Statistic:
        """Share of rows whose most similar row is of the same group (task, variation).

        As a function of the order of b's rows.
        """
        edge, _ = self._edge(1)
        queries, found = np.nonzero(self.twice == edge[:, None])
        tied = np.bincount(queries)

        def statistic(order: Int[np.ndarray, " n"]) -> float:
            same = groups[inverse(order)[found]] == groups[queries]
            return float(np.mean(np.bincount(queries, weights=same) / tied))

        return statistic

    def recall_within(self, groups: Int[np.ndarray, " n"]) -> Statistic:
        """Share of rows whose partner is the most similar among the rows of its own group.

        Rows that are alone in their group are left out. As a function of the order of b's rows.

        Raises:
            ConfigError: No two rows share a group.
        """
        members = [m for g in np.unique(groups) if len(m := np.flatnonzero(groups == g)) > 1]
        total = sum(len(m) for m in members)
        if not members:
            raise ConfigError("no two rows share a group, so there is nothing to search within one")

        def statistic(order: Int[np.ndarray, " n"]) -> float:
            hits = 0.0
            for rows in members:
                block = self.twice[np.ix_(rows, order[rows])]
                own = np.diag(block)[:, None]
                beaten = (block < own).any(axis=1)
                hits += float((~beaten / (block == own).sum(axis=1)).sum())
            return hits / total

        return statistic


def rank_type(num_rows: int) -> np.dtype[np.unsignedinteger]:
    """The smallest type that twice the rank of each of so many rows fits into."""
    return np.dtype(np.uint16 if 2 * num_rows < 2**16 else np.uint32)


def twice_ranks(similarity: Float[np.ndarray, "n m"]) -> Int[np.ndarray, "n m"]:
    """Twice the rank of every column in its row, 1 = most similar; ties share their mean rank."""
    order = np.argsort(-similarity, axis=1)
    ordered = np.take_along_axis(similarity, order, axis=1)
    place = np.arange(similarity.shape[1], dtype=np.int64)[None, :]
    fresh = np.ones(similarity.shape, dtype=bool)
    fresh[:, 1:] = ordered[:, :-1] - ordered[:, 1:] > TIE
    ranked = np.broadcast_to(2 * place + 2, similarity.shape)
    if not fresh.all():
        ranked = _shared_ranks(fresh, place)
    twice = np.empty(similarity.shape, dtype=np.int64)
    np.put_along_axis(twice, order, ranked, axis=1)
    return twice


def _shared_ranks(
    fresh: Bool[np.ndarray, "n m"], place: Int[np.ndarray, "1 m"]
) -> Int[np.ndarray, "n m"]:
    """Twice the ranks of ordered rows; an entry that is not fresh ties with the one before."""
    first = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    ends = np.ones(fresh.shape, dtype=bool)
    ends[:, :-1] = fresh[:, 1:]
    far = fresh.shape[1] - 1
    last = np.minimum.accumulate(np.where(ends, place, far)[:, ::-1], axis=1)[:, ::-1]
    return first + last + 2


def recall_at_k(a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"], k: int = 1) -> float:
    """Share of rows of `a` whose partner is among the k most similar rows of `b`; chance k / n.

    Where several rows contest the last places, a partner among them counts by its chance.
    """
    if not 1 <= k <= len(a):
        raise ConfigError(f"recall needs 1 <= k <= rows, got k = {k} for {len(a)} rows; lower k")
    return Gallery.of(a, b).recall(k)(np.arange(len(a)))


def chance_of_group(groups: Int[np.ndarray, " n"]) -> float:
    """What a guess gets of `Gallery.group_recall`."""
    sizes = np.unique(groups, return_counts=True)[1]
    return float(np.sum((sizes / len(groups)) ** 2))


def chance_within(groups: Int[np.ndarray, " n"]) -> float:
    """What a guess gets of `Gallery.recall_within`: one right answer among a group's rows."""
    sizes = np.unique(groups, return_counts=True)[1]
    sizes = sizes[sizes > 1]
    return float(len(sizes) / sizes.sum()) if len(sizes) else 0.0


def median_rank(a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"]) -> float:
    """Median rank of the partner, 1 = always first, (n + 1) / 2 at chance."""
    return Gallery.of(a, b).median_rank()(np.arange(len(a)))


def _log_sum_exp(x: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
    top = x.max(axis=1)
    return np.log(np.exp(x - top[:, None]).sum(axis=1)) + top


def _mean_partition(
    queries: Float[np.ndarray, "n d"], gallery: Float[np.ndarray, "n d"], temperature: float
) -> float:
    """Mean over queries of log sum exp(cosine / tau), a block of queries at a time."""
    blocks = [
        _log_sum_exp(queries[start : start + BLOCK] @ gallery.T / temperature)
        for start in range(0, len(queries), BLOCK)
    ]
    return float(np.concatenate(blocks).mean())


def bound_statistic(
    a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"], temperature: float = 0.05
) -> Statistic:
    """`information_bound` as a function of the order of b's rows."""
    one, two = both_units(a, b)
    there, back = _mean_partition(one, two, temperature), _mean_partition(two, one, temperature)
    ceiling = np.log(len(one)) - (there + back) / 2.0

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        return float(ceiling + np.einsum("nd,nd->", one, two[order]) / (temperature * len(one)))

    return statistic


def information_bound(
    a: Real[np.ndarray, "n d"], b: Real[np.ndarray, "n d"], temperature: float = 0.05
) -> float:
    """Lower bound on I(a; b) [nat] by bidirectional InfoNCE, at most log n, so report both.

    I(z_u; z_e) >= log n - L_align for n independent pairs (paper Eq. 21).
    """
    return bound_statistic(a, b, temperature)(np.arange(len(a)))
