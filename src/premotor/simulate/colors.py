"""Named colors: the benchmark's table and palettes drawn from it (docs/benchmark.md, Colors)."""

from dataclasses import dataclass

import numpy as np

from premotor.errors import UnknownName


@dataclass(frozen=True)
class Color:
    """A color as it is said and as it is shown."""

    name: str
    rgb: tuple[float, float, float]  # in [0, 1]


COLORS: tuple[Color, ...] = (  # position = variation index of the 20-color tasks
    Color("red", (1.0, 0.0, 0.0)),
    Color("maroon", (0.5, 0.0, 0.0)),
    Color("lime", (0.0, 1.0, 0.0)),
    Color("green", (0.0, 0.5, 0.0)),
    Color("blue", (0.0, 0.0, 1.0)),
    Color("navy", (0.0, 0.0, 0.5)),
    Color("yellow", (1.0, 1.0, 0.0)),
    Color("cyan", (0.0, 1.0, 1.0)),
    Color("magenta", (1.0, 0.0, 1.0)),
    Color("silver", (0.75, 0.75, 0.75)),
    Color("gray", (0.5, 0.5, 0.5)),
    Color("orange", (1.0, 0.5, 0.0)),
    Color("olive", (0.5, 0.5, 0.0)),
    Color("purple", (0.5, 0.0, 0.5)),
    Color("teal", (0.0, 0.5, 0.5)),
    Color("azure", (0.0, 0.5, 1.0)),
    Color("violet", (0.5, 0.0, 1.0)),
    Color("rose", (1.0, 0.0, 0.5)),
    Color("black", (0.0, 0.0, 0.0)),
    Color("white", (1.0, 1.0, 1.0)),
)


def color(name: str) -> Color:
    """Look a color up by its name.

    Raises:
        UnknownName: The name is not in `COLORS`.
    """
    for candidate in COLORS:
        if candidate.name == name:
            return candidate
    raise UnknownName.of("color", name, (c.name for c in COLORS))


def others(named: Color) -> tuple[Color, ...]:
    """All colors of `COLORS` but one, in their order."""
    return tuple(c for c in COLORS if c != named)


def pair(named: Color, rng: np.random.Generator) -> tuple[tuple[Color, Color], int]:
    """The named color beside a random other one, and which of the two it is.

    It is the first and the second in turn, from one variation to the next (index modulo 2).
    """
    choice = others(named)
    other = choice[int(rng.integers(len(choice)))]
    meant = COLORS.index(named) % 2
    return ((other, named) if meant else (named, other)), meant


# The caps of buttons are red and turn green: no base has those two colors.
BUTTON_PALETTE = tuple(c for c in COLORS if c.name not in ("red", "lime"))
# Well separated by name and by looks, for the study of grounding.
STUDY_PALETTE = tuple(
    color(name)
    for name in ("blue", "yellow", "cyan", "magenta", "orange", "purple", "black", "white")
)
