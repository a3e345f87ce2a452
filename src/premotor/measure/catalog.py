"""Every measure of alignment by name, with what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from premotor.errors import ConfigError
from premotor.measure import linear, retrieval, similarity
from premotor.measure.sample import Sample
from premotor.measure.similarity import Statistic, inverse

COMPONENTS = 20  # principal components of SVCCA
FOLDS = 5  # of ridge regression


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


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A statistic of a sample, by the order of the rows of one of its sides."""

    name: str
    statistic: Callable[[Sample], Statistic]
    reference: float | None = None  # chance, or for the bound its ceiling; None = its null's mean
    costly: bool = False  # takes a decomposition for every order
    low_is_good: bool = False

    def value(self, sample: Sample) -> float:
        """The measure of the rows as they are paired."""
        return self.statistic(sample)(np.arange(len(sample)))


def measures(sample: Sample, config: MeasureConfig, same_space: bool) -> list[Measure]:
    """What can be measured of a sample.

    Args:
        sample: The rows; their number and width decide what can be measured and what chance is.
        config: Neighbors and temperature.
        same_space: Whether rows of one side may be compared with rows of the other, as z_u and
            z_e, which retrieval and the bound do.
    """
    similarity.check_paired(sample.a, sample.b, least=4)
    if not same_space:
        return _geometry(sample, config) + _maps(sample, config)
    if sample.a.shape[1] != sample.b.shape[1]:
        raise ConfigError(
            f"one space has one width, got {sample.a.shape[1]} and {sample.b.shape[1]}; project "
            "both sides first, or measure them as two spaces"
        )
    found = [*_retrieval(sample), *_geometry(sample, config), *_maps(sample, config)]
    bound = Measure(
        name="bound",
        statistic=lambda s: retrieval.bound_statistic(s.a, s.b, config.temperature),
        reference=float(np.log(len(sample))),
    )
    return [*found, bound]


def _both_ways(way: Measure) -> list[Measure]:
    """A measure from a to b, whose name has a * for the way, and the same from b to a."""

    def back(sample: Sample) -> Statistic:
        turned = way.statistic(Sample(sample.b, sample.a, sample.tasks, sample.variations))
        return lambda order: turned(inverse(order))  # of the order of b's rows, too

    return [
        replace(way, name=way.name.replace("*", "u_to_e")),
        replace(way, name=way.name.replace("*", "e_to_u"), statistic=back),
    ]


def _retrieval(sample: Sample) -> list[Measure]:
    n = len(sample)
    sizes = np.unique(sample.groups, return_counts=True)[1]
    ways = [
        Measure(name=f"recall_at_{k}_*", statistic=_recall(k), reference=k / n)
        for k in (1, 5, 10)
        if k < n
    ]
    ways.append(
        Measure(
            name="median_rank_*",
            statistic=lambda s: retrieval.median_rank_statistic(s.a, s.b),
            reference=(n + 1) / 2,
            low_is_good=True,
        )
    )
    if sizes.max() > 1:  # some episodes share a variation
        ways += [
            Measure(
                name="recall_at_1_*_of_the_variation",
                statistic=lambda s: retrieval.group_recall_statistic(s.a, s.b, s.groups),
                reference=float(np.sum((sizes / n) ** 2)),
            ),
            Measure(
                name="recall_at_1_*_within_variation",
                statistic=_within,
                reference=retrieval.chance_within(sample.groups),
            ),
        ]
    return [measure for way in ways for measure in _both_ways(way)]


def _recall(k: int) -> Callable[[Sample], Statistic]:
    return lambda sample: retrieval.recall_statistic(sample.a, sample.b, k)


def _within(sample: Sample) -> Statistic:
    groups = sample.groups
    if len(np.unique(groups)) == len(groups):
        return lambda order: 0.0  # a half of the rows may hold no two of one variation
    return retrieval.recall_within_statistic(sample.a, sample.b, groups)


def _geometry(sample: Sample, config: MeasureConfig) -> list[Measure]:
    n, k = len(sample), config.neighbors

    def near(s: Sample) -> int:
        return min(k, len(s) - 1)

    return [
        Measure(
            name="mutual_knn",
            statistic=lambda s: similarity.mutual_knn_statistic(s.a, s.b, near(s)),
            reference=near(sample) / (n - 1),
        ),
        Measure(
            name="cknna",
            statistic=lambda s: similarity.cknna_statistic(s.a, s.b, near(s)),
        ),
        Measure(
            name="debiased_cka",
            statistic=lambda s: similarity.debiased_cka_statistic(s.a, s.b),
            reference=0.0,
        ),
        Measure(name="linear_cka", statistic=lambda s: similarity.linear_cka_statistic(s.a, s.b)),
    ]


def _maps(sample: Sample, config: MeasureConfig) -> list[Measure]:
    n, widths = len(sample), sample.a.shape[1] + sample.b.shape[1]
    found = [
        Measure(
            name="svcca",
            statistic=lambda s: linear.svcca_statistic(s.a, s.b, max(1, min(COMPONENTS, n // 10))),
        )
    ]
    if 4 * widths <= n:  # else it says little more than how few the rows are, also of their half
        found.append(
            Measure(name="cca", statistic=lambda s: linear.cca_statistic(s.a, s.b), costly=True)
        )
    ways = {"ridge_r2_*": _ridge(lambda s: np.arange(len(s)), config)}
    if len(np.unique(sample.groups)) >= 2 * FOLDS and sample.variations:
        ways["ridge_r2_*_new_variation"] = _ridge(lambda s: s.groups, config)
    for name, statistic in ways.items():
        found += _both_ways(Measure(name=name, statistic=statistic, reference=0.0, costly=True))
    return found


def _ridge(
    groups: Callable[[Sample], np.ndarray], config: MeasureConfig
) -> Callable[[Sample], Statistic]:
    def make(sample: Sample) -> Statistic:
        rng = np.random.default_rng(config.fold_seed)
        folds = linear.random_folds(groups(sample), rng, FOLDS)
        return linear.ridge_statistic(_unit_scale(sample.a), _unit_scale(sample.b), folds)

    return make


def _unit_scale(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Centered, with a mean square of 1, so that the penalties mean the same for all features."""
    x = linear.centered(x)
    scale = float(np.sqrt(np.mean(x**2)))
    return x / scale if scale > 0.0 else x
