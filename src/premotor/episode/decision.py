"""One decision of a policy, laid open: what it was shown, where it looked, what it chose.

v: virtual views  s: image side  r: rotation bins  n: points
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from premotor.episode.keyframe import Keyframe


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """Three orthographic views of a cube of the scene, and the heatmap of each.

    They look at it from +z, +x and +y of the world.
    """

    colors: Float[np.ndarray, "v s s 3"]  # in [0, 1], 0 where empty
    depth: Float[np.ndarray, "v s s"]  # as the network reads it: half sides, mean taken off
    occupied: Bool[np.ndarray, "v s s"]  # pixels that show a point
    heatmap: Float[np.ndarray, "v s s"]  # logits by which the place was chosen
    low: Float[np.ndarray, "3"]  # [m] corners of the cube, world frame
    high: Float[np.ndarray, "3"]  # [m]
    cameras: Float[np.ndarray, "v 2 4"]  # (column, row) [px] of a world point (x, y, z, 1) [m]

    @property
    def probability(self) -> Float[np.ndarray, "v s s"]:
        """Softmax of the heatmap over the pixels of each view."""
        weights = np.exp(self.heatmap - self.heatmap.max((1, 2), keepdims=True))
        return weights / weights.sum((1, 2), keepdims=True)

    def pixels(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n v 2"]:
        """Where world points [m] lie in each view: (column, row) [px]."""
        return np.einsum("vij,nj->nvi", self.cameras[..., :3], points) + self.cameras[..., 3]


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """The key pose that was chosen and everything that led to it."""

    instruction: str
    keyframe: Keyframe  # as `act` returns it, world frame
    coarse: Stage  # the whole scene
    fine: Stage | None  # zoomed to the point that the coarse stage chose; None without such a stage
    rotation: Float[np.ndarray, "3 r"]  # probability of each bin of the angles about x, y, z
    gripper_open: float  # probability
    ignore_collisions: float  # probability
    e: Float[np.ndarray, " d"]  # the representation that is aligned with u
