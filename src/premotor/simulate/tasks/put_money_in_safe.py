"""Put the bundle of bank notes from the top of the safe on the named shelf inside.

RLBench counterpart: put_money_in_safe, 3 variations (bottom, middle, top).
Success as the benchmark has it: the money touches the volume just above that shelf, and nothing is
grasped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, all_of, detected, nothing_grasped
from premotor.simulate.props import Box
from premotor.simulate.props.banknotes import SIZE, Banknotes
from premotor.simulate.props.safe import HIGH, LABELS, Safe
from premotor.simulate.scene import Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.234, -0.414, -0.002), (0.318, 0.038, 0.532))
# The benchmark draws 0 to 90 deg and tests the model box turned the wrong way round, so that 0 to
# 8 deg pass. Turned the right way round, its empty corner leaves the workspace beyond 1 deg; so the
# box is placed at 0 and the yaw drawn by itself. At 8 deg the safe may then stand beyond the
# workspace by 25 mm at +y and 18 mm at -y, the corner of the box by 55 mm.
YAW = (0.0, np.radians(8.1))  # [rad] of the root
MONEY_YAW = (0.0, np.pi / 2)  # [rad] of its held end against the way out of the safe
SAFE = Pose.of((-0.0481, -0.250, 0.0), rotations.about_z(np.radians(20.1)))  # in the root's frame
TOP = (0.2827, 0.2231)  # [m] of the safe's top on which the money may lie

# Tip poses in axes where y points out of the safe, or along the money to its held end.
TILT = np.radians(42.2)  # [rad] of the approach below the horizontal
HAND = Pose.from_matrix(
    np.array(
        [
            [0.0, 1.0, 0.0, 0.0],
            [np.sin(TILT), 0.0, -np.cos(TILT), 0.0],
            [-np.cos(TILT), 0.0, -np.sin(TILT), 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
)
HOLD = Pose.of((0.0, 0.0456, 0.0003)) @ HAND  # in the frame of the money
BACK_OFF = Pose.of((0.0862, 0.0, -0.0918))  # in the tip's frame: 0.126 m outward
OUTSIDE = Pose.of((-0.0012, 0.3073, 0.5124)) @ HAND  # in the frame of the safe
SHELVES: Mapping[str, Pose] = {  # tip poses inside, in the frame of the safe
    "bottom": Pose.of((-0.0011, 0.0865, 0.0406)) @ HAND,
    "middle": Pose.of((-0.0011, 0.0894, 0.1857)) @ HAND,
    "top": Pose.of((-0.0011, 0.0894, 0.3407)) @ HAND,
}


@dataclass(frozen=True)
class Cast:
    """The safe, the money, and which shelf is meant."""

    safe: Safe
    money: Banknotes
    label: str


class PutMoneyInSafe(Task[str, Cast]):
    """Money on an open safe with three shelves; the word says which."""

    name: ClassVar[str] = "put_money_in_safe"
    axes: ClassVar[tuple[Axis, ...]] = ("placement",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[str] = LABELS

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, (0.0, 0.0), rng)
        place = Pose.of(np.zeros(3), rotations.about_z(float(rng.uniform(*YAW)))) @ SAFE
        safe, money = Safe(), Banknotes()
        scene.add(safe, place)
        scene.add(money, place @ _on_top(rng))
        scene.graspable.append(money.name)
        return Cast(safe, money, variation)

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"put the money away in the safe on the {variation} shelf",
            f"hide the cash inside the steel walls, on the {variation} tier of three",
            f"carry the bundle of notes from the roof of the safe to its {variation} level",
            f"the banknotes should end up in the safe, {variation} compartment",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        money, safe = cast.money.name, cast.safe.name
        shelf = SHELVES[cast.label]
        yield verbs.approach(Anchor(money, HOLD @ BACK_OFF))
        yield verbs.grasp(Anchor(money, HOLD))
        yield verbs.lift(Anchor(safe, OUTSIDE))
        yield Waypoint(Anchor(safe, shelf @ BACK_OFF), linear=True)
        yield Waypoint(Anchor(safe, shelf), gripper=True, linear=True)

    def decisive(self, variation: str) -> Marks:
        return marked(5, 3)  # before a shelf, money in hand

    def goal(self, cast: Cast) -> Condition:
        lies = detected(cast.money.name, cast.safe.sensor(cast.label))
        return all_of(nothing_grasped(), lies)


def _on_top(rng: np.random.Generator) -> Pose:
    """A place for the money on the safe, in its frame, all of it on the top."""
    yaw = float(rng.uniform(*MONEY_YAW))
    c, s = np.cos(yaw), np.sin(yaw)
    half = np.array([c * SIZE[0] + s * SIZE[1], s * SIZE[0] + c * SIZE[1]]) / 2
    slack = np.array(TOP) / 2 - half
    xy = rng.uniform(-slack, slack)
    return Pose.of([*xy, HIGH + SIZE[2] / 2], rotations.about_z(yaw))
