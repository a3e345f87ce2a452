"""Features of episodes that need no network: what any u and any e must be more than.

Pixels and the words said stand in for u, the way of the end effector for e. Two networks that align
no better than these have found nothing that is not in plain sight.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

from premotor.errors import DataError
from premotor.geometry import rotations
from premotor.progress import Progress, no_progress
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet, read_rows

SIDE = 8  # cells of a downsampled frame, each way
STATIONS = 16  # of a resampled way


def pixel_features(
    frames: UInt8[np.ndarray, "f h w 3"], side: int = SIDE
) -> Float[np.ndarray, " d"]:
    """The first and the last frame, averaged over side x side cells, in [0, 1]."""
    height, width = frames.shape[1:3]
    if min(height, width) < side:
        raise DataError(f"frames of {height} x {width} px are smaller than {side} x {side} cells")
    ends = frames[[0, -1]].astype(np.float64) / 255.0
    for axis in (1, 2):
        starts = np.linspace(0, ends.shape[axis], side, endpoint=False).astype(np.int64)
        sizes = np.diff(np.append(starts, ends.shape[axis]))
        shape = [-1 if a == axis else 1 for a in range(4)]
        ends = np.add.reduceat(ends, starts, axis=axis) / sizes.reshape(shape)
    return ends.ravel()


def text_features(texts: Sequence[str], known: Sequence[str]) -> Float[np.ndarray, "n d"]:
    """How often each word, and each word with the next one, stands in each of some texts.

    Args:
        texts: One per row.
        known: Texts whose words and pairs of words are counted; others are not.
    """
    terms = sorted({term for text in known for term in _terms(text)})
    columns = {term: place for place, term in enumerate(terms)}
    found = np.zeros((len(texts), len(terms)))
    for row, text in enumerate(texts):
        for term in _terms(text):
            if term in columns:
                found[row, columns[term]] += 1.0
    return found


def _terms(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [*words, *(f"{one} {two}" for one, two in pairwise(words))]


def path_features(
    positions: Float[np.ndarray, "t 3"],
    quaternions: Float[np.ndarray, "t 4"],
    stations: int = STATIONS,
) -> Float[np.ndarray, " d"]:
    """Where the end effector is [m, world frame] and how it is turned, at even times.

    A turn is told by the first two columns of its matrix, which have no jump.
    """
    turns = rotations.to_matrix(quaternions)[:, :, :2].reshape(len(quaternions), 6)
    course = np.hstack([positions, turns])
    there = np.linspace(0.0, len(course) - 1.0, stations)
    rows = np.arange(len(course), dtype=np.float64)
    return np.stack([np.interp(there, rows, column) for column in course.T], axis=1).ravel()


def stand_ins(
    demos: DemoSet, cache: EpisodeCache, progress: Progress = no_progress
) -> dict[str, Float[np.ndarray, "e d"]]:
    """The stand-ins `pixels` and `path` of every episode of a data set, in its order.

    Args:
        demos: The episodes.
        cache: Of the same episodes.
        progress: Told of each episode.

    Raises:
        DataError: An episode is damaged; it is named.
    """
    pixels, paths = [], []
    for position, info in enumerate(demos.episodes):
        rows, _ = read_rows(demos.folder, info)
        poses = [row.end_effector for row in rows]
        paths.append(
            path_features(
                np.stack([pose.position for pose in poses]),
                np.stack([pose.quaternion for pose in poses]),
            )
        )
        pixels.append(pixel_features(cache.frames[position]))
        progress("stand-ins", position + 1, len(demos.episodes), "")
    return {"pixels": np.stack(pixels), "path": np.stack(paths)}
