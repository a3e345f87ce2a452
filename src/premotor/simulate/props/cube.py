"""A loose cube, painted, with a groove routed into each face."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import RGB, Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.surfaces import labelled_box

BEVEL = 0.05  # of the edge: broken corners, as on a toy block
PANEL = 96  # [px] of one face
GROOVE = (0.13, 0.165)  # of the edge: where the groove begins and ends
DARK = 0.12  # luminance below which the groove is drawn lighter than its face
PALE_BLUE = (0.85, 0.85, 1.0)  # of the benchmark's nameless cubes
WEAR = 0.02  # spread of the paint's lightness


@cache
def carved(rgb: RGB) -> textures.Image:
    """Six faces of one color side by side, each with a square groove (see `labelled_box`)."""
    middle = (PANEL - 1) / 2
    away = np.abs(np.arange(PANEL) - middle)
    inward = (middle - np.maximum(away[:, None], away[None, :])) / PANEL  # from the face's edge
    groove = (inward > GROOVE[0]) & (inward < GROOVE[1])
    face = np.asarray(rgb)
    deep = face + 0.2 * (1.0 - face) if face @ (0.3, 0.6, 0.1) < DARK else 0.68 * face
    panel = np.where(groove[..., None], deep, face)
    wear = 1.0 + WEAR * textures.noise((PANEL, 6 * PANEL), (2.0, 9.0), 5)
    strip = np.tile(panel, (1, 6, 1)) * wear[..., None]
    return np.clip(255.0 * strip, 0.0, 255.0).astype(np.uint8)


def carved_paint(blueprint: Blueprint, rgb: RGB) -> str:
    """The material of carved faces of one color."""
    name = "carved_" + "_".join(f"{round(255 * channel):03d}" for channel in rgb)
    return blueprint.texture(name, carved(rgb), shine=0.35)


@dataclass(frozen=True)
class Cube(Prop):
    """A free cube; its frame is its center."""

    name: str
    edge: float  # [m]
    mass: float  # [kg]
    rgb: RGB

    @property
    def box(self) -> Box:
        half = self.edge / 2
        return Box((-half, -half, -half), (half, half, half))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        half = self.edge / 2
        blueprint.solid_box(body, (self.edge,) * 3, IDENTITY, Solid(mass=self.mass))
        looks = labelled_box((half, half, half), BEVEL * self.edge)
        blueprint.surface(body, looks, IDENTITY, carved_paint(blueprint, self.rgb))
