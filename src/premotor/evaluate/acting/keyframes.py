"""Held-out keyframes: is the next key pose where the expert's is? No closed loop, no simulator.

From the expert's true observation the policy decodes by itself (predicted zoom, own rotations).
Hundreds of keyframes instead of tens of episodes: a steadier number than success (decisions D48).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from premotor.batch import MirrorBatch
from premotor.checkpoint import find, load_mirror
from premotor.data.dataset import Dataset
from premotor.execute import decode
from premotor.folders import RunFolder
from premotor.geometry.rotations import angle_between
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import KeyframeRecord, read_lines, write_lines
from premotor.represent import BATCH, Source, open_dataset

POSITION = 0.02  # [m] a position nearer than this is right (decisions D48)
ROTATION = 15.0  # [deg] a rotation nearer than this is right


def located(record: KeyframeRecord) -> bool:
    """Whether the position is right."""
    return record.position_error < POSITION


def turned(record: KeyframeRecord) -> bool:
    """Whether the rotation is right."""
    return record.rotation_error < ROTATION


def measure_keyframes(
    run: Path, source: Source, split: str, progress: Progress
) -> list[KeyframeRecord]:
    """Every keyframe of a split under the last checkpoint of a run; done once, then read back.

    Args:
        run: A run folder; `evaluation/keyframes.jsonl` is written there.
        source: The data set.
        split: One that training did not see.
        progress: Told of each keyframe.

    Raises:
        DataError: The run or the split is missing or damaged.
    """
    path, step = RunFolder(run).evaluation.keyframes, find(run).step
    wanted = {
        (step, info.episode, index)
        for info in source.open(split).episodes
        for index in range(len(info.keyframe_steps))
    }
    known = list(read_lines(path, KeyframeRecord))
    if {(r.step, r.episode, r.keyframe_index) for r in known} == wanted:
        return known
    mirror = load_mirror(run, step)
    records = []
    dataset = open_dataset(source, split, mirror.config)
    for record in predict_keyframes(mirror, dataset, step):
        records.append(record)
        progress("keyframes", len(records), len(wanted), "")
    write_lines(path, records)
    return records


def predict_keyframes(mirror: Mirror, dataset: Dataset, step: int) -> Iterator[KeyframeRecord]:
    """The policy's key pose for every transition of a data set beside the expert's.

    Args:
        mirror: In evaluation mode.
        dataset: Observations and the keyframes that follow them.
        step: Updates behind the weights, for the records.
    """
    transitions = np.arange(len(dataset.cache.transitions))
    for start in range(0, len(transitions), BATCH):
        yield from _predict(mirror, dataset, transitions[start : start + BATCH], step)


def _predict(
    mirror: Mirror, dataset: Dataset, rows: Int[np.ndarray, " b"], step: int
) -> list[KeyframeRecord]:
    known = dataset.cache.transitions
    episodes = known.episode[rows].astype(np.int64)
    batch = MirrorBatch(dataset.executed(rows), dataset.instruction(episodes))
    batch = batch.to(next(mirror.parameters()).device)
    with torch.inference_mode():
        output = mirror.execute(batch.executed, batch.instruction)
    records = []
    for row, said in zip(rows, decode.keyframes(output, mirror.config.execute), strict=True):
        info, pose = dataset.cache.episodes[known.episode[row]], said.end_effector
        turn = angle_between(pose.quaternion, known.quaternion[row].astype(np.float64))
        records.append(
            KeyframeRecord(
                step=step,
                **vars(info.episode),
                keyframe_index=int(known.keyframe_index[row]),
                position_error=float(np.linalg.norm(pose.position - known.position[row])),
                rotation_error=float(np.rad2deg(turn)),
                gripper_right=said.gripper_open == bool(known.gripper_open[row]),
                collision_right=said.ignore_collisions == bool(known.ignore_collisions[row]),
            )
        )
    return records
