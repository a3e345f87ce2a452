"""How a cache is made: every episode decoded once, in arrays that are written as they grow."""

import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from premotor.claims import Use
from premotor.episode.observation import Observation, cloud_from_views
from premotor.errors import DataError, NoSpace
from premotor.folders import CacheFolder
from premotor.progress import Progress
from premotor.records import write_json
from premotor.store.caches import CachePlaces, CacheRecord, Recipe, listed
from premotor.store.growing import Growing, writing
from premotor.store.reader import DemoSet
from premotor.store.stamps import Stamps, file_info
from premotor.store.transitions import Rows
from premotor.temporary import flush

STEPS = 65535  # of a coordinate within the bounds: 15 um for a side of 1 m
_log = logging.getLogger(__name__)
_ROOM = 1.02  # of the estimated size that has to be free


def spread_rows(length: int, count: int) -> Int[np.ndarray, " f"]:
    """Rows evenly over an episode, the first and the last included."""
    return np.round(np.linspace(0, length - 1, count)).astype(np.int64)


def build(demos: DemoSet, places: CachePlaces, recipe: Recipe, progress: Progress) -> None:
    """Make the cache of some episodes under a temporary name; the first to rename it wins.

    Raises:
        DataError: An episode is damaged (it is named), or the cache cannot be written anywhere.
        NoSpace: The disk has no room for it.
    """
    key = recipe.key(demos.episodes)
    place = places.begin(key)
    final = place.path.with_name(key)
    try:
        with writing(final.parent):
            place.lock.touch()
            use = Use.of(place.lock)  # so that nobody takes it for what a crash left
            _tell_stale(demos, final.parent)
            _fill(demos, place, recipe, progress)
            for path in place.path.glob("*.npy"):
                flush(path)
            _rename(place.path, final)
            del use
    finally:
        shutil.rmtree(place.path, ignore_errors=True)


def _rename(place: Path, final: Path) -> None:
    try:
        place.rename(final)
    except OSError as error:
        if not CacheFolder(final).record.is_file():
            raise DataError(
                f"{final} is in the way and is no whole cache ({error.strerror}); delete it and "
                "run again"
            ) from error
        _log.info("another process built %s first", final)


def _tell_stale(demos: DemoSet, folder: Path) -> None:
    stale = [entry for entry in listed(folder, demos.folder) if entry.stale and not entry.in_use]
    if stale:
        _log.warning(
            "%d stale cache(s) of this data set take %s in %s; `premotor cache --data %s --prune` "
            "removes them",
            len(stale),
            in_words(sum(entry.num_bytes for entry in stale)),
            folder,
            demos.folder.path.parent,
        )


def in_words(num_bytes: int) -> str:
    """A size as "3.1 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


@dataclass(frozen=True, eq=False)
class _Decoded:
    """What is kept of one episode."""

    observations: tuple[Observation, ...]
    steps: list[np.ndarray]  # (n, 3) uint16 of each observation
    colors: list[np.ndarray]  # (n, 3) uint8
    frames: UInt8[np.ndarray, "f h w 3"]

    @property
    def num_bytes(self) -> int:
        """On disk, but for some numbers."""
        clouds = sum(part.nbytes for part in (*self.steps, *self.colors))
        return self.frames.nbytes + clouds


def _decoded(demos: DemoSet, position: int, recipe: Recipe) -> _Decoded:
    info = demos.episodes[position]
    low, high = np.array(recipe.low), np.array(recipe.high)
    # Nothing follows the last keyframe, so it is no observation to learn from.
    observations = demos.observations(position, limit=len(info.keyframe_steps))
    steps: list[np.ndarray] = []
    colors: list[np.ndarray] = []
    for observation in observations:
        points, rgb = cloud_from_views(observation.views, low, high)
        steps.append(_quantize(points, low, high))
        colors.append(rgb)
    frames = demos.frames(position, spread_rows(info.num_rows, recipe.num_frames)).frames
    return _Decoded(observations, steps, colors, frames)


def _all_decoded(
    demos: DemoSet, place: Path, recipe: Recipe, progress: Progress
) -> Iterator[_Decoded]:
    """All episodes; before the first is handed out, the size of it all is told."""
    stage, total, said = f"cache of {demos.folder.name}", len(demos), ""
    shape = None
    for position, info in enumerate(demos.episodes):
        found = _decoded(demos, position, recipe)
        if shape is None:
            shape, said = found.frames.shape, _size_told(demos, found, place)
            progress(stage, 0, total, said)
        if found.frames.shape != shape:
            raise DataError(f"{info}: its frames {found.frames.shape} differ from the others'")
        yield found
        progress(stage, position + 1, total, said)


def _size_told(demos: DemoSet, first: _Decoded, place: Path) -> str:
    """How large all will be, going by the first episode, and how much room there is.

    Raises:
        NoSpace: It cannot fit.
    """
    observations = sum(len(info.keyframe_steps) for info in demos.episodes)
    clouds = (first.num_bytes - first.frames.nbytes) / max(1, len(first.observations))
    size = len(demos) * first.frames.nbytes + round(observations * clouds)
    free = shutil.disk_usage(place).free
    if size * _ROOM > free:
        raise NoSpace(
            f"the cache of {demos.folder.path} takes about {in_words(size)}, and {place.parent} "
            f"has {in_words(free)} free; free some (`premotor cache` lists what is there), or name "
            "another folder with --cache-dir"
        )
    return f"about {in_words(size)} in {place.parent}, {in_words(free)} free"


def _fill(demos: DemoSet, place: CacheFolder, recipe: Recipe, progress: Progress) -> None:
    offsets, rows = [0], Rows()
    stamps = Stamps(place.stamps)
    for info in demos.episodes:  # before they are read: what changes meanwhile is hashed again
        stamps.add(demos.folder.path, info.sources)
    with contextlib.ExitStack() as stack:
        steps = stack.enter_context(Growing(place.array("steps"), np.uint16, (3,)))
        colors = stack.enter_context(Growing(place.array("colors"), np.uint8, (3,)))
        frames = None
        for position, found in enumerate(_all_decoded(demos, place.path, recipe, progress)):
            if frames is None:
                clips = Growing(place.array("frames"), np.uint8, found.frames.shape)
                frames = stack.enter_context(clips)
            rows.add(demos, position, found.observations)
            for step, color in zip(found.steps, found.colors, strict=True):
                steps.add(step)
                colors.add(color)
                offsets.append(offsets[-1] + len(step))
            frames.add(found.frames)
    np.save(place.array("offsets"), np.array(offsets, dtype=np.int64))
    rows.save(place.path)
    arrays = [file_info(place.path, p.name) for p in sorted(place.path.glob("*.npy"))]
    stamps.add(place.path, arrays)
    stamps.save()
    write_json(place.record, CacheRecord.of(demos, recipe, arrays))


def _quantize(
    points: Float[np.ndarray, "n 3"], low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> np.ndarray:
    share = (points.astype(np.float64) - low) / (high - low)
    return np.clip(np.round(share * STEPS), 0, STEPS).astype(np.uint16)
