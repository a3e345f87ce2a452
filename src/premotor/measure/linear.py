"""What one representation says about another by linear maps: CCA, SVCCA, ridge regression.

Rows of `a` (n, p) and `b` (n, q) are paired, as in similarity.py, and so are the two forms of
every measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from premotor.errors import ConfigError, NoVariation
from premotor.measure.rows import centered, paired
from premotor.measure.similarity import Statistic

PENALTIES = tuple(10.0 ** (exponent / 2) for exponent in range(-4, 9))
"""1e-2 to 1e4, in mean squares of the regressors, so that they mean the same at any scale."""
_LEAST_SPREAD = 1e-12  # of the rows held out, against the largest entry of all


def principal_share(x: Float[np.ndarray, "n d"], share: float) -> Float[np.ndarray, "n k"]:
    """The leading principal components that together hold a share of the variance."""
    left, scale, _ = np.linalg.svd(centered(x), full_matrices=False)
    held = np.cumsum(scale**2) / max(float(np.sum(scale**2)), np.finfo(np.float64).tiny)
    count = int(np.searchsorted(held, share)) + 1
    return left[:, :count] * scale[:count]


def _basis(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n r"]:
    """Orthonormal basis of the columns, which may be linearly dependent."""
    left, scale, _ = np.linalg.svd(centered(x), full_matrices=False)
    least = float(np.linalg.norm(x)) * max(x.shape) * np.finfo(np.float64).eps  # a mean rounds, too
    return left[:, scale > least]


def cca_correlations(
    a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]
) -> Float[np.ndarray, " r"]:
    """Canonical correlations, largest first: singular values of Q_a^T Q_b (Hotelling 1936)."""
    a, b = paired(a, b, least=3)
    return np.linalg.svd(_basis(a).T @ _basis(b), compute_uv=False)


def cca_statistic(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> Statistic:
    """`cca` as a function of the order of b's rows."""
    a, b = paired(a, b, least=3)
    return _mean_correlation(_basis(a), _basis(b))


def _mean_correlation(
    basis_a: Float[np.ndarray, "n r"], basis_b: Float[np.ndarray, "n s"]
) -> Statistic:
    def statistic(order: Int[np.ndarray, " n"]) -> float:
        return float(np.linalg.svd(basis_a.T @ basis_b[order], compute_uv=False).mean())

    return statistic


def cca(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"]) -> float:
    """Mean canonical correlation; blind to any invertible linear map of either side.

    It is 1 for whatever rows once p + q >= n: take it with many more rows than columns, or
    `svcca`. (Raghu et al. 2017)
    """
    return cca_statistic(a, b)(np.arange(len(a)))


def svcca_statistic(
    a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"], share: float = 0.99
) -> Statistic:
    """`svcca` as a function of the order of b's rows."""
    a, b = paired(a, b, least=3)
    return _mean_correlation(*(_basis(principal_share(x, share)) for x in (a, b)))


def svcca(a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "n q"], share: float = 0.99) -> float:
    """Mean canonical correlation of the components that hold a share of the variance.

    It hangs strongly on that share, which has to be told with it. (Raghu et al. 2017)
    """
    return svcca_statistic(a, b, share)(np.arange(len(a)))


