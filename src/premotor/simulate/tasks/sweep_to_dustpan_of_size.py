"""Sweep the dirt into the dustpan of the named size: fetch the broom, then one stroke.

RLBench counterpart: sweep_to_dustpan_of_size, 2 variations (tall, short).
Success as the benchmark has it: all five pieces touch the volume in the mouth of that dustpan.
The dustpans are seen, not felt; dirt moves by contact with the broom.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, all_of, detected
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.broom import Broom, Stand
from premotor.simulate.props.dirt import Dirt
from premotor.simulate.props.dustpan import Dustpan
from premotor.simulate.scene import ROOT, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.312, -0.450, -0.014), (0.175, 0.450, 0.682))
# The model is 0.900 m wide and the workspace 0.910 m, so of all yaws only those near 0 and near
# half a turn fit; they are drawn from directly.
MAX_YAW = np.radians(0.95)  # [rad]

# All poses are in the frame of the root.
STAND = Pose.of((-0.175, 0.376, TABLE))
BROOM = Pose.of((-0.171, 0.0962, TABLE))  # 0.2 mm from leaning on the stand
DIRT = ((0.050, -0.050), (0.025, 0.0), (0.0, -0.050), (0.050, 0.0), (0.0, -0.075))  # [m]
DIRT_HEIGHT = 0.003  # [m] on the table; the benchmark lets them fall from 22 mm
TALL = Pose.of((-0.0008, -0.3013, TABLE))
SHORT = Pose.of((0.0435, 0.2032, TABLE), rotations.about_z(np.pi))
TALL_POLE = 0.682  # [m] top of the pole
SHORT_POLE = 0.335  # [m]; 0.41 in the benchmark, where the hand passes through it
SHORT_SCALE = 0.6

# The hand leans back by 20 deg and holds the handle between fingers that open along x. On our
# table the broom stands 4.5 mm lower than in the benchmark; it is held 3.5 mm higher up, so that
# its head hangs 1 mm above the table at the height of the short stroke.
HAND = rotations.from_xyzw(np.array([-0.69636, -0.69636, -0.12279, 0.12279]))
HOLD = Pose.of((0.001, 0.1408, 0.326), HAND)  # in the frame of the broom
BEFORE = Pose.of((0.001, 0.0578, 0.326), HAND)


def _at(x: float, y: float, z: float) -> Pose:
    return Pose.of((x, y, z), HAND)


# Tip poses that sweep into a dustpan.
STROKES: Mapping[str, tuple[Pose, ...]] = {
    # The benchmark's third waypoint equals its second here: no motion, so no keyframe.
    "tall": (_at(-0.020, 0.260, 0.328), _at(-0.020, -0.115, 0.328)),
    "short": (_at(-0.007, -0.041, 0.385), _at(-0.007, -0.041, 0.325), _at(-0.007, 0.300, 0.325)),
}


@dataclass(frozen=True)
class Cast:
    """The broom, what is to be swept, where to, and how."""

    broom: Broom
    dirt: tuple[Dirt, ...]
    target: Dustpan
    stroke: tuple[Pose, ...]


class SweepToDustpanOfSize(Task[str, Cast]):
    """Two dustpans on opposite sides of the dirt; the word says which."""

    name: ClassVar[str] = "sweep_to_dustpan_of_size"
    axes: ClassVar[tuple[Axis, ...]] = ("size",)
    benchmark_keyframes: ClassVar[float | None] = 4.6
    variations: Sequence[str] = ("tall", "short")

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        turn = np.pi * int(rng.integers(2))
        scene.root(MODEL_BOX, (turn - MAX_YAW, turn + MAX_YAW), rng)
        scene.add(Stand(), STAND)
        broom = Broom()
        scene.add(broom, BROOM)
        scene.graspable.append(broom.name)
        pans = {
            "tall": Dustpan("dustpan_tall", 1.0, TALL_POLE),
            "short": Dustpan("dustpan_short", SHORT_SCALE, SHORT_POLE),
        }
        scene.add(pans["tall"], TALL)
        scene.add(pans["short"], SHORT)
        dirt = tuple(Dirt(f"dirt_{i}") for i in range(len(DIRT)))
        for piece, (x, y) in zip(dirt, DIRT, strict=True):
            scene.add(piece, Pose.of((x, y, DIRT_HEIGHT)))
        return Cast(broom, dirt, pans[variation], STROKES[variation])

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"sweep dirt to the {variation} dustpan",
            f"take the broom and push all the crumbs into the pan with the {variation} pole",
            f"get the mess off the table with one stroke toward the {variation} dustpan",
            f"brush the five bits of soil over to the {variation} pan",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        yield verbs.approach(Anchor(cast.broom.name, BEFORE))
        yield verbs.grasp(Anchor(cast.broom.name, HOLD))
        for pose in cast.stroke:
            yield verbs.push(Anchor(ROOT, pose))

    def decisive(self, variation: str) -> Marks:
        return marked(2 + len(STROKES[variation]), 2)  # where the stroke begins

    def tools(self, cast: Cast) -> tuple[str, ...]:
        return (cast.broom.name,)

    def goal(self, cast: Cast) -> Condition:
        return all_of(*(detected(piece.name, cast.target.sensor) for piece in cast.dirt))
