"""Drop the named shape through its hole into the shape sorter.

RLBench counterpart: place_shape_in_shape_sorter, 5 variations (cube, cylinder, triangular prism,
star, moon). Success as the benchmark has it: the shape touches the volume inside the sorter.
Harder than there: star and moon collide at their full size (see the prop).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, detected
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.shape_sorter import ShapeSorter, Toy
from premotor.simulate.props.toy_shapes import OUTLINES, SYMMETRY
from premotor.simulate.scene import FULL_TURN, Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Around, Waypoint

MODEL_BOX = Box((-0.211, -0.250, -0.046), (0.211, 0.275, 0.209))
SORTER = Pose.of((0.0, -0.150, 0.0))  # in the frame of the root
# The benchmark's field begins at y = -0.025 m and its shapes keep 0.05 m; there the hand and its
# open fingers would come down on the sorter's lid and on other shapes.
FIELD = ((-0.211, 0.045), (0.211, 0.275))  # [m] low and high corner
SPACING = 0.09  # [m] between the middles of two shapes
# Where a hand pointing down holds a shape, in its frame: fingers along y, at two sides of the cube,
# the cylinder and the moon, at a point of the others and what is opposite to it.
HOLDS: Mapping[str, tuple[float, float, float]] = {
    "cube": (0.0, 0.0, 0.004),
    "cylinder": (0.0, 0.0, 0.004),
    "triangular prism": (0.0, 0.0066, 0.004),
    "star": (0.0, 0.0046, 0.004),
    "moon": (0.0, 0.0, 0.004),
}
ABOVE = Pose.of((0.0, 0.0, -0.075))  # from the hold, in the tip's frame
OVER = Pose.of((0.0, 0.0, -0.05))  # from the drop
DROP = 0.1535  # [m] of the tip over the sorter's frame


@dataclass(frozen=True)
class Cast:
    """The sorter, and the shape that is meant."""

    sorter: ShapeSorter
    toy: Toy


class PlaceShapeInShapeSorter(Task[str, Cast]):
    """Five shapes and a box with a hole for each; the word says which."""

    name: ClassVar[str] = "place_shape_in_shape_sorter"
    axes: ClassVar[tuple[Axis, ...]] = ("shape",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[str] = tuple(OUTLINES)

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        sorter = ShapeSorter()
        scene.add(sorter, SORTER)
        toys = {label: Toy(label) for label in OUTLINES}
        placed: list[Toy] = []
        for toy in toys.values():
            low, high = ((*corner, TABLE + toy.height / 2) for corner in FIELD)
            scene.spawn(toy, Region(Box(low, high), spacing=SPACING), rng, clear_of=placed)
            placed.append(toy)
        scene.graspable.extend(toy.name for toy in placed)
        return Cast(sorter, toys[variation])

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"put the {variation} in the shape sorter",
            f"find the hole that fits the {variation} and drop it through",
            f"the {variation} belongs inside the wooden box, let it fall in",
            f"take the {variation} from the table and post it into the sorting box",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        label = cast.toy.label
        hold = Pose.of(HOLDS[label], verbs.POINTING_DOWN)
        at_toy = Around(cast.toy.name, hold, SYMMETRY[label])
        over_toy = Around(cast.toy.name, hold @ ABOVE, SYMMETRY[label])
        x, y, _ = HOLDS[label]
        drop = Pose.of((x, y, DROP), verbs.POINTING_DOWN)
        hole = cast.sorter.hole(label)
        yield verbs.approach(over_toy)
        yield verbs.grasp(at_toy, ignore_collisions=True)
        yield verbs.lift(over_toy)
        yield verbs.approach(Around(hole, drop @ OVER, SYMMETRY[label]))
        yield verbs.release(Around(hole, drop, SYMMETRY[label]))

    def decisive(self, variation: str) -> Marks:
        return marked(5, 0)  # over a shape, which then tells its hole

    def goal(self, cast: Cast) -> Condition:
        return detected(cast.toy.name, cast.sorter.sensor)
