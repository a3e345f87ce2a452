"""A steel safe with three shelves, its door swung open flat against its front."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import forms
from premotor.simulate.modeling.blueprint import (
    TABLE,
    VISUAL,
    Blueprint,
    Box,
    Cylinder,
    Prop,
    Solid,
)
from premotor.simulate.modeling.surfaces import Surface

WIDTH, DEPTH = 0.31, 0.236  # [m] along x and y; the front is at +y
LOW, HIGH = TABLE, 0.4937  # [m] heights of the outside; the benchmark's floats 0.6 mm up
PLATE = 0.01  # [m] of the sides and the back
THICK = 0.0225  # [m] of floor, shelves and top
SHELVES = (0.1560, 0.3113)  # [m] heights of the middles of the two shelves
CORNER = 0.010  # [m] radius of the outer edges
BACK = -0.1129  # [m] middle of the back wall along y
DOOR = (0.2898, 0.010, 0.4514)  # [m] width, thickness, height
DOOR_MIDDLE = (0.288, 0.123, 0.2456)  # [m]
HINGE_AXIS = 0.145  # [m] along x
LINING = 0.0012  # [m] thickness of the felt on the shelves and of the lining of the back
MARGIN = 0.012  # [m] of a shelf around its felt
SEAL = (0.004, 0.003)  # [m] width, how far it stands out
# What is seen on the door and not felt; heights are above its middle.
FRAME, PANEL, PANEL_CORNER = 0.025, 0.012, 0.016  # [m] about the inner panel, its thickness
BOLT, BOLTS_AT = Cylinder(0.016, 0.052), (-0.13, 0.0, 0.13)  # [m] (diameter, length), heights
HINGE, HINGES_AT = Cylinder(0.016, 0.05), (-0.15, 0.15)  # [m]
DIAL_PLATE, DIAL_AT = Cylinder(0.078, 0.004), 0.075  # [m]
HUB, WHEEL_AT, WHEEL_AWAY = Cylinder(0.024, 0.05), -0.045, 0.03  # [m]
WHEEL, SPOKE = (0.046, 0.009), 0.007  # [m] radius and thickness of the rim, thickness

LABELS: tuple[str, ...] = ("bottom", "middle", "top")  # position = the benchmark's variation index
SENSOR = (0.2, 0.2, 0.01)  # [m] of the slab that detects what lies on a shelf
SENSOR_MIDDLE = 0.0116  # [m] along y
SENSOR_LOW = dict(zip(LABELS, (0.0193, 0.1644, 0.3194), strict=True))  # [m]
FRICTION = 0.5

GRAY = (0.80, 0.80, 0.80)
SLATE = (0.30, 0.34, 0.40)
FELT = (0.20, 0.30, 0.30)
STEEL = (0.66, 0.68, 0.70)
BRASS = (0.80, 0.62, 0.28)


@cache
def wheel() -> Surface:
    """Rim of the hand wheel, about z."""
    circle = forms.arc(WHEEL[0], 0.0, 2.0 * np.pi, 41)
    return forms.tube(np.column_stack([circle, np.zeros(len(circle))]), WHEEL[1])


@cache
def spoke() -> Surface:
    """A bar from one side of the hand wheel to the other, along x."""
    reach = np.linspace(-WHEEL[0], WHEEL[0], 3)
    return forms.tube(np.column_stack([reach, np.zeros(3), np.zeros(3)]), SPOKE)


@cache
def dial() -> Surface:
    """The combination lock's knob, turned about z, its foot at z = 0."""
    return forms.lathe(
        [
            (0.0, 0.0),
            (0.031, 0.0),
            (0.031, 0.004),
            (0.029, 0.006),
            (0.017, 0.007),
            (0.0155, 0.017),
            (0.0140, 0.0185),
            (0.0, 0.0185),
        ]
    )


