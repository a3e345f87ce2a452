"""Push the buttons of the named colors, in the order named.

RLBench counterpart: push_buttons, 50 variations: 17 color triples, 1 to 3 of them to be pressed.
Success as the benchmark has it: each named cap moved by more than 1 mm, a later one only after
the earlier one. Other presses are no failure there; `mishap` reports them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import ClassVar

import numpy as np

from premotor.errors import PlacementFailed
from premotor.geometry.poses import Pose
from premotor.simulate import verbs
from premotor.simulate.colors import BUTTON_PALETTE, STUDY_PALETTE, Color
from premotor.simulate.conditions import Condition, pressed_in_order, wrong_press
from premotor.simulate.props import Box
from premotor.simulate.props.button import Button
from premotor.simulate.scene import FULL_TURN, Region, Scene
from premotor.simulate.task import Axis, Marks, Task, marked
from premotor.simulate.verbs import Anchor, Waypoint

NUM_BUTTONS = 3
NUM_VARIATIONS = 50
MODEL_BOX = Box((-0.258, -0.339, -0.013), (0.258, 0.339, 0.092))
BOUNDARY = Box((-0.258, -0.339, 0.0), (0.258, 0.339, 0.0))
HOVER = Pose.of((0.0, 0.0, 0.0915), verbs.POINTING_DOWN)  # in the frame of a button
PRESS = Pose.of((0.0, 0.0, 0.0164), verbs.POINTING_DOWN)
REACH = 0.05  # [m] from the middle of a cap: its radius and half of the closed fingers
CLEAR = 0.035  # [m] tip height at which the fingers pass over a resting cap


@dataclass(frozen=True)
class Order:
    """Which colors are to be pressed, first to last."""

    colors: tuple[Color, ...]


@dataclass(frozen=True)
class Cast:
    """The buttons to press, in order, and those to leave alone."""

    targets: tuple[Button, ...]
    others: tuple[Button, ...]


def _benchmark_orders() -> tuple[Order, ...]:
    """Index i: permutation i // 3 of three palette colors, the first 1 + i % 3 of them."""
    triples = list(islice(permutations(BUTTON_PALETTE, 3), NUM_VARIATIONS // 3 + 1))
    return tuple(Order(triples[i // 3][: 1 + i % 3]) for i in range(NUM_VARIATIONS))


def _free_orders() -> tuple[Order, ...]:
    triples = list(permutations(STUDY_PALETTE, 3))
    return tuple(Order(triple[:count]) for triple in triples for count in (1, 2, 3))


def _check_ways(poses: Sequence[Pose], count: int) -> None:
    """Refuse layouts where the straight way to the next button leads low over another one.

    The benchmark's waypoints rise from a pressed cap to the next hover in one straight line.

    Raises:
        PlacementFailed: The closed fingers would press the button in between.
    """
    places = [pose.position[:2] for pose in poses]
    for i in range(count - 1):
        way = places[i + 1] - places[i]
        length = float(np.linalg.norm(way))
        for k in set(range(len(places))) - {i, i + 1}:
            offset = places[k] - places[i]
            along = float(offset @ way) / length
            aside = abs(float(offset[0] * way[1] - offset[1] * way[0])) / length
            rise = (HOVER.position[2] - PRESS.position[2]) * (along - REACH) / length
            if aside < REACH and 0.0 < along < length and PRESS.position[2] + rise < CLEAR:
                raise PlacementFailed(f"the way from button {i} to {i + 1} leads over button {k}")


class PushButtons(Task[Order, Cast]):
    """Three buttons; colors and their order are in the words."""

    name: ClassVar[str] = "push_buttons"
    axes: ClassVar[tuple[Axis, ...]] = ("color",)
    benchmark_keyframes: ClassVar[float | None] = 3.8
    variations: Sequence[Order] = _benchmark_orders()
    palette: ClassVar[tuple[Color, ...]] = BUTTON_PALETTE

    def stage(self, scene: Scene, variation: Order, rng: np.random.Generator) -> Cast:
        scene.root(MODEL_BOX, FULL_TURN, rng)
        unused = [c for c in self.palette if c not in variation.colors]
        missing = NUM_BUTTONS - len(variation.colors)
        decoys = [unused[i] for i in rng.choice(len(unused), missing, replace=False)]
        buttons: list[Button] = []
        poses: list[Pose] = []
        for i, color in enumerate([*variation.colors, *decoys]):
            button = Button(f"button_{i}", color)
            poses.append(scene.spawn(button, Region(BOUNDARY), rng, clear_of=buttons))
            buttons.append(button)
        count = len(variation.colors)
        _check_ways(poses, count)
        return Cast(tuple(buttons[:count]), tuple(buttons[count:]))

    def instructions(self, variation: Order) -> tuple[str, ...]:
        names = [c.name for c in variation.colors]
        return (
            ", then ".join(f"push the {name} button" for name in names),
            ", and after that ".join(f"tap the {name} one" for name in names),
            f"give a press to each of these buttons in turn: {', '.join(names)}",
            f"touch the button on the {' plate, next the one on the '.join(names)} plate",
        )

    def expert(self, cast: Cast) -> Iterator[Waypoint]:
        for button in cast.targets:
            yield verbs.ready(Anchor(button.name, HOVER), ignore_collisions=True)
            yield verbs.press(Anchor(button.name, PRESS))

    def decisive(self, variation: Order) -> Marks:
        count = len(variation.colors)
        return marked(2 * count, *range(0, 2 * count, 2))  # over each button

    def goal(self, cast: Cast) -> Condition:
        return pressed_in_order(cast.targets)

    def mishap(self, cast: Cast) -> Condition:
        return wrong_press(cast.targets, cast.others)


class PushButtonsFree(PushButtons):
    """The study's variant: any ordered triple of eight well separable colors.

    Not a task of the benchmark. Its own rule nearly always asks for maroon first and green
    second, so that words hardly matter there; here they do.
    """

    name: ClassVar[str] = "push_buttons_free"
    benchmark_keyframes: ClassVar[float | None] = None  # the benchmark has no such task
    variations: Sequence[Order] = _free_orders()
    palette: ClassVar[tuple[Color, ...]] = STUDY_PALETTE
