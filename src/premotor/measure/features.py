"""Files of paired rows, whatever model made them."""

# pyright: reportUnknownArgumentType=false

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Real, Shaped

from premotor.arrays import read_npz
from premotor.errors import ConfigError, DataError
from premotor.measure.rows import codes, group_means, varied
from premotor.measure.sides import LEAST, Sides
from premotor.records import write_atomically

LABELS = ("task", "variation", "episode", "instruction")
FEATURES = "features"
_LAYER = f"{FEATURES}_"  # and a layer's name
_FORM = "np.savez(path, features=..., task=..., variation=..., episode=...)"


@dataclass(frozen=True, eq=False)
class Features:
    """What a file holds: one row per clip, observation or episode, of one or several layers."""

    name: str
    layers: Mapping[str, Real[np.ndarray, "n _"]]  # by name; "" for `features` itself
    labels: Mapping[str, tuple[str, ...]]  # of `LABELS`, those that are known

    @classmethod
    def load(cls, path: Path, collapsed: bool = False) -> "Features":
        """Read an .npz with `features` (n, d) and any of `LABELS` (n,).

        Several layers stand in several arrays, as `features_3` and `features_last`.

        Args:
            path: The file.
            collapsed: Take layers whose rows are all the same, too.

        Raises:
            DataError: It is missing, is no such file, or holds something else; nothing in it is
                run.
        """
        arrays = _read(path)
        names = [n for n in arrays if n == FEATURES or (n.startswith(_LAYER) and n != _LAYER)]
        if not names:
            raise DataError(
                f"{path} has the arrays {sorted(arrays)}, expected `features` (rows, width); save "
                f"it with {_FORM}"
            )
        layers = {
            name.removeprefix(FEATURES)[1:]: _checked(path, name, arrays.pop(name), collapsed)
            for name in names
        }
        counts = {name: len(values) for name, values in layers.items()}
        if len(set(counts.values())) > 1:
            raise DataError(
                f"{path}: the layers have {counts} rows; row i of all must be the same episode"
            )
        return cls(str(path), layers, _labels(path, arrays, next(iter(counts.values()))))

    def __len__(self) -> int:
        return len(next(iter(self.layers.values())))

    @property
    def values(self) -> Real[np.ndarray, "n d"]:
        """The one layer.

        Raises:
            DataError: There are several.
        """
        if len(self.layers) > 1:
            raise DataError(
                f"{self.name} holds the layers {', '.join(self.layers)}; expected `features` alone"
            )
        return next(iter(self.layers.values()))

    def with_labels(self, path: Path) -> "Features":
        """The same rows with the labels of another .npz beside.

        Raises:
            DataError: The file has other arrays than labels, or other rows.
        """
        return replace(self, labels={**self.labels, **_labels(path, _read(path), len(self))})

    def labeled_as(self, other: "Features") -> "Features":
        """The same rows with the labels that this file lacks and another of the same rows has.

        Raises:
            DataError: Their numbers of rows differ.
        """
        if len(self) != len(other):
            raise DataError(
                f"{self.name} has {len(self)} rows and {other.name} {len(other)}; row i of all "
                "files must be the same episode"
            )
        return replace(self, labels={**other.labels, **self.labels})


def _read(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    try:
        return read_npz(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; name an .npz with the array `features`") from error
    except (DataError, OSError) as error:
        raise DataError(
            f"{path} cannot be read as an .npz of plain arrays: {error}; save it with {_FORM}"
        ) from error


def _checked(
    path: Path, name: str, values: Shaped[np.ndarray, "..."], collapsed: bool
) -> Real[np.ndarray, "n d"]:
    if values.ndim != 2 or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise DataError(
            f"{path}: {name} is {values.dtype} {values.shape}, expected numbers (rows, width); "
            "average or flatten what is left over, and save a float array"
        )
    if len(bad := np.flatnonzero(~np.isfinite(values).all(axis=1))):
        raise DataError(
            f"{path}: {len(bad)} of {len(values)} rows of {name} hold NaN or infinity, the first "
            f"is row {bad[0]}; leave these rows out of all files"
        )
    if not collapsed:
        try:
            varied(values, f"{name} in {path}")
        except ConfigError as error:
            raise DataError(str(error)) from error
    return values


def _labels(
    path: Path, arrays: Mapping[str, Shaped[np.ndarray, "..."]], count: int
) -> dict[str, tuple[str, ...]]:
    if unknown := sorted(set(arrays) - set(LABELS)):
        raise DataError(
            f"{path}: unknown arrays {unknown}; known are features, features_LAYER, "
            f"{', '.join(LABELS)}; rename or drop them"
        )
    for name, values in arrays.items():
        if values.shape != (count,):
            raise DataError(
                f"{path}: {name} is {values.shape}, expected one entry for each of the {count} rows"
            )
    return {name: tuple(str(value) for value in values) for name, values in arrays.items()}


def save_features(
    path: Path, values: Real[np.ndarray, "n d"], labels: Mapping[str, Sequence[str]]
) -> None:
    """Write a file that `Features.load` reads, whole or not at all.

    Args:
        path: An .npz.
        values: One row per clip, observation or episode.
        labels: Any of `LABELS`, one entry per row.
    """
    save_layers(path, {"": values}, labels)


def save_layers(
    path: Path,
    layers: Mapping[str, Real[np.ndarray, "n _"]],
    labels: Mapping[str, Sequence[str]],
) -> None:
    """Write several layers of the same rows, each in its own type, for `Features.load`.

    Args:
        path: An .npz.
        layers: One row per clip, observation or episode, by name; "" for one layer alone.
        labels: Any of `LABELS`, one entry per row.
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {_array_name(name): values for name, values in layers.items()}
    arrays |= {name: np.array(list(labels[name])) for name in labels}
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def _array_name(layer: str) -> str:
    return f"{_LAYER}{layer}" if layer else FEATURES


def agreed_labels(u: Features, e: Features) -> dict[str, tuple[str, ...]]:
    """The labels of two files of the same rows.

    Raises:
        DataError: The rows do not pair up, or differ in a label.
    """
    if len(u) != len(e):
        raise DataError(
            f"{u.name} has {len(u)} rows and {e.name} {len(e)}; row i of both must be the same "
            "episode"
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
    return {**e.labels, **u.labels}


def pair_up(u: Features, e: Features) -> Sides:
    """Rows of two files of one layer each as two sides, one row per episode.

    Rows of one episode are averaged on both sides: they are not independent, so permuting them
    one by one would make the nulls too narrow.

    Raises:
        DataError: The rows do not pair up, differ in a label, are too few, or a file holds several
            layers.
    """
    labels = agreed_labels(u, e)
    return by_episode(u.values, e.values, labels)


def by_episode(
    u: Real[np.ndarray, "n p"], e: Real[np.ndarray, "n q"], labels: Mapping[str, tuple[str, ...]]
) -> Sides:
    """Two sides of one row per episode; an episode's number counts within its variation.

    Raises:
        DataError: There are too few episodes.
    """
    sides = Sides(u, e, labels.get("task", ()), labels.get("variation", ()))
    if "episode" in labels:
        known = [labels[name] for name in LABELS if name in labels]
        groups = codes(*known)
        first = np.unique(groups, return_index=True)[1]  # in the order of the files
        if len(first) < len(groups):
            kept = sides.take(first)
            sides = kept.with_sides(group_means(u, groups), group_means(e, groups))
    if len(sides) < LEAST:
        raise DataError(
            f"got {len(sides)} episodes, need at least {LEAST}; a few hundred make a sharp measure"
        )
    return sides
