"""Open the named drawer: take hold of its bar and pull.

RLBench counterpart: open_drawer, 3 variations (bottom, middle, top).
Success as the benchmark has it: the drawer is out by more than 0.15 m of its 0.30 m.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, joint_displaced
from premotor.simulate.props.cabinet import Cabinet
from premotor.simulate.scene import Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MAX_YAW = np.radians(22.5)  # [rad]; the workspace admits about 8 deg of it
OPEN = 0.15  # [m]
BEFORE = Pose.of((0.0, 0.0, -0.087))  # in the frame of the tip at the bar: back along approach
PULL = 0.237  # [m]
PULLED = Pose.of((0.0, 0.0, -PULL))


@dataclass(frozen=True)
class Cast:
    """The cabinet, and which of its drawers is meant."""

    cabinet: Cabinet
    label: str


class OpenDrawer(Task[str, Cast]):
    """Three drawers one above the other; the word says which."""

    name: ClassVar[str] = "open_drawer"
    axes: ClassVar[tuple[Axis, ...]] = ("placement",)
    benchmark_keyframes: ClassVar[float | None] = 3.0
    variations: Sequence[str] = ("bottom", "middle", "top")

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        cabinet = Cabinet()
        scene.root(cabinet.box, (-MAX_YAW, MAX_YAW), rng)
        scene.add(cabinet, IDENTITY)
        return Cast(cabinet, variation)

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"open the {variation} drawer",
            f"take hold of the {variation} handle and draw it toward you",
            f"pull out the drawer at the {variation} of the cabinet"
            if variation != "middle"
            else "pull out the drawer in the middle of the cabinet",
            f"get the {variation} drawer to stand open",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        bar = cast.cabinet.handle(cast.label)
        yield verbs.approach(Anchor(cast.cabinet.name, bar @ BEFORE))
        yield verbs.grasp(Anchor(cast.cabinet.name, bar))
        pulled = Anchor(cast.cabinet.name, bar @ PULLED)
        yield verbs.pull(pulled, cast.cabinet.drawer(cast.label), by=PULL)

    def decisive(self, variation: str) -> Marks:
        return marked(3, 0)  # before a handle

    def goal(self, cast: Cast) -> Condition:
        return joint_displaced(cast.cabinet.drawer(cast.label), OPEN)
