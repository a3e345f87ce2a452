"""A bundle of bank notes with a paper band, of a currency that nobody owes anything in."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.surfaces import labelled_box

SIZE = (0.053, 0.125, 0.032)  # [m]
MASS = 0.2  # [kg] of so much paper; the benchmark's 0.5 kg would be half metal
FRICTION = 0.5
BEVEL = 0.0008  # [m]
BAND = 0.028  # [m] width of the band about the middle
PANEL = 256  # [px] of one face
NOTE = (600, 254)  # [px] of the drawing of one note

PAPER = (214, 228, 198)
INK = (44, 92, 66)
PALE_INK = (150, 184, 152)
MUSTARD = (222, 168, 48)


def _note() -> Image.Image:
    """One note, its long side across."""
    wide, tall = NOTE
    note = Image.new("RGB", NOTE, PAPER)
    draw = ImageDraw.Draw(note)
    turn = np.linspace(0.0, 2.0 * np.pi, 240)
    for size in range(10):  # a rosette on either side, as engravers turn it
        radius = (34 + 5 * size) * (1.0 + 0.16 * np.sin(11 * turn + 0.5 * size))
        for middle in (0.27 * wide, 0.73 * wide):
            points = np.stack([middle + radius * np.cos(turn), tall / 2 + radius * np.sin(turn)], 1)
            draw.line([tuple(p) for p in points.tolist()], fill=PALE_INK, width=2)
    draw.rectangle((10, 10, wide - 11, tall - 11), outline=INK, width=7)
    draw.rectangle((24, 24, wide - 25, tall - 25), outline=PALE_INK, width=3)
    face = (wide / 2 - 62, tall / 2 - 84, wide / 2 + 62, tall / 2 + 84)
    draw.ellipse(face, fill=PAPER, outline=INK, width=6)
    large, small = ImageFont.load_default(size=92), ImageFont.load_default(size=46)
    for x in (0.25 * wide, 0.75 * wide):
        draw.text((x, tall / 2), "50", INK, font=large, anchor="mm", stroke_width=2)
    for x in (62, wide - 62):
        for y in (52, tall - 52):
            draw.text((x, y), "50", INK, font=small, anchor="mm")
    return note


@cache
def printed() -> textures.Image:
    """Six faces side by side (see `labelled_box`): notes above and below, cut edges around."""
    rng = np.random.default_rng(11)
    sheets = (
        1.0 + 0.05 * rng.standard_normal((PANEL, 1)) - 0.10 * (np.arange(PANEL) % 9 == 0)[:, None]
    )
    edge = textures.shade(PAPER, np.broadcast_to(sheets, (PANEL, PANEL)))
    side = edge.copy()
    half = round(BAND / SIZE[1] * PANEL / 2)
    across = slice(PANEL // 2 - half, PANEL // 2 + half)
    side[:, across] = MUSTARD
    flat = _note().resize((PANEL, PANEL), Image.Resampling.LANCZOS).rotate(90)
    lid = np.asarray(flat).copy()
    lid[across] = MUSTARD
    for row in (across.start, across.stop - 1):
        lid[row] = side[:, row] = np.multiply(MUSTARD, 0.6).astype(np.uint8)
    return np.hstack([side, side, edge, edge, lid, lid])


@dataclass(frozen=True)
class Banknotes(Prop):
    """A loose bundle lying flat, long along y; its frame is its middle."""

    name: str = "banknotes"

    @property
    def box(self) -> Box:
        x, y, z = (edge / 2 for edge in SIZE)
        return Box((-x, -y, -z), (x, y, z))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        blueprint.solid_box(body, SIZE, IDENTITY, Solid(mass=MASS, friction=FRICTION))
        looks = labelled_box((SIZE[0] / 2, SIZE[1] / 2, SIZE[2] / 2), BEVEL)
        paper = blueprint.texture("banknotes", printed(), shine=0.1)
        blueprint.surface(body, looks, IDENTITY, paper)
