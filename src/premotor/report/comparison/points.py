"""The kept episodes of two arms over training as points of one fixed map.

All pictures (each arm at each judged step) hold the same episodes. A network's axes have no meaning
of their own, so each picture is first turned onto the last one of the claimed arm, which leaves its
distances as they are. One t-SNE of both arms' last pictures is the map; earlier ones are placed in
it (decisions D98). Axes: p pictures, m rows of a picture (episodes, for z twice), n episodes, d
numbers of a row, c principal components.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Shaped
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from premotor.arrays import read_npz
from premotor.errors import DataError
from premotor.report.embedding import (
    COMPONENTS,
    MIN_ROWS,
    beginning,
    into_square,
    perplexity,
    principal_components,
    tsne,
    turned_onto,
)

NEIGHBORS = 10  # a row is placed among so many, where openTSNE is not installed
_LABELS = ("task", "variation", "episode")

WITH_OPENTSNE = "openTSNE places every earlier iteration in the map of the last one"
WITHOUT_OPENTSNE = (
    "openTSNE is not installed (extra tsne), so that a row of an earlier iteration stands at the "
    "weighted mean of the ten rows of the last one that are nearest to it: coarser, and nothing "
    "can lie outside the map"
)


@dataclass(frozen=True, kw_only=True)
class Space:
    """One kind of representation."""

    name: str  # "u", "e", "z"
    words: str
    layers: tuple[str, ...]  # arrays of a feature file; two are shown as two sides of an episode


SPACES = (
    Space(name="u", words="watched: u", layers=("u",)),
    Space(name="e", words="done: e", layers=("e",)),
    Space(
        name="e_without_words",
        words="done, the words withheld: e",
        layers=("e_without_words",),
    ),
    Space(
        name="z_anew",
        words="both: z, maps fitted anew on frozen towers",
        layers=("z_u_anew", "z_e_anew"),
    ),
    Space(name="z", words="both: z of the maps trained along", layers=("z_u", "z_e")),
)


@dataclass(frozen=True, order=True)
class KeptEpisode:
    """Which episode a point is."""

    task: str
    variation: int
    number: int  # in its data set


@dataclass(frozen=True, eq=False, kw_only=True)
class Pictures:
    """One kind of representation of the same episodes, in every arm and at every judged step."""

    space: Space
    places: Float[np.ndarray, "steps arms sides n 2"]  # in the unit square, y upward
    placed_by: str  # in words


@dataclass(frozen=True, eq=False, kw_only=True)
class KeptFeatures:
    """What two arms of one seed made of the same episodes at each judged step."""

    arms: tuple[str, ...]
    seed: int
    steps: tuple[int, ...]
    episodes: tuple[KeptEpisode, ...]
    layers: Mapping[str, tuple[tuple[Float[np.ndarray, "n d"], ...], ...]]  # by name, step and arm


def unit_folder(records: Path, arm: str, seed: int) -> Path:
    """Where the records of one unit lie."""
    return records / "units" / arm / f"seed_{seed}"


def read_features(records: Path, arms: Sequence[str], seed: int) -> KeptFeatures | None:
    """The features that all arms kept of one seed; None where they have no step in common.

    Raises:
        DataError: A file is damaged, or two files hold other episodes.
    """
    files = {arm: _feature_files(unit_folder(records, arm, seed) / "features") for arm in arms}
    steps = sorted(set.intersection(*(set(own) for own in files.values())))
    if not steps:
        return None
    held = [[_read(files[arm][step]) for arm in arms] for step in steps]
    episodes = _episodes(held[0][0])
    for step, of_step in zip(steps, held, strict=True):
        for arm, arrays in zip(arms, of_step, strict=True):
            if _episodes(arrays) != episodes:
                raise DataError(
                    f"{files[arm][step]} holds other episodes than {files[arms[0]][steps[0]]}; "
                    "keep the features of the same ones in every unit: judge them again"
                )
    names = set.intersection(*(set(arrays) for of_step in held for arrays in of_step))
    return KeptFeatures(
        arms=tuple(arms),
        seed=seed,
        steps=tuple(steps),
        episodes=episodes,
        layers={
            name: tuple(tuple(arrays[name] for arrays in of_step) for of_step in held)
            for name in sorted(names - set(_LABELS))
        },
    )


def _feature_files(folder: Path) -> dict[int, Path]:
    return {int(path.stem.removeprefix("step_")): path for path in folder.glob("step_*.npz")}


def _read(path: Path) -> dict[str, Shaped[np.ndarray, "n ..."]]:
    try:
        arrays = read_npz(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if lacking := [name for name in _LABELS if name not in arrays]:
        raise DataError(f"{path} lacks the arrays {lacking}; judge the unit again")
    return arrays


def _episodes(arrays: Mapping[str, Shaped[np.ndarray, "n ..."]]) -> tuple[KeptEpisode, ...]:
    columns = (arrays[name].tolist() for name in _LABELS)
    rows = zip(*columns, strict=True)
    return tuple(KeptEpisode(str(t), int(variation), int(number)) for t, variation, number in rows)


def pictures(found: KeptFeatures, seed: int = 0) -> Iterator[Pictures]:
    """Every kind of representation that was kept, placed; none with too few episodes."""
    if len(found.episodes) < MIN_ROWS:
        return
    for space in SPACES:
        if set(space.layers) <= found.layers.keys():
            rows = [
                np.concatenate([found.layers[name][step][arm] for name in space.layers])
                for step in range(len(found.steps))
                for arm in range(len(found.arms))
            ]
            placed, told = place(rows, len(found.arms), seed)
            sizes = (len(found.steps), len(found.arms), len(space.layers), len(found.episodes), 2)
            yield Pictures(space=space, places=placed.reshape(sizes), placed_by=told)


def place(
    rows: Sequence[Float[np.ndarray, "m d"]], last: int, seed: int = 0
) -> tuple[Float64[np.ndarray, "p m 2"], str]:
    """Pictures of the same rows as points of one map, and in words how they came there.

    Args:
        rows: The pictures, oldest first; the last one is the one that all are turned onto.
        last: How many pictures at the end make the map.
        seed: Of t-SNE.
    """
    scores = [_padded(principal_components(picture)) for picture in rows]
    turned = [turned_onto(own, scores[-1]) for own in scores]
    reference = np.concatenate(turned[-last:])
    try:
        drawn, told = _by_opentsne(reference, turned[:-last], seed), WITH_OPENTSNE
    except ImportError:
        drawn, told = _by_neighbors(reference, turned[:-last], seed), WITHOUT_OPENTSNE
    return into_square(drawn).reshape(len(rows), len(rows[0]), 2), told


def _padded(scores: Float64[np.ndarray, "m _"]) -> Float64[np.ndarray, "m c"]:
    """As many columns for every picture."""
    return np.pad(scores, ((0, 0), (0, COMPONENTS - scores.shape[1])))


def _by_opentsne(
    reference: Float64[np.ndarray, "r c"],
    earlier: Sequence[Float64[np.ndarray, "m c"]],
    seed: int,
) -> Float64[np.ndarray, "q 2"]:
    """New rows in a finished map (Poličar, Stražar & Zupan, J. Stat. Softw. 109, 2024)."""
    from openTSNE import TSNE

    start: Any = beginning(reference, seed)  # openTSNE's annotation knows its names alone
    wide: Any = perplexity(len(reference))
    fitted = TSNE(
        perplexity=wide,
        initialization=start,
        neighbors="exact",
        negative_gradient_method="bh",  # the other one is not the same to the bit, and slower
        n_jobs=1,
        random_state=seed,
    ).fit(reference)
    with threadpool_limits(1):
        placed = [np.asarray(fitted.transform(rows)) for rows in earlier]
    return np.concatenate([*placed, np.asarray(fitted)])


def _by_neighbors(
    reference: Float64[np.ndarray, "r c"],
    earlier: Sequence[Float64[np.ndarray, "m c"]],
    seed: int,
) -> Float64[np.ndarray, "q 2"]:
    fitted = tsne(reference, beginning(reference, seed), seed)
    nearest = KNeighborsRegressor(min(NEIGHBORS, len(reference)), weights="distance")
    nearest.fit(reference, fitted)
    return np.concatenate([*(nearest.predict(rows) for rows in earlier), fitted])
