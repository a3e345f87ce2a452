"""Paired rows of two sides, whatever model made them, and the files that hold them."""

# pyright: reportUnknownArgumentType=false

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from premotor.errors import ConfigError, DataError
from premotor.measure.nulls import strata_of
from premotor.records import write_atomically

LABELS = ("task", "variation", "episode")
LEAST = 8  # rows; fewer cannot be halved for an interval


@dataclass(frozen=True, eq=False)
class Sample:
    """Two representations of the same episodes, one row per episode.

    Without tasks or variations, the nulls within them and the control by another episode cannot
    be taken.
    """

    a: Float[np.ndarray, "n p"]  # of watching
    b: Float[np.ndarray, "n q"]  # of doing
    tasks: tuple[str, ...] = ()  # per row; () = not known
    variations: tuple[str, ...] = ()  # per row; () = not known

    def __post_init__(self) -> None:
        sizes = [len(self.a), len(self.b), *(len(x) for x in (self.tasks, self.variations) if x)]
        if len(set(sizes)) != 1:
            raise ConfigError(f"a sample has one row per episode on all sides, got {sizes} rows")

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Int[np.ndarray, " m"]) -> "Sample":
        """Some of the rows."""
        return Sample(
            self.a[rows],
            self.b[rows],
            tuple(self.tasks[i] for i in rows) if self.tasks else (),
            tuple(self.variations[i] for i in rows) if self.variations else (),
        )

    @property
    def groups(self) -> Int[np.ndarray, " n"]:
        """One code per variation of a task; each row its own where variations are not known."""
        return self.strata().get("variation", np.arange(len(self)))

    def strata(self) -> dict[str, Int[np.ndarray, " n"]]:
        """Which rows may trade partners under each null that can be taken."""
        tasks = self.tasks or ("",) * len(self)
        found = strata_of(tasks, self.variations or ("",) * len(self))
        known = {"all": True, "task": bool(self.tasks), "variation": bool(self.variations)}
        return {name: codes for name, codes in found.items() if known[name]}


