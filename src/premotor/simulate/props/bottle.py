"""A wine bottle with a printed label, standing free on the table."""

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Solid
from premotor.simulate.modeling.forms import Profile, lathe

BODY = (0.06, 0.18)  # [m] diameter and height of the lower part
# That part collides as a row of balls: two cylinders side by side touch in one point, at a depth
# that the solver finds badly, and a bottle dropped between rods would sink in and jam.
BALLS = (0.03, 0.06, 0.09, 0.12, 0.15)  # [m] heights of their middles
FOOT = Cylinder(0.052, 0.05)  # [m] diameter and height of what it stands on
NECK = Cylinder(0.0243, 0.0729)  # [m] of the upper one
NECK_MIDDLE = 0.2100  # [m] above the foot
BALL_MASS, FOOT_MASS, NECK_MASS = 0.07, 0.15, 0.04  # [kg]; 0.54 together

GLASS: Profile = (  # [m] radius, height; a punt under the foot
    (0.0, 0.009),
    (0.014, 0.006),
    (0.024, 0.0006),
    (0.0265, 0.0),
    (0.0290, 0.0016),
    (0.0298, 0.005),
    (0.0298, 0.124),
    (0.0294, 0.133),
    (0.0280, 0.142),
    (0.0252, 0.151),
    (0.0212, 0.160),
    (0.0170, 0.168),
    (0.0140, 0.175),
    (0.0123, 0.184),
    (0.0117, 0.196),
    (0.0114, 0.238),
    (0.0, 0.238),
)
CAPSULE: Profile = (  # the foil over the mouth, with the ring of the bottle under it
    (0.0122, 0.194),
    (0.0121, 0.229),
    (0.0128, 0.231),
    (0.0132, 0.234),
    (0.0132, 0.240),
    (0.0126, 0.243),
    (0.0118, 0.2452),
    (0.0105, 0.2464),
    (0.0, 0.2464),
)
BAND: Profile = ((0.0119, 0.1895), (0.01245, 0.190), (0.01225, 0.194), (0.0119, 0.1945))
LABEL: Profile = ((0.0300, 0.034), (0.0300, 0.110))

GREEN = (0.012, 0.070, 0.030)
WINE_RED = (0.36, 0.03, 0.07)
GOLD = (0.72, 0.56, 0.22)
PAPER, INK, CRIMSON, GILT = (243, 236, 217), (52, 42, 40), (128, 18, 34), (176, 138, 58)
LABEL_SIZE = (1024, 416)  # [px] once around the bottle
PAPER_SIZE = 404  # [px] width of each of the two papers; between them one sees glass
GLASS_RGB = (6, 22, 10)


@cache
def _label() -> textures.Image:
    """Two papers of an invented winery, on opposite sides of the bottle."""
    image = Image.new("RGB", LABEL_SIZE, GLASS_RGB)
    for middle in (LABEL_SIZE[0] // 4, 3 * LABEL_SIZE[0] // 4):
        _draw_paper(ImageDraw.Draw(image), middle)
    return np.asarray(image, dtype=np.uint8)


def _draw_paper(draw: ImageDraw.ImageDraw, middle: int) -> None:
    """A hill, what the lake shows of it, and the name; `middle` [px] from the left."""
    left, right, height = middle - PAPER_SIZE // 2, middle + PAPER_SIZE // 2, LABEL_SIZE[1]
    draw.rectangle((left, 0, right, height), fill=PAPER)
    draw.rectangle((left, 0, right, 16), fill=GILT)
    draw.rectangle((left, height - 64, right, height), fill=CRIMSON)
    draw.line((left, height - 74, right, height - 74), fill=GILT, width=5)
    shore = 148
    for side, color in ((1, CRIMSON), (-1, GILT)):
        for x, size in ((middle - 66, 74), (middle + 62, 60), (middle, 104)):
            peak = shore - side * size
            draw.polygon([(x - 100, shore), (x, peak), (x + 100, shore)], fill=color, outline=PAPER)
    draw.rectangle((middle - 176, shore - 2, middle + 176, shore + 2), fill=INK)
    for text, y, size, color in (
        ("MONTE SPECCHIO", 284, 46, INK),
        ("vino rosso 2018", 322, 28, CRIMSON),
        ("TENUTA F5", height - 32, 36, PAPER),
    ):
        font = ImageFont.load_default(size)
        draw.text((middle, y), text, fill=color, font=font, anchor="mm")


@dataclass(frozen=True)
class Bottle(Prop):
    """Upright on its frame, which lies under the middle of the foot."""

    name: str = "wine_bottle"

    @property
    def box(self) -> Box:
        half = BODY[0] / 2
        return Box((-half, -half, 0.0), (half, half, NECK_MIDDLE + NECK.height / 2))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        for height in BALLS:
            ball = Pose.of((0.0, 0.0, height))
            blueprint.solid_ball(body, BODY[0], ball, Solid(mass=BALL_MASS))
        foot, neck = (Pose.of((0.0, 0.0, z)) for z in (FOOT.height / 2, NECK_MIDDLE))
        blueprint.solid_cylinder(body, FOOT, foot, Solid(mass=FOOT_MASS))
        blueprint.solid_cylinder(body, NECK, neck, Solid(mass=NECK_MASS))
        self._draw(blueprint, body)

    def _draw(self, blueprint: Blueprint, body: mujoco.MjsBody) -> None:
        # The papers look along +x and -x: to the cameras in front and, once laid down, up.
        turned = Pose.of((0.0, 0.0, 0.0), rotations.about_z(-np.pi / 2))
        parts = [
            (GLASS, blueprint.paint("bottle_glass", GREEN, shine=1.0)),
            (CAPSULE, blueprint.paint("bottle_foil", WINE_RED, shine=0.75)),
            (BAND, blueprint.paint("bottle_gold", GOLD, shine=0.9)),
            (LABEL, blueprint.texture("bottle_label", _label(), shine=0.15)),
        ]
        for profile, paint in parts:
            blueprint.surface(body, lathe(profile), turned, paint)
