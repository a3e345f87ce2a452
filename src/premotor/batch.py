"""MirrorBatch: paired tensors, the same for training and roll-out.

b: batch  t: frames of a clip  h w: image side  n: points (padded with NaN)  l: instruction tokens
c: text classes
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

Part = TypeVar("Part")
Partner = Literal["episode", "instruction", "task", "labels", "shuffled"]


def _moved(part: Part, device: torch.device | str) -> Part:
    changes: dict[str, Any] = {}
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if isinstance(value, Tensor):
            changes[field.name] = value.to(device)
    return replace(part, **changes)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class Observed:
    """The watched side: a clip and the words for what happens in it."""

    frames: Float[Tensor, "b t 3 h w"]  # RGB in [0, 1]
    caption: Int[Tensor, "b l"]  # tokens of one paraphrase of the instruction
    text_id: Int[Tensor, " b"]  # rows with the same id have the same text class
    classes: Int[Tensor, "c l"] | None = None  # a caption of each class, row text_id, if asked for

    def __len__(self) -> int:
        return len(self.text_id)

    def to(self, device: torch.device | str) -> "Observed":
        """The same clips on another device."""
        return _moved(self, device)


@dataclass(frozen=True, eq=False)
class Executed:
    """The acting side: what the policy is given."""

    points: Float[Tensor, "b n 3"]  # [m], world frame, NaN where padded
    colors: Float[Tensor, "b n 3"]  # in [0, 1]
    proprioception: Float[Tensor, "b p"]

    @classmethod
    def of(
        cls,
        clouds: Sequence[tuple[Float[np.ndarray, "_ 3"], UInt8[np.ndarray, "_ 3"]]],
        proprioception: Float[np.ndarray, "b p"],
    ) -> "Executed":
        """Batch clouds of different lengths: points float32, world frame [m], and RGB."""
        longest = max(len(points) for points, _ in clouds)
        points = np.full((len(clouds), longest, 3), np.nan, dtype=np.float32)
        colors = np.zeros((len(clouds), longest, 3), dtype=np.float32)
        for row, (xyz, rgb) in enumerate(clouds):
            points[row, : len(xyz)] = xyz
            np.multiply(rgb, np.float32(1.0 / 255.0), out=colors[row, : len(rgb)])
        state = proprioception.astype(np.float32)
        return cls(torch.from_numpy(points), torch.from_numpy(colors), torch.from_numpy(state))


def with_count(
    proprioception: Float[np.ndarray, "b p"], done: Int[np.ndarray, " b"], count_to: int
) -> Float[np.ndarray, "b q"]:
    """Proprioception and, behind it, how many key poses were done: a 1 at its place, 0 elsewhere.

    Args:
        proprioception: Of each row.
        done: Key poses done before it; more than there are places count as the last.
        count_to: Places; 0: nothing is added.
    """
    places = np.minimum(done, max(count_to - 1, 0))[:, None]
    marks = (np.arange(count_to) == places).astype(proprioception.dtype)
    return np.concatenate([proprioception, marks], axis=1)


@dataclass(frozen=True, eq=False)
class Target:
    """The next keyframe, in the world frame."""

    position: Float[Tensor, "b 3"]  # [m]
    quaternion: Float[Tensor, "b 4"]  # wxyz, unit, w >= 0
    gripper_open: Int[Tensor, " b"]  # 0 or 1
    ignore_collisions: Int[Tensor, " b"]  # 0 or 1


@dataclass(frozen=True, eq=False)
class Block:
    """Who the rows of a paired batch are, for the rule by which watching and doing are matched.

    The whole batch, over all processes, holds two episodes of each of its instructions.
    """

    partner: Partner  # the rule (align/rules.py)
    task: Int[Tensor, " b"]  # rows with the same number are of one task
    instruction: Int[Tensor, " b"]  # text class of each, as `Observed.text_id`
    place: Int[Tensor, " b"]  # which of its instruction's two episodes: 0 or 1
    shuffled: Int[Tensor, " b"] | None = None
    """Row of the whole batch that is each one's partner where partners are shuffled"""


@dataclass(frozen=True, eq=False)
class RowIds:
    """What the rows of a batch are of, for what is remembered from one update to another."""

    task: Int[Tensor, " b"]  # rows with the same number are of one task
    instruction: Int[Tensor, " b"]  # text class of each, as `Observed.text_id`
    episode: Int[Tensor, " b"]  # of the data set
    shuffled: Float[Tensor, " b"] | None = None
    """In [0, 1): draws each row's partner, where partners are shuffled and nothing is watched"""


@dataclass(frozen=True, eq=False)
class MirrorBatch:
    """Row i of observed and executed are one action, watched and done."""

    executed: Executed
    instruction: Int[Tensor, "b l"]  # tokens
    target: Target | None = None  # None at roll-out
    observed: Observed | None = None  # None where the schedule carries no clip
    block: Block | None = None  # None: row i of each side is the other's partner, all are strangers
    more: Observed | None = None  # clips that nobody acts to, for L_u alone
    ids: RowIds | None = None  # of training rows

    def __len__(self) -> int:
        return len(self.instruction)

    def to(self, device: torch.device | str) -> "MirrorBatch":
        """The same batch on another device."""
        return MirrorBatch(
            _moved(self.executed, device),
            self.instruction.to(device),
            None if self.target is None else _moved(self.target, device),
            None if self.observed is None else self.observed.to(device),
            None if self.block is None else _moved(self.block, device),
            None if self.more is None else self.more.to(device),
            None if self.ids is None else _moved(self.ids, device),
        )


TrainingBatch = MirrorBatch | Observed  # of a step that acts, or of one that watches alone
