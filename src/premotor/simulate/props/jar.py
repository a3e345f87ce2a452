"""A glazed jar with a threaded neck, and the metal lid that goes over it."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.colors import Color
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Ring, Solid
from premotor.simulate.modeling.surfaces import Surface

FOOT = -0.0534  # [m] of the jar below its frame: the table
RIM = 0.0549  # [m] of the neck above its frame
BODY_DIAMETER = 0.0912  # [m]
SHOULDER = 0.030  # [m] above the frame: what is solid is as wide as the body up to here
NECK_DIAMETER = 0.066  # [m] without the thread, which is seen and not felt
THREAD_DIAMETER = 0.0688  # [m]
THREAD_WIRE = 0.0024  # [m]
THREAD = (0.0405, 0.0515)  # [m] heights of its two ends
THREAD_TURNS = 1.75
THREAD_STEPS = 72  # points along it
SENSOR = (0.05, 0.05, 0.02)  # [m] the benchmark's, just at the rim
SENSOR_LOW = 0.05  # [m] above the frame

LID_DIAMETER, LID_HEIGHT = 0.0744, 0.0212  # [m]
CAVITY_DIAMETER = 0.0700  # [m] 2 mm more all around than the neck it goes over
CAVITY_DEPTH = 0.010  # [m]
CEILING = CAVITY_DEPTH - LID_HEIGHT / 2  # [m] of the cavity, in the lid's frame
SKIRT_PARTS = 8
LID_MASS = 0.06  # [kg]; the benchmark's 1 kg would weigh on the wrist
LID_FRICTION = 0.71
STEEL = (0.74, 0.75, 0.77)
KNURLS = 44  # grooves around the lid
MOUTH_SHADE = 0.45  # of the jar's color, inside

OUTSIDE = (  # (radius, height) [m] from the foot to the rim
    (0.0, FOOT),
    (0.0355, FOOT),
    (0.0400, -0.0528),
    (0.0430, -0.0508),
    (0.0448, -0.0475),
    (0.0455, -0.0425),
    (0.0456, -0.0300),
    (0.0456, 0.0120),
    (0.0453, 0.0185),
    (0.0443, 0.0238),
    (0.0424, 0.0282),
    (0.0398, 0.0314),
    (0.0368, 0.0334),
    (0.0345, 0.0342),
    (0.0334, 0.0352),
    (0.0330, 0.0368),
    (0.0330, 0.0530),
    (0.0327, 0.0541),
    (0.0320, 0.0548),
    (0.0312, RIM),
)
INSIDE = (
    (0.0312, RIM),
    (0.0304, 0.0547),
    (0.0300, 0.0540),
    (0.0300, 0.0360),
    (0.0360, 0.0300),
    (0.0420, 0.0200),
    (0.0426, -0.0440),
    (0.0, -0.0480),
)


@cache
def thread() -> Surface:
    """The wire of a right-hand screw thread around the neck."""
    turn = np.linspace(0.0, 2.0 * np.pi * THREAD_TURNS, THREAD_STEPS)
    radius = (THREAD_DIAMETER - THREAD_WIRE) / 2
    sunk = np.clip(8.0 * np.minimum(turn, turn[::-1]), 0.0, 1.0)  # its ends run out in the neck
    out = radius - THREAD_WIRE * (1.0 - sunk)
    heights = np.linspace(*THREAD, len(turn))
    return forms.tube(
        np.column_stack([out * np.cos(turn), out * np.sin(turn), heights]), THREAD_WIRE
    )


@cache
def knurled() -> textures.Image:
    """The grooved side of a lid."""
    columns = np.arange(KNURLS * 16) / 16.0
    groove = 0.80 + 0.28 * np.abs(np.sin(np.pi * columns)) ** 0.7
    return textures.shade((192, 194, 199), np.tile(groove, (16, 1)))


@cache
def cap() -> Surface:
    """The lid: a shallow dish upside down, its lower edge rolled."""
    outer, inner, half = LID_DIAMETER / 2, CAVITY_DIAMETER / 2, LID_HEIGHT / 2
    roll = 0.0006 * np.sin(np.linspace(0.0, np.pi, 5))
    rolled = [
        (float(outer + r), float(-half + 0.0003 + 0.0018 * i / 4)) for i, r in enumerate(roll)
    ]
    return forms.lathe(
        [
            (0.0, CEILING),
            (inner, CEILING),
            (inner, -half),
            (outer - 0.0003, -half),
            *rolled,
            (outer, half - 0.0022),
            (outer - 0.0003, half - 0.0012),
            (outer - 0.0010, half - 0.0004),
            (outer - 0.0022, half),
            (outer - 0.0060, half),
            (outer - 0.0080, half - 0.0014),  # a step, as pressed into tin
            (0.0, half - 0.0014),
        ]
    )


@dataclass(frozen=True)
class Jar(Prop):
    """A jar that stands fast, open; its frame is its middle, as in the benchmark."""

    name: str
    color: Color

    @property
    def box(self) -> Box:
        half = BODY_DIAMETER / 2
        return Box((-half, -half, FOOT), (half, half, RIM))

    @property
    def sensor(self) -> str:
        """Name of the volume at the rim that detects the lid."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        glaze = blueprint.paint(f"jar_{self.color.name}", self.color.rgb, shine=0.75)
        dark = [MOUTH_SHADE * part for part in self.color.rgb]
        mouth = blueprint.paint(f"jar_mouth_{self.color.name}", dark, shine=0.1)
        blueprint.surface(body, forms.lathe(OUTSIDE), IDENTITY, glaze)
        blueprint.surface(body, forms.lathe(INSIDE), IDENTITY, mouth)
        blueprint.surface(body, thread(), IDENTITY, glaze)
        stands = Solid(friction=LID_FRICTION)
        low = Cylinder(BODY_DIAMETER, SHOULDER - FOOT)
        blueprint.solid_cylinder(body, low, Pose.of((0.0, 0.0, (FOOT + SHOULDER) / 2)), stands)
        neck = Cylinder(NECK_DIAMETER, RIM - SHOULDER)
        blueprint.solid_cylinder(body, neck, Pose.of((0.0, 0.0, (RIM + SHOULDER) / 2)), stands)
        middle = Pose.of((0.0, 0.0, SENSOR_LOW + SENSOR[2] / 2))
        blueprint.volume(body, self.sensor, SENSOR, middle)


