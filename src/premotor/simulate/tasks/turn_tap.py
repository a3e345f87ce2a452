"""Turn the left or the right handle of a tap.

RLBench counterpart: turn_tap, 2 variations (left, right).
Success as the benchmark has it: the joint of that handle has moved by more than 1.57 rad, either
way. The scene is our own; from the benchmark are the two joints, the two waypoints and that
nothing is attached: the handle turns by contact, the fingers between its spokes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.conditions import Condition, joint_displaced
from premotor.simulate.props.tap import SIDES, Tap
from premotor.simulate.scene import FULL_TURN, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import POINTING_DOWN, Swing, Twist, Waypoint

TURNED = 1.57  # [rad]
TURN = 1.85  # [rad] of the hand; the fingers have hardly any play between the spokes
DEPTH = 0.013  # [m] tip below the middle of the spokes
SPOKES = 4  # and so many hands are equally good
# The hand in the frame of a handle: down, the fingers opening between the spokes.
GRIP = Pose.of((0.0, 0.0, -DEPTH), rotations.about_z(np.pi / 4)) @ Pose.of(
    np.zeros(3), POINTING_DOWN
)


@dataclass(frozen=True)
class Cast:
    """The tap, and which of its handles is meant."""

    tap: Tap
    side: str


class TurnTap(Task[str, Cast]):
    """Two handles; the word says which, as seen from in front of the basin."""

    name: ClassVar[str] = "turn_tap"
    axes: ClassVar[tuple[Axis, ...]] = ("placement",)
    benchmark_keyframes: ClassVar[float | None] = 2.0
    variations: Sequence[str] = tuple(SIDES)

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        tap = Tap()
        scene.root(tap.box, FULL_TURN, rng)
        scene.add(tap, IDENTITY)
        return Cast(tap, variation)

    def instructions(self, variation: str) -> tuple[str, ...]:
        mark = {"left": "red", "right": "blue"}[variation]
        return (
            f"turn {variation} tap",
            f"stand before the basin and open the valve on your {variation}",
            f"let water run with the {variation} handle, the one marked {mark}",
            f"seen from the basin, the cross on the {variation} wants more than a quarter turn",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        grip = cast.tap.handle(cast.side) @ GRIP
        opening = -SIDES[cast.side] * TURN  # left counterclockwise, right clockwise, from above
        swing = Swing((grip,), -opening, SPOKES)  # the tip's z points down
        yield Waypoint(Twist(cast.tap.name, grip, swing=swing), gripper=False)
        yield Waypoint(
            Twist(cast.tap.name, grip, swing=swing, done=swing.angle),
            linear=True,
            ignore_collisions=True,
            moves={cast.tap.joint(cast.side): opening},
        )

    def decisive(self, variation: str) -> Marks:
        return marked(2, 0)  # at a handle

    def goal(self, cast: Cast) -> Condition:
        return joint_displaced(cast.tap.joint(cast.side), TURNED)
