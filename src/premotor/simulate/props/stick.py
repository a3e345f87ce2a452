"""A square wooden stick with rubber ends, to reach farther than the hand does."""

from dataclasses import dataclass

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop, Solid

THICK, LENGTH = 0.0128, 0.36  # [m]
MASS = 0.059  # [kg]
FRICTION = 1.0  # of its rubber; at 0.5 it slides off what it leans on
# It collides as four rounded rods in its long edges: a single box that leans on another's edge
# touches it now here, now there, and so rattles on for good.
ROUND = 0.004  # [m] diameter
CAP = (0.0136, 0.016)  # [m] width, length of the ends' rubber
BAND = (0.0132, 0.006)  # [m] width, length of the painted rings
BAND_AWAY = 0.128  # [m] of a ring from the middle

ASH = (232, 229, 238)  # whitewashed: it stands out from the table
RUBBER = (0.13, 0.13, 0.15)
INDIGO = (0.25, 0.27, 0.62)


@dataclass(frozen=True)
class Stick(Prop):
    """A free stick along z of its frame, which is its center."""

    name: str = "stick"

    @property
    def box(self) -> Box:
        half = THICK / 2
        return Box((-half, -half, -LENGTH / 2), (half, half, LENGTH / 2))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        ash = blueprint.texture("stick_wood", textures.wood(ASH, planks=1))
        rubber = blueprint.paint("stick_rubber", RUBBER, shine=0.1)
        indigo = blueprint.paint("stick_band", INDIGO, shine=0.5)
        blueprint.box(body, (THICK, THICK, LENGTH), IDENTITY, ash, VISUAL)
        edge, rod = (THICK - ROUND) / 2, Solid(mass=MASS / 4, friction=FRICTION)
        for x in (-edge, edge):
            for y in (-edge, edge):
                blueprint.solid_capsule(body, Cylinder(ROUND, LENGTH), Pose.of((x, y, 0.0)), rod)
        for side in (-1.0, 1.0):
            end = Pose.of((0.0, 0.0, side * (LENGTH - CAP[1]) / 2))
            blueprint.box(body, (CAP[0], CAP[0], CAP[1]), end, rubber, VISUAL)
            ring = Pose.of((0.0, 0.0, side * BAND_AWAY))
            blueprint.box(body, (BAND[0], *BAND), ring, indigo, VISUAL)
