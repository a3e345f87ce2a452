"""Clips of recorded episodes from a camera that the policy does not have, for U to watch.

With such clips the control by another episode leaves no image that both sides saw.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from premotor.data.dataset import Dataset
from premotor.errors import naming
from premotor.progress import Progress, no_progress
from premotor.simulate.environment import Environment
from premotor.simulate.filming import pictures
from premotor.store.cache import spread_rows
from premotor.store.reader import DemoSet, read_rows
from premotor.temporary import held_file

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
    path = dataset.cache.folder / f"frames_{camera}.npy"
    if not path.is_file():
        _render(path, demos, dataset.cache.frames.shape, camera, progress)
    frames = np.load(path, mmap_mode="r")
    return replace(dataset, cache=replace(dataset.cache, frames=frames))


def _render(
    path: Path,
    demos: DemoSet,
    shape: tuple[int, ...],
    camera: str,
    progress: Progress,
) -> None:
    """Write the clips (e, f, h, w, 3) of a camera under a temporary name, then rename."""
    _, count, height, width, _ = shape
    environment = Environment(width, height)
    try:
        with naming(path), held_file(path) as (temporary, file):
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for position in range(len(demos)):
                file.write(_clip(environment, demos, position, camera, count).tobytes())
                progress(f"clips from {camera}", position + 1, len(demos), "")
            file.flush()
            temporary.rename(path)
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
