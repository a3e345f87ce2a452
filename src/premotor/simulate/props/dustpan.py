"""A dustpan on a pole: seen, not felt; a volume in its mouth detects the dirt."""

from dataclasses import dataclass

import mujoco
import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop
from premotor.simulate.modeling.forms import arc, lathe, prism

WIDTH, DEPTH, HEIGHT = 0.274, 0.218, 0.083  # [m] of the larger pan; others are scaled
SENSOR = (0.25, 0.15, 0.05)  # [m]
SENSOR_FORWARD = 0.0263  # [m] of the volume's middle, toward the mouth
FLOOR = 0.0015  # [m] thickness
WALL = 0.006  # [m] thickness
WALL_START = 0.022  # [m] from the middle toward the mouth: the broom enters up to there, and
# its head is wider than the pan
FOOT_CURVE = 0.03  # [m] radius of the back corners
POLE = 0.0205  # [m] diameter
POLE_BACK = 0.030  # [m] behind the middle
POLE_LOW = 0.060  # [m] its lower end
RING = Cylinder(0.030, 0.045)  # [m] diameter and height of the socket at the pole's foot

PLASTIC = (0.10, 0.10, 0.11)
LIP = (0.30, 0.31, 0.33)
ALUMINUM = (0.60, 0.61, 0.63)
GRIP = (0.07, 0.07, 0.08)

ON_EDGE = (0.5, 0.5, 0.5, 0.5)  # wxyz: a sheet's x, y and normal along y, z and x


@dataclass(frozen=True)
class Dustpan(Prop):
    """Open toward +y of its frame, which lies on the table under the middle of the pan."""

    name: str
    scale: float  # 1 for the larger pan
    pole: float  # [m] height of the pole's top above the table

    @property
    def box(self) -> Box:
        x, y = self.scale * WIDTH / 2, self.scale * DEPTH / 2
        return Box((-x, -y, 0.0), (x, y, self.pole))

    @property
    def sensor(self) -> str:
        """Name of the detecting volume."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        s = self.scale
        body = blueprint.body(self.name, pose)
        x, y, z = (s * edge for edge in SENSOR)
        blueprint.volume(body, self.sensor, (x, y, z), Pose.of((0.0, s * SENSOR_FORWARD, z / 2)))
        self._build_pan(blueprint, body)
        self._build_pole(blueprint, body)

    def _build_pan(self, blueprint: Blueprint, body: mujoco.MjsBody) -> None:
        s = self.scale
        plastic = blueprint.paint("dustpan_plastic", PLASTIC, shine=0.55)
        lip = blueprint.paint("dustpan_lip", LIP, shine=0.2)
        half, back, high = s * WIDTH / 2, -s * DEPTH / 2, s * HEIGHT
        corner = s * FOOT_CURVE
        inner = np.array([half - corner, back + corner])
        left = inner * [-1.0, 1.0] + arc(corner, np.pi, 1.5 * np.pi, 8)
        right = inner + arc(corner, 1.5 * np.pi, 2.0 * np.pi, 8)
        front = np.array([(half, -back), (-half, -back)])
        sheet = prism(np.concatenate([left, right, front]), FLOOR)
        blueprint.surface(body, sheet, Pose.of((0.0, 0.0, FLOOR / 2)), plastic)
        edge = (2 * half, s * 0.018, 0.0022)
        blueprint.box(body, edge, Pose.of((0.0, -back - edge[1] / 2, 0.0011)), lip, VISUAL)
        start = s * WALL_START
        # Sides rise from the table to the full height at two thirds of the way back.
        side = np.array([(back, 0.0), (start, 0.0), (start * 0.2, high * 0.55), (back * 0.5, high)])
        side = np.concatenate([side, [(back + 0.2 * corner, high)]])
        for x in (-half + WALL / 2, half - WALL / 2):
            blueprint.surface(body, prism(side, WALL), Pose.of((x, 0.0, 0.0), ON_EDGE), plastic)
        wall = (2 * half, WALL, high)
        blueprint.box(body, wall, Pose.of((0.0, back + WALL / 2, high / 2)), plastic, VISUAL)
        hood = (2 * half, -back * 0.5, WALL * 0.7)
        over = Pose.of((0.0, back + hood[1] / 2, high - hood[2] / 2))
        blueprint.box(body, hood, over, plastic, VISUAL)

    def _build_pole(self, blueprint: Blueprint, body: mujoco.MjsBody) -> None:
        s = self.scale
        metal = blueprint.paint("dustpan_pole", ALUMINUM, shine=0.85)
        black = blueprint.paint("dustpan_grip", GRIP, shine=0.4)
        foot = s * POLE_LOW
        length = self.pole - foot
        stands = Pose.of((0.0, -s * POLE_BACK - s * DEPTH * 0.12, foot))
        blueprint.cylinder(
            body, Cylinder(s * POLE, length), stands @ _up(length / 2), metal, VISUAL
        )
        socket = Cylinder(s * RING.diameter, s * RING.height)
        blueprint.cylinder(body, socket, stands @ _up(socket.height * 0.5), black, VISUAL)
        r, h = s * POLE * 0.5, 0.22 * length
        grip = ((r, 0.0), (r * 1.25, 0.004), (r * 1.2, h * 0.5), (r * 1.35, h - 0.004), (r, h))
        on_top = stands @ _up(length - h)
        blueprint.surface(body, lathe([*grip, (0.0, h + 0.002)]), on_top, black)


def _up(height: float) -> Pose:
    return Pose.of((0.0, 0.0, height))
