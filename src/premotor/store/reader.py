"""A data set on disk, read back as demonstrations."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import SupportsIndex

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from premotor.episode.clip import Clip
from premotor.episode.demo import Demo
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.episode.turns import Turns
from premotor.errors import DataError, UnknownName
from premotor.folders import SplitFolder
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.store import checks, layout, tables, video
from premotor.store.checks import States, Steps
from premotor.store.layout import FPS, REMEDY, EpisodeInfo
from premotor.store.ledger import EpisodeLedger, described

_log = logging.getLogger(__name__)
_STUMBLES = (
    DataError,
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class DemoSet:
    """The complete episodes of one split; arrays are read when asked for.

    Methods take the position in `episodes`, which differs from an episode's own number once a
    damaged one was skipped.
    """

    folder: SplitFolder
    episodes: tuple[EpisodeInfo, ...]
    size: tuple[int, int]  # height and width of its images [px]
    skipped: tuple[str, ...] = ()  # damaged episodes left out, and why
    tasks: tuple[str, ...] = ()  # the episodes are those of these alone; () = all there are

    @classmethod
    def open(cls, path: Path | str, split: str = "train", skip_bad: bool = False) -> "DemoSet":
        """Open `path/<split>`.

        Lengths of all files are compared with the records at once, contents when they are read
        (with `skip_bad` at once too, so that a damaged episode is left out and not met later).
        What an episode has to be is said by `checks`.

        Raises:
            DataError: No such split, unfinished collecting, or a damaged episode (it is named).
        """
        folder = SplitFolder(Path(path) / split)
        about = described(folder)
        infos: list[EpisodeInfo] = []
        skipped: list[str] = []
        for entry in EpisodeLedger.of(folder).episodes(about.total_episodes):
            try:
                if isinstance(entry, DataError):
                    raise entry
                layout.check_sizes(folder, entry)
                if skip_bad:
                    check_episode(folder, entry, about.size)
            except DataError as error:
                if not skip_bad:
                    raise
                _log.warning("skipped: %s", error)
                skipped.append(str(error))
            else:
                infos.append(entry)
        if not infos:
            raise DataError(f"{folder.path} holds no sound episode; collect it again")
        if not skipped:
            about.check_rows(sum(info.num_rows for info in infos), folder)
        return cls(folder, tuple(infos), about.size, tuple(skipped))

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
        info = self.episodes[position]
        return _keyframes(read_steps(self.folder, info, self.size), info.turns)

    def observations(
        self, position: SupportsIndex, limit: int | None = None
    ) -> tuple[Observation, ...]:
        """Frame 0 and every keyframe of one episode (the first `limit`), with all views."""
        info = self.episodes[position]
        states = read_states(self.folder, info)
        steps = read_steps(self.folder, info, self.size)
        rows = _rows(states)
        with naming(info, self.folder.keyframes(info.index)):
            checks.check_agreement(states, steps)
            return tuple(
                replace(rows[step], views=_views(steps, row, self.size), key_poses=row)
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
        with naming(info, path):
            frames = video.decode(data, set(wanted.tolist()), info.num_rows, self.size)
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
def naming(info: EpisodeInfo, path: Path) -> Iterator[None]:
    """Turn whatever decoding stumbles over into an error that names episode, file and remedy."""
    try:
        yield
    except _STUMBLES as error:
        raise DataError(f"{info}: {path} cannot be read: {error}; {REMEDY}") from error


def read_states(folder: SplitFolder, info: EpisodeInfo) -> States:
    """Every row of an episode without views, as arrays.

    Raises:
        DataError: The file is damaged, or no episode holds that; it and the episode are named.
    """
    path = folder.states(info.index)
    data = layout.read_checked(folder, info, path)
    with naming(info, path):
        return States.of(tables.read(data, checks.STATES, info.num_rows))


def read_rows(
    folder: SplitFolder, info: EpisodeInfo
) -> tuple[tuple[Observation, ...], Float[np.ndarray, "t s"]]:
    """Every row of an episode without views, and the simulator's states.

    Raises:
        DataError: The file is damaged, or no episode holds that; it and the episode are named.
    """
    states = read_states(folder, info)
    return _rows(states), states.state


def _rows(states: States) -> tuple[Observation, ...]:
    return tuple(
        Observation(
            views={},
            joint_positions=states.joint_positions[i],
            joint_velocities=states.joint_velocities[i],
            finger_positions=states.finger_positions[i],
            end_effector=_pose(states.end_effector[i]),
            gripper_open=bool(states.gripper_open[i]),
            ignore_collisions=bool(states.ignore_collisions[i]),
            time=float(states.time[i]),
        )
        for i in range(len(states.time))
    )


def _pose(numbers: np.ndarray) -> Pose:
    return Pose(numbers[:3].copy(), rotations.from_xyzw(numbers[3:7]))


def read_steps(folder: SplitFolder, info: EpisodeInfo, size: tuple[int, int]) -> Steps:
    """Frame 0 and the keyframes of an episode; images are not decoded.

    Args:
        folder: Where the split lies.
        info: The episode's record.
        size: Height and width of its images [px].

    Raises:
        DataError: The file is damaged, or no episode holds that; it and the episode are named.
    """
    path = folder.keyframes(info.index)
    data = layout.read_checked(folder, info, path)
    with naming(info, path):
        columns = {**checks.STEPS, **checks.VIEWS}
        return Steps.of(tables.read(data, columns, len(info.keyframe_steps) + 1), info, size)


def _keyframes(steps: Steps, turns: Sequence[Turns | None]) -> tuple[Keyframe, ...]:
    known = turns or [None] * (len(steps.step) - 1)
    return tuple(
        Keyframe(_pose(a), bool(a[7] > 0.5), bool(a[8] > 0.5), int(step), free)
        for a, step, free in zip(steps.action[1:], steps.step[1:], known, strict=True)
    )


def _views(steps: Steps, row: int, size: tuple[int, int]) -> dict[str, CameraView]:
    return {
        camera: CameraView(
            rgb=checks.rgb_of(steps, camera, row, size),
            depth=checks.depth_of(steps, camera, row, size),
            intrinsics=steps.intrinsics[camera][row],
            world_from_camera=steps.extrinsics[camera][row],
        )
        for camera in CAMERAS
    }


def check_episode(
    folder: SplitFolder, info: EpisodeInfo, size: tuple[int, int] | None = None
) -> None:
    """Read all of an episode: every file, its hash, and everything that is in it.

    Args:
        folder: Where the split lies.
        info: The episode's record.
        size: Height and width of its images [px]; None: those of its video.

    Raises:
        DataError: Something is not what an episode has to be; file and episode are named.
    """
    with naming(info, folder.records):
        checks.check_record(info)
        layout.check_files(folder, info)
    layout.check_contents(folder, info)
    if size is None:
        with naming(info, folder.video(info.index)):
            size = video.size(layout.read_checked(folder, info, folder.video(info.index)))
    alone = DemoSet(folder, (info,), size)
    alone.observations(0)
    alone.frames(0, np.array([0, info.num_rows - 1]))
