"""Take the named meat off the grill: fetch it and put it down on the board beside.

RLBench counterpart: meat_off_grill, 2 variations (chicken, steak). Its scene could not be
decoded; grate, body and rules are the benchmark's, layout and looks are ours.
Success as the benchmark has it: the meat touches the volume beside the grill, nothing is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.conditions import Condition, all_of, detected, nothing_grasped
from premotor.simulate.props import TABLE, Box
from premotor.simulate.props.grill import GRATE_TOP, GRATE_Y, Grill
from premotor.simulate.props.meat import BOARD, Board, Chicken, Steak
from premotor.simulate.scene import FULL_TURN, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Waypoint, over

MODEL_BOX = Box((-0.171, -0.390, TABLE), (0.156, 0.406, 0.610))  # [m] of our layout
GRILL = Pose.of((0.0, 0.112, TABLE))  # in the frame of the root, as are all poses here
BOARD_AT = Pose.of((0.0, -0.308, TABLE))  # far enough from the grill for the open hand
MEAT_Y = {"chicken": GRATE_Y - 0.075, "steak": GRATE_Y + 0.043}  # [m] clear of the lid
GRIP = 0.012  # [m] of the tip above what the meat lies on; the same for both, as it is there
GRIPPER = 2  # a gripper turned by half is the same gripper
PRE_GRASP = 0.120  # [m] above the grasp
LIFT = 0.150  # [m]
CARRY = 0.300  # [m] above the board before it is lowered
DROP = 0.006  # [m] above the board when the hand opens


@dataclass(frozen=True)
class Cast:
    """Both meats, which of them is meant, and the board."""

    meat: Chicken | Steak
    board: Board


class MeatOffGrill(Task[str, Cast]):
    """Two meats on one grate; the word says which.

    They lie at fixed places on it: what varies is where the grill stands. Of the full turn the
    workspace admits about 25 deg either way about 0 and 180 deg, as the layout is long.
    """

    name: ClassVar[str] = "meat_off_grill"
    axes: ClassVar[tuple[Axis, ...]] = ("category",)
    benchmark_keyframes: ClassVar[float | None] = 5.0
    variations: Sequence[str] = ("chicken", "steak")

    def stage(self, scene: Scene, variation: str, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        scene.add(Grill(), GRILL)
        board = Board()
        scene.add(board, BOARD_AT)
        meats = {"chicken": Chicken(), "steak": Steak()}
        for label, meat in meats.items():
            scene.add(meat, GRILL @ Pose.of((0.0, MEAT_Y[label], GRATE_TOP)))
            scene.graspable.append(meat.name)
        return Cast(meats[variation], board)

    def instructions(self, variation: str) -> tuple[str, ...]:
        return (
            f"take the {variation} off the grill",
            f"get the {variation} from the grate onto the wooden board",
            f"the {variation} is done, lay it on the cutting board",
            f"move the {variation} away from the fire and leave it on the board",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        meat, board = cast.meat.name, cast.board.name
        yield verbs.approach(over(meat, GRIP + PRE_GRASP, GRIPPER))
        yield verbs.grasp(over(meat, GRIP, GRIPPER))
        yield verbs.lift(over(meat, GRIP + LIFT, GRIPPER))
        yield verbs.approach(over(board, BOARD[2] + CARRY, GRIPPER))
        yield verbs.release(over(board, BOARD[2] + GRIP + DROP, GRIPPER))

    def decisive(self, variation: str) -> Marks:
        return marked(5, 0)  # over a piece of meat

    def goal(self, cast: Cast) -> Condition:
        return all_of(detected(cast.meat.name, cast.board.sensor), nothing_grasped())
