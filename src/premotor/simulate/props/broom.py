"""A broom that leans on a stand, and that stand."""

from dataclasses import dataclass, replace

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.forms import lathe
from premotor.simulate.modeling.surfaces import Surface, bevelled_box

HEAD = (0.2625, 0.0375, 0.0375)  # [m] collider, flat on the table
LEAN = np.radians(25.0)  # [rad] of the handle toward +y
HANDLE = (0.0113, 0.0113, 0.6)  # [m] collider
HANDLE_CENTER = (0.0, 0.1379, 0.3168)  # [m] in the frame of the broom
HEAD_MASS, HANDLE_MASS = 0.245, 0.2  # [kg]; 0.445 together

BLOCK = (0.283, 0.046, 0.016)  # [m] looks: the wooden back of the head
BRISTLES = (0.268, 0.034, 0.0225)  # [m] looks, at their upper end
FLARE = 1.14  # how much wider the bristles are at the table
STICK = 0.0125  # [m] diameter that is seen
STICK_LOW, STICK_HIGH = -0.318, 0.325  # [m] along the handle, from its center
FERRULE = ((0.0118, -0.322), (0.0118, -0.300), (0.0082, -0.272), (0.0066, -0.270))  # [m]
GRIP = ((0.0066, 0.235), (0.0078, 0.238), (0.0078, 0.322), (0.0060, 0.330), (0.0, 0.332))  # [m]

STAND = (0.1, 0.1, 0.5)  # [m]
STAND_MASS = 5.0  # [kg]
PLINTH, LID = 0.022, 0.016  # [m] heights

BROWN = (150, 104, 68)
STRAW = (205, 170, 104)
STEEL = (0.66, 0.67, 0.70)
RUBBER = (0.16, 0.17, 0.20)
SLATE = (0.35, 0.48, 0.54)
DARK_SLATE = (0.20, 0.28, 0.33)


def _bristles() -> Surface:
    """A box with broken edges that widens toward its foot."""
    box = bevelled_box((BRISTLES[0] / 2, BRISTLES[1] / 2, BRISTLES[2] / 2), 0.001)
    widened = box.vertices.copy()
    widened[box.vertices[:, 2] < 0.0, 1] *= FLARE
    return Surface("broom_bristles", widened, box.normals, box.faces, box.texcoords)


def _straw() -> textures.Image:
    """Bristles upright along the longer side, two hundred of them over a width."""
    columns = textures.noise((1, 512), (0.0, 0.7), 21)
    tufts = 0.10 * np.sign(np.sin(np.linspace(0.0, 2.0 * np.pi * 26, 512)))
    gain = np.repeat(0.95 + 0.13 * columns + tufts, 64, axis=0)
    return textures.shade(STRAW, gain)


@dataclass(frozen=True)
class Broom(Prop):
    """Stands on its head, its long side along x; the handle leans toward +y.

    Its frame lies under the middle of the head, on the table.
    """

    name: str = "broom"

    @property
    def box(self) -> Box:
        return Box((-0.142, -0.025, 0.0), (0.142, 0.28, 0.61))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        solid = Solid(mass=HEAD_MASS)
        blueprint.solid_box(body, HEAD, Pose.of((0.0, 0.0, HEAD[2] / 2)), solid)
        leaning = Pose.of(HANDLE_CENTER, (np.cos(LEAN / 2), -np.sin(LEAN / 2), 0.0, 0.0))
        blueprint.solid_box(body, HANDLE, leaning, replace(solid, mass=HANDLE_MASS))
        wood = blueprint.texture("broom_wood", textures.wood(BROWN, planks=1), shine=0.35)
        straw = blueprint.texture("broom_straw", _straw(), shine=0.05)
        steel = blueprint.paint("broom_steel", STEEL, shine=0.8)
        rubber = blueprint.paint("broom_rubber", RUBBER, shine=0.3)
        top = Pose.of((0.0, 0.0, HEAD[2] + 0.001 - BLOCK[2] / 2))
        blueprint.box(body, BLOCK, top, wood, VISUAL)
        blueprint.surface(body, _bristles(), Pose.of((0.0, 0.0, BRISTLES[2] / 2)), straw)
        ends = ((0.0, STICK_LOW), (STICK / 2, STICK_LOW), (STICK / 2, STICK_HIGH))
        blueprint.surface(body, lathe(ends), leaning, wood)
        blueprint.surface(body, lathe(FERRULE), leaning, steel)
        blueprint.surface(body, lathe(GRIP), leaning, rubber)


@dataclass(frozen=True)
class Stand(Prop):
    """A heavy post, free on the table, for a broom to lean on; its frame lies at its foot."""

    name: str = "broom_stand"

    @property
    def box(self) -> Box:
        x, y, z = STAND
        return Box((-x / 2, -y / 2, 0.0), (x / 2, y / 2, z))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        width, depth, height = STAND
        blueprint.solid_box(body, STAND, Pose.of((0.0, 0.0, height / 2)), Solid(mass=STAND_MASS))
        slate = blueprint.paint("stand_slate", SLATE, shine=0.25)
        dark = blueprint.paint("stand_dark", DARK_SLATE, shine=0.35)
        shaft = height - PLINTH - LID
        parts = [
            ((width, depth, PLINTH), PLINTH / 2, dark),
            ((width - 0.008, depth - 0.008, shaft), PLINTH + shaft / 2, slate),
            ((width, depth, LID), height - LID / 2, dark),
        ]
        for size, middle, paint in parts:
            blueprint.box(body, size, Pose.of((0.0, 0.0, middle)), paint, VISUAL)
        for side in (-1.0, 1.0):  # panels let into the four sides
            across = Pose.of((side * (width / 2 - 0.003), 0.0, height / 2))
            along = Pose.of((0.0, side * (depth / 2 - 0.003), height / 2))
            blueprint.box(body, (0.003, 0.062, shaft - 0.06), across, dark, VISUAL)
            blueprint.box(body, (0.062, 0.003, shaft - 0.06), along, dark, VISUAL)
