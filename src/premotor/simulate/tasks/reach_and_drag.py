"""Drag the cube onto the square of the named color with a stick, held by one end.

RLBench counterpart: reach_and_drag, 20 variations (one per color).
Success as the benchmark has it: the cube touches the slab at the square, whatever is grasped.
In the benchmark the square that is meant always lies at the same side of the cube, and the colors
of the others follow from its color: the words carry no information there. In
`ReachAndDrag(shuffle_targets=True)` they do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.colors import COLORS, Color, others
from premotor.simulate.conditions import Condition, detected
from premotor.simulate.props import Box
from premotor.simulate.props.cube import PALE_BLUE, Cube
from premotor.simulate.props.mat import Mat
from premotor.simulate.props.stick import Stick
from premotor.simulate.scene import FULL_TURN, ROOT, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.202, -0.444, -0.002), (0.318, 0.186, 0.240))
EDGE, MASS = 0.08, 0.512  # [m], [kg]

# All poses are in the frame of the root.
CUBE = Pose.of((0.1065, -0.1505, 0.038), (0.76604, 0.0, 0.0, -0.64279))
# At rest, but 0.1 mm clear of the cube and 0.3 mm of the table. The benchmark's stick is turned
# otherwise about its own axis, stands in the air, and falls.
STICK = Pose.of((0.1442, -0.0202, 0.0564), (0.6197, 0.30143, -0.51475, 0.51004))
TARGET_EDGE = 0.13  # [m]
SLAB = Box((-0.05, -0.05, -0.004), (0.05, 0.05, 0.006))  # that detects, in the frame of a square
TARGETS = tuple(  # in the benchmark the first is meant
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
    """The cube, what it is dragged with, the square it shall reach, and which one that is."""

    cube: Cube
    stick: Stick
    target: Mat
    place: int  # in `TARGETS`


class ReachAndDrag(Task[Color, Cast]):
    """One cube, one stick, four squares; the color says which."""

    name: ClassVar[str] = "reach_and_drag"
    axes: ClassVar[tuple[Axis, ...]] = ("color",)
    benchmark_keyframes: ClassVar[float | None] = 6.0
    variations: Sequence[Color] = COLORS

    def __init__(self, shuffle_targets: bool = False) -> None:
        self._shuffle_targets = shuffle_targets

    def stage(self, scene: Scene, variation: Color, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        cube, stick = Cube("cube", EDGE, MASS, PALE_BLUE), Stick()
        scene.add(cube, CUBE)
        scene.add(stick, STICK)
        scene.graspable.append(stick.name)
        colors = self._colors(variation, rng)
        mats = [Mat(f"mat_{color.name}", color, TARGET_EDGE, SLAB) for color in colors]
        for mat, pose in zip(mats, TARGETS, strict=True):
            scene.add(mat, pose)
        place = colors.index(variation)
        return Cast(cube, stick, mats[place], place)

    def _colors(self, meant: Color, rng: np.random.Generator) -> list[Color]:
        """Of the squares, in the order of `TARGETS`."""
        if not self._shuffle_targets:
            first = COLORS.index(meant)
            return [COLORS[(first + step) % len(COLORS)] for step in (0, *DECOYS)]
        rest = others(meant)
        drawn = rng.choice(len(rest), len(DECOYS), replace=False)
        colors = [meant, *(rest[i] for i in drawn)]
        return [colors[i] for i in rng.permutation(len(colors))]

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
        side, tilted, dragged = _drag(cast.place)
        yield verbs.approach(Anchor(ROOT, side))
        yield verbs.approach(Anchor(ROOT, tilted))
        # The benchmark sets no flag here; our planner would lead the stick around the cube then.
        yield verbs.push(Anchor(ROOT, dragged))

    def decisive(self, variation: Color) -> Marks:
        # At a side of the cube, where that is not the same for all words (`_colors`).
        return marked(6, 3) if self._shuffle_targets else marked(6)

    def tools(self, cast: Cast) -> tuple[str, ...]:
        return (cast.stick.name,)

    def goal(self, cast: Cast) -> Condition:
        return detected(cast.cube.name, cast.target.sensor)


class ReachAndDragFree(ReachAndDrag):
    """The study's variant: the named square is any of the four, the other colors are any.

    Not a task of the benchmark, where the words carry no information; here they do.
    """

    name: ClassVar[str] = "reach_and_drag_free"
    benchmark_keyframes: ClassVar[float | None] = None  # the benchmark has no such task

    def __init__(self) -> None:
        super().__init__(shuffle_targets=True)


def _drag(place: int) -> tuple[Pose, Pose, Pose]:
    """The last three tip poses: those to the first square, turned about the cube to another."""
    (first, near), (angle, far) = (_from_cube(TARGETS[i]) for i in (0, place))
    middle = Pose.of((*CUBE.position[:2], 0.0))
    turn = middle @ Pose.of((0.0, 0.0, 0.0), rotations.about_z(angle - first)) @ middle.inverse()
    dragged = Pose.of((near - far, 0.0, 0.0)) @ DRAGGED  # the first square lies at -x of the cube
    return turn @ SIDE, turn @ TILTED, turn @ dragged


def _from_cube(square: Pose) -> tuple[float, float]:
    """Direction [rad] and distance [m] of a square from the cube."""
    x, y, _ = square.position - CUBE.position
    return float(np.arctan2(y, x)), float(np.hypot(x, y))
