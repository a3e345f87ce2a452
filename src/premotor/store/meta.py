"""The LeRobot v3 face of a data set: rows, tasks, episodes, statistics, derived from the records.

Everything here is written from the states and records of complete episodes, so that writing it
again changes nothing; a global row number needs the lengths of all episodes before it.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from premotor.records import write_atomically
from premotor.store import layout, video
from premotor.store.layout import FPS, EpisodeInfo, FileInfo
from premotor.store.reader import read_rows, read_steps
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


def finalize(folder: Path, infos: Sequence[EpisodeInfo], robot: str = "panda") -> None:
    """Write `data/` and `meta/` of a complete set; the same episodes give the same bytes.

    Args:
        folder: `DIR/<split>`.
        infos: Records of all episodes, numbered from 0 without a gap.
        robot: LeRobot's robot type.
    """
    # In order of appearance, so that a longer work list leaves earlier episodes as they are.
    tasks = list(dict.fromkeys(info.instructions[0] for info in infos))
    start, moments = 0, {name: _Moments() for name in FEATURES}
    episodes: list[dict[str, Any]] = []
    for info in infos:
        rows = _feature_rows(folder, info)
        for name, values in rows.items():
            moments[name].add(values)
        table = _data_table(info, rows, start, tasks.index(info.instructions[0]))
        _write_rows(folder, info, _parquet(table))
        episodes.append(_episode_row(info, start))
        start += info.num_rows
    places = _parquet(pa.Table.from_pylist(episodes))
    write_atomically(folder / "meta/episodes/chunk-000/file-000.parquet", places)
    write_atomically(folder / "meta/tasks.parquet", _parquet(_tasks_table(tasks)))
    stats = {name: m.summary() for name, m in moments.items()} | {
        layout.VIDEO_KEY: _color_summary(infos)
    }
    _write_json(folder / "meta/stats.json", stats)
    _write_json(folder / layout.INFO_PATH, _info(folder, infos, len(tasks), start, robot))


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


def _feature_rows(folder: Path, info: EpisodeInfo) -> dict[str, np.ndarray]:
    observations, _ = read_rows(folder, info)
    keyframes, _ = read_steps(folder, info)
    # The action of a row is the next keyframe's, as a key-pose policy would answer.
    following = np.searchsorted([k.step for k in keyframes], np.arange(info.num_rows), side="right")
    actions = np.stack([k.action() for k in keyframes])[np.minimum(following, len(keyframes) - 1)]
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
    chunk, file = divmod(info.index, layout.CHUNK_SIZE)
    return {
        "episode_index": info.index,
        "tasks": [info.instructions[0]],
        "length": info.num_rows,
        "data/chunk_index": chunk,
        "data/file_index": file,
        "dataset_from_index": start,
        "dataset_to_index": start + info.num_rows,
        f"videos/{layout.VIDEO_KEY}/chunk_index": chunk,
        f"videos/{layout.VIDEO_KEY}/file_index": file,
        f"videos/{layout.VIDEO_KEY}/from_timestamp": 0.0,
        f"videos/{layout.VIDEO_KEY}/to_timestamp": info.num_rows / FPS,
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
    folder: Path, infos: Sequence[EpisodeInfo], num_tasks: int, num_rows: int, robot: str
) -> dict[str, Any]:
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [len(names)], "names": names}
        for name, names in FEATURES.items()
    }
    features[layout.VIDEO_KEY] = _video_feature(folder, infos[0])
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    features |= {name: {"dtype": "int64", "shape": [1], "names": None} for name in _COUNTERS}
    return {
        "codebase_version": "v3.0",
        "robot_type": robot,
        "total_episodes": len(infos),
        "total_frames": num_rows,
        "total_tasks": num_tasks,
        "chunks_size": layout.CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {folder.name: f"0:{len(infos)}"},
        "data_path": layout.DATA_PATH,
        "video_path": layout.VIDEO_PATH,
        "features": features,
    }


def _video_feature(folder: Path, info: EpisodeInfo) -> dict[str, Any]:
    data = layout.read_checked(folder, info, layout.video_path(info.index))
    height, width = video.decode(data).shape[1:3]
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


def _write_rows(folder: Path, info: EpisodeInfo, data: bytes) -> None:
    """Write LeRobot's rows of an episode and enter them in its record."""
    rows = FileInfo.of(layout.data_path(info.index), data)
    if rows in info.files and (folder / rows.path).is_file():
        return
    write_atomically(folder / rows.path, data)
    recorded = tuple(f for f in info.files if f.path != rows.path)
    record = replace(info, files=(*recorded, rows))
    write_atomically(folder / layout.record_path(info.index), layout.record_bytes(record))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())
