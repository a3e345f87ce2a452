"""Lay the wine bottle on the named place of the rack.

RLBench counterpart: place_wine_at_rack_location, 3 variations (middle, left, right).
Success as the benchmark has it: the bottle touches the volume of that place, nothing grasped. Left
and right are as seen from behind the rack, the side away from the bottle, where the feet of
bottles lie; seen from the side their necks point to, they are the other way round.
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
from premotor.simulate.props.bottle import Bottle
from premotor.simulate.props.rack import PLACES, Rack
from premotor.simulate.scene import Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.116, -0.319, -0.003), (0.224, 0.402, 0.247))
MAX_YAW = np.radians(45.0)  # [rad]; the workspace admits -15 to 20 deg of it
BOTTLE = Pose.of((0.099, -0.2842, TABLE))
RACK = Pose.of((0.0532, 0.275, TABLE))

# In the frame of the bottle: approach +x, fingers along y, the neck along the tip's x.
LEVEL = rotations.from_xyzw(np.array([0.70711, 0.0, 0.70711, 0.0]))
BEFORE = Pose.of((-0.05, 0.0, 0.2231), LEVEL)
HOLD = Pose.of((0.0, 0.0, 0.2231), LEVEL)
RAISED = Pose.of((0.0, 0.0, 0.2481), LEVEL)

# In the frame of the rack: the hand points down, the neck away from the rack.
TILTED = rotations.from_xyzw(np.array([-0.70105, 0.70107, 0.09229, 0.09229]))  # by 15 deg
DOWN = rotations.from_xyzw(np.array([0.7071, -0.70712, 0.0, 0.0]))
IN_FRONT, ABOVE = -0.3253, -0.1253  # [m] along y
HEIGHT = 0.176  # [m]


@dataclass(frozen=True)
class Cast:
    """The bottle, the rack, and which of its places is meant."""

    bottle: Bottle
    rack: Rack
    label: str


class PlaceWineAtRackLocation(Task[str, Cast]):
    """One bottle, three places; the word says which."""

    name: ClassVar[str] = "place_wine_at_rack_location"
    axes: ClassVar[tuple[Axis, ...]] = ("placement",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[str] = ("middle", "left", "right")

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, (-MAX_YAW, MAX_YAW), rng)
        rack, bottle = Rack(), Bottle()
        scene.add(rack, RACK)
        scene.add(bottle, BOTTLE)
        scene.graspable.append(bottle.name)
        return Cast(bottle, rack, variation)

    def instructions(self, variation: str) -> tuple[str, ...]:
        if variation == "middle":
            place, seen = "in the middle", "in the middle of the rack"
        else:
            place, seen = f"on the {variation}", f"on the {variation} as seen from behind the rack"
        return (
            f"stack the wine bottle to the {variation} of the rack",
            f"lay the bottle down on the rack, {place}",
            f"the wine belongs in the {variation} groove between the rods",
            f"pick the red wine up by its neck and rest it {seen}",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        bottle, rack, x = cast.bottle.name, cast.rack.name, PLACES[cast.label]
        yield verbs.approach(Anchor(bottle, BEFORE))
        yield verbs.grasp(Anchor(bottle, HOLD))
        yield verbs.lift(Anchor(bottle, RAISED))
        in_front = Anchor(rack, Pose.of((x, IN_FRONT, HEIGHT), TILTED))
        yield Waypoint(in_front, ignore_collisions=True)
        yield verbs.release(Anchor(rack, Pose.of((x, ABOVE, HEIGHT), DOWN)))

    def decisive(self, variation: str) -> Marks:
        return marked(5, 3)  # in front of a place, bottle in hand

    def goal(self, cast: Cast) -> Condition:
        return all_of(detected(cast.bottle.name, cast.rack.sensor(cast.label)), nothing_grasped())