@dataclass(frozen=True)
class Safe(Prop):
    """Stands fast; its frame is the middle of its foot, y pointing out of its open front."""

    name: str = "safe"

    @property
    def box(self) -> Box:
        reach = DOOR_MIDDLE[0] + DOOR[0] / 2
        return Box((-WIDTH / 2, -DEPTH / 2, LOW), (reach, DEPTH / 2 + DOOR[1], HIGH))

    def sensor(self, label: str) -> str:
        """Name of the slab that detects what lies on a shelf."""
        return f"{self.name}_{label}"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        solid = Solid(friction=FRICTION)
        middle, tall = (LOW + HIGH) / 2, HIGH - LOW
        for side in (-1.0, 1.0):
            wall = Pose.of((side * (WIDTH - PLATE) / 2, 0.0, middle))
            blueprint.solid_box(body, (PLATE, DEPTH, tall), wall, solid)
        blueprint.solid_box(body, (WIDTH, PLATE, tall), Pose.of((0.0, BACK, middle)), solid)
        for height in (LOW + THICK / 2, *SHELVES, HIGH - THICK / 2):
            flat = Pose.of((0.0, 0.0, height))
            blueprint.solid_box(body, (WIDTH - 2 * PLATE, DEPTH, THICK), flat, solid)
        blueprint.solid_box(body, DOOR, Pose.of(DOOR_MIDDLE), solid)
        for label, low in SENSOR_LOW.items():
            slab = Pose.of((0.0, SENSOR_MIDDLE, low + SENSOR[2] / 2))
            blueprint.volume(body, self.sensor(label), SENSOR, slab)
        self._draw_case(blueprint)
        self._draw_door(blueprint)

    def _draw_case(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        gray = blueprint.paint("safe_gray", GRAY, shine=0.45)
        slate = blueprint.paint("safe_slate", SLATE, shine=0.15)
        felt = blueprint.paint("safe_felt", FELT, shine=0.0)
        middle, tall = (LOW + HIGH) / 2, HIGH - LOW
        inside = (WIDTH - 2 * PLATE, tall - 2 * THICK)
        opening = forms.rounded_rectangle(*inside, 0.004)
        case = forms.prism(forms.rounded_rectangle(WIDTH, tall, CORNER), DEPTH, [opening])
        blueprint.surface(body, case, Pose.of((0.0, 0.0, middle), rotations.Z_ALONG_Y), gray)
        seal = forms.prism(
            forms.rounded_rectangle(inside[0] + 2 * SEAL[0], inside[1] + 2 * SEAL[0], 0.008),
            SEAL[1],
            [opening],
        )
        blueprint.surface(body, seal, Pose.of((0.0, DEPTH / 2, middle), rotations.Z_ALONG_Y), slate)
        wall = Pose.of((0.0, BACK, middle))
        blueprint.box(body, (inside[0], PLATE, inside[1]), wall, gray, VISUAL)
        lining = Pose.of((0.0, BACK + PLATE / 2, middle))
        blueprint.box(body, (inside[0], LINING, inside[1]), lining, slate, VISUAL)
        for height in SHELVES:
            shelf = Pose.of((0.0, 0.0, height))
            blueprint.box(body, (inside[0], DEPTH - PLATE, THICK), shelf, gray, VISUAL)
        for height in (LOW + THICK, *(h + THICK / 2 for h in SHELVES)):
            mat = Pose.of((0.0, 0.002, height))
            size = (inside[0] - 2 * MARGIN, DEPTH - PLATE - 2 * MARGIN, LINING)
            blueprint.box(body, size, mat, felt, VISUAL)

    def _draw_door(self, blueprint: Blueprint) -> None:
        """Seen from the front is its inner side, with the bolts; the lock is behind."""
        body = blueprint.spec.body(self.name)
        gray = blueprint.paint("safe_gray", GRAY, shine=0.45)
        slate = blueprint.paint("safe_slate", SLATE, shine=0.15)
        steel = blueprint.paint("safe_steel", STEEL, shine=0.9)
        brass = blueprint.paint("safe_brass", BRASS, shine=0.8)
        x, y, z = DOOR_MIDDLE
        leaf = forms.prism(forms.rounded_rectangle(DOOR[0], DOOR[2], CORNER), DOOR[1])
        blueprint.surface(body, leaf, Pose.of(DOOR_MIDDLE, rotations.Z_ALONG_Y), gray)
        inset = forms.rounded_rectangle(DOOR[0] - 2 * FRAME, DOOR[2] - 2 * FRAME, PANEL_CORNER)
        panel = Pose.of((x, y + DOOR[1] / 2, z), rotations.Z_ALONG_Y)
        blueprint.surface(body, forms.prism(inset, PANEL), panel, slate)
        for rise in BOLTS_AT:
            bolt = Pose.of(
                (x + (DOOR[0] - FRAME) / 2, y + DOOR[1] / 2 + BOLT.diameter / 8, z + rise),
                rotations.Z_ALONG_X,
            )
            blueprint.cylinder(body, BOLT, bolt, steel, VISUAL)
        for rise in HINGES_AT:
            hinge = Pose.of((HINGE_AXIS, y, z + rise))
            blueprint.cylinder(body, HINGE, hinge, steel, VISUAL)
        outer = y - DOOR[1] / 2
        knob = Pose.of((x, outer, z + DIAL_AT), rotations.Z_AGAINST_Y)
        blueprint.surface(body, dial(), knob, brass)
        blueprint.cylinder(body, DIAL_PLATE, knob, slate, VISUAL)
        hub = Pose.of((x, outer, z + WHEEL_AT), rotations.Z_AGAINST_Y)
        blueprint.cylinder(body, HUB, hub, steel, VISUAL)
        away = hub @ Pose.of((0.0, 0.0, WHEEL_AWAY))
        blueprint.surface(body, wheel(), away, steel)
        for turn in np.arange(3) * np.pi / 3:
            turned = away @ Pose.of(np.zeros(3), rotations.about_z(float(turn)))
            blueprint.surface(body, spoke(), turned, steel)
