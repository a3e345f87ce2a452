"""A tumbler that stacks: a tapered body, a shoulder, and a straight collar up to the mouth."""

from dataclasses import dataclass

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate import verbs
from premotor.simulate.colors import Color
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Ring, Solid
from premotor.simulate.modeling.forms import lathe

HEIGHT = 0.147  # [m]
FOOT, MOUTH = 0.030, 0.047  # [m] outer radii
NECK = (0.0435, 0.1165)  # [m] radius and height where the body meets the collar's shoulder
COLLAR = 0.119  # [m] height where the collar starts; straight, so that fingers do not tilt it
WALL = 0.002  # [m]
# [m] of the bottom inside, above the table. A cup put in stands clear of the walls, and its collar
# stays 8 mm above the rim, since a cup that is dropped in sinks for a moment by 6 mm.
FLOOR = 0.036
LIFT = 0.001  # [m] of the wall off the table, on which the floor stands alone
STAVES = 12  # boxes in a ring; one faces +y, where the fingers take the rim
WALL_MASS, COLLAR_MASS, FLOOR_MASS = 0.025, 0.013, 0.015  # [kg] the benchmark's 53 g in all
FRICTION = 0.5

# Outer and inner line of the wall, from the middle of the foot over the lip to the floor.
PROFILE = (
    (0.0, 0.003),
    (0.024, 0.003),
    (0.0252, 0.0),
    (0.0288, 0.0),
    (0.0300, 0.0012),
    (0.0300, 0.0030),
    NECK,
    (0.0440, 0.1176),
    (0.0462, 0.1184),
    (0.0470, 0.1196),
    (0.0470, 0.1440),
    (0.0476, 0.1450),
    (0.0476, 0.1460),
    (0.0468, 0.1470),
    (0.0456, 0.1466),
    (0.0450, 0.1456),
    (0.0450, 0.1205),
    (0.0440, 0.1192),
    (0.0418, 0.1165),
    (0.0328, 0.0400),
    (0.0300, 0.0366),
    (0.0, 0.0360),
)


@dataclass(frozen=True)
class Cup(Prop):
    """A free plastic cup; its frame is the middle of its foot, z up."""

    name: str
    color: Color

    @property
    def box(self) -> Box:
        return Box((-MOUTH, -MOUTH, 0.0), (MOUTH, MOUTH, HEIGHT))

    @property
    def rim(self) -> Pose:
        """Tip pose that takes the wall at +y between the fingers, one of them inside."""
        return Pose.of((0.0, MOUTH - WALL / 2, HEIGHT - 0.025), verbs.POINTING_DOWN)

    @property
    def sensor(self) -> str:
        """Name of the volume that detects what is put in."""
        return f"{self.name}_inside"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        paint = blueprint.paint(f"cup_{self.color.name}", self.color.rgb, shine=0.7)
        blueprint.surface(body, lathe(PROFILE), IDENTITY, paint)
        run, rise = NECK[0] - FOOT, NECK[1] - LIFT
        taper = Ring(FOOT + NECK[0] - 2 * WALL, WALL, float(np.hypot(run, rise)))
        around = Pose.of((0.0, 0.0, (LIFT + NECK[1]) / 2))
        wall = Solid(friction=FRICTION, mass=WALL_MASS)
        lean = float(np.arctan2(run, rise))
        blueprint.solid_ring(body, taper, STAVES, around, wall, lean)
        size = Ring(2 * (MOUTH - WALL), WALL, HEIGHT - COLLAR)
        middle = Pose.of((0.0, 0.0, (COLLAR + HEIGHT) / 2))
        collar = Solid(friction=FRICTION, mass=COLLAR_MASS)
        blueprint.solid_ring(body, size, STAVES, middle, collar)
        floor = Solid(friction=FRICTION, mass=FLOOR_MASS)
        blueprint.solid_cylinder(
            body, Cylinder(2 * (FOOT - WALL), FLOOR), Pose.of((0.0, 0.0, FLOOR / 2)), floor
        )
        # The benchmark's sensor: 4 cm wide, 10 cm high, from 11 mm above the table.
        blueprint.round_volume(body, self.sensor, Cylinder(0.04, 0.1), Pose.of((0.0, 0.0, 0.0611)))
