"""A three-drawer cabinet on legs; the drawers slide out along +y of its frame."""

from dataclasses import dataclass

import mujoco
import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop, Solid

PANEL = 0.0075  # [m] thickness of the carcass panels
WIDTH = 0.375  # [m] of the carcass along x, y and z
CARCASS_LOW, CARCASS_HIGH = 0.093, 0.462  # [m] heights of the bottom and the top panel
LEG = Cylinder(0.015, 0.093)  # [m] diameter, height
LEG_OFFSET = 0.18  # [m] from the middle, both ways
DRAWER_HEIGHTS = {"bottom": 0.159, "middle": 0.279, "top": 0.399}  # [m] of a drawer's middle
DRAWER_WIDTH, DRAWER_DEPTH, DRAWER_SIDE = 0.3562, 0.3675, 0.1176  # [m]
DRAWER_WALL = 0.0071  # [m] thickness
DRAWER_BACK, DRAWER_FRONT, DRAWER_MIDDLE = -0.1632, 0.1864, 0.0108  # [m] along y
DRAWER_FLOOR = -0.0555  # [m] below the drawer's middle
HANDLE = Cylinder(0.015, 0.075)  # [m] diameter, length
HANDLE_DISTANCE = 0.2058  # [m] of the bar in front of the cabinet's axis
HANDLE_RAISE = 0.0045  # [m] above the drawer's middle
POST = (0.0075, 0.012, 0.0075)  # [m]
TRAVEL = 0.3  # [m]
INSIDE = (0.30, 0.30, 0.075)  # [m] of the volume that detects what lies in a drawer
INSIDE_LOW = {"bottom": -0.0495, "middle": -0.0195, "top": -0.045}  # [m] from its middle
INSIDE_MIDDLE = 0.023  # [m] along y
FRICTION = 1.0  # [N] of the runners; a drawer stays where it is left

WOOD = (184, 159, 122)
LIGHT_WOOD = (219, 207, 189)
STEEL = (0.70, 0.70, 0.72)


@dataclass(frozen=True)
class Cabinet(Prop):
    """Open-fronted carcass with three drawers, each with a bar handle."""

    name: str = "cabinet"

    @property
    def box(self) -> Box:
        """The benchmark's model box; its long side holds the room to pull."""
        return Box((-0.191, -0.189, -0.004), (0.191, 0.433, 0.466))

    def drawer(self, label: str) -> str:
        """Name of a drawer's body, and of the joint it slides on."""
        return f"{self.name}_{label}"

    def inside(self, label: str) -> str:
        """Name of the volume that detects what lies in a drawer, and rides with it."""
        return f"{self.drawer(label)}_inside"

    def handle(self, label: str) -> Pose:
        """Tip pose that holds a bar, in the cabinet's frame: approach -y, fingers along z."""
        height = DRAWER_HEIGHTS[label] + 0.0044
        return Pose.of((0.0, 0.1955, height), rotations.Z_AGAINST_Y)

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        carcass = blueprint.body(self.name, pose)
        wood = blueprint.texture("cabinet_wood", textures.wood(WOOD, planks=1), shine=0.2)
        metal = blueprint.paint("cabinet_steel", STEEL, shine=0.8)
        side = (CARCASS_LOW + CARCASS_HIGH) / 2
        tall = CARCASS_HIGH - CARCASS_LOW - PANEL
        panels = [
            ((WIDTH + PANEL, WIDTH, PANEL), (0.0, 0.002, CARCASS_HIGH)),
            ((WIDTH + PANEL, WIDTH, PANEL), (0.0, 0.002, CARCASS_LOW)),
            ((PANEL, WIDTH, tall), (-WIDTH / 2, 0.002, side)),
            ((PANEL, WIDTH, tall), (WIDTH / 2, 0.002, side)),
            ((WIDTH - PANEL, PANEL, tall), (0.0, -0.1818, side)),
        ]
        for size, center in panels:
            blueprint.box(carcass, size, Pose.of(center), wood, Solid())
        for x in (-LEG_OFFSET, LEG_OFFSET):
            for y in (-LEG_OFFSET, LEG_OFFSET):
                blueprint.cylinder(
                    carcass, LEG, Pose.of((x, y, LEG.height / 2 - 0.0035)), metal, Solid()
                )
        for label, height in DRAWER_HEIGHTS.items():
            self._build_drawer(blueprint, label, height)
        self._exclude(blueprint)

    def _build_drawer(self, blueprint: Blueprint, label: str, height: float) -> None:
        name = self.drawer(label)
        drawer = blueprint.body(name, Pose.of((0.0, 0.0, height)), parent=self.name)
        drawer.gravcomp = 1.0
        grain = textures.wood(LIGHT_WOOD, planks=1)
        light = blueprint.texture("cabinet_light_wood", grain, shine=0.25)
        metal = blueprint.paint("cabinet_steel", STEEL, shine=0.8)
        flat = (DRAWER_WIDTH, DRAWER_WALL, DRAWER_SIDE)
        deep = (DRAWER_WALL, DRAWER_DEPTH, DRAWER_SIDE)
        walls = [
            (flat, (0.0, DRAWER_BACK, 0.0)),
            (flat, (0.0, DRAWER_FRONT, 0.0)),
            (deep, (-0.18, DRAWER_MIDDLE, 0.0)),
            (deep, (0.18, DRAWER_MIDDLE, 0.0)),
            ((DRAWER_WIDTH, DRAWER_DEPTH, DRAWER_WALL), (0.0, DRAWER_MIDDLE, DRAWER_FLOOR)),
        ]
        wall = Solid(mass=0.06)
        for size, center in walls:
            blueprint.box(drawer, size, Pose.of(center), light, wall)
        bar = Pose.of((0.0, HANDLE_DISTANCE, HANDLE_RAISE), rotations.Z_ALONG_X)
        blueprint.cylinder(drawer, HANDLE, bar, metal, Solid(mass=0.0375))
        for x in (-0.033, 0.033):
            post = Pose.of((x, 0.1953, HANDLE_RAISE))
            blueprint.box(drawer, POST, post, metal, VISUAL)
        low = INSIDE_LOW[label]
        room = Pose.of((0.0, INSIDE_MIDDLE, low + INSIDE[2] / 2))
        blueprint.volume(drawer, self.inside(label), INSIDE, room)
        drawer.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[0.0, 1.0, 0.0],
            range=[0.0, TRAVEL],
            limited=True,
            damping=np.array([2.0, 0.0, 0.0]),
            frictionloss=FRICTION,
        )

    def _exclude(self, blueprint: Blueprint) -> None:
        """Drawers run on rails: neither the carcass nor their neighbors stop them."""
        names = [self.name, *(self.drawer(label) for label in DRAWER_HEIGHTS)]
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                blueprint.exclude(first, second)
