"""A square of color on the table, with the volume above it that detects what lies there."""

from dataclasses import dataclass

from premotor.geometry.poses import Pose
from premotor.simulate.colors import Color
from premotor.simulate.props.base import VISUAL, Blueprint, Box, Prop

EDGE = 0.1  # [m]
DEPTH = 0.0045  # [m] of the square below its frame, into the table top
SENSOR_HEIGHT = 0.1  # [m]


@dataclass(frozen=True)
class Mat(Prop):
    """A flat target; it is seen, not felt."""

    name: str
    color: Color

    @property
    def box(self) -> Box:
        return Box((-EDGE / 2, -EDGE / 2, 0.0), (EDGE / 2, EDGE / 2, SENSOR_HEIGHT))

    @property
    def sensor(self) -> str:
        """Name of the detecting volume."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        paint = blueprint.paint(f"mat_{self.color.name}", self.color.rgb, shine=0.1)
        under = Pose.of((0.0, 0.0, -DEPTH / 2))
        blueprint.box(body, (EDGE, EDGE, DEPTH), under, paint, VISUAL)
        above = Pose.of((0.0, 0.0, SENSOR_HEIGHT / 2))
        blueprint.volume(body, self.sensor, (EDGE, EDGE, SENSOR_HEIGHT), above)
