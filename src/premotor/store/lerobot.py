"""The LeRobot v3 exporter: a data set's rows, tasks, episodes and statistics, from its records.

Everything here is written from the states and records of complete episodes, so that writing it
again changes nothing; a global row number needs the lengths of all episodes before it.
"""

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.folders import CHUNK_SIZE, DATA_PATH, VIDEO_KEY, VIDEO_PATH, SplitFolder
from premotor.records import write_atomically, write_lines
from premotor.store import layout, video
from premotor.store.layout import FPS, LEROBOT, EpisodeInfo, FileInfo
from premotor.store.reader import read_rows
from premotor.store.writer import pose_numbers, vectors

_JOINTS = [f"panda_joint{i}" for i in range(1, 8)]
_POSE = ["x", "y", "z", "qx", "qy", "qz", "qw"]
FEATURES: dict[str, list[str]] = {
    "observation.state": [*_JOINTS, "finger_left", "finger_right", "gripper_open"],
    "observation.joint_velocities": _JOINTS,
    "observation.end_effector": _POSE,
    "action": [*_POSE, "gripper_open", "ignore_collisions"],  # of the next keyframe
}
_COUNTERS = ("frame_index", "episode_index", "index", "task_index")


def finalize(folder: SplitFolder, infos: Sequence[EpisodeInfo], robot: str = "panda") -> None:
    """Write `data/` and `meta/` of a complete set; the same episodes give the same bytes.

    The records are written anew, in order, LeRobot's rows among the files of each.

    Args:
        folder: Where the split lies.
        infos: Records of all episodes, numbered from 0 without a gap.
        robot: LeRobot's robot type.
    """
    # In order of appearance, so that a longer work list leaves earlier episodes as they are.
    tasks = list(dict.fromkeys(info.instructions[0] for info in infos))
    start, moments = 0, {name: _Moments() for name in FEATURES}
    episodes: list[dict[str, Any]] = []
    records: list[EpisodeInfo] = []
    for info in infos:
        rows = _feature_rows(folder, info)
        for name, values in rows.items():
            moments[name].add(values)
        table = _data_table(info, rows, start, tasks.index(info.instructions[0]))
        records.append(_with_rows(folder, info, _parquet(table)))
        episodes.append(_episode_row(info, start))
        start += info.num_rows
    write_lines(folder.records, records)
    shutil.rmtree(folder.former_records, ignore_errors=True)
    write_atomically(folder.places, _parquet(pa.Table.from_pylist(episodes)))
    write_atomically(folder.instructions, _parquet(_tasks_table(tasks)))
    stats = {name: m.summary() for name, m in moments.items()}
    _write_json(folder.stats, stats | {VIDEO_KEY: _color_summary(infos)})
    _write_json(folder.info, _info(folder, infos, len(tasks), start, robot))


