"""What is printed on groceries: brands and pictures of our own, drawn with Pillow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from premotor.simulate.modeling.textures import Image

PANEL = 256  # [px] width and height of a drawn panel; it is stretched over its face
RESOLUTION = 2600.0  # [px/m] at which a panel is drawn before it is stretched

Ink = tuple[int, int, int]
Frame = tuple[float, float, float, float]  # left, top, right, bottom [px]
Draw = ImageDraw.ImageDraw
Picture = Callable[[Draw, Frame], None]

WHITE: Ink = (250, 248, 240)
GRAY: Ink = (120, 120, 125)


@dataclass(frozen=True)
class Label:
    """A brand, what is inside, and the colors and the picture that say so."""

    brand: str
    goods: str
    ground: Ink
    band: Ink
    ink: Ink  # of the writing on the ground
    picture: Picture


@cache
def carton(label: Label, size: tuple[float, float, float]) -> Image:
    """Six panels for `surfaces.labelled_box`: fronts on the sides of +-y; `size` is in [m]."""
    x, y, z = size
    side, front, lid = _side(label, (y, z)), _front(label, (x, z)), _lid(label, (x, y))
    panels = [side, side, front, front, lid, lid]
    return np.concatenate([_stretched(panel) for panel in panels], axis=1)


@cache
def wrapper(label: Label, diameter: float, height: float) -> Image:
    """Twice the front around a can of so much diameter and height [m]."""
    front = _front(label, (np.pi * diameter / 2, height))
    return np.concatenate([np.asarray(front)] * 2, axis=1)


def _stretched(panel: Pictures.Image) -> Image:
    return np.asarray(panel.resize((PANEL, PANEL), Pictures.Resampling.LANCZOS))


def _blank(color: Ink, size: tuple[float, float]) -> tuple[Pictures.Image, Draw, float, float]:
    width, height = (max(8, round(edge * RESOLUTION)) for edge in size)
    image = Pictures.new("RGB", (width, height), color)
    return image, ImageDraw.Draw(image), float(width), float(height)


def _front(label: Label, size: tuple[float, float]) -> Pictures.Image:
    """Brand on a band above, what is inside below it, and the picture."""
    image, draw, width, height = _blank(label.ground, size)
    draw.rectangle((0, 0.06 * height, width, 0.30 * height), fill=label.band)
    for y in (0.06, 0.30):
        draw.line((0, y * height, width, y * height), fill=WHITE, width=max(1, int(height / 70)))
    _write(draw, label.brand, (0.06 * width, 0.08 * height, 0.94 * width, 0.28 * height), WHITE)
    goods = (0.05 * width, 0.32 * height, 0.95 * width, 0.50 * height)
    _write(draw, label.goods, goods, label.ink)
    edge = 0.5 * min(0.44 * height, 0.80 * width)
    x, y = 0.5 * width, 0.74 * height
    label.picture(draw, (x - edge, y - edge, x + edge, y + edge))
    return image


def _side(label: Label, size: tuple[float, float]) -> Pictures.Image:
    """The band goes on; below it a table as on every package."""
    image, draw, width, height = _blank(label.ground, size)
    draw.rectangle((0, 0.06 * height, width, 0.30 * height), fill=label.band)
    table = (0.16 * width, 0.42 * height, 0.84 * width, 0.92 * height)
    draw.rectangle(table, fill=WHITE)
    for i in range(1, 8):
        y = table[1] + i * (table[3] - table[1]) / 8
        end = table[2] - (0.10 + 0.12 * (i % 3)) * width
        draw.line((table[0] + 0.06 * width, y, end, y), fill=GRAY, width=2)
    return image


def _lid(label: Label, size: tuple[float, float]) -> Pictures.Image:
    image, draw, width, height = _blank(label.band, size)
    _write(draw, label.brand, (0.1 * width, 0.15 * height, 0.9 * width, 0.85 * height), WHITE)
    return image


def _write(draw: Draw, text: str, frame: Frame, ink: Ink) -> None:
    """A line of text, as large as its frame admits."""
    left, top, right, bottom = frame
    size = bottom - top
    wide = draw.textlength(text, font=ImageFont.load_default(size))
    font = ImageFont.load_default(max(4.0, size * min(1.0, (right - left) / wide)))
    middle = ((left + right) / 2, (top + bottom) / 2)
    draw.text(middle, text, fill=ink, font=font, anchor="mm", stroke_width=1, stroke_fill=ink)


def _at(frame: Frame, left: float, top: float, right: float, bottom: float) -> Frame:
    """A part of a frame, in fractions of it."""
    x, y = frame[2] - frame[0], frame[3] - frame[1]
    return frame[0] + left * x, frame[1] + top * y, frame[0] + right * x, frame[1] + bottom * y


def _points(frame: Frame, *places: tuple[float, float]) -> list[tuple[float, float]]:
    return [_at(frame, x, y, x, y)[:2] for x, y in places]


def _crackers(draw: Draw, frame: Frame) -> None:
    for left, top in ((0.02, 0.30), (0.42, 0.36), (0.20, 0.04)):
        disc = _at(frame, left, top, left + 0.55, top + 0.55)
        draw.ellipse(disc, fill=(240, 196, 112), outline=(150, 92, 36), width=3)
        for x, y in ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.32, 0.72), (0.68, 0.72)):
            draw.ellipse(_at(disc, x - 0.05, y - 0.05, x + 0.05, y + 0.05), fill=(150, 92, 36))


def _pudding(draw: Draw, frame: Frame) -> None:
    draw.ellipse(_at(frame, 0.0, 0.80, 1.0, 0.98), fill=WHITE)
    shape = _points(frame, (0.10, 0.88), (0.28, 0.30), (0.72, 0.30), (0.90, 0.88))
    draw.polygon(shape, fill=(104, 56, 26))
    draw.ellipse(_at(frame, 0.28, 0.20, 0.72, 0.40), fill=(62, 30, 14))
    for x in (0.30, 0.46, 0.62):
        draw.ellipse(_at(frame, x, 0.30, x + 0.10, 0.62), fill=(62, 30, 14))
    draw.ellipse(_at(frame, 0.38, 0.06, 0.62, 0.28), fill=WHITE)


def _strawberry(draw: Draw, frame: Frame) -> None:
    body = [(0.5, 1.0), (0.14, 0.56), (0.12, 0.34), (0.30, 0.22), (0.70, 0.22), (0.88, 0.34)]
    draw.polygon(_points(frame, *body, (0.86, 0.56)), fill=(222, 22, 42))
    draw.ellipse(_at(frame, 0.12, 0.18, 0.54, 0.62), fill=(222, 22, 42))
    draw.ellipse(_at(frame, 0.46, 0.18, 0.88, 0.62), fill=(222, 22, 42))
    for x, y in ((0.3, 0.42), (0.5, 0.40), (0.7, 0.42), (0.4, 0.60), (0.6, 0.60), (0.5, 0.78)):
        draw.ellipse(_at(frame, x - 0.025, y - 0.035, x + 0.025, y + 0.035), fill=(255, 222, 120))
    leaf = [(0.5, 0.34), (0.2, 0.26), (0.36, 0.16), (0.4, 0.02), (0.5, 0.12), (0.62, 0.02)]
    draw.polygon(_points(frame, *leaf, (0.66, 0.16), (0.8, 0.26)), fill=(40, 140, 44))


def _tomato(draw: Draw, frame: Frame) -> None:
    draw.ellipse(_at(frame, 0.06, 0.16, 0.94, 0.98), fill=(206, 30, 20))
    draw.ellipse(_at(frame, 0.20, 0.30, 0.40, 0.48), fill=(240, 108, 88))
    star = [(0.5, 0.36), (0.24, 0.28), (0.44, 0.20), (0.5, 0.02), (0.58, 0.20), (0.78, 0.28)]
    draw.polygon(_points(frame, *star), fill=(30, 120, 40))


def _fish(draw: Draw, frame: Frame) -> None:
    draw.ellipse(_at(frame, -0.25, 0.25, 0.90, 0.80), fill=(222, 230, 236))
    draw.polygon(_points(frame, (0.80, 0.52), (1.25, 0.20), (1.25, 0.85)), fill=(222, 230, 236))
    back = [(0.2, 0.26), (0.45, 0.02), (0.60, 0.30)]
    draw.polygon(_points(frame, *back), fill=(170, 186, 200))
    draw.ellipse(_at(frame, -0.10, 0.40, 0.0, 0.52), fill=(20, 26, 40))
    draw.arc(_at(frame, -0.1, 0.3, 0.2, 0.75), -70, 70, fill=(120, 138, 156), width=3)


def _ham(draw: Draw, frame: Frame) -> None:
    draw.rounded_rectangle(_at(frame, -0.3, 0.10, 1.3, 0.95), 12, fill=(238, 140, 136))
    for x in (-0.02, 0.34, 0.70):
        slice_ = _at(frame, x, 0.10, x + 0.30, 0.95)
        draw.rounded_rectangle(slice_, 10, fill=(247, 172, 164), outline=(196, 88, 88), width=3)


def _beans(draw: Draw, frame: Frame) -> None:
    for x, y in ((0.0, 0.35), (0.36, 0.05), (0.62, 0.42), (0.24, 0.60)):
        bean = _at(frame, x, y, x + 0.40, y + 0.34)
        draw.ellipse(bean, fill=(132, 78, 40), outline=(226, 176, 96), width=3)
        draw.arc(_at(bean, 0.1, -0.4, 0.9, 0.62), 20, 160, fill=(226, 176, 96), width=3)


def _blossom(draw: Draw, frame: Frame) -> None:
    for x, y in ((0.5, 0.22), (0.78, 0.5), (0.5, 0.78), (0.22, 0.5)):
        draw.ellipse(_at(frame, x - 0.24, y - 0.24, x + 0.24, y + 0.24), fill=(250, 205, 20))
    draw.ellipse(_at(frame, 0.38, 0.38, 0.62, 0.62), fill=(120, 84, 10))


def _cubes(draw: Draw, frame: Frame) -> None:
    for x, y in ((0.06, 0.50), (0.52, 0.50), (0.29, 0.08)):
        top = [(x, y + 0.10), (x + 0.21, y), (x + 0.42, y + 0.10), (x + 0.21, y + 0.20)]
        left = [top[0], top[3], (x + 0.21, y + 0.46), (x, y + 0.36)]
        right = [top[3], top[2], (x + 0.42, y + 0.36), (x + 0.21, y + 0.46)]
        for part, ink in ((top, WHITE), (left, (206, 216, 228)), (right, (176, 190, 208))):
            draw.polygon(_points(frame, *part), fill=ink, outline=(110, 130, 160))


CRACKERS = Label("Hearthside", "CRACKERS", (196, 28, 30), (240, 176, 40), WHITE, _crackers)
CHOCOLATE = Label("Jolly", "CHOCOLATE", (146, 88, 48), (64, 32, 16), WHITE, _pudding)
STRAWBERRY = Label(
    "Jolly", "STRAWBERRY", (250, 176, 190), (226, 60, 100), (150, 12, 52), _strawberry
)
SOUP = Label("Old Ladle", "TOMATO SOUP", (246, 238, 220), (190, 26, 22), (150, 20, 18), _tomato)
TUNA = Label("Blue Buoy", "TUNA", (32, 122, 196), (14, 60, 120), WHITE, _fish)
SPAM = Label("Picnic", "SPICED HAM", (24, 44, 108), (236, 190, 30), (250, 214, 70), _ham)
COFFEE = Label("Night Owl", "COFFEE", (40, 30, 26), (172, 118, 42), (240, 206, 140), _beans)
MUSTARD = Label("Meadow", "MUSTARD", (252, 250, 236), (40, 120, 60), (40, 90, 40), _blossom)
SUGAR = Label("Snowdrop", "SUGAR", (240, 240, 236), (70, 150, 205), (30, 84, 150), _cubes)
