"""A ceramic mug with a handle that hangs on a rod."""

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
from jaxtyping import Float

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Ring, Solid
from premotor.simulate.modeling.forms import arc, lathe, tube
from premotor.simulate.modeling.textures import Image

RADIUS, HEIGHT = 0.0328, 0.0832  # [m]
WALL, FLOOR = 0.003, 0.006  # [m] thickness
LIFT = 0.001  # [m] of the wall off the table, on which the floor stands alone
STAVES = 12  # boxes in the wall; the fingers take two that are opposite
HANDLE_BAR = 0.0085  # [m] diameter
HANDLE_OUT = 0.0602  # [m] of the bar's middle, off the axis
HANDLE_LOW, HANDLE_HIGH = 0.010, 0.066  # [m] of the bar's middle
HANDLE_CORNER = 0.012  # [m] radius of its bends
# The benchmark's mugs weigh 1.25 kg; what hangs on a wooden rod weighs a fifth of that.
WALL_MASS, FLOOR_MASS, HANDLE_MASS = 0.18, 0.04, 0.03  # [kg]
FRICTION = 0.5  # glazed clay on painted wood; below the benchmark's 0.71 of hidden bodies

PROFILE = (
    (0.0, 0.0030),
    (0.0215, 0.0030),
    (0.0230, 0.0000),
    (0.0270, 0.0000),
    (0.0300, 0.0012),
    (0.0320, 0.0040),
    (0.0328, 0.0080),
    (0.0328, 0.0790),
    (0.0326, 0.0818),
    (0.0318, 0.0832),
    (0.0306, 0.0830),
    (0.0299, 0.0815),
    (0.0297, 0.0790),
    (0.0297, 0.0120),
    (0.0285, 0.0080),
    (0.0260, 0.0062),
    (0.0, 0.0060),
)

WHITE = (246, 245, 240)
GLAZE = (44, 84, 138)  # brushed on below the rim
# Of the way along `PROFILE`: a fine line, a band, a fine line.
STRIPES = ((0.425, 0.430), (0.440, 0.465), (0.475, 0.480))
IMAGE = 512  # [px]


@dataclass(frozen=True)
class Mug(Prop):
    """A free mug; its frame is the middle of its foot, z up, the handle at +y."""

    name: str

    @property
    def box(self) -> Box:
        out = HANDLE_OUT + HANDLE_BAR / 2
        return Box((-RADIUS, -RADIUS, 0.0), (RADIUS, out, HEIGHT))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        white = blueprint.paint("mug_white", [channel / 255 for channel in WHITE], shine=0.8)
        glazed = blueprint.texture("mug_glaze", _glaze(), shine=0.8)
        blueprint.surface(body, lathe(PROFILE), IDENTITY, glazed)
        blueprint.surface(body, tube(_handle_path(), HANDLE_BAR), IDENTITY, white)
        inner = 2 * (RADIUS - WALL)
        wall = Solid(friction=FRICTION, mass=WALL_MASS)
        around = Pose.of((0.0, 0.0, (LIFT + HEIGHT) / 2))
        blueprint.solid_ring(body, Ring(inner, WALL, HEIGHT - LIFT), STAVES, around, wall)
        foot = Solid(friction=FRICTION, mass=FLOOR_MASS)
        blueprint.solid_cylinder(body, Cylinder(inner, FLOOR), Pose.of((0.0, 0.0, FLOOR / 2)), foot)
        _add_handle(blueprint, body)


@cache
def _glaze() -> Image:
    """White, with stripes around it; the lower edge of the image is the foot."""
    image = np.full((IMAGE, IMAGE, 3), WHITE, dtype=np.uint8)
    for start, end in STRIPES:
        image[round((1.0 - end) * IMAGE) : round((1.0 - start) * IMAGE)] = GLAZE
    return image


@cache
def _handle_path() -> Float[np.ndarray, "n 3"]:
    """Middle of the bar, from inside the wall out, up with two bends, and back into the wall."""
    corner, inside = HANDLE_CORNER, RADIUS - WALL / 2
    center = np.array([HANDLE_OUT - corner, HANDLE_LOW + corner])
    low = arc(corner, -np.pi / 2, 0.0, 8) + center
    center = np.array([HANDLE_OUT - corner, HANDLE_HIGH - corner])
    high = arc(corner, 0.0, np.pi / 2, 8) + center
    flat = np.vstack([(inside, HANDLE_LOW), low, high, (inside, HANDLE_HIGH)])
    return np.column_stack([np.zeros(len(flat)), flat])


def _add_handle(blueprint: Blueprint, body: mujoco.MjsBody) -> None:
    """Two arms, a grip and two bends, as boxes."""
    inner, cut = RADIUS, HANDLE_CORNER * 0.7
    solid = Solid(friction=FRICTION, mass=HANDLE_MASS / 5)
    arms, grip = HANDLE_OUT - cut - inner, HANDLE_HIGH - HANDLE_LOW - 2 * cut
    for z in (HANDLE_LOW, HANDLE_HIGH):
        place = Pose.of((0.0, inner + arms / 2, z))
        blueprint.solid_box(body, (HANDLE_BAR, arms, HANDLE_BAR), place, solid)
    place = Pose.of((0.0, HANDLE_OUT, (HANDLE_LOW + HANDLE_HIGH) / 2))
    blueprint.solid_box(body, (HANDLE_BAR, HANDLE_BAR, grip), place, solid)
    for z, side in ((HANDLE_LOW + cut / 2, 1.0), (HANDLE_HIGH - cut / 2, -1.0)):
        half = side * np.pi / 8  # of the turn about x that lays a bend across its corner
        place = Pose.of((0.0, HANDLE_OUT - cut / 2, z), (np.cos(half), np.sin(half), 0.0, 0.0))
        blueprint.solid_box(body, (HANDLE_BAR, cut * np.sqrt(2), HANDLE_BAR), place, solid)
