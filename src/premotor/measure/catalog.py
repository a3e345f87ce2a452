"""Every measure of alignment, with what it needs and what it is compared with.

`MEASURES` is the one table: a measure is one entry in it. What several measures look at (nearest
neighbors, ranks) is made once, by `Prepared`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from premotor.errors import ConfigError, UnknownName
from premotor.findings import Reference, Unit
from premotor.measure import linear, retrieval, similarity
from premotor.measure.neighbors import Neighbors, nearest
from premotor.measure.rows import NAMES, paired
from premotor.measure.sides import Sides
from premotor.measure.similarity import Statistic, inverse

Trades = Literal["rows", "variations"]
FOLDS = 5  # of ridge regression
_MOST_PAIRED = 5000  # rows of which all pairs are ranked


@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """What the measures hang on."""

    neighbors: int = 10  # k of mutual k-NN and CKNNA; 10 for about 1000 rows
    temperature: float = 0.05  # tau of the bound
    fold_seed: int = 0  # which rows ridge regression holds out together

    def __post_init__(self) -> None:
        if self.neighbors < 1 or self.temperature <= 0.0:
            raise ConfigError(
                "neighbors must be >= 1 and temperature > 0, got "
                f"{self.neighbors} and {self.temperature}; try 10 and 0.05"
            )


class Prepared:
    """Sides as the measures look at them; what several measures need is made once."""

    def __init__(self, sides: Sides, config: MeasureConfig) -> None:
        self.sides, self.config = sides, config
        self.u, self.e = paired(sides.u, sides.e, least=4)

    def __len__(self) -> int:
        return len(self.u)

    @property
    def k(self) -> int:
        """Neighbors of each row."""
        return self.config.neighbors

    @cached_property
    def near_u(self) -> Neighbors:
        """Nearest rows of each row of u."""
        return nearest(self.u, self.k, NAMES[0])

    @cached_property
    def near_e(self) -> Neighbors:
        """Nearest rows of each row of e."""
        return nearest(self.e, self.k, NAMES[1])

    @cached_property
    def gallery(self) -> retrieval.Gallery:
        """Ranks of the rows of e for each row of u."""
        return retrieval.Gallery.of(self.u, self.e)

    @cached_property
    def groups(self) -> Int[np.ndarray, " n"]:
        """Variation of each row."""
        return self.sides.groups

    @cached_property
    def turned(self) -> "Prepared":
        """The same with either side in the other's place."""
        return Prepared(self.sides.turned, self.config)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One entry of the table."""

    name: str
    label: str  # as a table shows it
    unit: Unit
    statistic: Callable[[Prepared], Statistic]  # by the order of the rows of e
    reference: Callable[[Prepared], Reference] | None = None  # None: the mean of its null
    best: Callable[[Prepared], float] = lambda _: 1.0  # what it can be at most
    needs: Callable[[Prepared], str] = lambda _: ""  # why it cannot be taken; "" where it can
    flops: Callable[[int, int, int], float]  # of one draw, by rows and the widths of u and e
    trades: Trades = "rows"  # what a null may shuffle (nulls.Trade)
    one_space: bool = False  # compares rows of u with rows of e, as of z_u and z_e
    fades: bool = False  # with more rows: shown beside on fewer of them
    low_is_good: bool = False


def chance(of: Callable[[Prepared], float]) -> Callable[[Prepared], Reference]:
    """What a guess gets."""
    return lambda rows: Reference(kind="chance", value=of(rows))


def _of_sides(
    statistic: Callable[[Float[np.ndarray, "n p"], Float[np.ndarray, "n q"]], Statistic],
) -> Callable[[Prepared], Statistic]:
    return lambda rows: statistic(rows.u, rows.e)


def _both_ways(there: Measure) -> tuple[Measure, Measure]:
    """A measure from u to e, whose name has a * for the way, and the same from e to u."""

    def back(rows: Prepared) -> Statistic:
        turned = there.statistic(rows.turned)
        return lambda order: turned(inverse(order))  # of the order of e's rows, too

    ways = {"u_to_e": "watched \u2192 done", "e_to_u": "done \u2192 watched"}
    one, two = (
        replace(there, name=there.name.replace("*", name), label=there.label.replace("*", words))
        for name, words in ways.items()
    )
    return one, replace(two, statistic=back)


def _recall(k: int) -> tuple[Measure, Measure]:
    return _both_ways(
        Measure(
            name=f"recall_at_{k}_*",
            label=f"R@{k}, *",
            unit="share",
            statistic=lambda rows: rows.gallery.recall(k),
            reference=chance(lambda rows: k / len(rows)),
            needs=lambda rows: _more_rows(rows, k),
            flops=lambda n, _p, _q: 20.0 * n,
            one_space=True,
            fades=k == 1,
        )
    )


def _more_rows(rows: Prepared, count: int) -> str:
    return "" if len(rows) > count else f"it needs more than {count} rows, got {len(rows)}"


def _few_neighbors(rows: Prepared) -> str:
    """With hardly more rows than neighbors, all rows are neighbors of all."""
    least = 2 * rows.k + 2
    if len(rows) >= least:
        return ""
    return (
        f"{rows.k} neighbors need at least {least} rows, got {len(rows)}; lower --measure.neighbors"
    )


def _many_pairs(rows: Prepared) -> str:
    """Ranks of all pairs of rows are kept for either side."""
    enough = len(rows) <= _MOST_PAIRED
    return (
        "" if enough else f"it ranks all pairs of at most {_MOST_PAIRED:,} rows, got {len(rows):,}"
    )


def _sharing(rows: Prepared) -> str:
    """Why nothing can be said of single episodes of a variation."""
    if not rows.sides.variations:
        return "the variations are not given"
    sizes = np.unique(rows.groups, return_counts=True)[1]
    return "" if sizes.max() > 1 else "no two episodes share a variation"


def _wide(rows: Prepared) -> str:
    widths = rows.u.shape[1] + rows.e.shape[1]
    enough = 4 * widths <= len(rows)
    return "" if enough else f"it needs four rows for each of {widths} columns, got {len(rows)}"


def _few_variations(rows: Prepared) -> str:
    if not rows.sides.variations:
        return "the variations are not given"
    count = len(np.unique(rows.groups))
    least = 2 * FOLDS
    return "" if count >= least else f"it needs at least {least} variations, got {count}"


def _ridge(
    groups: Callable[[Prepared], Int[np.ndarray, " n"]],
) -> Callable[[Prepared], Statistic]:
    def make(rows: Prepared) -> Statistic:
        rng = np.random.default_rng(rows.config.fold_seed)
        folds = linear.random_folds(groups(rows), rng, FOLDS)
        return linear.ridge_statistic(rows.u, rows.e, folds)

    return make


def _of_ridge(n: int, p: int, q: int) -> float:
    rank = min(n, p)
    return 2.0 * FOLDS * n * q * rank


def _of_product(n: int, p: int, q: int) -> float:
    """A^T B, or the elements of two Gram matrices, which are gathered and not multiplied."""
    return 2.0 * n * p * q if similarity.is_long(n, p, q) else 20.0 * n**2


def _of_correlations(n: int, p: int, q: int) -> float:
    """Singular values of the product of two bases, which have no more columns than rows."""
    p, q = min(n, p), min(n, q)
    return 2.0 * n * p * q + 20.0 * min(p, q) ** 3


_ZERO = chance(lambda _: 0.0)
_NEIGHBORS = 100.0  # operations that looking one neighbor up costs, about

MEASURES: tuple[Measure, ...] = (
    *_recall(1),
    *_recall(5),
    *_recall(10),
    *_both_ways(
        Measure(
            name="median_rank_*",
            label="median rank, *",
            unit="rank",
            statistic=lambda rows: rows.gallery.median_rank(),
            reference=chance(lambda rows: (len(rows) + 1) / 2),
            flops=lambda n, _p, _q: 40.0 * n,
            one_space=True,
            low_is_good=True,
        )
    ),
    *_both_ways(
        Measure(
            name="recall_at_1_*_of_the_variation",
            label="R@1 of variation, *",
            unit="share",
            statistic=lambda rows: rows.gallery.group_recall(rows.groups),
            reference=chance(lambda rows: retrieval.chance_of_group(rows.groups)),
            needs=_sharing,
            flops=lambda n, _p, _q: 40.0 * n,
            one_space=True,
        )
    ),
    *_both_ways(
        Measure(
            name="recall_at_1_*_within_variation",
            label="R@1 in variation, *",
            unit="share",
            statistic=lambda rows: rows.gallery.recall_within(rows.groups),
            reference=chance(lambda rows: retrieval.chance_within(rows.groups)),
            needs=_sharing,
            flops=lambda n, _p, _q: 1000.0 * n,
            one_space=True,
        )
    ),
    Measure(
        name="mutual_knn",
        label="mutual k-NN",
        unit="score",
        statistic=lambda rows: similarity.shared_neighbors(rows.near_u, rows.near_e),
        reference=chance(lambda rows: rows.k / (len(rows) - 1)),
        best=lambda rows: similarity.most_shared(rows.near_u, rows.near_e),
        needs=_few_neighbors,
        flops=lambda n, _p, _q: 10 * _NEIGHBORS * n,
        fades=True,
    ),
    Measure(
        name="cknna",
        label="CKNNA",
        unit="score",
        statistic=lambda rows: similarity.shared_kernel(rows.near_u, rows.near_e),
        needs=_few_neighbors,
        flops=lambda n, _p, _q: 20 * _NEIGHBORS * n,
        fades=True,
    ),
    Measure(
        name="rsa",
        label="RSA",
        unit="score",
        statistic=_of_sides(similarity.rsa_statistic),
        reference=_ZERO,
        needs=_many_pairs,
        flops=lambda n, _p, _q: 20.0 * n**2,
    ),
    Measure(
        name="debiased_cka",
        label="debiased CKA",
        unit="score",
        statistic=_of_sides(similarity.debiased_cka_statistic),
        reference=_ZERO,
        flops=_of_product,
    ),
    Measure(
        name="linear_cka",
        label="linear CKA",
        unit="score",
        statistic=_of_sides(similarity.linear_cka_statistic),
        flops=_of_product,
    ),
    Measure(
        name="svcca",
        label="SVCCA, 99 %",
        unit="score",
        statistic=_of_sides(linear.svcca_statistic),
        flops=_of_correlations,
    ),
    Measure(
        name="cca",
        label="CCA",
        unit="score",
        statistic=_of_sides(linear.cca_statistic),
        needs=_wide,
        flops=_of_correlations,
    ),
    *_both_ways(
        Measure(
            name="ridge_r2_*",
            label="ridge R\u00b2, *",
            unit="score",
            statistic=_ridge(lambda rows: np.arange(len(rows))),
            reference=_ZERO,
            flops=_of_ridge,
        )
    ),
    *_both_ways(
        Measure(
            name="ridge_r2_*_new_variation",
            label="ridge R\u00b2, new variations, *",
            unit="score",
            statistic=_ridge(lambda rows: rows.groups),
            reference=_ZERO,
            needs=_few_variations,
            flops=_of_ridge,
            trades="variations",
        )
    ),
    Measure(
        name="bound",
        label="log B \u2212 L",
        unit="nat",
        statistic=lambda rows: retrieval.bound_statistic(rows.u, rows.e, rows.config.temperature),
        reference=lambda rows: Reference(kind="ceiling", value=float(np.log(len(rows)))),
        best=lambda rows: float(np.log(len(rows))),
        flops=lambda n, _p, q: 100.0 * n * q,  # rows are gathered anew, which costs most
        one_space=True,
    ),
)
BY_NAME = {measure.name: measure for measure in MEASURES}


def chosen(names: tuple[str, ...], one_space: bool) -> list[Measure]:
    """The measures with these names, all for (), that can be taken of one space or of two.

    Raises:
        UnknownName: There is no such measure.
    """
    for name in names:
        if name not in BY_NAME:
            raise UnknownName.of("measure", name, BY_NAME)
    return [
        measure
        for measure in MEASURES
        if (not names or measure.name in names) and (one_space or not measure.one_space)
    ]
