"""A data set on disk, read back as demonstrations."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import SupportsIndex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from premotor.episode.clip import Clip
from premotor.episode.demo import Demo
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.errors import DataError, UnknownName
from premotor.folders import SplitFolder
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.store import images, layout, video
from premotor.store.layout import FPS, REMEDY, EpisodeInfo
from premotor.store.ledger import EpisodeLedger, finished_episodes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class DemoSet:
    """The complete episodes of one split; arrays are read when asked for.

    Methods take the position in `episodes`, which differs from an episode's own number once a
    damaged one was skipped.
    """

    folder: SplitFolder
    episodes: tuple[EpisodeInfo, ...]
    skipped: tuple[str, ...] = ()  # damaged episodes left out, and why
    tasks: tuple[str, ...] = ()  # the episodes are those of these alone; () = all there are

    @classmethod
    def open(cls, path: Path | str, split: str = "train", skip_bad: bool = False) -> "DemoSet":
        """Open `path/<split>`.

        Lengths of all files are compared with the records at once, contents when they are read
        (with `skip_bad` at once too, so that a damaged episode is left out and not met later).

        Raises:
            DataError: No such split, unfinished collecting, or a damaged episode (it is named).
        """
        folder = SplitFolder(Path(path) / split)
        infos: list[EpisodeInfo] = []
        skipped: list[str] = []
        for entry in EpisodeLedger.of(folder).episodes(finished_episodes(folder)):
            try:
                if isinstance(entry, DataError):
                    raise entry
                layout.check_sizes(folder, entry)
                if skip_bad:
                    layout.check_contents(folder, entry)
            except DataError as error:
                if not skip_bad:
                    raise
                _log.warning("skipped: %s", error)
                skipped.append(str(error))
            else:
                infos.append(entry)
        if not infos:
            raise DataError(f"{folder.path} holds no sound episode; collect it again")
        return cls(folder, tuple(infos), tuple(skipped))

    def only(self, tasks: Sequence[str]) -> "DemoSet":
        """The episodes of some tasks alone.

        Raises:
            UnknownName: There is no episode of one of them.
        """
        held = tuple(dict.fromkeys(info.task for info in self.episodes))
        for name in tasks:
            if name not in held:
                raise UnknownName.of(f"task in {self.folder.path}", name, held)
        episodes = tuple(i for i in self.episodes if i.task in tasks)
        return replace(self, episodes=episodes, tasks=tuple(tasks))

    def __len__(self) -> int:
        return len(self.episodes)

    def fingerprint(self) -> str:
        """Hash of all that training reads, in order."""
        return layout.fingerprint(self.episodes)

    def is_what(self, fingerprint: str) -> bool:
        """Whether a fingerprint that was written down is of these episodes.

        One of version 0.1.0 tells nothing of what is said; its files are compared.
        """
        former = layout.former_fingerprint(self.episodes)
        return fingerprint in (self.fingerprint(), former)

    def keyframes(self, position: SupportsIndex) -> tuple[Keyframe, ...]:
        """The keyframes of one episode."""
        return read_steps(self.folder, self.episodes[position])[0]

    def observations(
        self, position: SupportsIndex, limit: int | None = None
    ) -> tuple[Observation, ...]:
        """Frame 0 and every keyframe of one episode (the first `limit`), with all views."""
        info = self.episodes[position]
        rows, _ = read_rows(self.folder, info)
        _, table = read_steps(self.folder, info)
        with _naming(info, self.folder.keyframes(info.index)):
            return tuple(
                replace(rows[step], views=_views(table, row))
                for row, step in enumerate((0, *info.keyframe_steps)[:limit])
            )

    def clip(self, position: SupportsIndex) -> Clip:
        """The front camera's video of one episode, one frame per row."""
        return self.frames(position, np.arange(self.episodes[position].num_rows))

    def frames(self, position: SupportsIndex, rows: Int[np.ndarray, " f"]) -> Clip:
        """The front camera's view of some rows of one episode; a row may come twice."""
        info = self.episodes[position]
        path = self.folder.video(info.index)
        data = layout.read_checked(self.folder, info, path)
        wanted, place = np.unique(rows, return_inverse=True)
        with _naming(info, path):
            frames = video.decode(data, set(wanted.tolist()))
            if len(frames) != len(wanted):
                raise DataError(f"{len(frames)} of {len(wanted)} frames found")
        return Clip(frames[place], rows / FPS)

    def demo(self, position: SupportsIndex) -> Demo:
        """One episode whole."""
        info = self.episodes[position]
        rows, states = read_rows(self.folder, info)
        observations = list(rows)
        for step, seen in zip((0, *info.keyframe_steps), self.observations(position), strict=True):
            observations[step] = seen
        return Demo(
            episode=info.episode,
            instructions=info.instructions,
            observations=tuple(observations),
            keyframes=self.keyframes(position),
            states=states,
            clip=self.clip(position),
            provenance=info.provenance,
        )


