"""Clips of recorded episodes from a camera that the policy does not have, for U to watch.

With such clips the control by another episode leaves no image that both sides saw.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from premotor.data.dataset import Dataset
from premotor.folders import CacheFolder
from premotor.progress import Progress, no_progress
from premotor.simulate.environment import Environment
from premotor.simulate.filming import pictures
from premotor.store.cache import spread_rows
from premotor.store.growing import Growing, kept_array
from premotor.store.reader import DemoSet, read_rows

UNSEEN = "overhead"


def seen_from(
    demos: DemoSet,
    dataset: Dataset,
    camera: str = UNSEEN,
    progress: Progress = no_progress,
) -> Dataset:
    """The same episodes, their clips rendered anew from the simulator's recorded states.

    They are kept in the data set's cache, for the next time.

    Args:
        demos: The episodes, recorded in the embedded simulator.
        dataset: Of the same episodes.
        camera: One of the rig's.
        progress: Told of each episode.

    Raises:
        DataError: An episode is damaged, or its states are not of the simulator's scene.
        UnknownName: There is no such camera or task.
    """
    shape, name = dataset.cache.frames.shape, f"frames_{camera}"

    def render(path: Path) -> None:
        _render(path, demos, shape, camera, progress)

    frames = kept_array(CacheFolder(dataset.cache.folder), name, render)
    return replace(dataset, cache=replace(dataset.cache, frames=frames))


def _render(
    path: Path,
    demos: DemoSet,
    shape: tuple[int, ...],
    camera: str,
    progress: Progress,
) -> None:
    """Write the clips (e, f, h, w, 3) of a camera."""
    _, count, height, width, _ = shape
    environment = Environment(width, height)
    try:
        with Growing(path, np.uint8, shape[1:]) as clips:
            for position in range(len(demos)):
                clips.add(_clip(environment, demos, position, camera, count))
                progress(f"clips from {camera}", position + 1, len(demos), "")
    finally:
        environment.close()


def _clip(
    environment: Environment, demos: DemoSet, position: int, camera: str, count: int
) -> UInt8[np.ndarray, "f h w 3"]:
    """So many pictures of one episode (f = `count`), spread over its rows."""
    info = demos.episodes[position]
    _, states = read_rows(demos.folder, info)
    environment.reset(info.episode)
    size = (environment.width, environment.height)
    chosen = states[spread_rows(info.num_rows, count)]
    return np.stack(list(pictures(environment.world, chosen, camera, size)))
