"""Slide the red block onto the square of the named color, with closed fingers.

RLBench counterpart: slide_block_to_color_target, 4 variations (green, blue, pink, yellow).
Success as the benchmark has it: the block touches the volume above the square. Green and pink
lie straight ahead (2 waypoints); blue and yellow take two pushes at a right angle (5 waypoints).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.colors import Color
from premotor.simulate.conditions import Condition, detected
from premotor.simulate.props import Box
from premotor.simulate.props.block import Block
from premotor.simulate.props.mat import Mat
from premotor.simulate.scene import FULL_TURN, ROOT, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.269, -0.350, -0.001), (0.275, 0.200, 0.055))
BLOCK = Pose.of((0.025, -0.025, 0.027))  # all poses below are in the frame of the root

GREEN = Color("green", (0.0, 0.68, 0.0))  # shades of the scene, not of the color table
BLUE = Color("blue", (0.0, 0.0, 0.85))
PINK = Color("pink", (1.0, 0.078, 0.57))
YELLOW = Color("yellow", (1.0, 0.76, 0.0))

ALONG_X = Pose.of((0.0, 0.0, 0.0), verbs.POINTING_DOWN)  # fingers along y: pushes in x
ALONG_Y = Pose.of((0.0, 0.0, 0.0), rotations.about_z(np.pi / 2)) @ ALONG_X


@dataclass(frozen=True)
class Route:
    """A target, where it lies, and the tip poses that push the block there."""

    color: Color
    mat: Pose
    waypoints: tuple[Pose, ...]


@dataclass(frozen=True)
class Cast:
    """The block, the square it shall reach, and the way."""

    block: Block
    target: Mat
    route: Route


def _at(x: float, y: float, z: float, hand: Pose) -> Pose:
    return Pose.of((x, y, z), hand.quaternion)


def _flipped(pose: Pose) -> Pose:
    """The same place with the hand turned by half about its approach axis."""
    return pose @ Pose.of((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


ROUTES = (
    Route(
        GREEN,
        Pose.of((0.025, 0.150, 0.001)),
        (_at(0.0285, -0.1021, 0.027, ALONG_Y), _at(0.0285, 0.145, 0.008, ALONG_Y)),
    ),
    Route(
        BLUE,
        Pose.of((0.225, 0.075, 0.001)),
        (
            _at(-0.0716, -0.0271, 0.0269, ALONG_X),
            _at(0.1785, -0.027, 0.027, ALONG_X),
            _at(0.0785, -0.027, 0.027, ALONG_X),
            _at(0.2215, -0.154, 0.027, ALONG_Y),
            _at(0.2255, 0.070, 0.008, ALONG_Y),
        ),
    ),
    Route(
        PINK,
        Pose.of((0.025, -0.300, 0.001), (0.0, 0.0, 0.0, 1.0)),
        (
            _flipped(_at(0.0215, 0.052, 0.027, ALONG_Y)),
            _flipped(_at(0.0215, -0.295, 0.008, ALONG_Y)),
        ),
    ),
    Route(
        YELLOW,
        Pose.of((-0.219, -0.129, 0.001), (0.0, 0.0, 0.0, 1.0)),
        (
            _flipped(_at(0.0776, -0.0269, 0.0269, ALONG_X)),
            _flipped(_at(-0.1725, -0.027, 0.027, ALONG_X)),
            _flipped(_at(-0.0725, -0.027, 0.027, ALONG_X)),
            _flipped(_at(-0.2155, 0.100, 0.027, ALONG_Y)),
            _flipped(_at(-0.2195, -0.124, 0.008, ALONG_Y)),
        ),
    ),
)


class SlideBlockToColorTarget(Task[Route, Cast]):
    """One block, four squares; the color says which."""

    name: ClassVar[str] = "slide_block_to_color_target"
    axes: ClassVar[tuple[Axis, ...]] = ("color",)
    benchmark_keyframes: ClassVar[float | None] = 4.7
    variations: Sequence[Route] = ROUTES

    def stage(self, scene: Scene, variation: Route, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        block = Block()
        scene.add(block, BLOCK)
        mats = {}
        for route in ROUTES:
            mats[route] = Mat(f"mat_{route.color.name}", route.color)
            scene.add(mats[route], route.mat)
        return Cast(block, mats[variation], variation)

    def instructions(self, variation: Route) -> tuple[str, ...]:
        name = variation.color.name
        return (
            f"slide the block to {name} target",
            f"shove the red cube over to the {name} square",
            f"move the block along the table until it rests on {name}",
            f"bring the cube to the {name} patch by pushing it",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        first, *rest = cast.route.waypoints
        yield verbs.ready(Anchor(ROOT, first))
        for pose in rest:
            yield verbs.push(Anchor(ROOT, pose))

    def decisive(self, variation: Route) -> Marks:
        return marked(len(variation.waypoints), 0)  # at a side of the block

    def goal(self, cast: Cast) -> Condition:
        return detected(cast.block.name, cast.target.sensor)
