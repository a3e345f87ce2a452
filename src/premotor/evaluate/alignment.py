"""How far watching and doing agree: measures of alignment with their nulls.

Rows are held-out episodes, one row each. The nulls over all rows, within the task and within the
variation say which kind of agreement it is (recognition.md i).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from premotor.errors import ConfigError
from premotor.measure import nulls, retrieval, similarity
from premotor.measure.similarity import Statistic
from premotor.records import AlignmentRecord

Pair = tuple[Float[np.ndarray, "n p"], Float[np.ndarray, "n q"]]

NEIGHBORS = 10


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Both sides of the same episodes, row by row."""

    u: Float[np.ndarray, "n du"]
    e: Float[np.ndarray, "n de"]
    z_u: Float[np.ndarray, "n dz"]
    z_e: Float[np.ndarray, "n dz"]
    tasks: tuple[str, ...]
    variations: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.u), len(self.e), len(self.z_u), len(self.z_e), len(self.tasks)}
        if len(sizes) != 1 or len(self.variations) not in sizes:
            raise ConfigError(f"embeddings must have one row per episode, got {sorted(sizes)} rows")


@dataclass(frozen=True)
class Measure:
    """A named statistic of paired rows and what it is compared with."""

    name: str
    statistic: Callable[[Pair], Statistic]
    reference: Callable[[int], float]  # chance (or ceiling) at n rows


def _within(groups: Int[np.ndarray, " n"], pair: Pair) -> Statistic:
    """Share of rows whose partner is the nearest among the rows of the same group."""
    similarities = retrieval.cosines(*pair)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    members = [m for m in members if len(m) > 1]
    total = sum(len(m) for m in members)

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        hits = 0.0
        for rows in members:
            block = similarities[np.ix_(rows, order[rows])]
            better_or_tied = (block >= np.diag(block)[:, None]).sum(axis=1)
            hits += float((better_or_tied == 1).sum())
        return hits / total

    return statistic


def _chance_within(groups: Int[np.ndarray, " n"]) -> float:
    """Expected `_within` of a guess: one right answer among each group's rows."""
    sizes = np.unique(groups, return_counts=True)[1]
    sizes = sizes[sizes > 1]
    return float(len(sizes) / sizes.sum())


def _swapped(pair: Pair) -> Pair:
    return pair[1], pair[0]


def _measures(space: str, temperature: float, groups: Int[np.ndarray, " n"]) -> list[Measure]:
    shared = [
        Measure(
            "mutual_knn",
            lambda p: similarity.mutual_knn_statistic(*p, k=min(NEIGHBORS, len(p[0]) - 1)),
            lambda n: min(NEIGHBORS, n - 1) / (n - 1),
        ),
        Measure("debiased_cka", lambda p: similarity.debiased_cka_statistic(*p), lambda n: 0.0),
    ]
    if space == "raw":  # u and e have different widths: no retrieval between them
        return shared
    alone = np.unique(groups, return_counts=True)[1].max() < 2
    within = [
        Measure(
            "recall_at_1_u_to_e_within_variation",
            lambda p: _within(groups, p),
            lambda n: _chance_within(groups),
        ),
        Measure(
            "recall_at_1_e_to_u_within_variation",
            lambda p: _within(groups, _swapped(p)),
            lambda n: _chance_within(groups),
        ),
    ]
    return [
        Measure("recall_at_1_u_to_e", lambda p: retrieval.recall_statistic(*p), lambda n: 1 / n),
        Measure(
            "recall_at_1_e_to_u",
            lambda p: retrieval.recall_statistic(*_swapped(p)),
            lambda n: 1 / n,
        ),
        *([] if alone else within),  # no two episodes share a variation: not measurable
        *shared,
        Measure(
            "bound",
            lambda p: retrieval.bound_statistic(*p, temperature=temperature),
            lambda n: float(np.log(n)),
        ),
    ]


def measure_alignment(
    embeddings: Embeddings,
    checkpoint: str,
    instruction: str,
    temperature: float,
    seed: int = 0,
) -> list[AlignmentRecord]:
    """Every measure in both spaces, each with its three permutation nulls.

    Args:
        embeddings: One row per held-out episode.
        checkpoint: Name that goes into the records.
        instruction: "given" or "blanked", as E was given it.
        temperature: tau of the alignment, for the bound.
        seed: Of the permutations.

    Returns:
        Records for "z" (projected) and "raw" (u, e).
    """
    rng = np.random.default_rng(seed)
    pairs: dict[str, Pair] = {
        "z": (embeddings.z_u, embeddings.z_e),
        "raw": (embeddings.u, embeddings.e),
    }
    names = [f"{t}/{v}" for t, v in zip(embeddings.tasks, embeddings.variations, strict=True)]
    groups = nulls.stratum_codes(names)
    records: list[AlignmentRecord] = []
    for space, pair in pairs.items():
        for measure in _measures(space, temperature, groups):
            statistic = measure.statistic(pair)
            count = len(pair[0])
            records.append(
                AlignmentRecord(
                    checkpoint=checkpoint,
                    measure=measure.name,
                    space=space,
                    instruction=instruction,
                    value=statistic(np.arange(count)),
                    reference=measure.reference(count),
                    num_rows=count,
                    nulls=nulls.alignment_nulls(
                        statistic, embeddings.tasks, embeddings.variations, rng
                    ),
                )
            )
    return records
