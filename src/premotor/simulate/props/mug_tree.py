"""A wooden post with four rods to hang mugs on."""

from dataclasses import dataclass

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling.blueprint import Blueprint, Box, Cylinder, Prop, Solid
from premotor.simulate.modeling.forms import lathe

POST = Cylinder(0.0323, 0.3160)  # [m] diameter, height of its top above the frame
FOOT = Cylinder(0.1541, 0.0186)  # [m] diameter, height
ROD = Cylinder(0.0132, 0.0954)  # [m] diameter, length
ROD_OUT = 0.0504  # [m] of a rod's middle, off the axis
ROD_HEIGHTS = (0.2119, 0.1508, 0.2119, 0.1508)  # [m] of a rod's middle
ROD_TURNS = tuple(np.radians((-170.0, 100.0, 10.0, -80.0)))  # [rad] about the axis
ROD_RISE = np.radians(20.0)  # [rad] outward
SENSOR, SENSOR_IN = Cylinder(0.014, 0.0954), -0.0023  # [m] on a rod, and how far inward

BLUE = (0.44, 0.74, 0.86)

PROFILE = (
    (0.0, 0.0),
    (0.0740, 0.0),
    (0.0762, 0.0015),
    (0.0770, 0.0040),
    (0.0770, 0.0110),
    (0.0755, 0.0140),
    (0.0720, 0.0155),
    (0.0705, 0.0175),
    (0.0690, 0.0186),
    (0.0260, 0.0186),
    (0.0215, 0.0200),
    (0.0185, 0.0235),
    (0.0170, 0.0290),
    (0.01615, 0.0350),
    (0.01615, 0.2850),
    (0.0125, 0.2875),
    (0.0125, 0.2895),
    (0.0155, 0.2920),
    (0.0178, 0.2970),
    (0.0182, 0.3020),
    (0.0168, 0.3085),
    (0.0125, 0.3140),
    (0.0060, 0.3158),
    (0.0, 0.3160),
)


@dataclass(frozen=True)
class MugTree(Prop):
    """Fixed to the table; its frame is the middle of its foot, z up."""

    name: str = "mug_tree"

    @property
    def box(self) -> Box:
        reach = ROD_OUT + ROD.height / 2
        return Box((-reach, -reach, 0.0), (reach, reach, POST.height))

    def rod(self, index: int) -> str:
        """Name of a rod's body, whose frame is the rod's middle, z outward."""
        return f"{self.name}_rod_{index}"

    def sensor(self, index: int) -> str:
        """Name of the volume around a rod, a hair wider than it."""
        return f"{self.name}_sensor_{index}"

    @staticmethod
    def rod_pose(index: int) -> Pose:
        """Where a rod stands, in the frame of the tree."""
        turn = Pose.of((0.0, 0.0, 0.0), rotations.about_z(ROD_TURNS[index]))
        lean = (np.pi / 2 - ROD_RISE) / 2
        level = Pose.of((ROD_OUT, 0.0, ROD_HEIGHTS[index]), (np.cos(lean), 0.0, np.sin(lean), 0.0))
        return turn @ level

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        lacquer = blueprint.paint("mug_tree_lacquer", BLUE, shine=0.4)
        blueprint.surface(body, lathe(PROFILE), IDENTITY, lacquer)
        blueprint.solid_cylinder(body, FOOT, Pose.of((0.0, 0.0, FOOT.height / 2)), Solid())
        blueprint.solid_cylinder(body, POST, Pose.of((0.0, 0.0, POST.height / 2)), Solid())
        for index in range(len(ROD_TURNS)):
            self._build_rod(blueprint, index, lacquer)

    def _build_rod(self, blueprint: Blueprint, index: int, lacquer: str) -> None:
        rod = blueprint.body(self.rod(index), self.rod_pose(index), parent=self.name)
        radius, half = ROD.diameter / 2, ROD.height / 2
        profile = [(0.0, -half), (radius, -half), (radius, half - radius)]
        profile += [
            (radius * float(np.cos(a)), half + radius * (float(np.sin(a)) - 1.0))
            for a in np.linspace(0.2, np.pi / 2, 8)
        ]
        blueprint.surface(rod, lathe(profile), IDENTITY, lacquer)
        blueprint.solid_cylinder(rod, ROD, IDENTITY, Solid())
        place = Pose.of((0.0, 0.0, SENSOR_IN))
        blueprint.round_volume(rod, self.sensor(index), SENSOR, place)
