"""Stack two cups into the cup of the named color.

RLBench counterpart: stack_cups, 20 variations (one per color).
Success as the benchmark has it: both other cups touch the volume inside the named one, and
nothing is grasped. The colors of the other two are drawn apart, so they may be equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from premotor.errors import PlacementFailed
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.colors import COLORS, Color, others
from premotor.simulate.conditions import Condition, all_of, detected, nothing_grasped
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.cup import Cup
from premotor.simulate.scene import FULL_TURN, Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.208, -0.301, -0.010), (0.192, 0.299, 0.317))
BOUNDARY = Box((-0.208, -0.301, TABLE), (0.192, 0.299, TABLE))  # on the table
SPACING = 0.05  # [m]
FINGER_ASIDE = 0.062  # [m] half a cup and half a finger, with 5 mm to spare
FINGER_REACH = 0.165  # [m] a cup and the outer finger open beside it, with 10 mm to spare
# Two stacked cups are as high as the hand that takes the third: half a cup and half the hand,
# across and along the line of the fingers, with 5 mm to spare.
HAND_ASIDE, HAND_REACH = 0.086, 0.157  # [m]

STEP = 2.0 * np.pi / 36  # [rad] in which the sides of a rim are told apart
SIDES = tuple(float(STEP * k) for k in range(1, 36))  # all but the one that the expert takes

# Heights of the tip, against the pose at the rim.
BEFORE, LIFTED, ABOVE, INSIDE = 0.068, 0.174, 0.197, 0.097  # [m]


@dataclass(frozen=True)
class Cast:
    """The cup that stays, and the two that go into it, in their order."""

    base: Cup
    others: tuple[Cup, Cup]
    free: tuple[tuple[float, ...], tuple[float, ...]]  # [rad] further sides to take each of them at


def _raised(cup: Cup, height: float) -> Anchor:
    """The pose at a cup's rim, higher up; the gripper may be turned by half."""
    up = Pose.of((0.0, 0.0, height))
    return Anchor(cup.name, up @ cup.rim, symmetry=2)


def _seen_from(
    taken: Pose, other: Pose, angles: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "2 a"]:
    """Where [m] another cup stands for hands that take a cup at sides turned by these angles."""
    x, y, _ = (taken.inverse() @ other).position
    along, across = np.cos(angles), np.sin(angles)
    return np.stack([x * along + y * across, y * along - x * across])


def _stops_finger(seen: Float[np.ndarray, "2 a"]) -> Bool[np.ndarray, " a"]:
    """Whether the finger outside the rim would come down on a cup."""
    x, y = seen
    return (np.abs(x) < FINGER_ASIDE) & (y > 0.0) & (y < FINGER_REACH)


def _stops_hand(seen: Float[np.ndarray, "2 a"], rim: Pose) -> Bool[np.ndarray, " a"]:
    """Whether the hand at a rim would meet the cups stacked already."""
    x, y = seen
    return (np.abs(x) < HAND_ASIDE) & (np.abs(y - rim.position[1]) < HAND_REACH)


def _check_sides(cups: Sequence[Cup], poses: Sequence[Pose]) -> None:
    """Refuse layouts where the expert's hand would meet another cup, or the cups stacked already.

    Raises:
        PlacementFailed: They stand in the way.
    """
    own = np.zeros(1)
    for taken, other in permutations(poses, 2):  # as if any of them could be the one that stays
        if _stops_finger(_seen_from(taken, other, own)).any():
            raise PlacementFailed("a cup stands where a finger would have to come down")
    if _stops_hand(_seen_from(poses[2], poses[0], own), cups[2].rim).any():
        raise PlacementFailed("the stack would stand where the hand has to go")


def _free_sides(cups: Sequence[Cup], poses: Sequence[Pose], taken: int) -> tuple[float, ...]:
    """By how much [rad] the hand may be carried around a cup and still not meet another."""
    sides = np.array(SIDES)
    stopped = np.zeros(len(sides), dtype=bool)
    for index, pose in enumerate(poses):
        if index != taken:
            stopped |= _stops_finger(_seen_from(poses[taken], pose, sides))
    if taken == 2:
        stopped |= _stops_hand(_seen_from(poses[2], poses[0], sides), cups[2].rim)
    return tuple(sides[~stopped].tolist())


class StackCups(Task[Color, Cast]):
    """Three cups, of which one is named: it stays."""

    name: ClassVar[str] = "stack_cups"
    axes: ClassVar[tuple[Axis, ...]] = ("color",)
    benchmark_keyframes: ClassVar[float | None] = 10.0
    variations: Sequence[Color] = COLORS

    def stage(self, scene: Scene, variation: Color, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        unused = others(variation)
        first, second = (unused[i] for i in rng.choice(len(unused), 2))
        cups = [Cup("cup_base", variation), Cup("cup_first", first), Cup("cup_second", second)]
        region = Region(BOUNDARY, yaw=(0.0, 0.0), spacing=SPACING)
        poses = [scene.spawn(cup, region, rng, clear_of=cups[:i]) for i, cup in enumerate(cups)]
        _check_sides(cups, poses)
        scene.graspable.extend(cup.name for cup in cups)
        free = _free_sides(cups, poses, 1), _free_sides(cups, poses, 2)
        return Cast(cups[0], (cups[1], cups[2]), free)

    def instructions(self, variation: Color) -> tuple[str, ...]:
        name = variation.name
        return (
            f"stack the other cups on top of the {name} cup",
            f"nest both remaining cups inside the {name} one",
            f"leave the {name} tumbler where it is and drop the others into it, one by one",
            f"make one pile of all three cups, {name} at the bottom",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        for cup, free in zip(cast.others, cast.free, strict=True):
            yield verbs.approach(_raised(cup, BEFORE), free)
            yield verbs.grasp(_raised(cup, 0.0))
            yield verbs.lift(_raised(cup, LIFTED))
            yield verbs.approach(_raised(cast.base, ABOVE), SIDES)
            yield verbs.release(_raised(cast.base, INSIDE))

    def decisive(self, variation: Color) -> Marks:
        # Over the first cup that may go, and over the one that stays, when two are left standing;
        # from then on what stands tells the rest.
        return marked(10, 0, 3)

    def goal(self, cast: Cast) -> Condition:
        inside = (detected(cup.name, cast.base.sensor) for cup in cast.others)
        return all_of(*inside, nothing_grasped())
