"""All tasks on one picture: what each looks like, and what is said."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from premotor.episode.identity import EpisodeId
from premotor.simulate.environment import Environment
from premotor.simulate.rig import Rig

CAMERA = "hero"
WIDTH, HEIGHT = 480, 360  # [px] of one picture
_SEEN = 600, 450  # [px] what the camera sees, of which the picture is a part
_LEFT, _TOP = 40, 60  # [px] where in it: the table, less of the wall
_GAP = 20  # [px] between cells and around them
_CAPTION = 66  # [px] under a picture
_TITLE_SIZE, _TEXT_SIZE = 24, 19  # [px]
_PAPER, _TITLE_INK, _TEXT_INK = (255, 255, 255), (24, 28, 36), (92, 98, 110)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture with its words."""

    title: str
    text: str
    picture: UInt8[np.ndarray, "h w 3"]


def pictured(episode: EpisodeId) -> Cell:
    """A task as it is staged, with shadows, and its first text.

    Raises:
        PlacementFailed: The seed has no admissible layout.
    """
    env = Environment()
    env.reset(episode)
    rig = Rig(env.world.model, *_SEEN, shadows=True, looks=env.world.looks)
    try:
        seen = rig.picture(env.world.data, CAMERA)
        part = seen[_TOP : _TOP + HEIGHT, _LEFT : _LEFT + WIDTH]
        return Cell(episode.task, env.instructions[0], part)
    finally:
        rig.close()


def contact_sheet(cells: Sequence[Cell], columns: int) -> Image.Image:
    """The cells in a grid, row by row."""
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    step_x, step_y = WIDTH + _GAP, HEIGHT + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        x, y = _GAP + column * step_x, _GAP + row * step_y
        sheet.paste(Image.fromarray(cell.picture), (x, y))
        title, text = ImageFont.load_default(_TITLE_SIZE), ImageFont.load_default(_TEXT_SIZE)
        below = y + HEIGHT + 6
        draw.text((x, below), cell.title.replace("_", " "), _TITLE_INK, title)
        draw.text((x, below + _TITLE_SIZE + 8), _fitted(cell.text, text.getlength), _TEXT_INK, text)
    return sheet


def _fitted(text: str, length: Callable[[str], float]) -> str:
    """The text, cut at a word where it is wider than a picture."""
    words = text.split()
    if length(text) <= WIDTH:
        return text
    while words and length(" ".join(words) + " ...") > WIDTH:
        words.pop()
    return " ".join(words) + " ..."
