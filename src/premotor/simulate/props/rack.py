"""A wine rack of two tiers: six rods each, between which bottles lie."""

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop, Solid
from premotor.simulate.modeling.forms import arc, prism

TIERS = (0.0377, 0.1087)  # [m] heights of the rods above the table
ROD = Cylinder(0.0128, 0.1802)  # [m] diameter, length
RODS = (-0.1495, -0.0895, -0.0295, 0.0285, 0.0875, 0.1485)  # [m] along x
ROD_Y = 0.014  # [m] of a rod's middle
# Polished wood: with more friction a bottle that falls between two rods wedges itself there.
POLISHED = Solid(friction=0.15, slippery=True)
END_X = 0.1565  # [m] of the boards at both ends
END = (0.01, 0.242, 0.05)  # [m]
LONG_X = -0.0065  # [m] of the middle of the two long boards
BACK, BACK_Y = (0.3221, 0.01, 0.05), 0.109  # [m]
SILL, SILL_Y, SILL_DROP = (0.3221, 0.01, 0.0125), -0.073, 0.022  # [m] low, under the necks
PLACES = {"middle": -0.0012, "left": 0.1178, "right": -0.1172}  # [m] along x, of the waypoints
SENSORS = {"middle": -0.0020, "left": 0.1170, "right": -0.1180}  # [m] along x
SENSOR = Cylinder(0.04, 0.2)  # [m] diameter, length
SENSOR_Y, SENSOR_HEIGHT = 0.0, 0.1151  # [m] of its middle

POST = 0.016  # [m] looks: posts at the corners carry both tiers
POST_Y = 0.113  # [m]
POST_TOP = 0.142  # [m]
CRADLE = 0.0325  # [m] radius of the hollows in the looks of the sill, about a bottle that lies
CRADLE_RISE = 0.022  # [m] of that bottle's axis above the rods
MAPLE, BEECH = (246, 224, 178), (206, 160, 104)


def _cradles() -> Float[np.ndarray, "n 2"]:
    """Outline of the front board: hollows for five bottles; x along the board, y up from rods."""
    low, top = -SILL_DROP - SILL[2] / 2, ROD.diameter / 2
    half = SILL[0] / 2
    points = [np.array([(half + LONG_X, low), (half + LONG_X, top)])]
    reach = np.arccos((CRADLE_RISE - top) / CRADLE)  # [rad] from straight down to the rim
    for right, left in zip(RODS[:0:-1], RODS[-2::-1], strict=True):
        middle = np.array([(left + right) / 2, CRADLE_RISE])
        points.append(middle + arc(CRADLE, -np.pi / 2 + reach, -np.pi / 2 - reach, 14))
    points.append(np.array([(-half + LONG_X, top), (-half + LONG_X, low)]))
    return np.concatenate(points)


@dataclass(frozen=True)
class Rack(Prop):
    """Fixed; bottles lie along y with their foot at +y. Its frame is on the table, midway.

    Posts, knobs and the hollows of the front boards are seen, not felt: beside the outer places
    the posts leave a bottle no room. The knobs reach 9 mm above the box.
    """

    name: str = "wine_rack"

    @property
    def box(self) -> Box:
        return Box((-0.17, -0.125, 0.0), (0.17, 0.125, POST_TOP))

    def sensor(self, label: str) -> str:
        """Name of the volume that detects a bottle at a place."""
        return f"{self.name}_{label}"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        maple = blueprint.texture("rack_maple", textures.wood(MAPLE, planks=1), shine=0.25)
        beech = blueprint.texture("rack_beech", textures.wood(BEECH, planks=1), shine=0.3)
        for height in TIERS:
            self._build_tier(blueprint, body, height, maple=maple, beech=beech)
        for x in (-END_X, END_X):
            for y in (-POST_Y, POST_Y):
                post = Pose.of((x, y, POST_TOP / 2))
                blueprint.box(body, (POST, POST, POST_TOP), post, beech, VISUAL)
                knob = Pose.of((x, y, POST_TOP + 0.004))
                blueprint.ball(body, (0.018, 0.018, 0.014), knob, maple, VISUAL)
        for label, x in SENSORS.items():
            middle = Pose.of((x, SENSOR_Y, SENSOR_HEIGHT), rotations.Z_AGAINST_Y)
            blueprint.round_volume(body, self.sensor(label), SENSOR, middle)

    @staticmethod
    def _build_tier(
        blueprint: Blueprint, body: mujoco.MjsBody, height: float, *, maple: str, beech: str
    ) -> None:
        for x in RODS:
            rod = Pose.of((x, ROD_Y, height), rotations.Z_AGAINST_Y)
            blueprint.cylinder(body, ROD, rod, beech, POLISHED)
        for x in (-END_X, END_X):
            blueprint.box(body, END, Pose.of((x, 0.0, height)), maple, Solid())
        blueprint.box(body, BACK, Pose.of((LONG_X, BACK_Y, height)), maple, Solid())
        sill = Pose.of((LONG_X, SILL_Y, height - SILL_DROP))
        blueprint.solid_box(body, SILL, sill, Solid())
        front = Pose.of((0.0, SILL_Y, height), rotations.Z_AGAINST_Y)
        blueprint.surface(body, prism(_cradles(), SILL[1]), front, maple)