@contextmanager
def _naming(info: EpisodeInfo, path: Path) -> Iterator[None]:
    """Turn whatever decoding stumbles over into an error that names episode and file."""
    try:
        yield
    except (DataError, pa.ArrowException, OSError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{info}: {path} cannot be read: {error}; {REMEDY}") from error


def _table(folder: SplitFolder, info: EpisodeInfo, path: Path) -> pa.Table:
    data = layout.read_checked(folder, info, path)
    with _naming(info, path):
        return pq.read_table(pa.BufferReader(data), use_threads=False)


def _matrix(table: pa.Table, name: str) -> np.ndarray:
    """A column of fixed-size lists as an array (rows, size)."""
    column = table.column(name).combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)


def _pose(numbers: np.ndarray) -> Pose:
    return Pose(numbers[:3].copy(), rotations.from_xyzw(numbers[3:7]))


def read_rows(
    folder: SplitFolder, info: EpisodeInfo
) -> tuple[tuple[Observation, ...], Float[np.ndarray, "t s"]]:
    """Every row of an episode without views, and the simulator's states.

    Raises:
        DataError: The file is damaged; it and the episode are named.
    """
    path = folder.states(info.index)
    table = _table(folder, info, path)
    with _naming(info, path):
        times = table.column("time").to_numpy()
        positions = _matrix(table, "joint_positions")
        velocities = _matrix(table, "joint_velocities")
        fingers = _matrix(table, "finger_positions")
        poses = _matrix(table, "end_effector")
        gripper = table.column("gripper_open").to_pylist()
        ignore = table.column("ignore_collisions").to_pylist()
        rows = tuple(
            Observation(
                views={},
                joint_positions=positions[i],
                joint_velocities=velocities[i],
                finger_positions=fingers[i],
                end_effector=_pose(poses[i]),
                gripper_open=gripper[i],
                ignore_collisions=ignore[i],
                time=float(times[i]),
            )
            for i in range(len(table))
        )
        return rows, _matrix(table, "state")


def read_steps(folder: SplitFolder, info: EpisodeInfo) -> tuple[tuple[Keyframe, ...], pa.Table]:
    """The keyframes of an episode, and the table of frame 0 and the keyframes with all views.

    Raises:
        DataError: The file is damaged; it and the episode are named.
    """
    path = folder.keyframes(info.index)
    table = _table(folder, info, path)
    with _naming(info, path):
        steps = table.column("step").to_pylist()[1:]
        actions = _matrix(table, "action")[1:]
        keyframes = tuple(
            Keyframe(_pose(a), bool(a[7] > 0.5), bool(a[8] > 0.5), step)
            for a, step in zip(actions, steps, strict=True)
        )
        return keyframes, table


def _views(table: pa.Table, row: int) -> dict[str, CameraView]:
    views: dict[str, CameraView] = {}
    for camera in CAMERAS:
        key = f"observation.camera.{camera}"
        views[camera] = CameraView(
            rgb=images.decode_rgb(table.column(f"{key}.rgb")[row]["bytes"].as_py()),
            depth=images.decode_depth(table.column(f"{key}.depth")[row]["bytes"].as_py()),
            intrinsics=_matrix(table, f"{key}.intrinsics")[row].reshape(3, 3),
            world_from_camera=_matrix(table, f"{key}.extrinsics")[row].reshape(4, 4),
        )
    return views