@dataclass(frozen=True)
class Lid(Prop):
    """A metal screw lid; its frame is its middle."""

    name: str = "jar_lid"

    @property
    def box(self) -> Box:
        half = LID_DIAMETER / 2
        return Box((-half, -half, -LID_HEIGHT / 2), (half, half, LID_HEIGHT / 2))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        steel = blueprint.paint("lid_steel", STEEL, shine=0.9)
        grip = blueprint.texture("lid_grip", knurled(), shine=0.6)
        blueprint.surface(body, cap(), IDENTITY, steel)
        band = LID_DIAMETER / 2 + 0.0002  # [m] a hair proud of the cap
        side = forms.lathe([(band, -0.0072), (band, 0.0080)])
        blueprint.surface(body, side, IDENTITY, grip)
        thick = LID_HEIGHT - CAVITY_DEPTH
        top = Pose.of((0.0, 0.0, CEILING + thick / 2))
        plate = Solid(mass=0.7 * LID_MASS, friction=LID_FRICTION)
        blueprint.solid_cylinder(body, Cylinder(LID_DIAMETER, thick), top, plate)
        skirt = Ring(CAVITY_DIAMETER, (LID_DIAMETER - CAVITY_DIAMETER) / 2, CAVITY_DEPTH)
        under = Pose.of((0.0, 0.0, CEILING - CAVITY_DEPTH / 2))
        rest = Solid(mass=0.3 * LID_MASS, friction=LID_FRICTION)
        blueprint.solid_ring(body, skirt, SKIRT_PARTS, under, rest)
