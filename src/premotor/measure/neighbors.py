"""The nearest rows of each row by cosine, where rows that are equally near share the places.

Ties are broken by nothing: a row whose k-th place is contested by several gives each of them its
share of it. So a value does not hang on the order of the rows, and repeated rows (one text per
variation, quantized features) neither fake alignment nor hide it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Real

from premotor.errors import ConfigError, NoVariation
from premotor.measure.rows import unit_rows

BLOCK = 1024  # rows compared with all others at a time
TIE = 1e-13  # cosines closer than this are equal: rounding differs with a row's place in a block
_MOST = 40_000_000  # neighbors in all; more would not fit into memory


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Which rows are near which, as the entries of a sparse matrix in the order of its rows."""

    num_rows: int
    rows: Int[np.ndarray, " m"]
    columns: Int[np.ndarray, " m"]
    shares: Float[np.ndarray, " m"]  # 1 for a neighbor, less where several share a place
    cosines: Float[np.ndarray, " m"]

    @cached_property
    def _keys(self) -> Int[np.ndarray, " m"]:
        return self.rows * self.num_rows + self.columns

    def places(self, rows: Int[np.ndarray, " w"], columns: Int[np.ndarray, " w"]) -> "Places":
        """Where some entries stand among those of the matrix."""
        wanted = rows * self.num_rows + columns
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return Places(place, self._keys[place] == wanted)

    @cached_property
    def transposed(self) -> "Places":
        """Where the entry (j, i) stands, for each entry (i, j)."""
        return self.places(self.columns, self.rows)


@dataclass(frozen=True, eq=False)
class Places:
    """Places of entries; where one is not there its place means nothing."""

    place: Int[np.ndarray, " w"]
    there: np.ndarray

    def of(self, values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " w"]:
        """Values of the entries, 0 for those that are not there."""
        return np.where(self.there, values[self.place], 0.0)


def nearest(x: Real[np.ndarray, "n d"], k: int, name: str = "the rows") -> Neighbors:
    """The k rows with the largest cosine to each row, itself excluded.

    By blocks of rows, so that 20,000 rows need no matrix of all similarities.

    Args:
        x: One row per episode.
        k: Neighbors of each.
        name: Of the side, for errors.

    Raises:
        ConfigError: There are not k other rows, or so many rows are equal that no neighbor is
            nearer than most others.
        NoVariation: All rows point the same way.
    """
    n = len(x)
    if not 1 <= k < n:
        raise ConfigError(f"k-NN needs 1 <= k < rows, got k = {k} for {n} rows; lower k")
    unit = unit_rows(x, name)
    parts: list[tuple[np.ndarray, ...]] = []
    for start in range(0, n, BLOCK):
        cosines = unit[start : start + BLOCK] @ unit.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        last = np.partition(cosines, n - k, axis=1)[:, n - k, None]  # of the k nearest
        near = cosines >= last - TIE
        closer = cosines > last + TIE
        count = closer.sum(axis=1)
        share = (k - count) / (near.sum(axis=1) - count)
        rows, columns = np.nonzero(near)
        shares = np.where(closer[rows, columns], 1.0, share[rows])
        parts.append((rows + start, columns, shares, cosines[rows, columns]))
        if sum(len(part[0]) for part in parts) > _MOST:
            raise NoVariation(
                f"of {name} so many are equal that {_MOST:,} rows share the places of the {k} "
                "nearest; average equal rows (those of an episode), or leave out measures of "
                "neighbors"
            )
    return Neighbors(n, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def knn_purity(x: Real[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], k: int = 10) -> float:
    """Mean share of a row's k nearest neighbors (cosine) that carry its label."""
    near = nearest(x, k)
    same = labels[near.rows] == labels[near.columns]
    return float((near.shares * same).sum()) / (k * near.num_rows)


@dataclass(frozen=True)
class NeighborAccuracy:
    """How often the nearest other row of a task has the same label, every task counting alike."""

    value: float
    chance: float  # what a guess among the other rows of the task gets
    num_rows: int  # that were asked for


def nearest_of_task(
    x: Real[np.ndarray, "n d"], tasks: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> NeighborAccuracy | None:
    """Leave-one-out accuracy of the label by the nearest row (cosine) among those of its task.

    Rows that are equally near share the place, so a task whose rows all point the same way is
    guessed. Labels with one row are left out, as answers too, and so are tasks with one label:
    their rows cannot be right, or cannot be wrong.

    Args:
        x: One row per episode.
        tasks: Task of each row.
        labels: What is to be told, such as the instruction; a label may belong to several tasks.

    Returns:
        None where no task has two labels of two rows each.
    """
    values: list[float] = []
    chances: list[float] = []
    count = 0
    for task in np.unique(tasks):
        rows = np.flatnonzero(tasks == task)
        _, places, sizes = np.unique(labels[rows], return_inverse=True, return_counts=True)
        rows, own = rows[sizes[places] > 1], places[sizes[places] > 1]
        if int((sizes > 1).sum()) < 2:
            continue
        kept = sizes[sizes > 1].astype(np.float64)
        chance = float(kept @ (kept - 1.0)) / (len(rows) * (len(rows) - 1.0))
        try:
            values.append(knn_purity(x[rows], own, k=1))
        except NoVariation:
            values.append(chance)
        chances.append(chance)
        count += len(rows)
    if not values:
        return None
    return NeighborAccuracy(float(np.mean(values)), float(np.mean(chances)), count)
