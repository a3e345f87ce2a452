"""A square of color on the table, with the volume above it that detects what lies there."""

from dataclasses import dataclass

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate.colors import Color
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Prop

EDGE = 0.1  # [m]
DEPTH = 0.0045  # [m] of the square below its frame, into the table top
SENSOR = Box((-EDGE / 2, -EDGE / 2, 0.0), (EDGE / 2, EDGE / 2, 0.1))  # [m] in its own frame


@dataclass(frozen=True)
class Mat(Prop):
    """A flat target; it is seen, not felt."""

    name: str
    color: Color
    edge: float = EDGE  # [m]
    watched: Box = SENSOR  # the volume that detects

    @property
    def box(self) -> Box:
        half = self.edge / 2
        return Box((-half, -half, 0.0), (half, half, self.watched.high[2]))

    @property
    def sensor(self) -> str:
        """Name of the detecting volume."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        paint = blueprint.paint(f"mat_{self.color.name}", self.color.rgb, shine=0.1)
        under = Pose.of((0.0, 0.0, -DEPTH / 2))
        blueprint.box(body, (self.edge, self.edge, DEPTH), under, paint, VISUAL)
        low, high = np.array(self.watched.low), np.array(self.watched.high)
        blueprint.volume(body, self.sensor, tuple(high - low), Pose.of((low + high) / 2))
