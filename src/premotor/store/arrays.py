"""Whether the arrays of a cache can be what was made of a set's episodes; nothing large is read.

e: episodes  m: transitions  n: points  f: frames kept per episode
"""

from collections.abc import Mapping, Sequence

import numpy as np

from premotor.errors import DataError
from premotor.store import tables
from premotor.store.layout import EpisodeInfo

_NUMBERS: Mapping[str, tuple[float, float]] = {  # least and greatest
    "transition_position": (-10.0, 10.0),
    "transition_quaternion": (-1.001, 1.001),
    "transition_proprioception": (0.0, 1.0),
}
_LENGTH = 1e-3  # a quaternion's length may be so far from 1


def check_arrays(
    arrays: Mapping[str, np.ndarray],
    episodes: Sequence[EpisodeInfo],
    num_frames: int,
    size: tuple[int, int],
) -> None:
    """Refuse arrays of other types, shapes or numbers than the episodes' own.

    Args:
        arrays: By name of their files.
        episodes: Of the set, in its order.
        num_frames: Kept per episode.
        size: Height and width of the set's images [px].

    Raises:
        DataError: The array is named.
        KeyError: One is missing.
    """
    counts = [len(info.keyframe_steps) for info in episodes]
    _check_shapes(arrays, sum(counts), (len(episodes), num_frames, *size))
    _check_order(arrays, counts)
    for name, (low, high) in _NUMBERS.items():
        tables.check_range(name, arrays[name], low, high)
    lengths = np.linalg.norm(arrays["transition_quaternion"], axis=1)
    if (np.abs(lengths - 1.0) > _LENGTH).any():
        raise DataError("transition_quaternion holds quaternions that are not of length 1")


def _check_shapes(
    arrays: Mapping[str, np.ndarray], transitions: int, frames: tuple[int, ...]
) -> None:
    m, n = transitions, arrays["steps"].size // 3
    expected: Mapping[str, tuple[str, tuple[int, ...]]] = {
        "transition_episode": ("int64", (m,)),
        "transition_observation_index": ("int64", (m,)),
        "transition_keyframe_index": ("int64", (m,)),
        "transition_position": ("float32", (m, 3)),
        "transition_quaternion": ("float32", (m, 4)),
        "transition_gripper_open": ("bool", (m,)),
        "transition_ignore_collisions": ("bool", (m,)),
        "transition_proprioception": ("float32", (m, 3)),
        "offsets": ("int64", (m + 1,)),
        "steps": ("uint16", (n, 3)),
        "colors": ("uint8", (n, 3)),
        "frames": ("uint8", (*frames, 3)),
    }
    for name, (kind, shape) in expected.items():
        found = arrays[name]
        if (found.dtype, found.shape) != (np.dtype(kind), shape):
            raise DataError(f"{name} is {found.dtype} {found.shape}; expected {kind} {shape}")


def _check_order(arrays: Mapping[str, np.ndarray], counts: Sequence[int]) -> None:
    expected = {
        "transition_episode": np.repeat(np.arange(len(counts)), counts),
        "transition_keyframe_index": np.concatenate([np.arange(count) for count in counts]),
        "transition_observation_index": np.arange(sum(counts)),
    }
    for name, numbers in expected.items():
        if not np.array_equal(arrays[name], numbers):
            raise DataError(f"{name} does not count the keyframes of the episodes")
    offsets = arrays["offsets"]
    ends = offsets[0], offsets[-1]
    if ends != (0, len(arrays["steps"])) or (np.diff(offsets) < 0).any():
        raise DataError(f"offsets do not rise from 0 to {len(arrays['steps'])}, the points there")
