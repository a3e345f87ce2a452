"""How alike two representations of the same rows are.

Rows of `a` (n, p) and `b` (n, q) are paired: row i of both is one episode. Every measure comes
in two forms. The plain function gives the value. The `..._statistic` function does the expensive
part once and returns a `Statistic`, which maps an order of b's rows to the value of the measure
for (a, b[order]); hundreds of permutations for a null (nulls.py) then cost next to nothing.

All work in float64, whatever the type of the arrays, and none hangs on the scale of a side. All
raise ConfigError for rows that do not pair up, are too few, or hold NaN or infinity, and its child
NoVariation for a side whose rows are all the same (rows.py).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.stats import rankdata  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from premotor.errors import NoVariation
from premotor.measure.neighbors import Neighbors, nearest
from premotor.measure.rows import NAMES, centered, paired, unit_rows

_DIGITS = 13  # of cosines that are told apart

Statistic = Callable[[Int[np.ndarray, " n"]], float]
_LEAST_LEFT = 1e-12  # of a Gram matrix' squares, once what all its entries share is taken off


def inverse(order: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Where each row has gone under an order."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def both_nearest(
    a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"], k: int
) -> tuple[Neighbors, Neighbors]:
    """The neighbors of every row on either side."""
    paired(a, b)
    return nearest(a, k, NAMES[0]), nearest(b, k, NAMES[1])


def shared_neighbors(near_a: Neighbors, near_b: Neighbors) -> Statistic:
    """`mutual_knn` as a function of the order of b's rows, from the neighbors of either side."""
    total = float(near_a.shares.sum())

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        found = near_b.places(order[near_a.rows], order[near_a.columns])
        return float(near_a.shares @ found.of(near_b.shares)) / total

    return statistic


def most_shared(near_a: Neighbors, near_b: Neighbors) -> float:
    """The largest mutual k-NN that these neighbors allow: 1 but where places are shared."""
    squares = float(near_a.shares @ near_a.shares) * float(near_b.shares @ near_b.shares)
    return float(np.sqrt(squares)) / float(near_a.shares.sum())


def mutual_knn(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"], k: int = 10) -> float:
    """Share of the k nearest neighbors that a row has in common in both spaces.

    m = mean_i sum_j w^a_ij w^b_ij / k; unit rows, cosine, self excluded. w_ij is 1 where j is one
    of the k nearest of i, and a share of the last places where several rows are equally near: m is
    then its mean over all ways to break ties. For random pairing its mean is exactly k / (n - 1),
    so it fades as rows are added. (Huh et al. 2024)
    """
    return shared_neighbors(*both_nearest(a, b, k))(np.arange(len(a)))


def _u_centered(x: Float[np.ndarray, "n d"], name: str) -> Float[np.ndarray, "n n"]:
    """U-centered Gram matrix: zero diagonal and zero row sums (Szekely & Rizzo 2014)."""
    n, gram = len(x), x @ x.T
    hollow = gram - np.diag(np.diag(gram))
    sums = hollow.sum(axis=1)
    centered = hollow - (sums[:, None] + sums[None, :]) / (n - 2)
    centered += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centered, 0.0)
    _refuse_equally_far(float(np.sum(centered**2)), float(np.sum(gram**2)), name)
    return centered


def _refuse_equally_far(left: float, before: float, name: str) -> None:
    """No value of rows that are all as far from each other, as those of an identity matrix."""
    if left <= _LEAST_LEFT * before:
        raise NoVariation(
            f"all rows of {name} are equally far from each other; debiased CKA is not defined here"
        )


def _cosine_of_grams(
    gram_a: Float[np.ndarray, "n n"], gram_b: Float[np.ndarray, "n n"]
) -> Statistic:
    norm = float(np.linalg.norm(gram_a) * np.linalg.norm(gram_b))
    return lambda order: float(np.sum(gram_a * gram_b[np.ix_(order, order)])) / norm


def is_long(n: int, p: int, q: int) -> bool:
    """Whether A^T B is cheaper than a Gram matrix of rows, which is read but not multiplied."""
    return n**2 > 16 * p * q


def _hollow_product(
    a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], debiased: bool
) -> Statistic:
    """Inner product of the Gram matrices of centered rows, U-centered or not, by way of A^T B."""
    n = len(a)
    squares, sums = zip(*((np.sum(x * x, axis=1), x @ x.sum(axis=0)) for x in (a, b)), strict=True)
    rows = [s - q for s, q in zip(sums, squares, strict=True)]
    total = float(rows[0].sum() * rows[1].sum()) / ((n - 1) * (n - 2)) if debiased else 0.0

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        cross = float(np.sum((a.T @ b[order]) ** 2))
        if not debiased:
            return cross
        diagonal = float(squares[0] @ squares[1][order])
        return cross - diagonal - 2.0 / (n - 2) * float(rows[0] @ rows[1][order]) + total

    return statistic


