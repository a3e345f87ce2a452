"""Held-out keyframes: is the next key pose where the expert's is? No loop is closed.

From the expert's true observation the policy decodes by itself (predicted zoom, own rotations).
Hundreds of keyframes instead of tens of episodes: a steadier number than success (decisions D48),
and the *decisive* ones among them, at which the words choose, tell what of it is reading (D80).
Where the expert says that other key poses would have been as good, the nearest of them counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from premotor.batch import MirrorBatch
from premotor.checkpoint import find, load_mirror
from premotor.data.dataset import Dataset
from premotor.execute import decode
from premotor.execute.config import ExecuteConfig
from premotor.execute.policy import ExecuteOutput
from premotor.execute.virtual_views import from_cube
from premotor.folders import RunFolder
from premotor.geometry.poses import Pose
from premotor.geometry.rotations import angle_between
from premotor.measure.keyframes import POSITION, ROTATION
from premotor.mirror import Mirror
from premotor.progress import Progress
from premotor.records import KeyframeRecord, read_lines, write_lines
from premotor.represent import BATCH, Source, open_dataset
from premotor.simulate.tasks import ALL_TASKS
from premotor.store.layout import EpisodeInfo


def known_keyframes(run: Path, source: Source, split: str) -> list[KeyframeRecord]:
    """What is on record of a split under the last checkpoint of a run, where it is all of it.

    Raises:
        DataError: The run or the split is missing or damaged.
    """
    step = find(run).step
    wanted = {
        (step, info.episode, index)
        for info in source.open(split).episodes
        for index in range(len(info.keyframe_steps))
    }
    known = list(read_lines(RunFolder(run).keyframes, KeyframeRecord))
    whole = {(r.step, r.episode, r.keyframe_index) for r in known} == wanted
    return known if whole and all(r.coarse_error is not None for r in known) else []


def measure_keyframes(
    run: Path,
    source: Source,
    split: str,
    progress: Progress,
    *,
    step: int | None = None,
    device: str = "cpu",
) -> list[KeyframeRecord]:
    """Every keyframe of a split under a checkpoint of a run, in its `keyframes.jsonl`.

    Args:
        run: A run folder; what the file held before is replaced.
        source: The data set.
        split: One that training did not see.
        progress: Told how many keyframes are done.
        step: Updates behind the checkpoint; None = the last one.
        device: Where the policy decodes.

    Raises:
        DataError: The run, the checkpoint or the split is missing or damaged.
    """
    step = find(run, step).step
    mirror = load_mirror(run, step).to(device)
    dataset = open_dataset(source, split, mirror.config, progress)
    records: list[KeyframeRecord] = []
    for record in predict_keyframes(mirror, dataset, step):
        records.append(record)
        progress("keyframes", len(records), len(dataset.cache.transitions), "")
    write_lines(RunFolder(run).keyframes, records)
    return records


def predict_keyframes(
    mirror: Mirror,
    dataset: Dataset,
    step: int,
    transitions: Int[np.ndarray, " n"] | None = None,
) -> Iterator[KeyframeRecord]:
    """The policy's key pose for transitions of a data set beside the expert's.

    Args:
        mirror: In evaluation mode.
        dataset: Observations and the keyframes that follow them.
        step: Updates behind the weights, for the records.
        transitions: Which are asked for; None = all.
    """
    if transitions is None:
        transitions = np.arange(len(dataset.cache.transitions))
    for start in range(0, len(transitions), BATCH):
        yield from _predict(mirror, dataset, transitions[start : start + BATCH], step)


def _predict(
    mirror: Mirror, dataset: Dataset, rows: Int[np.ndarray, " b"], step: int
) -> list[KeyframeRecord]:
    known, config = dataset.cache.transitions, mirror.config.execute
    words = dataset.instruction(dataset.episodes_of(rows))
    batch = MirrorBatch(dataset.executed(rows), words).to(next(mirror.parameters()).device)
    with torch.inference_mode():
        output = mirror.execute(batch.executed, batch.instruction)
    records = []
    said = zip(rows, decode.keyframes(output, config), _first_look(output, config), strict=True)
    for row, keyframe, first in said:
        info, index = dataset.cache.episodes[known.episode[row]], int(known.keyframe_index[row])
        shown = Pose.of(known.position[row], known.quaternion[row])
        right = _answers(info, index, shown)
        away = _nearest(keyframe.end_effector, right)
        looked = min(np.linalg.norm(first - pose.position) for pose in right)
        records.append(
            KeyframeRecord(
                step=step,
                **vars(info.episode),
                keyframe_index=index,
                position_error=away.position,
                rotation_error=away.rotation,
                gripper_right=keyframe.gripper_open == bool(known.gripper_open[row]),
                collision_right=keyframe.ignore_collisions == bool(known.ignore_collisions[row]),
                coarse_error=float(looked),
                decisive=decisive(info, index),
            )
        )
    return records


def _answers(info: EpisodeInfo, index: int, shown: Pose) -> list[Pose]:
    """What is right at a keyframe: the expert's pose, and what it says is as good."""
    turns = info.turns[index] if info.turns else None
    return [shown] if turns is None else turns.poses(shown)


@dataclass(frozen=True)
class _Away:
    """How far a key pose is from a right one."""

    position: float  # [m]
    rotation: float  # [degrees]

    @classmethod
    def of(cls, said: Pose, right: Pose) -> "_Away":
        turn = angle_between(said.quaternion, right.quaternion)
        return cls(float(np.linalg.norm(said.position - right.position)), float(np.rad2deg(turn)))


def _nearest(said: Pose, right: Sequence[Pose]) -> _Away:
    """From the right pose that is nearest, by the two bounds within which a keyframe counts."""
    return min(
        (_Away.of(said, pose) for pose in right),
        key=lambda away: max(away.position / POSITION, away.rotation / ROTATION),
    )


def _first_look(output: ExecuteOutput, config: ExecuteConfig) -> Float[np.ndarray, "b 3"]:
    """Where the whole scene alone says that something is to be done [m], world frame."""
    if config.stages == 1:
        assert output.position is not None
        return output.position.double().cpu().numpy()
    return from_cube(output.zoom_center.double(), config.views).cpu().numpy()


def decisive(info: EpisodeInfo, index: int) -> bool | None:
    """Whether the words choose where a keyframe of a recorded episode lies; None = not known.

    The episode's task says which of its expert's waypoints are so. Where a knock on the way made
    more keyframes it is not known which is which waypoint's, nor where the task is not ours.
    """
    task = ALL_TASKS.get(info.task)
    if task is None:
        return None
    marks = task.decisive(task.variations[info.variation])
    return marks[index] if len(marks) == len(info.keyframe_steps) else None
