"""What training reads: points, targets and frames of a data set as memory-mapped arrays.

Decoding PNG and H.264 costs far more than a training step, so it is done once per data set.
e: episodes  m: transitions  n: points  f: frames kept per episode
"""

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from premotor.episode.observation import SCENE_HIGH, SCENE_LOW, Observation, cloud_from_views
from premotor.errors import ConfigError, DataError, naming
from premotor.progress import Progress, no_progress
from premotor.store.layout import EpisodeInfo
from premotor.store.reader import DemoSet
from premotor.temporary import held_folder, sweep

_log = logging.getLogger(__name__)
_VERSION = 1  # of the arrays below; raise it when they change
NUM_FRAMES = 32  # kept per episode
_STEPS = 65535  # of a coordinate within the bounds: 15 um for a side of 1 m

Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, eq=False)
class Transitions:
    """From frame 0 or a keyframe to the next keyframe: the samples the policy learns from.

    The observation of row i is `EpisodeCache.cloud(observation_index[i])`: frame 0 where
    `keyframe_index` is 0, the keyframe before the target elsewhere (decisions D14).
    """

    episode: Int[np.ndarray, " m"]  # position in `EpisodeCache.episodes`
    observation_index: Int[np.ndarray, " m"]
    keyframe_index: Int[np.ndarray, " m"]  # k of the target keyframe, from 0
    position: Float[np.ndarray, "m 3"]  # of the target, world frame [m]
    quaternion: Float[np.ndarray, "m 4"]  # of the target, wxyz, unit, w >= 0
    gripper_open: Bool[np.ndarray, " m"]  # at the target
    ignore_collisions: Bool[np.ndarray, " m"]  # at the target
    proprioception: Float[np.ndarray, "m 3"]  # at the observation

    def __len__(self) -> int:
        return len(self.episode)


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

    @classmethod
    def build_or_open(
        cls,
        demo_set: DemoSet,
        bounds: Bounds = (SCENE_LOW, SCENE_HIGH),
        num_frames: int = NUM_FRAMES,
        progress: Progress = no_progress,
    ) -> "EpisodeCache":
        """Open the cache of a data set; build it first where it is not there.

        Safe when several processes call it at once: each builds under a name of its own and
        the first to rename wins. Let one process build and the others open.

        Args:
            demo_set: The episodes.
            bounds: Lower and upper corner of the scene, world frame [m]; points outside go.
            num_frames: Frames kept per episode.
            progress: Told of each episode while building.

        Raises:
            DataError: An episode is damaged; it is named.
        """
        if num_frames < 2 or not all(a < b for a, b in zip(*bounds, strict=True)):
            raise ConfigError(f"need num_frames >= 2 and low < high, got {num_frames}, {bounds}")
        recipe = [_VERSION, demo_set.fingerprint(), bounds, num_frames]
        key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
        folder = demo_set.folder.cache / key
        if not folder.is_dir():
            _build(demo_set, folder, bounds, num_frames, progress)
        return cls._open(folder, demo_set.episodes, bounds)

    @classmethod
    def _open(cls, folder: Path, episodes: tuple[EpisodeInfo, ...], bounds: Bounds):
        try:
            arrays = {
                path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))
            }
            names = (field.name for field in fields(Transitions))
            transitions = Transitions(**{n: np.array(arrays[f"transition_{n}"]) for n in names})
            return cls(
                folder=folder,
                episodes=episodes,
                transitions=transitions,
                frames=arrays["frames"],
                low=np.array(bounds[0]),
                high=np.array(bounds[1]),
                offsets=np.array(arrays["offsets"]),
                steps=arrays["steps"],
                colors=arrays["colors"],
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{folder} is damaged: {error}; delete it and run again") from error

    def cloud(
        self, observation_index: SupportsIndex
    ) -> tuple[Float[np.ndarray, "n 3"], UInt8[np.ndarray, "n 3"]]:
        """Points float32, world frame [m], and RGB of one observation, cameras concatenated."""
        start, stop = self.offsets[int(observation_index) :][:2]
        size = ((self.high - self.low) / _STEPS).astype(np.float32)
        points = self.steps[start:stop] * size + self.low.astype(np.float32)
        return points, np.array(self.colors[start:stop])

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


def _build(
    demo_set: DemoSet,
    folder: Path,
    bounds: Bounds,
    num_frames: int,
    progress: Progress,
) -> None:
    with naming(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        with held_folder(folder) as temporary:
            _fill(demo_set, temporary, bounds, num_frames, progress)
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
                _log.info("another process built %s first", folder)


def _fill(
    demo_set: DemoSet,
    folder: Path,
    bounds: Bounds,
    num_frames: int,
    progress: Progress,
) -> None:
    low, high = np.array(bounds[0]), np.array(bounds[1])
    total = len(demo_set)
    offsets, rows, shape = [0], _Rows(), None
    with (
        (folder / "steps.raw").open("wb") as steps,
        (folder / "colors.raw").open("wb") as colors,
        (folder / "frames.npy").open("wb") as frames,
    ):
        for position in range(total):
            info = demo_set.episodes[position]
            # Nothing follows the last keyframe, so it is no observation to learn from.
            observations = demo_set.observations(position, limit=len(info.keyframe_steps))
            rows.add(demo_set, position, observations)
            for observation in observations:
                points, rgb = cloud_from_views(observation.views, low, high)
                steps.write(_quantize(points, low, high).tobytes())
                colors.write(rgb.tobytes())
                offsets.append(offsets[-1] + len(points))
            kept = demo_set.frames(position, spread_rows(info.num_rows, num_frames)).frames
            if shape is None:  # not a memory map: on a full disk that is a crash, no error
                shape = kept.shape
                header = {"descr": "|u1", "fortran_order": False, "shape": (total, *shape)}
                np.lib.format.write_array_header_1_0(frames, header)
            if kept.shape != shape:
                raise DataError(f"{info}: its frames {kept.shape[1:]} differ from the others'")
            frames.write(np.ascontiguousarray(kept).tobytes())
            progress(f"cache of {demo_set.folder.name}", position + 1, total, "")
    _wrap(folder / "steps", np.uint16, offsets[-1])
    _wrap(folder / "colors", np.uint8, offsets[-1])
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64))
    rows.save(folder)


