"""One episode onto disk: each file under a temporary name, flushed, renamed."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt8

from premotor.episode.demo import Demo
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, Observation
from premotor.episode.turns import Turns
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.records import write_atomically
from premotor.store import checks, images, video
from premotor.store.checks import States, Steps
from premotor.store.layout import FPS, ColorStats, EpisodeInfo, FileInfo
from premotor.store.tables import IMAGE


def write_episode(
    folder: SplitFolder, index: int, demo: Demo, failures: Sequence[str] = ()
) -> EpisodeInfo:
    """Write the arrays of episode `index` of a data set, which is no longer whole from then on.

    Args:
        folder: Where the split lies.
        index: Position of the episode's unit in the work list.
        demo: Frame 0 and the keyframes must carry the views of all cameras.
        failures: Seeds drawn before on which the expert failed, and why.

    Returns:
        The episode's record; with it on disk too (`EpisodeLedger`) the episode is complete.

    Raises:
        DataError: The demo is not what an episode has to be (`checks`); nothing was written.
    """
    states, steps = states_table(demo), keyframes_table(demo)
    contents = {
        folder.states(index): _parquet(states),
        folder.keyframes(index): _parquet(steps, compression="none"),
        folder.video(index): video.encode(demo.clip.frames, FPS),
    }
    info = EpisodeInfo(
        index=index,
        **vars(demo.episode),
        instructions=demo.instructions,
        num_rows=len(demo.observations),
        keyframe_steps=tuple(k.step for k in demo.keyframes),
        failures=tuple(failures),
        provenance=demo.provenance,
        color=_color_stats(demo.clip.frames),
        files=tuple(FileInfo.of(folder.relative(path), data) for path, data in contents.items()),
        turns=_turns(demo),
    )
    _check(info, states, steps, demo.clip.frames)
    folder.info.unlink(missing_ok=True)
    for path, data in contents.items():
        write_atomically(path, data)
    return info


def _turns(demo: Demo) -> tuple[Turns | None, ...]:
    found = tuple(k.turns for k in demo.keyframes)
    return found if any(found) else ()


def _check(
    info: EpisodeInfo, states: pa.Table, steps: pa.Table, frames: UInt8[np.ndarray, "t h w 3"]
) -> None:
    """Refuse to write what could not be read back."""
    height, width = frames.shape[1:3]
    try:
        checks.check_record(info)
        if len(frames) != info.num_rows:
            raise DataError(f"the video has {len(frames)} frames; expected {info.num_rows}")
        found = Steps.of(steps, info, (height, width))
        checks.check_agreement(States.of(states), found)
        found.check_images((height, width))
    except DataError as error:
        raise DataError(f"{info} is not kept: {error}; mend what recorded it") from error


def _color_stats(frames: UInt8[np.ndarray, "t h w 3"]) -> ColorStats:
    values = np.arange(256) / 255.0
    columns: list[tuple[float, float, float, float]] = []
    for channel in range(3):
        counts = np.bincount(frames[..., channel].ravel(), minlength=256)
        share, seen = counts / counts.sum(), values[counts > 0]
        columns.append((share @ values, share @ values**2, seen.min(), seen.max()))
    return ColorStats(*(tuple(float(c[i]) for c in columns) for i in range(4)))


def _parquet(table: pa.Table, compression: str = "zstd") -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=compression)
    return buffer.getvalue()


def vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
    """A column of fixed-size lists of the array's own type."""
    flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def pose_numbers(pose: Pose) -> np.ndarray:
    """Position [m] and quaternion xyzw: the seven numbers in which the border speaks."""
    return np.concatenate([pose.position, rotations.to_xyzw(pose.quaternion)])


def states_table(demo: Demo) -> pa.Table:
    """One row per 0.05 s, exact, with the simulator's state."""
    rows = demo.observations
    return pa.table(
        {
            "time": pa.array(np.array([o.time for o in rows], dtype=np.float64)),
            "joint_positions": vectors(np.stack([o.joint_positions for o in rows])),
            "joint_velocities": vectors(np.stack([o.joint_velocities for o in rows])),
            "finger_positions": vectors(np.stack([o.finger_positions for o in rows])),
            "end_effector": vectors(np.stack([pose_numbers(o.end_effector) for o in rows])),
            "gripper_open": pa.array([o.gripper_open for o in rows]),
            "ignore_collisions": pa.array([o.ignore_collisions for o in rows]),
            "state": vectors(demo.states),
        }
    )


def keyframes_table(demo: Demo) -> pa.Table:
    """Frame 0 (keyframe -1) and every keyframe with all views and the action that led there."""
    steps = [0, *(k.step for k in demo.keyframes)]
    seen = [demo.observations[step] for step in steps]
    columns: dict[str, pa.Array] = {
        "keyframe_index": pa.array(np.arange(-1, len(demo.keyframes))),
        "step": pa.array(np.array(steps, dtype=np.int64)),
        "action": vectors(np.stack([_initial(seen[0]), *(k.action() for k in demo.keyframes)])),
        "proprioception": vectors(np.stack([o.proprioception for o in seen])),
    }
    for camera in CAMERAS:
        if missing := [s for s, o in zip(steps, seen, strict=True) if camera not in o.views]:
            raise DataError(
                f"{demo.episode}: rows {missing} lack the {camera} view; render it first"
            )
        views = [o.views[camera] for o in seen]
        key = f"observation.camera.{camera}"
        columns[f"{key}.rgb"] = _image_column([images.encode_rgb(v.rgb) for v in views])
        columns[f"{key}.depth"] = _image_column([images.encode_depth(v.depth) for v in views])
        columns[f"{key}.intrinsics"] = vectors(np.stack([v.intrinsics.ravel() for v in views]))
        columns[f"{key}.extrinsics"] = vectors(
            np.stack([v.world_from_camera.ravel() for v in views])
        )
    return pa.table(columns)


def _image_column(pngs: list[bytes]) -> pa.Array:
    return pa.array([{"bytes": png, "path": None} for png in pngs], type=IMAGE)


def _initial(observation: Observation) -> np.ndarray:
    gripper, ignore = observation.gripper_open, observation.ignore_collisions
    return Keyframe(observation.end_effector, gripper, ignore, 0).action()
