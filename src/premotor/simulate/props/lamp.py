"""A table lamp without a shade: a ceramic vase, a brass stem and an empty screw socket."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import forms
from premotor.simulate.modeling.blueprint import TABLE, Blueprint, Box, Cylinder, Prop, Ring, Solid
from premotor.simulate.modeling.surfaces import Surface

SOCKET = 0.3046  # [m] frame of the socket above the lamp's
SOCKET_BASE = Cylinder(0.051, 0.0172)  # [m] diameter and height of what closes the socket below
SOCKET_BASE_CENTER = -0.0248  # [m]; 4.6 mm lower than the benchmark's: a bulb's glass rests on
# the rim before its base touches the ground
SOCKET_WALL = Ring(0.0361, 0.0059, 0.0519)  # [m] inner diameter, thickness, height
SOCKET_WALL_CENTER = 0.0028  # [m]
SLATS = 8
RIM = SOCKET + SOCKET_WALL_CENTER + SOCKET_WALL.height / 2  # [m] of the socket above the lamp
SENSOR = (0.02, 0.02, 0.035)  # [m]
SENSOR_LOW = -0.0258  # [m] in the socket's frame
BELLY = (0.0943, 0.104)  # [m] diameter and top of the lamp's thick lower part
SHOULDER = (0.0721, 0.232)  # [m] of its upper part
STEM = (0.0199, 0.273)  # [m]

GLAZE = (0.60, 0.72, 0.86)
BRASS = (0.80, 0.66, 0.36)
BAKELITE = (0.11, 0.10, 0.10)


@cache
def vase() -> Surface:
    """From the foot over the belly to the neck that holds the stem."""
    return forms.lathe(
        [
            (0.0, TABLE),
            (0.0385, TABLE),
            (0.0402, 0.000),
            (0.0402, 0.008),
            (0.0385, 0.0125),
            (0.0372, 0.017),
            (0.0385, 0.024),
            (0.0430, 0.038),
            (0.0460, 0.052),
            (0.0471, 0.068),
            (0.0466, 0.084),
            (0.0448, 0.102),
            (0.0418, 0.122),
            (0.0380, 0.142),
            (0.0338, 0.162),
            (0.0296, 0.182),
            (0.0260, 0.200),
            (0.0236, 0.214),
            (0.0226, 0.224),
            (0.0228, 0.229),
            (0.0210, 0.232),
            (0.0, 0.233),
        ]
    )


@cache
def stem() -> Surface:
    """Turned brass: a collar, a slim neck, a collar under the socket."""
    return forms.lathe(
        [
            (0.0210, 0.2310),
            (0.0216, 0.2340),
            (0.0205, 0.2370),
            (0.0120, 0.2390),
            (0.0099, 0.2420),
            (0.0099, 0.2600),
            (0.0125, 0.2630),
            (0.0180, 0.2650),
            (0.0200, 0.2680),
            (0.0200, 0.2720),
            (0.0, 0.2730),
        ]
    )


@cache
def socket() -> Surface:
    """A bakelite cup with ridges to hold it by."""
    outer, inner = SOCKET_BASE.diameter / 2, SOCKET_WALL.inner / 2
    low, top = STEM[1] - SOCKET - 0.003, RIM - SOCKET
    ridges = np.linspace(low + 0.008, top - 0.009, 25)
    side = outer - 0.0010 - 0.0006 * np.cos(np.arange(25) * np.pi / 2)
    return forms.lathe(
        [
            (0.010, low),
            (0.0215, low),
            (outer - 0.001, low + 0.003),
            *zip(side.tolist(), ridges.tolist(), strict=True),
            (outer - 0.0005, top - 0.0060),
            (outer - 0.0005, top - 0.0015),
            (outer - 0.0020, top),
            (inner + 0.0020, top),
        ]
    )


@cache
def shell() -> Surface:
    """The threaded brass inside the socket, with its rim."""
    inner, top = SOCKET_WALL.inner / 2, RIM - SOCKET
    floor = SOCKET_BASE_CENTER + SOCKET_BASE.height / 2
    along = np.linspace(0.0, 5.0, 41)
    wall = inner + 0.0006 + 0.0006 * np.cos(2.0 * np.pi * along)
    heights = top - 0.003 + (floor + 0.004 - top) * along / 5.0
    return forms.lathe(
        [
            (inner + 0.0021, top - 0.0002),
            (inner + 0.0015, top + 0.0003),
            (inner + 0.0004, top),
            *zip(wall.tolist(), heights.tolist(), strict=True),
            (0.0, floor),
        ]
    )


@dataclass(frozen=True)
class Lamp(Prop):
    """A lamp that stands fast; its socket is open to above."""

    name: str = "lamp"

    @property
    def box(self) -> Box:
        half = BELLY[0] / 2
        return Box((-half, -half, TABLE), (half, half, RIM))

    @property
    def sensor(self) -> str:
        """Name of the volume inside the socket."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        at_socket = Pose.of((0.0, 0.0, SOCKET))
        brass = blueprint.paint("lamp_brass", BRASS, shine=0.9)
        glaze = blueprint.paint("lamp_glaze", GLAZE, shine=0.85)
        blueprint.surface(body, vase(), IDENTITY, glaze)
        blueprint.surface(body, stem(), IDENTITY, brass)
        bakelite = blueprint.paint("lamp_bakelite", BAKELITE, shine=0.6)
        blueprint.surface(body, socket(), at_socket, bakelite)
        blueprint.surface(body, shell(), at_socket, brass)
        low = TABLE
        for diameter, high in (BELLY, SHOULDER, STEM):
            middle = Pose.of((0.0, 0.0, (low + high) / 2))
            blueprint.solid_cylinder(body, Cylinder(diameter, high - low), middle, Solid())
            low = high
        ground = at_socket @ Pose.of((0.0, 0.0, SOCKET_BASE_CENTER))
        blueprint.solid_cylinder(body, SOCKET_BASE, ground, Solid())
        wall = at_socket @ Pose.of((0.0, 0.0, SOCKET_WALL_CENTER))
        blueprint.solid_ring(body, SOCKET_WALL, SLATS, wall, Solid())
        volume = at_socket @ Pose.of((0.0, 0.0, SENSOR_LOW + SENSOR[2] / 2))
        blueprint.volume(body, self.sensor, SENSOR, volume)