def _cosine_of_products(
    a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], debiased: bool
) -> Statistic:
    rows = np.arange(len(a))
    own = [_hollow_product(x, x, debiased)(rows) for x in (a, b)]
    for left, x, name in zip(own, (a, b), NAMES, strict=True):
        _refuse_equally_far(left, float(np.sum((x.T @ x) ** 2)), name)
    norm, shared = float(np.sqrt(own[0] * own[1])), _hollow_product(a, b, debiased)
    return lambda order: shared(order) / norm


def debiased_cka_statistic(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> Statistic:
    """`debiased_cka` as a function of the order of b's rows."""
    a, b = (centered(x) for x in paired(a, b, least=4))
    if is_long(len(a), a.shape[1], b.shape[1]):
        return _cosine_of_products(a, b, debiased=True)
    return _cosine_of_grams(_u_centered(a, NAMES[0]), _u_centered(b, NAMES[1]))


def debiased_cka(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> float:
    """Linear CKA with the unbiased estimate of HSIC; mean 0 for random pairing, may be negative.

    HSIC_u(a, a') / sqrt(HSIC_u(a, a) HSIC_u(a', a')), each an inner product of U-centered Gram
    matrices. (Song et al. 2012; Nguyen et al. 2021)
    """
    return debiased_cka_statistic(a, b)(np.arange(len(a)))


def linear_cka_statistic(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> Statistic:
    """`linear_cka` as a function of the order of b's rows."""
    a, b = (centered(x) for x in paired(a, b))
    if is_long(len(a), a.shape[1], b.shape[1]):
        return _cosine_of_products(a, b, debiased=False)
    return _cosine_of_grams(a @ a.T, b @ b.T)


def linear_cka(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> float:
    """Linear CKA, ||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F) of centered columns.

    Biased upward when the widths exceed the number of rows: report `debiased_cka`.
    (Kornblith et al. 2019)
    """
    return linear_cka_statistic(a, b)(np.arange(len(a)))


def shared_kernel(near_a: Neighbors, near_b: Neighbors) -> Statistic:
    """`cknna` as a function of the order of b's rows; only the neighbors are looked at."""
    norm = float(np.sqrt(_self_product(near_a, NAMES[0]) * _self_product(near_b, NAMES[1])))

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        found = near_b.places(order[near_a.rows], order[near_a.columns])
        weight = np.sqrt(near_a.shares * found.of(near_b.shares))
        one, two = weight * near_a.cosines, weight * found.of(near_b.cosines)
        return _hsic(near_a, one, two) / norm

    return statistic


def cknna(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"], k: int = 10) -> float:
    """Debiased CKA restricted to pairs that are k nearest neighbors in both spaces.

    Between `mutual_knn` (local) and `debiased_cka` (global). A pair counts with the root of the
    product of its two shares (`mutual_knn`), which is 1 without ties. (Huh et al. 2024)
    """
    paired(a, b, least=4)
    return shared_kernel(*both_nearest(a, b, k))(np.arange(len(a)))


def _self_product(near: Neighbors, name: str) -> float:
    kernel = near.shares * near.cosines
    found = _hsic(near, kernel, kernel)
    if found <= _LEAST_LEFT * float(kernel @ kernel):
        raise NoVariation(
            f"the neighbors of {name} do not tell its rows apart; CKNNA is not defined here"
        )
    return found


def _hsic(near: Neighbors, one: Float[np.ndarray, " m"], two: Float[np.ndarray, " m"]) -> float:
    """HSIC_u n (n - 3) of two matrices that are zero but for the entries of `near`."""
    n = near.num_rows
    columns = np.bincount(near.columns, weights=one, minlength=n)
    rows = np.bincount(near.rows, weights=two, minlength=n)
    total = one.sum() * two.sum() / ((n - 1) * (n - 2))
    return float(one @ near.transposed.of(two) + total - 2.0 / (n - 2) * (columns @ rows))


def rsa_statistic(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> Statistic:
    """`rsa` as a function of the order of b's rows."""
    paired(a, b, least=3)
    one, two = (_distance_ranks(unit_rows(x, name)) for x, name in zip((a, b), NAMES, strict=True))
    return _cosine_of_grams(one, two)


def _distance_ranks(unit: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Ranks of the cosines of all pairs of rows less their mean; 0 for a row with itself."""
    above = np.triu_indices(len(unit), 1)
    ranks = np.zeros((len(unit), len(unit)))
    ranks[above] = rankdata(np.round((unit @ unit.T)[above], _DIGITS))
    ranks[above] -= ranks[above].mean()
    return ranks + ranks.T


def rsa(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> float:
    """Spearman correlation of the cosine distances of all pairs of rows, ties at their mean rank.

    Representational similarity analysis. (Kriegeskorte, Mur & Bandettini 2008)
    """
    return rsa_statistic(a, b)(np.arange(len(a)))
