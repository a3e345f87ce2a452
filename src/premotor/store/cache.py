"""What training reads: points, targets and frames of a data set as memory-mapped arrays.

Decoding PNG and H.264 costs far more than a training step, so it is done once per data set.
e: episodes  m: transitions  n: points  f: frames kept per episode
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from jaxtyping import Float, Int, UInt8

from premotor.claims import Use
from premotor.episode.observation import SCENE_HIGH, SCENE_LOW
from premotor.errors import DataError
from premotor.folders import CacheFolder
from premotor.progress import Progress, no_progress
from premotor.records import read_json
from premotor.store.arrays import check_arrays
from premotor.store.cache_build import STEPS, build, spread_rows
from premotor.store.caches import Bounds, CachePlaces, CacheRecord, Recipe, used
from premotor.store.clouds import Grid, fill
from premotor.store.layout import REMEDY, EpisodeInfo
from premotor.store.reader import DemoSet
from premotor.store.stamps import Stamps
from premotor.store.transitions import Transitions

__all__ = ["NUM_FRAMES", "Bounds", "EpisodeCache", "Transitions", "spread_rows"]

NUM_FRAMES = 32  # kept per episode


@dataclass(frozen=True, eq=False)
class EpisodeCache:
    """Clouds, transitions and frames of a data set, mapped from disk, read only."""

    folder: Path
    episodes: tuple[EpisodeInfo, ...]
    transitions: Transitions
    frames: UInt8[np.ndarray, "e f h w 3"]  # evenly spread; first and last row included
    low: Float[np.ndarray, "3"]  # lower corner of the bounds, world frame [m]
    high: Float[np.ndarray, "3"]
    offsets: Int[np.ndarray, " m1"]  # points of observation i: offsets[i] to offsets[i + 1]
    steps: np.ndarray  # (n, 3) uint16, coordinates in steps within the bounds
    colors: UInt8[np.ndarray, "n 3"]
    use: Use | None = None  # while it is held, nobody removes the arrays

    @classmethod
    def build_or_open(
        cls,
        demo_set: DemoSet,
        bounds: Bounds = (SCENE_LOW, SCENE_HIGH),
        num_frames: int = NUM_FRAMES,
        progress: Progress = no_progress,
        cache_dir: Path | None = None,
    ) -> "EpisodeCache":
        """Open the cache of a data set; build it first where it is not there.

        Safe when several processes call it at once, on several machines too: each builds under a
        name of its own and the first to rename wins. Let one process build and the others open.

        Args:
            demo_set: The episodes.
            bounds: Lower and upper corner of the scene, world frame [m]; points outside go.
            num_frames: Frames kept per episode.
            progress: Told of each episode while building.
            cache_dir: Where caches are kept; None: see `CachePlaces`.

        Raises:
            DataError: An episode or the cache is not what was written; it is named.
            NoSpace: The disk has no room for the cache.
        """
        recipe = Recipe(*bounds, num_frames)
        places, key = CachePlaces(demo_set.folder, cache_dir), recipe.key(demo_set.episodes)
        cache = places.find(key)
        use = cache and used(cache)
        if cache is None or not cache.record.is_file():
            build(demo_set, places, recipe, progress)
            cache = places.find(key)
            if cache is None:
                raise DataError(f"the cache {key} was removed while it was made; run again")
            use = used(cache)
        record = check(cache, demo_set, progress)
        return cls._open(cache.path, demo_set, record, use)

    @classmethod
    def _open(
        cls, folder: Path, demos: DemoSet, record: CacheRecord, use: Use | None
    ) -> "EpisodeCache":
        try:
            paths = [folder / file.path for file in record.arrays]
            arrays = {path.stem: np.load(path, mmap_mode="r") for path in paths}
            check_arrays(arrays, demos.episodes, record.recipe.num_frames, demos.size)
            names = (field.name for field in fields(Transitions))
            transitions = Transitions(**{n: np.array(arrays[f"transition_{n}"]) for n in names})
            return cls(
                folder=folder,
                episodes=demos.episodes,
                transitions=transitions,
                frames=arrays["frames"],
                low=np.array(record.recipe.low),
                high=np.array(record.recipe.high),
                offsets=np.array(arrays["offsets"]),
                steps=arrays["steps"],
                colors=arrays["colors"],
                use=use,
            )
        except (OSError, ValueError, KeyError, EOFError, DataError, MemoryError) as error:
            raise DataError(f"{folder} is damaged: {error}; delete it and run again") from error

    def cloud(
        self, observation_index: SupportsIndex
    ) -> tuple[Float[np.ndarray, "n 3"], UInt8[np.ndarray, "n 3"]]:
        """Points float32, world frame [m], and RGB of one observation, cameras concatenated."""
        start, stop = self.offsets[int(observation_index) :][:2]
        size = ((self.high - self.low) / STEPS).astype(np.float32)
        points = self.steps[start:stop] * size + self.low.astype(np.float32)
        return points, np.array(self.colors[start:stop])

    def clouds(
        self, observations: Int[np.ndarray, " b"]
    ) -> tuple[Float[np.ndarray, "b k 3"], Float[np.ndarray, "b k 3"]]:
        """Points float32, world frame [m], and RGB in [0, 1] of observations, side by side.

        As long as the longest: behind the last point of the others are NaN and black. One axis
        after the other in memory.
        """
        bounds = np.stack([self.offsets[observations], self.offsets[observations + 1]], axis=1)
        longest = int((bounds[:, 1] - bounds[:, 0]).max())
        points = np.empty((len(bounds), 3, longest), dtype=np.float32)
        shares = np.empty((len(bounds), longest, 3), dtype=np.float32)
        step = ((self.high - self.low) / STEPS).astype(np.float32)
        grid = Grid(self.low.astype(np.float32), step)
        fill(np.asarray(self.steps), np.asarray(self.colors), bounds, grid, points, shares)
        return points.transpose(0, 2, 1), shares

    def segment(self, transition: SupportsIndex) -> Int[np.ndarray, " s"]:
        """Which kept frames of its episode show a transition, from its observation to its target.

        Frames of the rows between the two, both ends included. No finer than what is kept: with 32
        frames of an episode one lies every (num_rows - 1) / 31 rows. A transition that falls
        between two of them is shown by the one nearest to its target, which lies outside.
        """
        info = self.episodes[int(self.transitions.episode[transition])]
        target = int(self.transitions.keyframe_index[transition])
        start, stop = (0, *info.keyframe_steps)[target : target + 2]
        kept = spread_rows(info.num_rows, self.frames.shape[1])
        inside = np.flatnonzero((start <= kept) & (kept <= stop))
        return inside if len(inside) else np.array([np.abs(kept - stop).argmin()])


def check(cache: CacheFolder, demos: DemoSet, progress: Progress = no_progress) -> CacheRecord:
    """Compare a cache's arrays, and the files they were made of, with their hashes.

    Only what the disk tells otherwise of than when it was last looked at is read.

    Returns:
        What the cache was made of.

    Raises:
        DataError: One of them was changed or is gone; it is named.
    """
    stamps = Stamps(cache.stamps)
    try:
        record = read_json(cache.record, CacheRecord)
    except DataError as error:
        raise DataError(f"{error}; delete {cache.path} and run again") from error
    for file in stamps.altered(cache.path, record.arrays, progress):
        raise DataError(
            f"{cache.path / file.path} is not what was written; delete {cache.path} and run again"
        )
    owners = {file.path: info for info in demos.episodes for file in info.sources}
    files = [file for info in demos.episodes for file in info.sources]
    for file in stamps.altered(demos.folder.path, files, progress):
        raise DataError(
            f"{owners[file.path]}: {demos.folder.path / file.path} is not what was recorded; "
            f"{REMEDY}"
        )
    stamps.save()
    return record
