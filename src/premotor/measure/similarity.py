"""How alike two representations of the same rows are.

Rows of `a` (n, p) and `b` (n, q) are paired: row i of both is one episode. Every measure comes
in two forms. The plain function gives the value. The `..._statistic` function does the expensive
part once and returns a `Statistic`, which maps an order of b's rows to the value of the measure
for (a, b[order]); hundreds of permutations for a null (nulls.py) then cost next to nothing.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from premotor.errors import ConfigError

_BLOCK = 1024  # rows compared with all others at a time

Statistic = Callable[[Int[np.ndarray, " n"]], float]


def check_paired(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "m q"], least: int = 2) -> int:
    """Number of paired rows.

    Raises:
        ConfigError: The rows do not pair up, are too few, or hold NaN or infinity.
    """
    if len(a) != len(b):
        raise ConfigError(f"row i of both must be one episode, got {len(a)} and {len(b)} rows")
    if len(a) < least:
        raise ConfigError(f"got {len(a)} rows, need at least {least}; measure on more episodes")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ConfigError("the representations hold NaN or infinity; look at the training run")
    return len(a)


def unit_rows(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Rows scaled to length 1, in float64; a row of zeros stays zero."""
    x = x.astype(np.float64)
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm > 0.0, norm, 1.0)


def nearest(x: Float[np.ndarray, "n d"], k: int) -> Int[np.ndarray, "n k"]:
    """Indices of the k rows with the largest cosine to each row, itself excluded.

    By blocks of rows, so that 20,000 rows need no matrix of all similarities.

    Raises:
        ConfigError: There are not k other rows.
    """
    if not 1 <= k < len(x):
        raise ConfigError(f"k-NN needs 1 <= k < rows, got k = {k} for {len(x)} rows; lower k")
    unit = unit_rows(x)
    found = np.empty((len(x), k), dtype=np.int64)
    for start in range(0, len(x), _BLOCK):
        similarity = unit[start : start + _BLOCK] @ unit.T
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        top = np.sort(np.argpartition(-similarity, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(-np.take_along_axis(similarity, top, axis=1), axis=1, kind="stable")
        found[start : start + _BLOCK] = np.take_along_axis(top, order, axis=1)
    return found


def inverse(order: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Where each row has gone under an order."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def mutual_knn_statistic(
    a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10
) -> Statistic:
    """`mutual_knn` as a function of the order of b's rows."""
    check_paired(a, b)
    near_a, near_b = nearest(a, k), nearest(b, k)

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        moved = inverse(order)[near_b[order]]
        return float((near_a[:, :, None] == moved[:, None, :]).sum()) / near_a.size

    return statistic


def mutual_knn(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10) -> float:
    """Share of the k nearest neighbors that a row has in common in both spaces.

    m = mean_i |N_k^a(i) and N_k^b(i)| / k; unit rows, cosine, self excluded. For random pairing
    its mean is exactly k / (n - 1). (Huh et al. 2024; recognition.md i)
    """
    return mutual_knn_statistic(a, b, k)(np.arange(len(a)))


def _u_centered(gram: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """U-centered Gram matrix: zero diagonal and zero row sums (Szekely & Rizzo 2014)."""
    n = len(gram)
    hollow = gram - np.diag(np.diag(gram))
    sums = hollow.sum(axis=1)
    centered = hollow - (sums[:, None] + sums[None, :]) / (n - 2)
    centered += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centered, 0.0)
    return centered


def _gram(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    x = x.astype(np.float64)
    return x @ x.T


def _cosine_of_grams(
    gram_a: Float[np.ndarray, "n n"], gram_b: Float[np.ndarray, "n n"]
) -> Statistic:
    norm = float(np.linalg.norm(gram_a) * np.linalg.norm(gram_b))

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        if norm == 0.0:
            return 0.0  # all rows of one side are the same: nothing to align with
        return float(np.sum(gram_a * gram_b[np.ix_(order, order)])) / norm

    return statistic


def _is_long(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> bool:
    """Whether A^T B is cheaper than a Gram matrix of rows, which is read but not multiplied."""
    return len(a) ** 2 > 16 * a.shape[1] * b.shape[1]


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
    a, b = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64) for x in (a, b))
    own = _hollow_product(a, a, debiased)(rows) * _hollow_product(b, b, debiased)(rows)
    shared = _hollow_product(a, b, debiased)
    return lambda order: shared(order) / float(np.sqrt(own)) if own > 0.0 else 0.0


def debiased_cka_statistic(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> Statistic:
    """`debiased_cka` as a function of the order of b's rows."""
    check_paired(a, b, least=4)
    if _is_long(a, b):
        return _cosine_of_products(a, b, debiased=True)
    return _cosine_of_grams(_u_centered(_gram(a)), _u_centered(_gram(b)))


def debiased_cka(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> float:
    """Linear CKA with the unbiased estimate of HSIC; mean 0 for random pairing, may be negative.

    HSIC_u(a, a') / sqrt(HSIC_u(a, a) HSIC_u(a', a')), each an inner product of U-centered Gram
    matrices. (Song et al. 2012; Nguyen et al. 2021; recognition.md i)
    """
    return debiased_cka_statistic(a, b)(np.arange(len(a)))


def linear_cka_statistic(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> Statistic:
    """`linear_cka` as a function of the order of b's rows."""
    check_paired(a, b)
    if _is_long(a, b):
        return _cosine_of_products(a, b, debiased=False)
    return _cosine_of_grams(_gram(a - a.mean(axis=0)), _gram(b - b.mean(axis=0)))


def linear_cka(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> float:
    """Linear CKA, ||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F) of centered columns.

    Biased upward when the widths exceed the number of rows: report `debiased_cka`.
    (Kornblith et al. 2019)
    """
    return linear_cka_statistic(a, b)(np.arange(len(a)))


def cknna_statistic(
    a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10
) -> Statistic:
    """`cknna` as a function of the order of b's rows; only the n k neighbors are looked at."""
    check_paired(a, b, least=4)
    near_a, near_b = nearest(a, k), nearest(b, k)
    gram_a, gram_b = _neighbor_cosines(a, near_a), _neighbor_cosines(b, near_b)
    own = _restricted(near_a)(gram_a, gram_a) * _restricted(near_b)(gram_b, gram_b)
    product = _restricted(near_a)

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        same = near_a[:, :, None] == inverse(order)[near_b[order]][:, None, :]
        other = (same * gram_b[order][:, None, :]).sum(axis=2)
        shared = product(gram_a * same.any(axis=2), other)
        return shared / float(np.sqrt(own)) if own > 0.0 else 0.0

    return statistic


def cknna(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10) -> float:
    """Debiased CKA restricted to pairs that are k nearest neighbors in both spaces.

    Between `mutual_knn` (local) and `debiased_cka` (global). (Huh et al. 2024)
    """
    return cknna_statistic(a, b, k)(np.arange(len(a)))


def _neighbor_cosines(
    x: Float[np.ndarray, "n d"], near: Int[np.ndarray, "n k"]
) -> Float[np.ndarray, "n k"]:
    unit = unit_rows(x)
    return np.stack([np.einsum("nd,nd->n", unit, unit[column]) for column in near.T], axis=1)


def _restricted(
    near: Int[np.ndarray, "n k"],
) -> Callable[[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]], float]:
    """HSIC_u n (n - 3) of two matrices that are zero but for the entries (i, near[i, c])."""
    n = len(near)
    back = near[near] == np.arange(n)[:, None, None]  # is row i a neighbor of its neighbor c

    def product(one: Float[np.ndarray, "n k"], two: Float[np.ndarray, "n k"]) -> float:
        transposed = (two[near] * back).sum(axis=2)
        columns = np.bincount(near.ravel(), weights=one.ravel(), minlength=n)
        total = one.sum() * two.sum() / ((n - 1) * (n - 2))
        cross = 2.0 / (n - 2) * (columns @ two.sum(axis=1))
        return float((one * transposed).sum() + total - cross)

    return product


def knn_purity(x: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], k: int = 10) -> float:
    """Mean share of a row's k nearest neighbors (cosine) that carry its label."""
    return float((labels[nearest(x, k)] == labels[:, None]).mean())
