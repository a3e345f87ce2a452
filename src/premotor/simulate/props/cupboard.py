"""A painted kitchen cupboard: two drawers below, two open shelves above."""

from dataclasses import dataclass

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Prop, Solid

WIDTH, DEPTH = 0.360, 0.200  # [m] along x and y
WALL = 0.015  # [m]
SHELF = 0.140  # [m] height of the bottom shelf above the table; drawers fill the base
ROOMS = (0.185, 0.150)  # [m] clear heights above the two shelves
TOP = SHELF + ROOMS[0] + WALL + ROOMS[1]  # [m] lower side of the top board
CORNICE = (0.396, 0.218, 0.018)  # [m]
PLINTH = (0.372, 0.212, 0.018)  # [m]
FRAME = (0.022, 0.004)  # [m] width, thickness of the frame around the front
DRAWER = (0.156, 0.006, 0.086)  # [m] of a drawer's front
KNOB = 0.018  # [m] diameter
SENSOR = (0.310, 0.160, 0.120)  # [m] of the volume on the bottom shelf
HAND_ROOM = 0.050  # [m] around it, for a hand that takes what stands beside it from above
PAINT = (0.88, 0.87, 0.82)
OAK = (196, 146, 92)
BRASS = (0.78, 0.62, 0.30)


@dataclass(frozen=True)
class Cupboard(Prop):
    """Stands on the table, open toward -y; its frame is in the middle of its foot."""

    name: str = "cupboard"

    @property
    def box(self) -> Box:
        x, y = CORNICE[0] / 2 + HAND_ROOM, CORNICE[1] / 2 + HAND_ROOM
        return Box((-x, -y, 0.0), (x, y, TOP + WALL + CORNICE[2]))

    @property
    def sensor(self) -> str:
        """Name of the volume on its bottom shelf."""
        return f"{self.name}_success"

    def entry(self, depth: float, height: float) -> Pose:
        """Tip pose in its frame, level and pointing inward, fingers side by side.

        Args:
            depth: Of the tip behind the front [m].
            height: Above the bottom shelf [m].
        """
        # z of the tip is y of the cupboard, y is x, x points up
        return Pose.of((0.0, depth - DEPTH / 2, SHELF + height), (0.5, -0.5, -0.5, -0.5))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        paint = blueprint.paint("cupboard_paint", PAINT, shine=0.35)
        oak = blueprint.texture("cupboard_oak", textures.wood(OAK, planks=6), shine=0.2)
        boards = blueprint.texture("cupboard_boards", _boards(), shine=0.2)
        tall, inside = TOP - SHELF, WIDTH - 2 * WALL
        middle = SHELF + ROOMS[0] + WALL / 2
        aside = (WIDTH - WALL) / 2
        panels = [
            ((inside, DEPTH, SHELF - WALL), (0.0, 0.0, (SHELF - WALL) / 2), paint),
            ((inside, DEPTH, WALL), (0.0, 0.0, SHELF - WALL / 2), oak),
            ((inside, DEPTH - WALL, WALL), (0.0, WALL / 2, middle), oak),
            ((WALL, DEPTH, TOP), (-aside, 0.0, TOP / 2), paint),
            ((WALL, DEPTH, TOP), (aside, 0.0, TOP / 2), paint),
            ((inside, WALL, tall), (0.0, (DEPTH - WALL) / 2, SHELF + tall / 2), boards),
            ((WIDTH, DEPTH, WALL), (0.0, 0.0, TOP + WALL / 2), paint),
        ]
        for size, center, material in panels:
            blueprint.box(body, size, Pose.of(center), material, Solid())
        self._build_trim(blueprint)
        self._build_drawers(blueprint)
        above = Pose.of((0.0, 0.0, SHELF + SENSOR[2] / 2 + 0.005))
        blueprint.volume(body, self.sensor, SENSOR, above)

    def _build_trim(self, blueprint: Blueprint) -> None:
        """Cornice, plinth and the frame around the open front."""
        body = blueprint.spec.body(self.name)
        paint = blueprint.paint("cupboard_paint", PAINT, shine=0.35)
        oak = blueprint.texture("cupboard_oak", textures.wood(OAK, planks=6), shine=0.2)
        top = TOP + WALL
        blueprint.box(body, CORNICE, Pose.of((0.0, 0.0, top + CORNICE[2] / 2)), oak, VISUAL)
        lower = (CORNICE[0] - 0.018, CORNICE[1] - 0.010, 0.010)
        blueprint.box(body, lower, Pose.of((0.0, 0.0, top - 0.005)), paint, VISUAL)
        front = -(DEPTH + FRAME[1]) / 2
        for x in (-1, 1):
            stile = (FRAME[0], FRAME[1], top - SHELF + 0.02)
            at = (x * (WIDTH - FRAME[0]) / 2, front, (top + SHELF - 0.02) / 2)
            blueprint.box(body, stile, Pose.of(at), paint, VISUAL)
        for height, size in ((SHELF - 0.011, 0.022), (top - 0.012, 0.024)):
            rail = (WIDTH - 2 * FRAME[0], FRAME[1], size)
            blueprint.box(body, rail, Pose.of((0.0, front, height)), paint, VISUAL)
        blueprint.box(body, PLINTH, Pose.of((0.0, 0.0, PLINTH[2] / 2)), paint, VISUAL)

    def _build_drawers(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        paint = blueprint.paint("cupboard_front", tuple(0.93 * c for c in PAINT), shine=0.35)
        brass = blueprint.paint("cupboard_brass", BRASS, shine=0.9)
        front = -(DEPTH + DRAWER[1]) / 2
        height = PLINTH[2] + (SHELF - 0.022 - PLINTH[2]) / 2
        for x in (-0.085, 0.085):
            blueprint.box(body, DRAWER, Pose.of((x, front, height)), paint, VISUAL)
            knob = Pose.of((x, front - DRAWER[1] / 2 - 0.010, height))
            blueprint.ball(body, (KNOB, 0.7 * KNOB, KNOB), knob, brass, VISUAL)


def _boards() -> textures.Image:
    """Tongue-and-groove boards along the rows, painted a shade darker than the frame."""
    size, boards = 256, 9
    place = np.arange(size) * boards % size / size  # across a board
    groove = np.where(np.minimum(place, 1 - place) < 0.06, 0.72, 1.0)
    gain = groove[:, None] * (1.0 + 0.012 * textures.noise((size, size), (2.0, 30.0), 41))
    return textures.shade((196, 206, 196), gain)
