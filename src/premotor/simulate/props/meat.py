"""What lies on the grill: a chicken leg and a steak, and the board they are put down on."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import Blueprint, Box, Prop, Solid

STEAK = (0.120, 0.066, 0.024)  # [m] along x, y and thick
STEAK_MASS = 0.25  # [kg]
STRIPES = 0.017  # [m] between the marks that the bars leave
SHEET = 0.3  # [m] that one width of an image covers on a sheet (forms.prism)
CHICKEN = (0.125, 0.052, 0.046)  # [m] along x with the bone, y and high
CHICKEN_MASS = 0.14  # [kg]
BONE = (0.011, 0.050)  # [m] diameter, length
FLAT = 0.020  # [m] below its axis the leg is flat, so that it lies still
BOARD = (0.200, 0.160, 0.014)  # [m]
BOARD_HOLE = (0.018, 0.050)  # [m] width, length of the slot to carry it by
SENSOR_HEIGHT = 0.050  # [m] of the volume above the board

SEARED = (122, 62, 36)
FAT = (0.93, 0.83, 0.62)
BONE_WHITE = (0.95, 0.91, 0.80)
ROASTED = (201, 122, 45)
WALNUT = (118, 74, 44)

Outline = Float[np.ndarray, "n 2"]


@dataclass(frozen=True)
class Steak(Prop):
    """A T-bone steak, lying; its frame is in the middle of its underside, its length along x."""

    name: str = "steak"

    @property
    def box(self) -> Box:
        x, y, z = STEAK
        return Box((-x / 2, -y / 2, 0.0), (x / 2, y / 2, z))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        meat = blueprint.texture("steak_meat", _seared(), shine=0.35)
        fat = blueprint.paint("steak_fat", FAT, shine=0.3)
        bone = blueprint.paint("meat_bone", BONE_WHITE, shine=0.3)
        x, y, z = STEAK
        middle = Pose.of((0.0, 0.0, z / 2))
        blueprint.solid_box(body, (0.92 * x, y, z), middle, Solid(mass=STEAK_MASS))
        outline = _steak_outline()
        blueprint.surface(body, forms.prism(outline, 0.55 * z), middle, fat)
        for shrink, height in ((0.97, 0.60 * z), (0.95, 0.82 * z), (0.90, z)):
            blueprint.surface(body, forms.prism(outline * shrink, height), middle, meat)
        blueprint.surface(body, forms.prism(_tee(), z + 0.0016), middle, bone)


@dataclass(frozen=True)
class Chicken(Prop):
    """A chicken leg, lying, the bone toward -x; its frame is below the middle of its length.

    The bare end of the bone is seen and not felt.
    """

    name: str = "chicken"

    @property
    def box(self) -> Box:
        x, y, z = CHICKEN
        return Box((-x / 2, -y / 2, 0.0), (x / 2, y / 2, z))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        skin = blueprint.texture("chicken_skin", _roasted(), shine=0.6)
        white = blueprint.paint("meat_bone", BONE_WHITE, shine=0.3)
        length, width, _ = CHICKEN
        knob = 0.7 * BONE[0]
        start = -length / 2 + knob  # the bone's end; the knobs stick out beyond it
        bone = Pose.of((start, 0.0, FLAT), rotations.Z_ALONG_X)
        leg = forms.lathe(_leg(length - knob, width / 2))
        # In the lathe's frame the table lies on the side of +x; flatten the leg there.
        vertices = np.column_stack([np.minimum(leg.vertices[:, 0], FLAT), leg.vertices[:, 1:]])
        blueprint.surface(
            body, replace(leg, name=f"{leg.name}_flat", vertices=vertices), bone, skin
        )
        r, h = BONE[0] / 2, BONE[1]
        profile = [(0.0, 0.0), (1.1 * r, 0.001), (0.8 * r, 0.008), (0.8 * r, h), (0.0, h)]
        shaft = forms.lathe(profile)
        blueprint.surface(body, shaft, bone, white)
        for side in (-1, 1):
            at = Pose.of((start, side * 0.45 * BONE[0], FLAT))
            size = (2 * knob, BONE[0] * 1.1, BONE[0] * 1.2)
            blueprint.ball(body, size, at, white, Solid(collides=False))
        hull = Pose.of((start, 0.0, FLAT), rotations.Z_ALONG_X)
        blueprint.solid_hull(body, vertices, hull, Solid(mass=CHICKEN_MASS))


@dataclass(frozen=True)
class Board(Prop):
    """A board for carving; its frame is in the middle of its underside."""

    name: str = "board"

    @property
    def box(self) -> Box:
        x, y, z = BOARD
        return Box((-x / 2, -y / 2, 0.0), (x / 2, y / 2, z))

    @property
    def sensor(self) -> str:
        """Name of the volume above it."""
        return f"{self.name}_success"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        wood = blueprint.texture("board_wood", textures.wood(WALNUT, planks=4), shine=0.25)
        x, y, z = BOARD
        blueprint.solid_box(body, BOARD, Pose.of((0.0, 0.0, z / 2)), Solid())
        outline = forms.rounded_rectangle(x, y, 0.020)
        slot = forms.rounded_rectangle(*BOARD_HOLE, BOARD_HOLE[0] / 2.01)
        slot = slot + np.array([-x / 2 + 0.020, 0.0])
        sheet = forms.prism(outline, z - 0.003, holes=[slot])
        blueprint.surface(body, sheet, Pose.of((0.0, 0.0, z / 2 - 0.0015)), wood)
        # A groove runs around the raised middle and keeps the juice.
        cover = forms.rounded_rectangle(x - 0.012, y - 0.012, 0.016)
        groove = forms.rounded_rectangle(x - 0.064, y - 0.030, 0.014) + np.array([0.018, 0.0])
        frame = forms.prism(cover, 0.003, holes=[groove, slot])
        blueprint.surface(body, frame, Pose.of((0.0, 0.0, z - 0.0015)), wood)
        middle = forms.rounded_rectangle(x - 0.076, y - 0.042, 0.010) + np.array([0.018, 0.0])
        blueprint.surface(body, forms.prism(middle, 0.003), Pose.of((0.0, 0.0, z - 0.0015)), wood)
        volume = (x - 0.02, y - 0.02, SENSOR_HEIGHT)
        above = Pose.of((0.0, 0.0, z + SENSOR_HEIGHT / 2))
        blueprint.volume(body, self.sensor, volume, above)


def _steak_outline() -> Outline:
    """Broad at +x, with a waist below, narrow at -x [m]."""
    angle = np.linspace(0.0, 2 * np.pi, 61)[:-1]
    x, y, _ = STEAK
    radius = 1.0 + 0.10 * np.cos(angle) - 0.10 * np.cos(2 * angle + 2.2) ** 2
    points = np.column_stack([x * np.cos(angle), y * np.sin(angle)]) * radius[:, None]
    low, high = points.min(0), points.max(0)
    return (points - (low + high) / 2) * (np.array([x, y]) / (high - low))


def _tee() -> Outline:
    """The bone: a bar along the upper edge and a rib down from it [m]."""
    x, y, _ = STEAK
    left, right, top, rib = -0.22 * x, 0.20 * x, 0.36 * y, 0.0022
    return np.array(
        [
            (left, top - 0.005),
            (-2 * rib, top - 0.006),
            (-rib, -0.18 * y),
            (rib, -0.18 * y),
            (2 * rib, top - 0.006),
            (right, top - 0.005),
            (right, top),
            (left, top),
        ]
    )


def _leg(length: float, radius: float) -> list[tuple[float, float]]:
    """Profile of the flesh: it begins thin on the bone and ends round and full."""
    start = 0.020
    along = np.linspace(0.0, 1.0, 25)
    full = np.sin(np.pi * along**1.25) ** 0.62 * (0.30 + 0.75 * along**0.8)
    full = full / full.max() * radius
    thin = np.where(along < 0.5, np.maximum(full, 0.0075), full)
    thin[[0, -1]] = 0.0
    return [
        (float(r), float(start + t * (length - start))) for r, t in zip(thin, along, strict=True)
    ]


def _seared() -> textures.Image:
    """Browned meat with the dark marks of the bars, 0.3 m wide."""
    size = 512
    gain = 1.0 + 0.10 * textures.noise((size, size), (3.0, 5.0), 31)
    column = np.arange(size) * SHEET / size  # [m]
    marks = np.cos(2 * np.pi * column / STRIPES) > 0.62
    gain[:, marks] *= 0.42
    return textures.shade(SEARED, gain)


def _roasted() -> textures.Image:
    """Golden skin with darker patches."""
    size = 256
    gain = 1.0 + 0.05 * textures.noise((size, size), (2.0, 2.0), 33)
    gain *= 1.0 - 0.30 * np.clip(textures.noise((size, size), (18.0, 14.0), 34), 0.0, 1.6)
    return textures.shade(ROASTED, gain)
