"""A red block to be slid over the table."""

from dataclasses import dataclass

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling.blueprint import Blueprint, Box, Prop, Solid

EDGE = 0.0563  # [m]
MASS = 0.356  # [kg]
RGB = (0.90, 0.03, 0.03)


@dataclass(frozen=True)
class Block(Prop):
    """A free cube; its frame is its center."""

    name: str = "block"

    @property
    def box(self) -> Box:
        half = EDGE / 2
        return Box((-half, -half, -half), (half, half, half))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        paint = blueprint.paint(self.name, RGB, shine=0.4)
        blueprint.box(body, (EDGE, EDGE, EDGE), IDENTITY, paint, Solid(mass=MASS))
