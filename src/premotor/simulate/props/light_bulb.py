"""A light bulb with a screw base, and the colored holder in which it waits."""

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.colors import Color
from premotor.simulate.modeling import forms
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Ring, Solid
from premotor.simulate.modeling.surfaces import Surface
from premotor.simulate.world import overlap, solid_geoms

GLASS_DIAMETER = 0.0684  # [m]
GLASS_CENTER = 0.0187  # [m] above the bulb's frame
BASE = Cylinder(0.0332, 0.0492)  # [m] diameter and length of the screw base
BASE_CENTER = -0.0283  # [m] of the base in the bulb's frame
BULB_LOW = BASE_CENTER - BASE.height / 2  # [m] its lower end
BASE_VISIBLE = -0.0225  # [m] where the glass grows out of the metal
THREADS = 5  # turns that are seen on the base
GLASS_MASS, BASE_MASS = 0.035, 0.025  # [kg]; the benchmark's 1 kg would weigh on the wrist

FLOOR = Cylinder(0.0994, 0.0224)  # [m] diameter and height of a holder's foot
FLOOR_CENTER = -0.0260  # [m] of the foot in the holder's frame
CUP = Ring(0.0469, 0.0077, 0.0525)  # [m] inner diameter, thickness and height of its wall
CUP_CENTER = 0.0109  # [m]
SLATS = 8
HOLDER_LOW = -0.0301  # [m] the table, below the holder's frame: the foot is sunk in it
BULB_IN_HOLDER = (
    CUP_CENTER
    + CUP.height / 2
    - GLASS_CENTER
    + np.sqrt((GLASS_DIAMETER / 2) ** 2 - (CUP.inner / 2) ** 2)
)  # [m] frame of a bulb whose glass rests on the wall
FREE_HEIGHT = 0.106  # [m] of a holder with its bulb, above the holder's frame

UNLIT, LIT = (0.97, 0.97, 0.94), (1.0, 0.80, 0.16)
FROST, GLOW = 0.12, 0.60  # emission of a bulb that is out, and of one that burns
BRASS = (0.80, 0.70, 0.46)


@cache
def glass() -> Surface:
    """A pear: a ball that narrows to the neck."""
    radius = GLASS_DIAMETER / 2
    turn = np.linspace(-0.95, np.pi / 2, 22)
    ball = [(radius * np.cos(t), GLASS_CENTER + radius * np.sin(t)) for t in turn]
    neck = [(0.0148, BASE_VISIBLE), (0.0150, -0.0195), (0.0159, -0.0150)]
    return forms.lathe([*neck, *((float(max(r, 0.0)), float(z)) for r, z in ball)])


@cache
def screw_base() -> Surface:
    """The metal thread, rounded ridge after rounded ridge, and its narrow lower end."""
    outer, low, high = BASE.diameter / 2, BULB_LOW + 0.0075, BASE_VISIBLE - 0.004
    along = np.linspace(0.0, THREADS, 8 * THREADS + 1)
    ridges = outer - 0.0013 * (0.5 + 0.5 * np.cos(2.0 * np.pi * along))
    heights = low + (high - low) * along / THREADS
    return forms.lathe(
        [
            (0.0075, BULB_LOW + 0.0030),
            (0.0120, BULB_LOW + 0.0050),
            *zip(ridges.tolist(), heights.tolist(), strict=True),
            (outer - 0.0006, high + 0.0015),
            (outer - 0.0006, BASE_VISIBLE),
            (0.0140, BASE_VISIBLE + 0.0008),
        ]
    )


@cache
def contact() -> Surface:
    """The insulated button at the lower end."""
    return forms.lathe(
        [
            (0.0, BULB_LOW),
            (0.0036, BULB_LOW + 0.0004),
            (0.0052, BULB_LOW + 0.0016),
            (0.0100, BULB_LOW + 0.0040),
            (0.0, BULB_LOW + 0.0045),
        ]
    )


@cache
def cup() -> Surface:
    """The holder: a foot with a rounded edge, out of which the wall rises."""
    inner, outer = CUP.inner / 2, CUP.inner / 2 + CUP.thickness
    foot, top = FLOOR.diameter / 2, FLOOR_CENTER + FLOOR.height / 2
    rim = CUP_CENTER + CUP.height / 2
    return forms.lathe(
        [
            (foot - 0.001, HOLDER_LOW),
            (foot, HOLDER_LOW + 0.001),
            (foot, top - 0.0040),
            (foot - 0.0008, top - 0.0018),
            (foot - 0.0026, top - 0.0004),
            (foot - 0.0050, top),
            (outer + 0.0090, top + 0.0004),
            (outer + 0.0050, top + 0.0020),
            (outer + 0.0022, top + 0.0050),
            (outer + 0.0008, top + 0.0090),
            (outer, top + 0.0150),
            (outer, rim - 0.0020),
            (outer - 0.0006, rim - 0.0008),
            (outer - 0.0020, rim),
            (inner + 0.0012, rim),
            (inner, rim - 0.0010),
            (inner, top),
            (0.0, top),
        ]
    )


@dataclass(frozen=True)
class LightBulb(Prop):
    """A bulb that lights up while its base is in the volume inside the lamp's socket."""

    name: str
    socket: str  # name of that volume

    @property
    def box(self) -> Box:
        half = GLASS_DIAMETER / 2
        return Box((-half, -half, BULB_LOW), (half, half, GLASS_CENTER + half))

    @property
    def _glass(self) -> str:
        return f"{self.name}_glass"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        # The ball rests on the rim of a holder or a socket, the base hangs in it with some play.
        center = Pose.of((0.0, 0.0, GLASS_CENTER))
        blueprint.solid_ball(body, GLASS_DIAMETER, center, Solid(mass=GLASS_MASS))
        below = Pose.of((0.0, 0.0, BASE_CENTER))
        blueprint.solid_cylinder(body, BASE, below, Solid(mass=BASE_MASS))
        brass = blueprint.paint("bulb_brass", BRASS, shine=0.9)
        black = blueprint.paint("bulb_contact", (0.12, 0.12, 0.13), shine=0.5)
        frosted = blueprint.paint(self._glass, UNLIT, shine=0.85)
        blueprint.surface(body, glass(), IDENTITY, frosted)
        blueprint.surface(body, screw_base(), IDENTITY, brass)
        blueprint.surface(body, contact(), IDENTITY, black)

    def show(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        sensor = model.geom(self.socket).id
        mine = solid_geoms(model, model.body(self.name).id)
        lit = any(overlap(model, data, geom, sensor) for geom in mine)
        material = model.material(self._glass)
        material.rgba[:3] = LIT if lit else UNLIT
        material.emission[0] = GLOW if lit else FROST


@dataclass(frozen=True)
class BulbHolder(Prop):
    """A colored stand with a round well for a bulb."""

    name: str
    color: Color

    @property
    def box(self) -> Box:
        half = FLOOR.diameter / 2
        return Box((-half, -half, HOLDER_LOW), (half, half, FREE_HEIGHT))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        paint = blueprint.paint(f"holder_{self.color.name}", self.color.rgb, shine=0.5)
        blueprint.surface(body, cup(), IDENTITY, paint)
        blueprint.solid_cylinder(body, FLOOR, Pose.of((0.0, 0.0, FLOOR_CENTER)), Solid())
        blueprint.solid_ring(body, CUP, SLATS, Pose.of((0.0, 0.0, CUP_CENTER)), Solid())
