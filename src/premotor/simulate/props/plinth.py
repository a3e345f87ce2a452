"""A low pale green plinth to stack on, with the thin column above it that counts what stands."""

from dataclasses import dataclass

from premotor.geometry.poses import Pose
from premotor.simulate.modeling.blueprint import TABLE, VISUAL, Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.surfaces import labelled_box
from premotor.simulate.props.cube import carved_paint

WIDTH = 0.075  # [m]
HEIGHT = 0.05  # [m] of the top above the frame
SKIRTING = (0.081, 0.009)  # [m] width, height of the foot; it is seen, not felt
BEVEL = 0.002  # [m]
COLUMN = (0.01, 0.01, 0.2)  # [m] of the sensor
COLUMN_LOW = 0.025  # [m]

PALE_GREEN = (0.5, 1.0, 0.5)
MOSS = (0.24, 0.5, 0.26)


@dataclass(frozen=True)
class Plinth(Prop):
    """Stands fast; its frame is the middle of its foot."""

    name: str = "plinth"

    @property
    def box(self) -> Box:
        half = WIDTH / 2
        return Box((-half, -half, 0.0), (half, half, HEIGHT))

    @property
    def sensor(self) -> str:
        """Name of the detecting column."""
        return f"{self.name}_sensor"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        tall = HEIGHT - TABLE
        middle = Pose.of((0.0, 0.0, (HEIGHT + TABLE) / 2))
        blueprint.solid_box(body, (WIDTH, WIDTH, tall), middle, Solid())
        looks = labelled_box((WIDTH / 2, WIDTH / 2, tall / 2), BEVEL)
        blueprint.surface(body, looks, middle, carved_paint(blueprint, PALE_GREEN))
        foot = Pose.of((0.0, 0.0, SKIRTING[1] / 2 + TABLE))
        moss = blueprint.paint("plinth_foot", MOSS, shine=0.2)
        blueprint.box(body, (SKIRTING[0], SKIRTING[0], SKIRTING[1]), foot, moss, VISUAL)
        above = Pose.of((0.0, 0.0, COLUMN_LOW + COLUMN[2] / 2))
        blueprint.volume(body, self.sensor, COLUMN, above)
