"""Put the named grocery in the cupboard: fetch it from the table, lay it on the bottom shelf.

RLBench counterpart: put_groceries_in_cupboard, 9 variations (one per grocery). Its scene could
not be decoded; the rules are the benchmark's, cupboard, sizes and layout are ours.
Success as the benchmark has it: the grocery touches the volume on the shelf, nothing is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, all_of, detected, nothing_grasped
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.cupboard import Cupboard
from premotor.simulate.props.grocery import GROCERIES, Grocery
from premotor.simulate.scene import Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

# [m] by which the task is placed: a plane that stands for it, as in the benchmark. A grocery may
# stand a little beyond it.
MODEL_BOX = Box((-0.260, -0.420, TABLE), (0.260, 0.420, 0.530))
MAX_YAW = 1.0  # [rad]; the workspace admits about 8 deg of it
FACING = np.radians(165.0)  # [rad] of the cupboard: across the table and a little to its far end
CUPBOARD = Pose.of((0.020, -0.262, TABLE), rotations.about_z(FACING))  # in the frame of the root
SPACING = 0.1  # [m] between the frames of groceries
PLANE = Region(Box((-0.205, -0.130, TABLE), (0.270, 0.435, TABLE)), spacing=SPACING)

PRE_GRASP = 0.100  # [m] above the grasp
LIFT = 0.180  # [m], so that what is held passes over the others
BEFORE = -0.150  # [m] of the tip behind the front: the longest grocery is still outside
INSIDE = 0.060  # [m]
RAISE = 0.065  # [m] above the shelf, so that the widest grocery clears it


@dataclass(frozen=True)
class Cast:
    """The cupboard, and which of the groceries is meant."""

    cupboard: Cupboard
    grocery: Grocery


class PutGroceriesInCupboard(Task[Grocery, Cast]):
    """Nine groceries on the table; the name says which."""

    name: ClassVar[str] = "put_groceries_in_cupboard"
    axes: ClassVar[tuple[Axis, ...]] = ("category",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[Grocery] = GROCERIES

    def stage(self, scene: Scene, variation: Grocery, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, (-MAX_YAW, MAX_YAW), rng)
        cupboard = Cupboard()
        scene.add(cupboard, CUPBOARD)
        placed: list[Grocery] = []
        for grocery in sorted(GROCERIES, key=_room, reverse=True):  # the bulky ones first
            scene.spawn(grocery, PLANE, rng, clear_of=(cupboard, *placed))
            scene.graspable.append(grocery.name)
            placed.append(grocery)
        return Cast(cupboard, variation)

    def instructions(self, variation: Grocery) -> tuple[str, ...]:
        name = variation.name.replace("_", " ")
        return (
            f"put the {name} in the cupboard",
            f"the {name} belongs in the cupboard, take it there",
            f"stow the {name} on the lower shelf of the cupboard",
            f"find the {name} among the groceries and tidy it into the cupboard",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        grasp = cast.grocery.grasp
        yield verbs.approach(_above(cast.grocery, grasp, PRE_GRASP))
        yield verbs.grasp(_above(cast.grocery, grasp, 0.0))
        yield verbs.lift(_above(cast.grocery, grasp, LIFT))
        cupboard = cast.cupboard
        yield verbs.approach(Anchor(cupboard.name, cupboard.entry(BEFORE, RAISE), symmetry=2))
        yield verbs.release(Anchor(cupboard.name, cupboard.entry(INSIDE, RAISE), symmetry=2))

    def decisive(self, variation: Grocery) -> Marks:
        return marked(5, 0)  # over one of the groceries

    def goal(self, cast: Cast) -> Condition:
        return all_of(detected(cast.grocery.name, cast.cupboard.sensor), nothing_grasped())


def _above(grocery: Grocery, grasp: Pose, height: float) -> Anchor:
    """The hand as at the grasp, so much higher [m]; either finger may be on either side."""
    return Anchor(grocery.name, grasp @ Pose.of((0.0, 0.0, -height)), symmetry=2)


def _room(grocery: Grocery) -> float:
    (x0, y0, _), (x1, y1, _) = grocery.box.low, grocery.box.high
    return (x1 - x0) * (y1 - y0)
