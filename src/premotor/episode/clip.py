"""A sampled video and the choice of its frames."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from premotor.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Clip:
    """A video of one camera."""

    frames: UInt8[np.ndarray, "t h w 3"]
    times: Float[np.ndarray, " t"]  # [s]


def _edges(length: int, num_frames: int) -> Int[np.ndarray, " n"]:
    if length < 1 or num_frames < 1:
        raise ConfigError(f"cannot take {num_frames} frames of {length}; both must be >= 1")
    return np.floor(np.linspace(0, length, num_frames + 1)).astype(np.int64)


def middle_frames(length: int, num_frames: int) -> Int[np.ndarray, " n"]:
    """Middle of each of `num_frames` equal segments (ViCLIP).

    Clips shorter than `num_frames` give each frame once and then repeat the last one.
    """
    if length < num_frames:
        return np.minimum(np.arange(num_frames), length - 1)
    edges = _edges(length, num_frames)
    return (edges[:-1] + edges[1:] - 1) // 2


def random_frames(length: int, num_frames: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """One uniform draw per segment; unlike the reference, a segment's last frame can be drawn."""
    if length < num_frames:
        return middle_frames(length, num_frames)
    edges = _edges(length, num_frames)
    return rng.integers(edges[:-1], edges[1:])
