"""What both towers make of some episodes, kept in a small file for measures without any model.

A row is an episode: u of its whole clip, e of the first decision (decisions D40). Every task brings
as many rows, and as many instructions as that allows come with two episodes, so that partners by
instruction are there (decisions D93).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from premotor.data.dataset import Dataset
from premotor.errors import ConfigError
from premotor.measure.features import Features, save_layers
from premotor.mirror import Mirror
from premotor.progress import Progress, no_progress
from premotor.represent import first_transitions, represent
from premotor.store.stand_ins import pixel_features

LAYERS = ("u", "e", "e_without_words", "z_u", "z_e")
PIXELS = "pixels"


def chosen_transitions(dataset: Dataset, per_task: int) -> Int[np.ndarray, " n"]:
    """The first transition of so many episodes of each task, in the order of the data set.

    They are chosen by twos of one instruction: the first two episodes of each instruction, then the
    next two, and at last those without a partner. Nothing is drawn, so that any two checkpoints
    have the same rows.

    Args:
        dataset: The episodes.
        per_task: How many; all of a task that has fewer.

    Raises:
        ConfigError: None is asked for.
    """
    if per_task < 1:
        raise ConfigError(f"got {per_task} episodes per task; keep the features of 1 or more")
    rows, infos = first_transitions(dataset), dataset.cache.episodes
    owners = [infos[int(i)] for i in dataset.episodes_of(rows)]
    tasks = np.array([info.task for info in owners])
    said = [info.instructions for info in owners]
    chosen = [_by_twos(np.flatnonzero(tasks == t), said)[:per_task] for t in np.unique(tasks)]
    return rows[np.sort(np.concatenate(chosen))]


def _by_twos(rows: Int[np.ndarray, " n"], said: Sequence[tuple[str, ...]]) -> Int[np.ndarray, " n"]:
    """Rows in the order in which they are chosen."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        groups.setdefault(said[row], []).append(int(row))
    pairs = [
        (place, rank, group[place : place + 2])
        for rank, group in enumerate(groups.values())
        for place in range(0, len(group), 2)
    ]
    pairs.sort(key=lambda pair: (len(pair[2]) < 2, *pair[:2]))
    return np.array([row for *_, pair in pairs for row in pair], dtype=np.int64)


def representations(
    mirror: Mirror,
    dataset: Dataset,
    per_task: int,
    layers: Sequence[str] = LAYERS,
    progress: Progress = no_progress,
) -> Features:
    """Some of `LAYERS` of so many episodes of each task, in float32.

    Args:
        mirror: The checkpoint.
        dataset: The episodes.
        per_task: How many of each task (`chosen_transitions`).
        layers: Which; without "e_without_words" every episode is looked at once only.
        progress: Told how many rows are done.

    Raises:
        ConfigError: There is no such layer.
    """
    if unknown := [name for name in layers if name not in LAYERS]:
        raise ConfigError(f"no layer {', '.join(unknown)}; there are {', '.join(LAYERS)}")
    rows = chosen_transitions(dataset, per_task)
    found = represent(mirror, dataset, rows, progress=progress)
    if "e_without_words" in layers:
        blanked = represent(mirror, dataset, rows, blanked=True, progress=progress)
        found["e_without_words"] = blanked["e"]
    kept = {name: found[name].numpy() for name in layers}
    return Features("representations", kept, _labels(dataset, rows))


def pixels(dataset: Dataset, per_task: int) -> Features:
    """The stand-in `PIXELS` of the same episodes, which needs no network (store/stand_ins.py)."""
    rows = chosen_transitions(dataset, per_task)
    seen = [pixel_features(dataset.cache.frames[i]) for i in dataset.episodes_of(rows)]
    return Features(PIXELS, {PIXELS: np.stack(seen)}, _labels(dataset, rows))


def _labels(dataset: Dataset, rows: Int[np.ndarray, " n"]) -> dict[str, tuple[str, ...]]:
    """An episode's label is its number in the data set; an instruction's its first text."""
    infos = [dataset.cache.episodes[int(i)] for i in dataset.episodes_of(rows)]
    return {
        "task": tuple(info.task for info in infos),
        "variation": tuple(str(info.variation) for info in infos),
        "episode": tuple(str(info.index) for info in infos),
        "instruction": tuple(info.instructions[0] for info in infos),
    }


def keep(path: Path, features: Features) -> None:
    """Write features in float16, for `Features.load`: a third decimal is enough.

    Rounding is at most 1/2,048 of a number, 1 % of the spread between the rows of u in an untrained
    `tiny`, where rows are most alike, and 0.1 % of e's.

    Args:
        path: An .npz; what it held is replaced.
        features: As of `representations` or `pixels`.
    """
    halves = {name: np.asarray(x).astype(np.float16) for name, x in features.layers.items()}
    save_layers(path, halves, features.labels)
