"""What an episode is: asked before it is written, when it is cached and whenever it is read.

Hashes tell whether a file is what was written; here it is said what can have been meant. Every
fault is told with its row, column and value; whoever asks adds the episode, the file and the
remedy (`reader.naming`).

t: rows  k: keyframes and row 0  s: numbers of the simulator's state
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from premotor.episode.benchmark import VARIATIONS
from premotor.episode.observation import CAMERAS
from premotor.errors import DataError
from premotor.store import images, tables
from premotor.store.layout import EpisodeInfo
from premotor.store.tables import IMAGE, Column, vector

MAX_ROWS = 100_000  # of an episode: 83 minutes
MAX_TEXT = 1000  # characters of an instruction
_LENGTH = 1e-3  # a quaternion's length, or a camera's axis, may be so far from 1
_SAME = 1e-6  # by which a keyframe may differ from its own row
_REACH = 10.0  # [m] nothing that the arm does is farther from the world's origin
_FAR = 100.0  # [m] nor is a camera
_FOCAL = (0.1, 100.0)  # of an image's side
_CENTER = (-1.0, 2.0)  # of an image's side, where the optical axis meets it

STATES: Mapping[str, Column] = {
    "time": Column(pa.float64(), 0.0, 1e6),  # [s]
    "joint_positions": vector(7, 4 * np.pi),  # [rad]
    "joint_velocities": vector(7, 1000.0),  # [rad/s]
    "finger_positions": vector(2, 0.2),  # [m] a knock drives them a little past their stops
    "end_effector": vector(7, _REACH),
    "gripper_open": Column(pa.bool_()),
    "ignore_collisions": Column(pa.bool_()),
    "state": Column(None, -1e12, 1e12),
}
STEPS: Mapping[str, Column] = {
    "keyframe_index": Column(pa.int64(), -1.0, float(MAX_ROWS)),
    "step": Column(pa.int64(), 0.0, float(MAX_ROWS)),
    "action": vector(9, _REACH),
    "proprioception": Column(pa.list_(pa.float32(), 3), 0.0, 1.0),
}
_RGB, _DEPTH = "rgb", "depth"
_INTRINSICS, _EXTRINSICS = vector(9, 1e6), vector(16, _FAR)
VIEWS: Mapping[str, Column] = {
    f"observation.camera.{camera}.{part}": column
    for camera in CAMERAS
    for part, column in (
        (_RGB, Column(IMAGE)),
        (_DEPTH, Column(IMAGE)),
        ("intrinsics", _INTRINSICS),
        ("extrinsics", _EXTRINSICS),
    )
}


def check_record(info: EpisodeInfo) -> None:
    """Refuse a record that no recorded episode has.

    Raises:
        DataError: What cannot be meant.
    """
    _check_identity(info)
    _check_texts(info.instructions)
    _check_steps(info.num_rows, info.keyframe_steps)
    if len(info.turns) not in (0, len(info.keyframe_steps)):
        raise DataError(
            f"turns has {len(info.turns)} entries for {len(info.keyframe_steps)} keyframes; "
            "expected none or one for each"
        )
    parts = (info.color.mean, info.color.square, info.color.low, info.color.high)
    if any(len(part) != 3 or not all(0.0 <= x <= 1.0 for x in part) for part in parts):
        raise DataError(f"color is {info.color}; expected three numbers from 0 to 1 each")


def _check_identity(info: EpisodeInfo) -> None:
    if not info.task.isidentifier():
        raise DataError(f"task is {info.task!r}; expected a name such as 'close_jar'")
    if min(info.index, info.variation, info.seed) < 0:
        raise DataError(
            f"index, variation and seed are {info.index}, {info.variation}, {info.seed}; expected "
            "numbers from 0 on"
        )
    count = VARIATIONS.get(info.task)
    if count is not None and info.variation >= count:
        raise DataError(f"variation is {info.variation}; {info.task} has 0 to {count - 1}")


def _check_texts(texts: Sequence[str]) -> None:
    if not texts:
        raise DataError("there are no instructions; expected at least one text")
    for text in texts:
        if not (text.strip() and text.isprintable() and len(text) <= MAX_TEXT):
            raise DataError(
                f"an instruction is {text[:40]!r}; expected printable text of 1 to {MAX_TEXT} "
                "characters"
            )


def _check_steps(num_rows: int, steps: Sequence[int]) -> None:
    if not 2 <= num_rows <= MAX_ROWS:
        raise DataError(f"num_rows is {num_rows}; expected 2 to {MAX_ROWS}")
    if not steps:
        raise DataError("keyframe_steps is empty; expected at least one keyframe")
    before = 0
    for step in steps:
        if not before < step < num_rows:
            raise DataError(
                f"keyframe_steps has {step} after {before}; expected rows in rising order, from 1 "
                f"to {num_rows - 1}"
            )
        before = step


@dataclass(frozen=True, eq=False)
class States:
    """Every row of an episode without views, checked."""

    time: Float[np.ndarray, " t"]
    joint_positions: Float[np.ndarray, "t 7"]
    joint_velocities: Float[np.ndarray, "t 7"]
    finger_positions: Float[np.ndarray, "t 2"]
    end_effector: Float[np.ndarray, "t 7"]  # position [m], quaternion xyzw
    gripper_open: Bool[np.ndarray, " t"]
    ignore_collisions: Bool[np.ndarray, " t"]
    state: Float[np.ndarray, "t s"]

    @classmethod
    def of(cls, table: pa.Table) -> "States":
        """The rows of a table with the columns of `STATES`.

        Raises:
            DataError: A value cannot be meant.
        """
        found = cls(**{n: tables.numbers(table, n, column) for n, column in STATES.items()})
        if not (np.diff(found.time) > 0.0).all():
            row = int(np.argmin(np.diff(found.time) > 0.0)) + 1
            raise DataError(
                f"row {row} of column 'time' is {found.time[row]}, not after row before"
            )
        _check_poses("end_effector", found.end_effector)
        return found


@dataclass(frozen=True, eq=False)
class Steps:
    """Row 0 and the keyframes of an episode, checked; images are still files."""

    step: Int[np.ndarray, " k"]
    action: Float[np.ndarray, "k 9"]
    proprioception: Float[np.ndarray, "k 3"]
    intrinsics: Mapping[str, Float[np.ndarray, "k 3 3"]]  # by camera
    extrinsics: Mapping[str, Float[np.ndarray, "k 4 4"]]
    table: pa.Table

    @classmethod
    def of(cls, table: pa.Table, info: EpisodeInfo, size: tuple[int, int]) -> "Steps":
        """The rows of a table with the columns of `STEPS` and `VIEWS`.

        Args:
            table: Of the keyframes.
            info: The episode's record.
            size: Height and width of its images [px].

        Raises:
            DataError: A value cannot be meant, or is not the record's.
        """
        found = {name: tables.numbers(table, name, column) for name, column in STEPS.items()}
        _check_order("keyframe_index", found.pop("keyframe_index"), range(-1, len(table) - 1))
        _check_order("step", found["step"], (0, *info.keyframe_steps))
        action = found["action"]
        _check_poses("action", action)
        for name, flags in (("action", action[:, 7:]), ("proprioception", found["proprioception"])):
            _check_flags(name, flags if name == "action" else flags[:, :1])
        cameras = {camera: _camera(table, camera, size) for camera in CAMERAS}
        return cls(
            **found,
            intrinsics={camera: pair[0] for camera, pair in cameras.items()},
            extrinsics={camera: pair[1] for camera, pair in cameras.items()},
            table=table,
        )

    def image(self, camera: str, part: str, row: int) -> bytes:
        """The file of one image; part: "rgb" or "depth".

        Raises:
            DataError: There is none.
        """
        name = f"observation.camera.{camera}.{part}"
        data = self.table.column(name)[row].as_py()
        if not isinstance(data, dict) or not data["bytes"]:
            raise DataError(f"row {row} of column {name!r} is null; expected a PNG")
        return data["bytes"]

    def check_images(self, size: tuple[int, int]) -> None:
        """Refuse images that are, as their heads say, not of a size [px]; none is decoded.

        Raises:
            DataError: Row and column are named.
        """
        for camera in CAMERAS:
            for part, check in ((_RGB, images.check_rgb), (_DEPTH, images.check_depth)):
                for row in range(len(self.step)):
                    try:
                        check(self.image(camera, part, row), size)
                    except DataError as error:
                        raise _placed(camera, part, row, error) from error


def _placed(camera: str, part: str, row: int, error: DataError) -> DataError:
    return DataError(f"row {row} of column 'observation.camera.{camera}.{part}': {error}")


def rgb_of(steps: Steps, camera: str, row: int, size: tuple[int, int]) -> np.ndarray:
    """A decoded color image.

    Raises:
        DataError: It is not 8-bit RGB of that size; row and column are named.
    """
    try:
        return images.decode_rgb(steps.image(camera, _RGB, row), size)
    except DataError as error:
        raise _placed(camera, _RGB, row, error) from error


def depth_of(steps: Steps, camera: str, row: int, size: tuple[int, int]) -> np.ndarray:
    """A decoded depth image [m].

    Raises:
        DataError: It is not of 16 bits and that size, or 0 somewhere; row and column are named.
    """
    try:
        depth = images.decode_depth(steps.image(camera, _DEPTH, row), size)
    except DataError as error:
        raise _placed(camera, _DEPTH, row, error) from error
    if depth.min() <= 0.0:
        share = float((depth <= 0.0).mean())
        error = DataError(f"{share:.0%} of the depth image is 0 m; expected meters above 0")
        raise _placed(camera, _DEPTH, row, error)
    return depth


def check_agreement(states: States, steps: Steps) -> None:
    """Refuse keyframes that are not what their own rows hold.

    Raises:
        DataError: Row and column are named.
    """
    rows = steps.step
    flags = np.stack([states.gripper_open[rows], states.ignore_collisions[rows]], axis=1)
    fingers = np.clip(states.finger_positions[rows], 0.0, 0.04)
    expected = {
        "action": np.hstack([states.end_effector[rows], flags]),
        "proprioception": np.hstack([flags[:, :1], fingers]),
    }
    for name, wanted in expected.items():
        found = getattr(steps, name)
        differs = np.abs(found - wanted) > _SAME
        if differs.any():
            row, place = np.argwhere(differs)[0]
            raise DataError(
                f"row {row}, number {place} of column {name!r} is {found[row, place]:.6g}; the "
                f"states' row {rows[row]} says {wanted[row, place]:.6g}"
            )


def _check_order(name: str, found: Int[np.ndarray, " k"], wanted: Sequence[int]) -> None:
    if found.tolist() != list(wanted):
        raise DataError(f"column {name!r} is {found.tolist()}; expected {list(wanted)}")


def _check_poses(name: str, poses: Float[np.ndarray, "t w"]) -> None:
    """Refuse quaternions (xyzw, behind three numbers of position) that are not of unit length."""
    lengths = np.linalg.norm(poses[:, 3:7], axis=1)
    bad = np.abs(lengths - 1.0) > _LENGTH
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"row {row} of column {name!r} has the quaternion (xyzw) {poses[row, 3:7]} of length "
            f"{lengths[row]:.4g}; expected length 1"
        )


def _check_flags(name: str, flags: Float[np.ndarray, "k w"]) -> None:
    bad = (flags != 0.0) & (flags != 1.0)
    if bad.any():
        row, place = np.argwhere(bad)[0]
        raise DataError(
            f"row {row} of column {name!r} has the flag {flags[row, place]:.6g}, not 0/1"
        )


def _camera(
    table: pa.Table, camera: str, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "k 3 3"], Float[np.ndarray, "k 4 4"]]:
    key = f"observation.camera.{camera}"
    intrinsics = tables.numbers(table, f"{key}.intrinsics", _INTRINSICS).reshape(-1, 3, 3)
    extrinsics = tables.numbers(table, f"{key}.extrinsics", _EXTRINSICS).reshape(-1, 4, 4)
    _check_lens(f"{key}.intrinsics", intrinsics, size)
    axes = extrinsics[:, :3, :3]
    turned = np.abs(axes.transpose(0, 2, 1) @ axes - np.eye(3)).max((1, 2)) > _LENGTH
    bad = turned | (np.linalg.det(axes) < 0.0) | (extrinsics[:, 3] != (0, 0, 0, 1)).any(1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"row {row} of column '{key}.extrinsics' is {extrinsics[row].tolist()}; expected a "
            "rigid transform, world_from_camera"
        )
    return intrinsics, extrinsics


def _check_lens(name: str, lens: Float[np.ndarray, "k 3 3"], size: tuple[int, int]) -> None:
    side = max(size)
    focal, center = lens[:, (0, 1), (0, 1)] / side, lens[:, :2, 2] / side
    bad = ((focal < _FOCAL[0]) | (focal > _FOCAL[1])).any(1)
    bad |= ((center < _CENTER[0]) | (center > _CENTER[1])).any(1)
    bad |= (lens[:, 2] != (0, 0, 1)).any(1) | (lens[:, 1, 0] != 0) | (lens[:, 0, 1] != 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"row {row} of column {name!r} is {lens[row].tolist()}; expected focal lengths and "
            f"center [px] of an image of {size[0]} x {size[1]}, the last line (0, 0, 1)"
        )