def another_episode(
    groups: Int[np.ndarray, " n"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Rows whose variation has other episodes, and for each of them one of those others.

    Every row of a variation is partner once: the rows go round in a random circle.
    """
    rows, partners = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for group in np.unique(groups):
        circle = rng.permutation(np.flatnonzero(groups == group))
        if len(circle) > 1:
            rows.append(circle)
            partners.append(np.roll(circle, 1))
    return np.concatenate(rows), np.concatenate(partners)


@dataclass(frozen=True, eq=False)
class Features:
    """What a file holds: one row per clip, observation or episode."""

    name: str
    values: Float[np.ndarray, "n d"]
    labels: Mapping[str, tuple[str, ...]]  # of `LABELS`, those that are known

    @classmethod
    def load(cls, path: Path) -> "Features":
        """Read an .npz with `features` (n, d) and any of `task`, `variation`, `episode` (n,).

        Raises:
            DataError: It is missing, is no such file, or holds something else.
        """
        arrays = _read(path)
        if "features" not in arrays:
            raise DataError(
                f"{path} has the arrays {sorted(arrays)}, expected `features` (rows, width); save "
                "it with np.savez(path, features=..., task=..., variation=..., episode=...)"
            )
        values = arrays.pop("features")
        if values.ndim != 2 or values.dtype.kind not in "fiu" or values.shape[1] == 0:
            raise DataError(
                f"{path}: features are {values.dtype} {values.shape}, expected numbers "
                "(rows, width); save them as a float array"
            )
        if len(bad := np.flatnonzero(~np.isfinite(values).all(axis=1))):
            raise DataError(
                f"{path}: {len(bad)} of {len(values)} rows hold NaN or infinity, the first is row "
                f"{bad[0]}; leave these rows out of both files"
            )
        return cls(str(path), values.astype(np.float64), _labels(path, arrays, len(values)))

    def with_labels(self, path: Path) -> "Features":
        """The same rows with the labels of another .npz beside.

        Raises:
            DataError: The file has other arrays than labels, or other rows.
        """
        return replace(self, labels={**self.labels, **_labels(path, _read(path), len(self.values))})

    def labeled_as(self, other: "Features") -> "Features":
        """The same rows with the labels that this file lacks and another of the same rows has.

        Raises:
            DataError: Their numbers of rows differ.
        """
        if len(self.values) != len(other.values):
            raise DataError(
                f"{self.name} has {len(self.values)} rows and {other.name} {len(other.values)}; "
                "row i of all files must be the same episode"
            )
        return replace(self, labels={**other.labels, **self.labels})


def _read(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is a single array, expected an .npz; use np.savez")
        with file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; name an .npz with the array `features`") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as an .npz of plain arrays: {error}") from error


def _labels(
    path: Path, arrays: Mapping[str, Shaped[np.ndarray, "..."]], count: int
) -> dict[str, tuple[str, ...]]:
    if unknown := sorted(set(arrays) - set(LABELS)):
        raise DataError(
            f"{path}: unknown arrays {unknown}; known are features, {', '.join(LABELS)}; rename or "
            "drop them"
        )
    for name, values in arrays.items():
        if values.shape != (count,):
            raise DataError(
                f"{path}: {name} is {values.shape}, expected one entry for each of the {count} rows"
            )
    return {name: tuple(str(value) for value in values) for name, values in arrays.items()}


def save_features(
    path: Path, values: Float[np.ndarray, "n d"], labels: Mapping[str, Sequence[str]]
) -> None:
    """Write a file that `Features.load` reads, whole or not at all.

    Args:
        path: An .npz.
        values: One row per clip, observation or episode.
        labels: Any of `LABELS`, one entry per row.
    """
    buffer = io.BytesIO()
    columns: dict[str, Any] = {name: np.array(list(labels[name])) for name in labels}
    np.savez(buffer, features=values, **columns)
    write_atomically(path, buffer.getvalue())


def pair_up(u: Features, e: Features) -> Sample:
    """Rows of two files as one sample, one row per episode.

    Rows of one episode are averaged on both sides: they are not independent, so permuting them
    one by one would make the nulls too narrow.

    Raises:
        DataError: The rows do not pair up, differ in a label, or are too few.
    """
    if len(u.values) != len(e.values):
        raise DataError(
            f"{u.name} has {len(u.values)} rows and {e.name} {len(e.values)}; row i of both must "
            "be the same episode"
        )
    for name in LABELS:
        theirs = e.labels.get(name, u.labels.get(name, ()))
        ours = u.labels.get(name, theirs)
        wrong = [i for i, (x, y) in enumerate(zip(ours, theirs, strict=True)) if x != y]
        if wrong:
            raise DataError(
                f"row {wrong[0]}: {name} is {ours[wrong[0]]} in {u.name} and {theirs[wrong[0]]} in "
                f"{e.name}, {len(wrong)} rows differ; row i of both must be the same episode"
            )
    labels = {**e.labels, **u.labels}
    sample = Sample(u.values, e.values, labels.get("task", ()), labels.get("variation", ()))
    if "episode" in labels:
        sample = _by_episode(sample, labels["episode"])
    if len(sample) < LEAST:
        raise DataError(
            f"got {len(sample)} episodes, need at least {LEAST}; a few hundred make a sharp measure"
        )
    return sample


def _by_episode(sample: Sample, episodes: Sequence[str]) -> Sample:
    """Means over the rows of each episode; an episode's number counts within its variation."""
    n = len(sample)
    tasks, variations = sample.tasks or ("",) * n, sample.variations or ("",) * n
    names = ["/".join(label) for label in zip(tasks, variations, episodes, strict=True)]
    _, first, codes, sizes = np.unique(
        names, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)  # episodes in the order of the files
    kept = sample.take(first[order])

    def mean(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m d"]:
        sums = np.zeros((len(first), x.shape[1]))
        np.add.at(sums, codes, x)
        return (sums / sizes[:, None])[order]

    return replace(kept, a=mean(sample.a), b=mean(sample.b))