def _quantize(
    points: Float[np.ndarray, "n 3"], low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> np.ndarray:
    share = (points.astype(np.float64) - low) / (high - low)
    return np.clip(np.round(share * _STEPS), 0, _STEPS).astype(np.uint16)


def spread_rows(length: int, count: int) -> Int[np.ndarray, " f"]:
    """Rows evenly over an episode, the first and the last included."""
    return np.round(np.linspace(0, length - 1, count)).astype(np.int64)


def _wrap(stem: Path, dtype: type[np.generic], length: int) -> None:
    """Give a raw file of triples the header that makes it an array."""
    raw = stem.with_suffix(".raw")
    with stem.with_suffix(".npy").open("wb") as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (length, 3)}
        np.lib.format.write_array_header_2_0(file, header)
        with raw.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 24)
    raw.unlink()


class _Rows:
    """Transitions as they are gathered."""

    def __init__(self) -> None:
        self.columns: dict[str, list[object]] = {f.name: [] for f in fields(Transitions)}

    def add(self, demo_set: DemoSet, position: int, observations: tuple[Observation, ...]) -> None:
        """Add the transitions of one episode: one per keyframe."""
        for k, target in enumerate(demo_set.keyframes(position)):
            row = {
                "episode": position,
                "observation_index": len(self.columns["episode"]),
                "keyframe_index": k,
                "position": target.end_effector.position.astype(np.float32),
                "quaternion": target.end_effector.quaternion.astype(np.float32),
                "gripper_open": target.gripper_open,
                "ignore_collisions": target.ignore_collisions,
                "proprioception": observations[k].proprioception,
            }
            for name, value in row.items():
                self.columns[name].append(value)

    def save(self, folder: Path) -> None:
        """Write each column as an array."""
        for name, values in self.columns.items():
            np.save(folder / f"transition_{name}.npy", np.array(values))