def random_folds(
    groups: Int[np.ndarray, " n"], rng: np.random.Generator, count: int = 5
) -> Int[np.ndarray, " n"]:
    """Fold of each row; rows of a group (an episode, a variation) fall into one fold.

    Raises:
        ConfigError: There are too few groups for two folds of at least two rows.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    num_groups = int(codes.max(initial=-1)) + 1
    count = min(count, num_groups, len(groups) // 2)
    if count < 2:
        raise ConfigError(
            f"got {num_groups} groups of {len(groups)} rows to hold out in turn; need at least 2 "
            "groups and 4 rows"
        )
    return (rng.permutation(num_groups) % count)[codes]


@dataclass(frozen=True, eq=False)
class _Fold:
    """One part held out, and the map from the rest that hangs on the regressors alone.

    Predicted = on_test diag(shrink(penalty) / scale) left^T targets, with `shrink` as in `_best`.
    """

    train: Int[np.ndarray, " t"]
    test: Int[np.ndarray, " s"]
    left: Float[np.ndarray, "t r"]
    scale: Float[np.ndarray, " r"]
    on_test: Float[np.ndarray, "s r"]

    @classmethod
    def of(cls, x: Float[np.ndarray, "n p"], held_out: np.ndarray) -> "_Fold":
        train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        mean = x[train].mean(axis=0)
        left, scale, right = np.linalg.svd(x[train] - mean, full_matrices=False)
        kept = scale > float(scale.max(initial=0.0)) * max(x.shape) * np.finfo(np.float64).eps
        on_test = (x[test] - mean) @ right[kept].T
        return cls(train, test, left[:, kept], scale[kept], on_test)

    def errors(
        self, y: Float[np.ndarray, "n q"], penalties: Float[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        """Squared error of each held-out column, and its squares about the held-out mean."""
        mean = y[self.train].mean(axis=0)
        inner = self.left.T @ (y[self.train] - mean)
        spread = float(np.sum((y[self.train] - mean) ** 2))
        energy = np.sum(inner**2, axis=1)
        shrink = _best(self.scale, energy, penalties, spread=spread, count=len(self.train))
        predicted = mean + (self.on_test * (shrink / self.scale)) @ inner
        truth = y[self.test]
        around = np.where(_varying(truth), truth - truth.mean(axis=0), 0.0)
        return np.sum((truth - predicted) ** 2, axis=0), np.sum(around**2, axis=0)


def _varying(y: Float[np.ndarray, "n q"]) -> Bool[np.ndarray, " q"]:
    """Which columns differ between rows by more than the rounding of their mean."""
    return np.ptp(y, axis=0) > _LEAST_SPREAD


def _best(
    scale: Float[np.ndarray, " r"],
    energy: Float[np.ndarray, " r"],
    penalties: Float[np.ndarray, " k"],
    *,
    spread: float,
    count: int,
) -> Float[np.ndarray, " r"]:
    """s^2 / (s^2 + penalty) for the penalty with the least generalized cross validation error.

    That is leave-one-out made blind to rotation (Golub, Heath & Wahba 1979); it needs only the
    training rows, and one product for all penalties, so that each permutation can choose anew.
    """
    shrink = scale**2 / (scale**2 + penalties[:, None])
    left_over = spread - (shrink * (2.0 - shrink)) @ energy
    freedom = np.maximum(count - 1.0 - shrink.sum(axis=1), 1e-9)
    return shrink[int(np.argmin(left_over / freedom**2))]


@dataclass(frozen=True, eq=False)
class _Held:
    """Both sides of a ridge regression, the regressors cut into folds."""

    parts: Sequence[_Fold]
    targets: Float[np.ndarray, "n q"]
    penalties: Float[np.ndarray, " k"]

    @classmethod
    def of(
        cls,
        a: Real[np.ndarray, "n p"],
        b: Real[np.ndarray, "n q"],
        folds: Int[np.ndarray, " n"],
        penalties: Sequence[float] | None,
    ) -> "_Held":
        x, y = paired(a, b, least=4)
        parts = [_Fold.of(x, folds == fold) for fold in np.unique(folds[folds >= 0])]
        if not any(_varying(y[part.test]).any() for part in parts):
            raise NoVariation("no row held out differs from the others of its fold")
        if penalties is None:
            return cls(parts, y, np.asarray(PENALTIES) * np.mean(centered(x) ** 2))
        scale = np.abs(x).max() / np.abs(a.astype(np.float64)).max()
        with np.errstate(over="ignore"):  # of rows so small that any penalty is endless
            return cls(parts, y, np.asarray(penalties) * scale * scale)

    def errors(
        self, order: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        """Squared errors and squares about the held-out mean, of each target over all folds."""
        found = [part.errors(self.targets[order], self.penalties) for part in self.parts]
        missed, around = (np.sum([f[i] for f in found], axis=0) for i in (0, 1))
        return missed, around


def ridge_statistic(
    a: Real[np.ndarray, "n p"],
    b: Real[np.ndarray, "n q"],
    folds: Int[np.ndarray, " n"],
    penalties: Sequence[float] | None = None,
) -> Statistic:
    """`ridge_r2` as a function of the order of b's rows."""
    held = _Held.of(a, b, folds, penalties)

    def statistic(order: Int[np.ndarray, " n"]) -> float:
        missed, around = held.errors(order)
        # an order that leaves nothing to predict is as well guessed by the mean
        return 1.0 - float(missed.sum() / around.sum()) if around.sum() > 0.0 else 0.0

    return statistic


def ridge_r2(
    a: Real[np.ndarray, "n p"],
    b: Real[np.ndarray, "n q"],
    folds: Int[np.ndarray, " n"],
    penalties: Sequence[float] | None = None,
) -> float:
    """Share of b's variance that ridge regression from a predicts on rows held out.

    1 - squared error / squares about the held-out mean, each summed over folds and columns:
    the variance-weighted R^2. Below 0 the mean is the better guess.

    Args:
        a: Regressors.
        b: Targets.
        folds: Which rows are held out together, from 0; rows with -1 are only learned from.
        penalties: To choose from on the training rows of each fold; None = `PENALTIES`.

    Raises:
        NoVariation: Besides those of every measure: no row held out differs from its fold's others.
    """
    return ridge_statistic(a, b, folds, penalties)(np.arange(len(a)))


def ridge_r2_uniform(
    a: Real[np.ndarray, "n p"],
    b: Real[np.ndarray, "n q"],
    folds: Int[np.ndarray, " n"],
    penalties: Sequence[float] | None = None,
) -> float:
    """The same, each column of b counting alike; a column that does not vary counts 0."""
    missed, around = _Held.of(a, b, folds, penalties).errors(np.arange(len(a)))
    return float(np.mean(np.where(around > 0.0, 1.0 - missed / np.maximum(around, 1e-300), 0.0)))
