"""Put the item into the named drawer: open it, fetch the item from the top of the cabinet.

RLBench counterpart: put_item_in_drawer, 3 variations (bottom, middle, top).
Success as the benchmark has it: the item is inside the drawer, held or not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, detected
from premotor.simulate.props import Box
from premotor.simulate.props.cabinet import CARCASS_HIGH, PANEL, Cabinet
from premotor.simulate.props.cube import PALE_BLUE, Cube
from premotor.simulate.scene import Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.166, -0.364, -0.004), (0.216, 0.333, 0.613))
# The benchmark turns by 22.5 deg both ways, and its box test lets -19 to 22 deg through; ours,
# which turns the box the right way, stops at 19 deg. Below -8 deg the arm can follow the pull in
# one layout of five only.
YAW = (np.radians(-8.0), np.radians(22.5))  # [rad]; -8 to 19 deg are drawn
CABINET = Pose.of((0.025, -0.175, 0.0))  # in the frame of the root
EDGE, MASS = 0.04, 0.064  # [m], [kg]
ITEM = Pose.of(  # in the frame of the cabinet, on its top
    (0.0252, 0.025, CARCASS_HIGH + (PANEL + EDGE) / 2), rotations.about_z(-np.pi / 2)
)

# Tip poses: hover and drop point down with the fingers along the cabinet's x.
DOWN = Pose.of((0.0, 0.0, 0.0), (0.0, 0.70711, 0.70711, 0.0))
# In the frame of the cabinet. The benchmark hovers at 0.613 m, which the arm cannot reach in most
# of its layouts.
HOVER = Pose.of((0.0749, 0.3202, 0.530)) @ DOWN
# The hand holds the bar the other way round than in the benchmark: so it can mostly go to and fro
# between the bar and the hover pose in a straight line.
HALF_TURN = Pose.of((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
# The benchmark backs off to 0.312 m, which is out of reach in a fifth of the layouts.
PULL, BACK_OFF = 0.1995, 0.25  # [m] from the bar
BEFORE, PULLED, AWAY = (Pose.of((0.0, 0.0, -way)) for way in (0.087, PULL, BACK_OFF))  # at the bar
DROP = Pose.of((0.0, 0.1246, 0.0374))  # from the bar, in the cabinet's axes
ABOVE, AT_ITEM = 0.0859, 0.0109  # [m] of the tip over the item's middle


@dataclass(frozen=True)
class Cast:
    """The cabinet, which of its drawers is meant, and what goes there."""

    cabinet: Cabinet
    item: Cube
    label: str


class PutItemInDrawer(Task[str, Cast]):
    """A small block on the cabinet, and three drawers; the word says which."""

    name: ClassVar[str] = "put_item_in_drawer"
    axes: ClassVar[tuple[Axis, ...]] = ("placement",)
    benchmark_keyframes: ClassVar[float | None] = 12.0
    variations: Sequence[str] = ("bottom", "middle", "top")

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, YAW, rng)
        cabinet, item = Cabinet(), Cube("item", EDGE, MASS, PALE_BLUE)
        scene.add(cabinet, CABINET)
        scene.add(item, CABINET @ ITEM)
        scene.graspable.append(item.name)
        return Cast(cabinet, item, variation)

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"put the item in the {variation} drawer",
            f"pull the {variation} drawer open and lay the small cube inside",
            f"store the thing that lies on the cabinet in the {variation} drawer",
            f"the pale cube belongs in the {variation} drawer: bring it there",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        bar = cast.cabinet.handle(cast.label) @ HALF_TURN
        hover = Anchor(cast.cabinet.name, HOVER)
        yield verbs.approach(hover)
        yield verbs.approach(Anchor(cast.cabinet.name, bar @ BEFORE))
        yield verbs.grasp(Anchor(cast.cabinet.name, bar))
        yield Waypoint(
            Anchor(cast.cabinet.name, bar @ PULLED),
            gripper=True,
            linear=True,
            ignore_collisions=True,
            moves={cast.cabinet.drawer(cast.label): PULL},
        )
        yield verbs.approach(Anchor(cast.cabinet.name, bar @ AWAY))
        yield verbs.approach(hover)
        yield verbs.approach(verbs.over(cast.item.name, ABOVE))
        yield verbs.grasp(verbs.over(cast.item.name, AT_ITEM))
        yield verbs.approach(verbs.over(cast.item.name, ABOVE))
        yield verbs.approach(hover)
        drop = Pose.of(bar.position) @ DROP @ DOWN
        yield verbs.drop(Anchor(cast.cabinet.name, drop))

    def decisive(self, variation: str) -> Marks:
        return marked(11, 1)  # before a handle; later one drawer is open

    def goal(self, cast: Cast) -> Condition:
        return detected(cast.item.name, cast.cabinet.inside(cast.label))
