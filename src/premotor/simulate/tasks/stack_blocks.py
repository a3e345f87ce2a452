"""Stack so many blocks of the named color on the plinth.

RLBench counterpart: stack_blocks, 60 variations (20 colors x 2, 3 or 4 blocks).
Success as the benchmark has it: so many blocks of the color touch a thin column above the plinth,
and nothing is grasped. The four blocks of the other color count for nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from premotor.errors import PlacementFailed
from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate import verbs
from premotor.simulate.colors import COLORS, Color, others
from premotor.simulate.conditions import Condition, all_of, at_least, detected, nothing_grasped
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.cube import Cube
from premotor.simulate.props.plinth import HEIGHT, WIDTH, Plinth
from premotor.simulate.scene import FULL_TURN, Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

MODEL_BOX = Box((-0.300, -0.405, 0.0), (0.300, 0.405, 0.225))
PER_COLOR = 4  # blocks
EDGE, MASS = 0.05, 0.125  # [m], [kg]
SPACING = 0.1  # [m] between the middles of two blocks
FIELDS = tuple(  # where blocks may lie, around the plinth: low and high corners
    Box((*low, TABLE + EDGE / 2), (*high, TABLE + EDGE / 2))
    for low, high in (
        ((-0.300, 0.045), (0.300, 0.405)),
        ((-0.300, -0.405), (0.300, -0.045)),
        ((0.050, -0.050), (0.300, 0.050)),
        ((-0.300, -0.050), (-0.050, 0.050)),
    )
)

ABOVE, HIGH = 0.1, 0.2  # [m] over a block: where the hand waits, and where it lifts to
OVER = 0.05  # [m] over its place: where a block is carried to
# The benchmark lets blocks fall, the first by 3 cm, the fourth by 6 cm; we set them down.
CLEARANCE = 0.003  # [m] left under a block when it is let go

# What the open gripper sweeps when it comes down, from its middle: half its extent along the line
# of the fingers and across it. The hand is above the blocks, but not above the tower.
FINGERS, HAND = (0.062, 0.012), (0.105, 0.034)  # [m]

XY = Float[np.ndarray, "2"]


@dataclass(frozen=True)
class Stack:
    """So many blocks of a color."""

    color: Color
    count: int


@dataclass(frozen=True)
class Hold:
    """A block, and a tip pose at its middle whose fingers have room beside it."""

    cube: Cube
    tip: Pose  # in the frame of the block


@dataclass(frozen=True)
class Cast:
    """The plinth, all blocks of the color, and those that are fetched, in their order."""

    plinth: Plinth
    blocks: tuple[Cube, ...]
    holds: tuple[Hold, ...]


class StackBlocks(Task[Stack, Cast]):
    """Four blocks of the color and four of another lie about a plinth."""

    name: ClassVar[str] = "stack_blocks"
    axes: ClassVar[tuple[Axis, ...]] = ("color", "count")
    benchmark_keyframes: ClassVar[float | None] = 14.6
    variations: Sequence[Stack] = tuple(
        Stack(color, count) for color in COLORS for count in (2, 3, 4)
    )

    def stage(self, scene: Scene, variation: Stack, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        plinth = Plinth()
        scene.add(plinth, IDENTITY)
        choice = others(variation.color)
        other = choice[int(rng.integers(len(choice)))]
        placed: dict[Cube, Pose] = {}
        for color in (variation.color, other):
            for index in range(PER_COLOR):
                cube = Cube(f"block_{color.name}_{index}", EDGE, MASS, color.rgb)
                placed[cube] = _scatter(scene, cube, list(placed), rng)
        scene.graspable += [cube.name for cube in placed]
        # The nearest first: the higher the tower, the farther from it the hand reaches down.
        away = {cube: float(np.hypot(*pose.position[:2])) for cube, pose in placed.items()}
        wanted = sorted(list(placed)[:PER_COLOR], key=lambda cube: away[cube])
        # Room is asked for beside every block, so that a layout does not tell which are meant.
        holds = {cube: _hold(cube, placed) for cube in placed}
        fetched = tuple(holds[cube] for cube in wanted[: variation.count])
        return Cast(plinth, tuple(wanted), fetched)

    def instructions(self, variation: Stack) -> tuple[str, ...]:
        n, name = variation.count, variation.color.name
        return (
            f"stack {n} {name} blocks",
            f"make the plinth carry a tower {n} blocks high, all of them {name}",
            f"pile {n} {name} cubes up on the plinth",
            f"one after another, {n} of the {name} blocks go on top of the plinth",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        for level, hold in enumerate(cast.holds):
            yield verbs.approach(_over(hold, ABOVE))
            yield verbs.grasp(_over(hold, 0.0), ignore_collisions=True)
            yield verbs.lift(_over(hold, HIGH))
            seat = HEIGHT + (level + 0.5) * EDGE + CLEARANCE
            above = verbs.over(cast.plinth.name, seat + OVER, symmetry=4)
            yield verbs.approach(above)
            yield verbs.release(verbs.over(cast.plinth.name, seat, symmetry=4))
            if level + 1 < len(cast.holds):
                yield verbs.approach(above)

    def decisive(self, variation: Stack) -> Marks:
        count = 6 * variation.count - 1
        return marked(count, *range(0, count, 6))  # over each block that is fetched

    def goal(self, cast: Cast) -> Condition:
        standing = [detected(cube.name, cast.plinth.sensor) for cube in cast.blocks]
        return all_of(at_least(len(cast.holds), *standing), nothing_grasped())


def _scatter(scene: Scene, cube: Cube, placed: list[Cube], rng: np.random.Generator) -> Pose:
    """Put a block into a field, drawn by area; a full field passes it on to another."""
    areas = np.array([np.prod(np.subtract(field.high, field.low)[:2]) for field in FIELDS])
    order = rng.choice(len(FIELDS), len(FIELDS), replace=False, p=areas / areas.sum())
    for index in order:
        try:
            return scene.spawn(cube, Region(FIELDS[index], spacing=SPACING), rng, placed)
        except PlacementFailed:
            continue
    raise PlacementFailed(f"no field has room for {cube.name!r}; lower the spacing of {SPACING} m")


def _hold(cube: Cube, placed: Mapping[Cube, Pose]) -> Hold:
    """The first pair of the block's sides beside which nothing is in the way of the gripper."""
    middle, yaw = placed[cube].position[:2], _yaw(placed[cube])
    block, plinth = EDGE / np.sqrt(2.0), WIDTH / np.sqrt(2.0)  # [m] radii of corners
    offsets = [pose.position[:2] - middle for c, pose in placed.items() if c != cube]
    for turn in sorted((0.0, np.pi / 2), key=lambda turn: abs(np.sin(yaw + turn))):
        line = np.array([-np.sin(yaw + turn), np.cos(yaw + turn)])  # of the fingers
        blocked = [_meets(offset, line, FINGERS, block) for offset in offsets]
        blocked.append(_meets(-middle, line, FINGERS, plinth))
        blocked.append(_meets(-middle, line, HAND, block))
        if not any(blocked):
            down = Pose.of((0.0, 0.0, 0.0), verbs.POINTING_DOWN)
            return Hold(cube, Pose.of((0.0, 0.0, 0.0), rotations.about_z(turn)) @ down)
    raise PlacementFailed(f"the gripper has no room beside {cube.name!r}; raise the spacing")


def _yaw(pose: Pose) -> float:
    """Turn about z [rad] of a pose that stands upright."""
    w, _, _, z = pose.quaternion
    return 2.0 * float(np.arctan2(z, w))


def _meets(offset: XY, line: XY, half: tuple[float, float], radius: float) -> bool:
    """Whether a disc at an offset [m] reaches into a rectangle whose long side is on a line."""
    along, across = abs(float(offset @ line)), abs(float(offset @ (line[1], -line[0])))
    return bool(along < half[0] + radius and across < half[1] + radius)


def _over(hold: Hold, height: float) -> Anchor:
    """A tip pose so far [m] above a block's middle, fingers at two of its sides."""
    up = Pose.of((0.0, 0.0, height))
    return Anchor(hold.cube.name, up @ hold.tip, symmetry=2)
