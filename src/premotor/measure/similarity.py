"""How alike two representations of the same rows are.

Rows of `a` (n, p) and `b` (n, q) are paired: row i of both is one episode. Every measure comes
in two forms. The plain function gives the value. The `..._statistic` function does the expensive
part once and returns a `Statistic`, which maps an order of b's rows to the value of the measure
for (a, b[order]); hundreds of permutations for a null (nulls.py) then cost next to nothing.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.errors import ConfigError

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

    Raises:
        ConfigError: There are not k other rows.
    """
    if not 1 <= k < len(x):
        raise ConfigError(f"k-NN needs 1 <= k < rows, got k = {k} for {len(x)} rows; lower k")
    unit = unit_rows(x)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


def _is_neighbor(indices: Int[np.ndarray, "n k"]) -> Bool[np.ndarray, "n n"]:
    mask = np.zeros((len(indices), len(indices)), dtype=np.bool_)
    np.put_along_axis(mask, indices, values=True, axis=1)
    return mask


def mutual_knn_statistic(
    a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10
) -> Statistic:
    """`mutual_knn` as a function of the order of b's rows."""
    check_paired(a, b)
    neighbors_a = _is_neighbor(nearest(a, k))
    neighbors_b = nearest(b, k)
    rows = np.arange(len(a))[:, None]

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        place = np.empty_like(order)
        place[order] = np.arange(len(order))  # where each row of b has gone
        return float(neighbors_a[rows, place[neighbors_b[order]]].mean())

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


def debiased_cka_statistic(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> Statistic:
    """`debiased_cka` as a function of the order of b's rows."""
    check_paired(a, b, least=4)
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
    return _cosine_of_grams(_gram(a - a.mean(axis=0)), _gram(b - b.mean(axis=0)))


def linear_cka(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> float:
    """Linear CKA, ||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F) of centered columns.

    Biased upward when the widths exceed the number of rows: report `debiased_cka`.
    (Kornblith et al. 2019)
    """
    return linear_cka_statistic(a, b)(np.arange(len(a)))


def cknna(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], k: int = 10) -> float:
    """Debiased CKA restricted to pairs that are k nearest neighbors in both spaces.

    Between `mutual_knn` (local) and `debiased_cka` (global). (Huh et al. 2024)
    """
    n = check_paired(a, b, least=4)
    mask_a, mask_b = _is_neighbor(nearest(a, k)), _is_neighbor(nearest(b, k))
    gram_a, gram_b = _gram(unit_rows(a)), _gram(unit_rows(b))

    def restricted(one: Float[np.ndarray, "n n"], two: Float[np.ndarray, "n n"]) -> float:
        one, two = one - np.diag(np.diag(one)), two - np.diag(np.diag(two))
        total = one.sum() * two.sum() / ((n - 1) * (n - 2))
        cross = np.sum(one @ two) * 2.0 / (n - 2)
        return float((np.sum(one * two.T) + total - cross) / (n * (n - 3)))

    both = mask_a & mask_b
    shared = restricted(gram_a * both, gram_b * both)
    own = restricted(gram_a * mask_a, gram_a * mask_a), restricted(gram_b * mask_b, gram_b * mask_b)
    scale = np.sqrt(own[0] * own[1])
    return float(shared / scale) if scale > 0.0 else 0.0


def knn_purity(x: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], k: int = 10) -> float:
    """Mean share of a row's k nearest neighbors (cosine) that carry its label."""
    return float((labels[nearest(x, k)] == labels[:, None]).mean())
