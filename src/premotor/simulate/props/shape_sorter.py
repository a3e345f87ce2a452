"""A wooden shape sorter, a box whose lid has five holes, and the toys that fall through them.

Harder than the benchmark's, where a star or a moon that collides is about half of what is seen:
ours are felt as they are seen, 2.4 mm of room around them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import RGB, TABLE, Blueprint, Box, Cylinder, Prop, Solid
from premotor.simulate.modeling.surfaces import bevelled_box
from premotor.simulate.props.toy_shapes import (
    HEIGHTS,
    OUTLINES,
    Outline,
    area,
    convex_parts,
    grown,
)

OUTSIDE = 0.178  # [m] of the box
WALL = 0.01  # [m]
WALLS_HIGH = 0.1305  # [m] the lid lies on them
LID = (0.2, 0.012)  # [m] edge, thickness
LID_CORNER = 0.014  # [m]
TOP = WALLS_HIGH + LID[1]  # [m]
INSIDE = (0.16, 0.16, 0.1)  # [m] of the volume that detects what has fallen in
CLEARANCE = 0.0024  # [m] between a toy and its hole, all around
FENCE = 0.008  # [m] thickness of the colliders along a hole
RIM = (0.0030, 0.0004)  # [m] width, height of the color around a hole
CHAMFER = 0.0012  # [m] of a toy's edges
DENSITY = 600.0  # [kg/m3] beech; the benchmark's 6.6 kg cube would weigh on the wrist

BEECH = (204, 158, 108)
MAPLE = (230, 204, 170)
FRICTION = 0.5

COLORS: Mapping[str, RGB] = {
    "cube": (0.0, 0.85, 1.0),
    "cylinder": (1.0, 0.41, 1.0),
    "triangular prism": (1.0, 0.70, 0.70),
    "star": (1.0, 0.988, 0.0),
    "moon": (0.621, 0.988, 0.605),
}


def _hole(x: float, y: float, degrees: float = 0.0) -> Pose:
    return Pose.of((x, y, 0.0), rotations.about_z(np.radians(degrees)))


# Where the middle of each toy goes, in the frame of the sorter. With the toy held off its middle
# (the task's `HOLDS`), the hand comes to the benchmark's places.
HOLES: Mapping[str, Pose] = {
    "cube": _hole(-0.0492, 0.0493),
    "cylinder": _hole(-0.0502, -0.0482),
    "triangular prism": _hole(0.0497, 0.0616, 180.0),
    "star": _hole(0.0003, -0.0036),
    "moon": _hole(0.0591, -0.0522, -130.0),
}
# Colliders of the lid around the holes and their fences: low and high corners [m].
LID_PARTS = (
    ((-0.100, -0.100), (-0.076, 0.100)),
    ((0.080, -0.100), (0.100, 0.100)),
    ((-0.076, 0.078), (0.080, 0.100)),
    ((-0.076, -0.100), (0.080, -0.077)),
    ((-0.076, -0.022), (-0.034, 0.025)),
    ((-0.034, 0.013), (-0.012, 0.025)),
    ((-0.024, 0.033), (0.022, 0.078)),
    ((0.013, 0.013), (0.040, 0.030)),
    ((0.040, -0.006), (0.080, 0.026)),
    ((0.022, -0.030), (0.045, -0.007)),
    ((-0.024, -0.077), (0.014, -0.034)),
)
COARSE = {"cylinder": 3, "moon": 2}  # of a hole's corners every so many are felt


def hole(label: str) -> Outline:
    """Outline of a hole [m], in its own frame."""
    return grown(OUTLINES[label], CLEARANCE)


@dataclass(frozen=True)
class ShapeSorter(Prop):
    """Stands fast; its frame is the middle of its foot, on the plane of the root."""

    name: str = "shape_sorter"

    @property
    def box(self) -> Box:
        half = LID[0] / 2
        return Box((-half, -half, 0.0), (half, half, TOP))

    @property
    def sensor(self) -> str:
        """Name of the volume that detects what has fallen in."""
        return f"{self.name}_sensor"

    def hole(self, label: str) -> str:
        """Name of the frame that a toy's comes to when it goes through its hole."""
        return f"{self.name}_{label.replace(' ', '_')}"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        wood = blueprint.texture("sorter_wood", textures.wood(BEECH, planks=1), shine=0.25)
        tall = WALLS_HIGH - TABLE
        away = (OUTSIDE - WALL) / 2
        for turn in np.arange(4) * np.pi / 2:
            side = Pose.of((0.0, 0.0, WALLS_HIGH - tall / 2), rotations.about_z(float(turn)))
            wall = side @ Pose.of((away, 0.0, 0.0))
            size = (WALL, OUTSIDE - WALL, tall)  # each begins where its neighbor's face ends
            wall = wall @ Pose.of((0.0, WALL / 2, 0.0))
            blueprint.solid_box(body, size, wall, Solid(friction=FRICTION))
            half = (size[0] / 2, size[1] / 2, size[2] / 2)
            blueprint.surface(body, bevelled_box(half, 0.001), wall, wood)
        self._build_lid(blueprint)
        room = Pose.of((0.0, 0.0, INSIDE[2] / 2))
        blueprint.volume(body, self.sensor, INSIDE, room)

    def _build_lid(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        solid = Solid(friction=FRICTION)
        wood = blueprint.texture("sorter_lid", textures.wood(MAPLE, planks=1), shine=0.3)
        middle = Pose.of((0.0, 0.0, TOP - LID[1] / 2))
        blueprint.surface(body, lid(), middle, wood)
        for (x0, y0), (x1, y1) in LID_PARTS:
            part = middle @ Pose.of(((x0 + x1) / 2, (y0 + y1) / 2, 0.0))
            blueprint.solid_box(body, (x1 - x0, y1 - y0, LID[1]), part, solid)
        for label, place in HOLES.items():
            blueprint.body(self.hole(label), place, parent=self.name)
            edge = hole(label)
            rim = forms.prism(grown(edge, RIM[0]), RIM[1], [edge])
            color = blueprint.paint(f"toy_{label}", COLORS[label], shine=0.45)
            blueprint.surface(body, rim, place @ Pose.of((0.0, 0.0, TOP)), color)
            coarse = grown(OUTLINES[label][:: COARSE.get(label, 1)], CLEARANCE)
            for start, end in zip(coarse, np.roll(coarse, -1, axis=0), strict=True):
                length = float(np.linalg.norm(end - start))
                turn = float(np.arctan2(*(end - start)[::-1]))
                side = Pose.of((*(start + end) / 2, 0.0), rotations.about_z(turn))
                fence = middle @ place @ side @ Pose.of((0.0, -FENCE / 2, 0.0))
                blueprint.solid_box(body, (length, FENCE, LID[1]), fence, solid)


@cache
def lid() -> forms.Surface:
    """The board with its five holes."""
    outline = forms.rounded_rectangle(LID[0], LID[0], LID_CORNER)
    holes = []
    for label, place in HOLES.items():
        turned = hole(label) @ place.matrix()[:2, :2].T
        holes.append(turned + place.position[:2])
    return forms.prism(outline, LID[1], holes)


@dataclass(frozen=True)
class Toy(Prop):
    """One of the five loose shapes, standing upright; its frame is its middle."""

    label: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.label.replace(" ", "_"))

    @property
    def height(self) -> float:
        """How tall it stands [m]."""
        return HEIGHTS[self.label]

    @property
    def box(self) -> Box:
        (x0, y0), (x1, y1) = OUTLINES[self.label].min(axis=0), OUTLINES[self.label].max(axis=0)
        return Box((x0, y0, -self.height / 2), (x1, y1, self.height / 2))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        paint = blueprint.paint(f"toy_{self.label}", COLORS[self.label], shine=0.45)
        outline = OUTLINES[self.label]
        core = forms.prism(outline, self.height - 2 * CHAMFER)
        blueprint.surface(body, core, IDENTITY, paint)
        blueprint.surface(body, forms.prism(grown(outline, -CHAMFER), self.height), IDENTITY, paint)
        for part in convex_parts(self.label):
            solid = Solid(mass=DENSITY * area(part) * self.height, friction=FRICTION)
            self._collider(blueprint, part, solid)

    def _collider(self, blueprint: Blueprint, part: Outline, solid: Solid) -> None:
        body = blueprint.spec.body(self.name)
        (x0, _), (x1, _) = part.min(axis=0), part.max(axis=0)
        if self.label == "cube":
            blueprint.solid_box(body, (x1 - x0, x1 - x0, self.height), IDENTITY, solid)
        elif self.label == "cylinder":
            blueprint.solid_cylinder(body, Cylinder(x1 - x0, self.height), IDENTITY, solid)
        else:
            half = self.height / 2
            points = [np.column_stack([part, np.full(len(part), z)]) for z in (-half, half)]
            blueprint.solid_hull(body, np.concatenate(points), IDENTITY, solid)