class _Moments:
    """Running count, extremes, mean and standard deviation per column."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        self.parts.append(values)

    def summary(self) -> dict[str, list[float]]:
        values = np.concatenate(self.parts).astype(np.float64)
        return {
            "min": values.min(0).tolist(),
            "max": values.max(0).tolist(),
            "mean": values.mean(0).tolist(),
            "std": values.std(0).tolist(),
            "count": [len(values)],
        }


def _feature_rows(folder: SplitFolder, info: EpisodeInfo) -> dict[str, np.ndarray]:
    observations, _ = read_rows(folder, info)
    # The action of a row is the next keyframe's, as a key-pose policy would answer.
    steps = info.keyframe_steps
    following = np.searchsorted(steps, np.arange(info.num_rows), side="right")
    actions = np.stack([_reached(observations[step], step).action() for step in steps])[
        np.minimum(following, len(steps) - 1)
    ]
    state = [
        np.concatenate([o.joint_positions, o.finger_positions, [float(o.gripper_open)]])
        for o in observations
    ]
    rows = {
        "observation.state": np.stack(state),
        "observation.joint_velocities": np.stack([o.joint_velocities for o in observations]),
        "observation.end_effector": np.stack([pose_numbers(o.end_effector) for o in observations]),
        "action": actions,
    }
    return {name: values.astype(np.float32) for name, values in rows.items()}


def _reached(row: Observation, step: int) -> Keyframe:
    """A keyframe holds what its row holds."""
    return Keyframe(row.end_effector, row.gripper_open, row.ignore_collisions, step)


def _data_table(
    info: EpisodeInfo, rows: dict[str, np.ndarray], start: int, task_index: int
) -> pa.Table:
    frames = np.arange(info.num_rows, dtype=np.int64)
    columns: dict[str, pa.Array] = {name: vectors(values) for name, values in rows.items()}
    columns["timestamp"] = pa.array((frames / FPS).astype(np.float32))
    columns["frame_index"] = pa.array(frames)
    columns["episode_index"] = pa.array(np.full_like(frames, info.index))
    columns["index"] = pa.array(start + frames)
    columns["task_index"] = pa.array(np.full_like(frames, task_index))
    return pa.table(columns)


def _episode_row(info: EpisodeInfo, start: int) -> dict[str, Any]:
    chunk, file = divmod(info.index, CHUNK_SIZE)
    return {
        "episode_index": info.index,
        "tasks": [info.instructions[0]],
        "length": info.num_rows,
        "data/chunk_index": chunk,
        "data/file_index": file,
        "dataset_from_index": start,
        "dataset_to_index": start + info.num_rows,
        f"videos/{VIDEO_KEY}/chunk_index": chunk,
        f"videos/{VIDEO_KEY}/file_index": file,
        f"videos/{VIDEO_KEY}/from_timestamp": 0.0,
        f"videos/{VIDEO_KEY}/to_timestamp": info.num_rows / FPS,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        "task": info.task,
        "variation": info.variation,
        "seed": info.seed,
    }


def _tasks_table(tasks: Sequence[str]) -> pa.Table:
    # LeRobot reads this with pandas and expects the sentence as the index of the frame.
    table = pa.table({"task_index": pa.array(np.arange(len(tasks))), "task": pa.array(tasks)})
    columns = [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind,
            "numpy_type": numpy,
            "metadata": None,
        }
        for name, kind, numpy in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _color_summary(infos: Sequence[EpisodeInfo]) -> dict[str, Any]:
    weights = np.array([info.num_rows for info in infos], dtype=np.float64)
    mean = np.average([info.color.mean for info in infos], axis=0, weights=weights)
    square = np.average([info.color.square for info in infos], axis=0, weights=weights)
    summary = {
        "min": np.min([info.color.low for info in infos], axis=0),
        "max": np.max([info.color.high for info in infos], axis=0),
        "mean": mean,
        "std": np.sqrt(np.maximum(square - mean**2, 0.0)),
    }
    stats: dict[str, Any] = {k: v.reshape(3, 1, 1).tolist() for k, v in summary.items()}
    return stats | {"count": [int(weights.sum())]}


def _info(
    folder: SplitFolder, infos: Sequence[EpisodeInfo], num_tasks: int, num_rows: int, robot: str
) -> dict[str, Any]:
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [len(names)], "names": names}
        for name, names in FEATURES.items()
    }
    features[VIDEO_KEY] = _video_feature(folder, infos[0])
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    features |= {name: {"dtype": "int64", "shape": [1], "names": None} for name in _COUNTERS}
    return {
        "codebase_version": LEROBOT,
        "robot_type": robot,
        "total_episodes": len(infos),
        "total_frames": num_rows,
        "total_tasks": num_tasks,
        "chunks_size": CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {folder.name: f"0:{len(infos)}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features,
    }


def _video_feature(folder: SplitFolder, info: EpisodeInfo) -> dict[str, Any]:
    height, width = video.size(layout.read_checked(folder, info, folder.video(info.index)))
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": FPS,
            "video.channels": 3,
            "has_audio": False,
        },
    }


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _with_rows(folder: SplitFolder, info: EpisodeInfo, data: bytes) -> EpisodeInfo:
    """Write LeRobot's rows of an episode, unless they are there; its record, with them."""
    path = folder.data(info.index)
    rows = FileInfo.of(folder.relative(path), data)
    if rows in info.files and path.is_file():
        return info
    write_atomically(path, data)
    others = (file for file in info.files if file.path != rows.path)
    return replace(info, files=(*others, rows))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())
