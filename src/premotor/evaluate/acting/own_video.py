"""The roll-out's own video, for U to watch in the place of the expert's.

It is rendered from the roll-out's trace by the camera of the demonstrations; unlike theirs, its
frames have never been compressed.
"""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from premotor.arrays import read_npy
from premotor.data.dataset import Dataset
from premotor.episode.identity import EpisodeId
from premotor.episode.observation import VIDEO_CAMERA
from premotor.errors import DataError
from premotor.evaluate.acting.traces import Trace
from premotor.records import write_atomically
from premotor.simulate.environment import Environment
from premotor.simulate.filming import pictures
from premotor.store.cache import NUM_FRAMES, spread_rows

_REMEDY = "run the same command again: a roll-out without its clip is done anew"


def write_clip(environment: Environment, trace: Trace, path: Path) -> None:
    """Write `NUM_FRAMES` frames (f, h, w, 3) uint8, evenly spread, first and last included.

    Of a roll-out of fewer rows some come several times.

    Args:
        environment: The one watched, not reset since; it is left in the last state.
        trace: Of the roll-out, whole.
        path: See `clip_path`.
    """
    states = [trace.states[int(row)] for row in spread_rows(len(trace.states), NUM_FRAMES)]
    size = (environment.width, environment.height)
    clip = np.stack(list(pictures(environment.world, states, VIDEO_CAMERA, size)))
    buffer = io.BytesIO()
    np.save(buffer, clip, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def clip_path(folder: Path, episode: EpisodeId) -> Path:
    """Where the clip of an episode lies among those of one policy's roll-outs."""
    return folder / f"{episode.task}_{episode.variation}_{episode.seed}.npy"


def own_clips(folder: Path, dataset: Dataset) -> Dataset:
    """The same episodes, their clips those of the roll-outs.

    Args:
        folder: Clips of one policy, written by `success.RollOuts`.
        dataset: Of the episodes that were rolled out, with the experts' clips.

    Raises:
        DataError: An episode has no clip, or one of another size; it is named.
    """
    count, *size = dataset.cache.frames.shape[1:]
    episodes = dataset.cache.episodes
    paths = [clip_path(folder, info.episode) for info in episodes]
    missing = [info for info, path in zip(episodes, paths, strict=True) if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(episodes)} episodes have no clip of their roll-out in "
            f"{folder}, {missing[0]} first; {_REMEDY}"
        )
    clips = [_read(path, tuple(size))[spread_rows(NUM_FRAMES, count)] for path in paths]
    return replace(dataset, cache=replace(dataset.cache, frames=np.stack(clips)))


def _read(path: Path, size: tuple[int, ...]) -> UInt8[np.ndarray, "f h w 3"]:
    try:
        clip = read_npy(path, math.prod((NUM_FRAMES, *size)))
    except (OSError, DataError) as error:
        raise DataError(f"{path} is no clip: {error}; delete it and {_REMEDY}") from error
    if clip.shape != (NUM_FRAMES, *size) or clip.dtype != np.uint8:
        raise DataError(
            f"{path} holds {clip.dtype} {clip.shape}, expected uint8 {(NUM_FRAMES, *size)} as the "
            f"data set's clips; delete it and {_REMEDY}"
        )
    return clip
