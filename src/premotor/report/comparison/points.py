"""The kept episodes of two arms over training as points of one fixed map.

All pictures (each arm at each judged step) hold the same episodes. A network's axes have no meaning
of their own, so each picture is first turned onto the last one of the claimed arm, which leaves its
distances as they are. One t-SNE of both arms' last pictures is the map; earlier ones are placed in
it (decisions D98). Axes: p pictures, m rows of a picture (episodes, for z twice), n episodes, d
numbers of a row, c principal components.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Real
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from premotor.align.fit import ANEW, fit_projections
from premotor.errors import ConfigError, DataError
from premotor.folders import ComparedUnitFolder, ComparisonFolder
from premotor.measure.features import LABELS, Features
from premotor.measure.rows import codes
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

_log = logging.getLogger(__name__)

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
    instruction: str


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
    layers: Mapping[str, tuple[tuple[Real[np.ndarray, "n d"], ...], ...]]  # by name, step and arm


def read_features(
    folder: ComparisonFolder, arms: Sequence[str], seed: int, judged: Sequence[int]
) -> KeptFeatures | None:
    """The features that all arms kept of one seed; None where they have no step in common.

    Beside the layers of the files stand z_u and z_e through maps that are fitted anew on frozen u
    and e, alike in all arms, where features to fit them on are there.

    Raises:
        DataError: A file is damaged, or two files hold other episodes.
    """
    units = [folder.unit(arm, seed) for arm in arms]
    steps = [step for step in judged if all(unit.features(step).is_file() for unit in units)]
    if not steps:
        return None
    held = [[_read(unit, step) for unit in units] for step in steps]
    first = held[0][0]
    for found in (found for of_step in held for found in of_step):
        if _episodes(found) != _episodes(first):
            raise DataError(
                f"{found.name} holds other episodes than {first.name}; keep the features of the "
                "same ones in every unit: judge them again"
            )
    names = set.intersection(*(set(found.layers) for of_step in held for found in of_step))
    return KeptFeatures(
        arms=tuple(arms),
        seed=seed,
        steps=tuple(steps),
        episodes=_episodes(first),
        layers={
            name: tuple(tuple(found.layers[name] for found in of_step) for of_step in held)
            for name in sorted(names)
        },
    )


def _read(unit: ComparedUnitFolder, step: int) -> Features:
    """The layers of a unit at a step, with those of fresh maps."""
    found, fit = Features.load(unit.features(step), collapsed=True), unit.fit_features(step)
    if lacking := [name for name in LABELS if name not in found.labels]:
        raise DataError(f"{found.name} lacks the arrays {lacking}; judge the unit again")
    if not fit.is_file():
        return found
    learned = Features.load(fit, collapsed=True)
    u, e = (torch.from_numpy(learned.layers[side]).float() for side in ("u", "e"))
    partners = torch.from_numpy(codes(*(learned.labels[n] for n in ("task", "instruction"))))
    try:
        maps = fit_projections(u, e, ANEW, seed=0, groups=partners)
    except ConfigError as error:  # too few episodes
        _log.info("no maps are fitted on %s: %s", fit, error)
        return found
    u, e = (torch.from_numpy(found.layers[side]).float() for side in ("u", "e"))
    with torch.no_grad():
        aligned = maps(u, e)
    anew = {"z_u_anew": aligned.z_u.numpy(), "z_e_anew": aligned.z_e.numpy()}
    return replace(found, layers={**found.layers, **anew})


def _episodes(found: Features) -> tuple[KeptEpisode, ...]:
    rows = zip(*(found.labels[name] for name in LABELS), strict=True)
    return tuple(
        KeptEpisode(task, int(variation), int(number), instruction)
        for task, variation, number, instruction in rows
    )


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
        negative_gradient_method="bh",  # the other one takes many times as long here
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
