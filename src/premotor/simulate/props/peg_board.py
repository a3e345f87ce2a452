"""Three square pegs on a wooden foot, and the square ring that goes over one of them."""

from dataclasses import dataclass

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.colors import Color
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import TABLE, Blueprint, Box, Prop, Solid
from premotor.simulate.modeling.surfaces import bevelled_box

FOOT = (0.4, 0.1, 0.02)  # [m]
PEG = (0.025, 0.025, 0.12)  # [m]
PEG_BEVEL = 0.0028  # [m]
PITCH = 0.125  # [m] from peg to peg, along x
SENSORS = (  # the benchmark's four volumes about the foot of a peg: middle x, y and size [m]
    ((0.0, 0.020), (0.04, 0.01, 0.05)),
    ((0.0, -0.023), (0.04, 0.01, 0.05)),
    ((-0.020, -0.005), (0.01, 0.04, 0.05)),
    ((0.020, -0.005), (0.01, 0.04, 0.05)),
)
WALNUT = (125, 97, 74)

RING_OUTER, RING_INNER, RING_HEIGHT = 0.05, 0.03, 0.01  # [m]
RING_MASS = 0.02  # [kg]
CORNER = 0.004  # [m] radius of the ring's outer corners, which are seen and not felt
CHAMFER = 0.0012  # [m] of its upper and lower edge
SKY_BLUE = (0.23, 0.75, 1.0)


@dataclass(frozen=True)
class PegBoard(Prop):
    """Stands fast; its frame is the middle of its foot, on the plane of the root."""

    colors: tuple[Color, Color, Color]  # of the pegs, along x
    meant: int  # which peg the volumes stand around
    name: str = "peg_board"

    @property
    def box(self) -> Box:
        x, y, z = FOOT
        return Box((-x / 2, -y / 2, 0.0), (x / 2, y / 2, z + PEG[2]))

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the four volumes that must all see the ring."""
        return tuple(f"{self.name}_sensor{index}" for index in range(len(SENSORS)))

    def peg(self, index: int) -> Pose:
        """Where a peg stands, in the frame of the board."""
        return Pose.of(((index - 1) * PITCH, 0.0, 0.0))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        wood = blueprint.texture("peg_board_wood", textures.wood(WALNUT, planks=1), shine=0.25)
        x, y, z = FOOT
        slab = Pose.of((0.0, 0.0, (z + TABLE) / 2))
        blueprint.solid_box(body, (x, y, z - TABLE), slab, Solid())
        blueprint.surface(body, bevelled_box((x / 2, y / 2, (z - TABLE) / 2), 0.002), slab, wood)
        for index, color in enumerate(self.colors):
            paint = blueprint.paint(f"peg_{color.name}", color.rgb, shine=0.5)
            place = self.peg(index) @ Pose.of((0.0, 0.0, z + PEG[2] / 2))
            blueprint.solid_box(body, PEG, place, Solid())
            half = (PEG[0] / 2, PEG[1] / 2, PEG[2] / 2)
            blueprint.surface(body, bevelled_box(half, PEG_BEVEL), place, paint)
        for name, ((at_x, at_y), size) in zip(self.sensors, SENSORS, strict=True):
            middle = self.peg(self.meant) @ Pose.of((at_x, at_y, size[2] / 2))
            blueprint.volume(body, name, size, middle)


@dataclass(frozen=True)
class SquareRing(Prop):
    """A loose ring of four bars; its frame is its middle."""

    name: str = "square_ring"

    @property
    def box(self) -> Box:
        half, tall = RING_OUTER / 2, RING_HEIGHT / 2
        return Box((-half, -half, -tall), (half, half, tall))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.free_body(self.name, pose)
        paint = blueprint.paint("ring_blue", SKY_BLUE, shine=0.6)
        for inset, height in ((0.0, RING_HEIGHT - 2 * CHAMFER), (CHAMFER, RING_HEIGHT)):
            outer, inner = RING_OUTER - 2 * inset, RING_INNER + 2 * inset
            outside = forms.rounded_rectangle(outer, outer, CORNER)
            inside = forms.rounded_rectangle(inner, inner, CHAMFER + inset)
            blueprint.surface(body, forms.prism(outside, height, [inside]), IDENTITY, paint)
        wide = (RING_OUTER - RING_INNER) / 2
        middle = (RING_OUTER - wide) / 2
        bar = Solid(mass=RING_MASS / 4)
        for side in (-middle, middle):
            across = Pose.of((side, 0.0, 0.0))
            along = Pose.of((0.0, side, 0.0))
            blueprint.solid_box(body, (wide, RING_OUTER, RING_HEIGHT), across, bar)
            blueprint.solid_box(body, (RING_OUTER, wide, RING_HEIGHT), along, bar)
