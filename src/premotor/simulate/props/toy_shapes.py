"""Outlines of the five toys of a shape sorter, and of the holes they fit through.

All outlines are about the origin, counterclockwise [m]. Fingers hold a toy along y.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from jaxtyping import Float

from premotor.simulate.modeling.forms import arc

CUBE = 0.0418  # [m] edge
CYLINDER = 0.0455  # [m] diameter
TRIANGLE = 0.0456  # [m] edge
STAR = 0.0288  # [m] radius of the points: 0.055 m from arm to arm
STAR_WAIST = 0.5  # of it: radius of the notches
MOON = 0.0302  # [m] radius of the outer arc
MOON_HORN = np.radians(98.0)  # [rad] from the middle of the outer arc to a horn
MOON_THICK = 0.0195  # [m] between the two arcs, in the middle
ROUND, ARC = 36, 12  # segments of a circle, of each arc of the moon

Outline = Float[np.ndarray, "n 2"]


def _triangle() -> Outline:
    """Equal sides, one point along +y."""
    return arc(TRIANGLE / np.sqrt(3.0), np.pi / 2, np.pi / 2 + 4 * np.pi / 3, 3)


def _star() -> Outline:
    """Five points, the first along +y."""
    radii = STAR * np.tile([1.0, STAR_WAIST], 5)
    angle = np.pi / 2 + np.arange(10) * np.pi / 5
    return radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _moon() -> Outline:
    """A crescent, round toward +y; the origin is the middle of its thickest part."""
    horn = MOON * np.array([np.sin(MOON_HORN), np.cos(MOON_HORN)])
    inner = MOON - MOON_THICK  # height of the inner arc's middle above the outer arc's center
    rise = inner - horn[1]
    radius = (horn[0] ** 2 + rise**2) / (2.0 * rise)
    half = float(np.arctan2(horn[0], radius - rise))
    outside = arc(MOON, np.pi / 2 - MOON_HORN, np.pi / 2 + MOON_HORN, ARC + 1)
    inside = arc(radius, np.pi / 2 + half, np.pi / 2 - half, ARC + 1)[1:-1]
    inside = inside + np.array([0.0, inner - radius])
    return np.concatenate([outside, inside]) - np.array([0.0, MOON - MOON_THICK / 2])


OUTLINES: Mapping[str, Outline] = {  # position = the benchmark's variation index
    "cube": CUBE / 2 * np.array([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]),
    "cylinder": arc(CYLINDER / 2, 0.0, 2.0 * np.pi, ROUND + 1)[:-1],
    "triangular prism": _triangle(),
    "star": _star(),
    "moon": _moon(),
}
HEIGHTS = {  # [m]
    "cube": CUBE,
    "cylinder": 0.0418,
    "triangular prism": 0.0392,
    "star": 0.0346,
    "moon": 0.0387,
}
# Turns after which a toy fits its hole as well: a full turn divided by this. The cylinder fits at
# every angle; twelve are enough to hold it comfortably.
SYMMETRY = {"cube": 4, "cylinder": 12, "triangular prism": 3, "star": 5, "moon": 1}


def area(outline: Outline) -> float:
    """What an outline encloses [m2]."""
    x, y = outline.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0


def grown(outline: Outline, by: float, longest: float = 2.5) -> Outline:
    """Every side moved outward by so much [m]; corners go out by at most `longest` times that."""
    before = outline - np.roll(outline, 1, axis=0)
    after = np.roll(outline, -1, axis=0) - outline
    first, second = (
        np.stack([side[:, 1], -side[:, 0]], axis=1) / np.linalg.norm(side, axis=1)[:, None]
        for side in (before, after)
    )
    both = first + second  # the bisector; its length is twice the cosine to either side
    reach = 2.0 / np.maximum((both**2).sum(axis=1), 2.0 / longest)
    return outline + by * reach[:, None] * both


@cache
def convex_parts(label: str) -> tuple[Outline, ...]:
    """Convex outlines that together make up a toy."""
    outline = OUTLINES[label]
    if label == "star":
        middle = np.zeros((1, 2))
        return tuple(
            np.concatenate([middle, np.roll(outline, 1 - 2 * i, axis=0)[:3]]) for i in range(5)
        )
    if label == "moon":
        inner = np.concatenate([outline[:1], outline[: ARC - 1 : -1]])  # horn to horn, as outside
        cuts = range(0, ARC, 2)
        return tuple(np.concatenate([outline[i : i + 3], inner[i : i + 3][::-1]]) for i in cuts)
    return (outline,)
