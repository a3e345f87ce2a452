"""Slide the square ring onto the peg of the named color.

RLBench counterpart: insert_onto_square_peg, 20 variations (one per color).
Success as the benchmark has it: the ring touches all four volumes about the foot of that peg;
whether it is still held is not asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.errors import PlacementFailed
from premotor.geometry.poses import Pose
from premotor.simulate import arm, verbs
from premotor.simulate.colors import COLORS, Color, others
from premotor.simulate.conditions import Condition, all_of, detected
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.peg_board import RING_HEIGHT, PegBoard, SquareRing
from premotor.simulate.scene import FULL_TURN, Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint, hand_down, over

MODEL_BOX = Box((-0.200, -0.125, 0.0), (0.200, 0.200, 0.220))
BOARD = Pose.of((0.0, -0.075, 0.0))  # in the frame of the root
LYING = TABLE + RING_HEIGHT / 2  # [m] of the ring's middle
# The benchmark lets the ring lie right beside the board; there the hand, open across it, would
# come down on the pegs. This far away from the board it has 5 mm to spare at every yaw.
GAP = 0.05  # [m]
RING_REGION = Region(Box((-0.2, 0.0, LYING), (0.2, 0.2, LYING)), gap=GAP)

ABOVE, AT_RING, LIFTED = 0.1, -0.001, 0.212  # [m] of the tip over the ring's middle
OVER_PEG, AROUND_PEG = 0.217, 0.129  # [m] of the tip over the board's frame
# Nearer to the arm's axis the elbow is bent to its limit, and the hand comes down with a wobble
# that is wider than the room between ring and peg.
NEAREST = 0.30  # [m]
SQUARE = 4  # the ring and the peg are as good when turned by a quarter


@dataclass(frozen=True)
class Cast:
    """The pegs, of which one is meant, and the ring."""

    board: PegBoard
    ring: SquareRing


class InsertOntoSquarePeg(Task[Color, Cast]):
    """Three pegs and one ring; the color says which peg."""

    name: ClassVar[str] = "insert_onto_square_peg"
    axes: ClassVar[tuple[Axis, ...]] = ("color",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[Color] = COLORS

    def stage(self, scene: Scene, variation: Color, rng: np.random.Generator) -> Cast:
        root = scene.root(MODEL_BOX, FULL_TURN, rng)
        meant = int(rng.integers(3))
        choice = others(variation)
        first, second = (choice[i] for i in rng.choice(len(choice), 2, replace=False))
        colors = [first, second]
        colors.insert(meant, variation)
        board, ring = PegBoard((colors[0], colors[1], colors[2]), meant), SquareRing()
        for index in range(len(colors)):  # all alike, or the layout would tell which is meant
            _check_reach(root @ BOARD @ board.peg(index))
        scene.add(board, BOARD)
        scene.spawn(ring, RING_REGION, rng, clear_of=[board])
        scene.graspable.append(ring.name)
        return Cast(board, ring)

    def instructions(self, variation: Color) -> tuple[str, ...]:
        name = variation.name
        return (
            f"put the ring on the {name} spoke",
            f"thread the light blue square over the {name} peg",
            f"pick the square ring up and let it slide down the {name} post",
            f"of the three upright pegs, the {name} one gets the ring",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        ring = cast.ring.name
        yield verbs.approach(over(ring, ABOVE, SQUARE))
        yield verbs.grasp(over(ring, AT_RING, SQUARE))
        yield verbs.lift(over(ring, LIFTED, SQUARE))
        yield verbs.approach(_at_peg(cast.board, OVER_PEG))
        yield verbs.release(_at_peg(cast.board, AROUND_PEG))

    def decisive(self, variation: Color) -> Marks:
        return marked(5, 3)  # over a peg, once the ring is in hand

    def goal(self, cast: Cast) -> Condition:
        return all_of(*(detected(cast.ring.name, sensor) for sensor in cast.board.sensors))


def _check_reach(peg: Pose) -> None:
    """Refuse layouts where the arm would have to lower the ring in front of its own foot.

    Raises:
        PlacementFailed: The peg stands too near.
    """
    away = float(np.linalg.norm((peg.position - arm.BASE)[:2]))
    if away < NEAREST:
        raise PlacementFailed(f"the peg stands {away:.2f} m from the arm; {NEAREST} m is needed")


def _at_peg(board: PegBoard, height: float) -> Anchor:
    """A tip pose over the peg that is meant, fingers along the board or across it."""
    return Anchor(board.name, hand_down(board.peg(board.meant), height), SQUARE)
