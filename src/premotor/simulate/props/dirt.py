"""A crumb of dirt that lies loose on the table."""

from dataclasses import dataclass

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import textures
from premotor.simulate.modeling.blueprint import Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.surfaces import bevelled_box

EDGE = 0.01  # [m]
MASS = 0.0015  # [kg] a crumb of soil; the benchmark's 5e-7 kg is lighter than so much air
BEVEL = 0.0022  # [m] worn edges
SOIL = (117, 79, 72)


@dataclass(frozen=True)
class Dirt(Prop):
    """A small cube; its frame is its center."""

    name: str

    @property
    def box(self) -> Box:
        half = EDGE / 2
        return Box((-half, -half, -half), (half, half, half))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        blueprint.solid_box(body, (EDGE, EDGE, EDGE), IDENTITY, Solid(mass=MASS))
        gain = 1.0 + 0.16 * textures.noise((128, 128), (1.2, 1.2), 31)
        soil = blueprint.texture("dirt_soil", textures.shade(SOIL, gain), 0.05, (20.0, 20.0))
        half = EDGE / 2
        blueprint.surface(body, bevelled_box((half, half, half), BEVEL), IDENTITY, soil)
