"""Drag the cube onto the square of the named color with a stick, held by one end.

RLBench counterpart: reach_and_drag, 20 variations (one per color).
Success as the benchmark has it: the cube touches the slab at the square, whatever is grasped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.colors import COLORS, Color
from premotor.simulate.conditions import Condition, detected
from premotor.simulate.props import Box
from premotor.simulate.props.cube import Cube
from premotor.simulate.props.mat import Mat
from premotor.simulate.props.stick import Stick
from premotor.simulate.scene import FULL_TURN, Scene
from premotor.simulate.task import Task
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.202, -0.444, -0.002), (0.318, 0.186, 0.240))
ROOT = "drag_root"
EDGE, MASS = 0.08, 0.512  # [m], [kg]
PALE_BLUE = (0.85, 0.85, 1.0)

# All poses are in the frame of the root.
CUBE = Pose.of((0.1065, -0.1505, 0.038), (0.76604, 0.0, 0.0, -0.64279))
# The benchmark's stick is 2 mm higher, and falls.
STICK = Pose.of((0.1451, -0.0209, 0.0558), (0.65635, 0.34318, -0.49012, 0.45958))
TARGET_EDGE = 0.13  # [m]
SLAB = Box((-0.05, -0.05, -0.004), (0.05, 0.05, 0.006))  # that detects, in the frame of a square
TARGETS = tuple(  # the first is meant
    Pose.of((x, y, -0.0011), (0.70711, 0.0, 0.0, -0.70711))
    for x, y in ((-0.1366, -0.1538), (0.0884, 0.1212), (0.0884, -0.3788), (0.2534, -0.1528))
)
DECOYS = (5, 6, 7)  # steps from the color meant to those of the other squares

OVER_STICK = Pose.of((0.0949, -0.1588, 0.178), (0.0, -0.57358, 0.81915, 0.0))
AT_STICK = Pose.of((0.0, 0.0, 0.076))  # in the tip frame over the stick
SIDE = Pose.of((0.177, -0.3538, 0.240), (0.0, -0.70339, 0.7108, 0.0))
# The benchmark's two last poses lie 12 mm lower and press the stick's far end into the table.
TILTED = Pose.of((0.177, -0.3528, 0.252), (0.19652, 0.67598, -0.68309, 0.19447))
DRAGGED = Pose.of((-0.079, -0.3511, 0.252), (0.19651, 0.67598, -0.6831, 0.19447))


@dataclass(frozen=True)
class Cast:
    """The cube, what it is dragged with, and the square it shall reach."""

    cube: Cube
    stick: Stick
    target: Mat


class ReachAndDrag(Task[Color, Cast]):
    """One cube, one stick, four squares; the color says which."""

    name: ClassVar[str] = "reach_and_drag"
    variations: Sequence[Color] = COLORS

    def stage(self, scene: Scene, variation: Color, rng: np.random.Generator) -> Cast:
        root = scene.root(MODEL_BOX, FULL_TURN, rng)
        scene.blueprint.body(ROOT, root)
        cube, stick = Cube("cube", EDGE, MASS, PALE_BLUE), Stick()
        scene.add(cube, CUBE)
        scene.add(stick, STICK)
        scene.graspable.append(stick.name)
        meant = COLORS.index(variation)
        mats = []
        for step, pose in zip((0, *DECOYS), TARGETS, strict=True):
            color = COLORS[(meant + step) % len(COLORS)]
            mats.append(Mat(f"mat_{color.name}", color, TARGET_EDGE, SLAB))
            scene.add(mats[-1], pose)
        return Cast(cube, stick, mats[0])

    def instructions(self, variation: Color) -> tuple[str, ...]:
        name = variation.name
        return (
            f"use the stick to drag the cube onto the {name} target",
            f"take the stick and sweep the cube across to the {name} square",
            f"with the stick in hand, shift the block until it lies on {name}",
            f"the block is to end up on the {name} patch; move it with the rod",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        yield Waypoint(Anchor(ROOT, OVER_STICK), gripper=True)
        yield verbs.grasp(Anchor(ROOT, OVER_STICK @ AT_STICK))
        yield verbs.lift(Anchor(ROOT, OVER_STICK))
        yield verbs.approach(Anchor(ROOT, SIDE))
        yield verbs.approach(Anchor(ROOT, TILTED))
        yield verbs.push(Anchor(ROOT, DRAGGED))

    def goal(self, cast: Cast) -> Condition:
        return detected(cast.cube.name, cast.target.sensor)
