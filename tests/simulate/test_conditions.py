"""Conditions watch the physics step by step and remember in its state."""

import numpy as np
import pytest

from premotor.geometry.poses import Pose
from premotor.simulate import conditions
from premotor.simulate.colors import color
from premotor.simulate.conditions import Condition
from premotor.simulate.props import slot_of
from premotor.simulate.props.block import Block
from premotor.simulate.props.button import Button
from premotor.simulate.props.mat import Mat
from premotor.simulate.scene import Scene
from premotor.simulate.world import World

pytestmark = pytest.mark.sim

FIRST, SECOND, OTHER = (
    Button(f"button_{i}", color(name)) for i, name in enumerate(("blue", "yellow", "white"))
)


class _Holds(Condition):
    """Holds as told, and counts how often it was asked."""

    def __init__(self, holds: bool) -> None:
        self.holds = holds
        self.asked = 0

    def reset(self, world: World) -> None:
        self.asked = 0

    def step(self, world: World) -> bool:
        self.asked += 1
        return self.holds


@pytest.fixture
def buttons() -> World:
    scene = Scene()
    for i, button in enumerate((FIRST, SECOND, OTHER)):
        scene.add(button, Pose.of((0.0, 0.2 * (i - 1), 0.0)))
    return scene.build()


def _set(world: World, button: Button, depth: float) -> None:
    world.data.joint(button.cap).qpos[0] = -depth
    world.forward()


def test_presses_count_only_in_their_order(buttons: World) -> None:
    goal = conditions.pressed_in_order([FIRST, SECOND])
    goal.reset(buttons)
    _set(buttons, SECOND, 0.008)
    assert not goal.step(buttons)
    _set(buttons, SECOND, 0.0)
    _set(buttons, FIRST, 0.008)
    assert not goal.step(buttons)
    _set(buttons, FIRST, 0.0)
    assert not goal.step(buttons)
    _set(buttons, SECOND, 0.0011)
    assert goal.step(buttons)
    _set(buttons, SECOND, 0.0)
    assert goal.step(buttons)  # counted is counted


def test_a_cap_held_down_counts_when_it_is_pressed_anew(buttons: World) -> None:
    goal = conditions.pressed_in_order([FIRST, SECOND])
    goal.reset(buttons)
    _set(buttons, SECOND, 0.008)
    goal.step(buttons)
    _set(buttons, FIRST, 0.008)
    goal.step(buttons)
    _set(buttons, SECOND, 0.0007)  # not let go far enough
    goal.step(buttons)
    _set(buttons, SECOND, 0.008)
    assert not goal.step(buttons)
    _set(buttons, SECOND, 0.0)
    goal.step(buttons)
    _set(buttons, SECOND, 0.008)
    assert goal.step(buttons)


def test_the_millimeter_of_the_benchmark_decides(buttons: World) -> None:
    goal = conditions.pressed_in_order([FIRST])
    goal.reset(buttons)
    _set(buttons, FIRST, 0.0009)
    assert not goal.step(buttons)
    _set(buttons, FIRST, 0.0011)
    assert goal.step(buttons)


def test_a_press_that_is_not_due_is_wrong(buttons: World) -> None:
    goal = conditions.pressed_in_order([FIRST, SECOND])
    wrong = conditions.wrong_press([FIRST, SECOND], [OTHER])
    goal.reset(buttons)
    wrong.reset(buttons)
    for button, expected in ((FIRST, False), (OTHER, True), (SECOND, False), (FIRST, False)):
        _set(buttons, button, 0.005)
        assert wrong.step(buttons) is expected
        goal.step(buttons)
        _set(buttons, button, 0.0)
        goal.step(buttons)


def test_a_restored_state_remembers_and_looks_as_it_did(buttons: World) -> None:
    goal = conditions.pressed_in_order([FIRST, SECOND])
    goal.reset(buttons)
    fresh = buttons.state()
    _set(buttons, FIRST, 0.005)
    goal.step(buttons)
    pressed = buttons.state()
    buttons.restore(fresh)
    assert buttons.data.userdata[slot_of(buttons.model, FIRST.counted)] == 0.0
    FIRST.show(buttons.model, buttons.data)
    red = buttons.model.material(FIRST.cap).rgba[:3].copy()
    buttons.restore(pressed)
    FIRST.show(buttons.model, buttons.data)
    green = buttons.model.material(FIRST.cap).rgba[:3].copy()
    assert red[0] > red[1]
    assert green[1] > green[0]
    _set(buttons, SECOND, 0.005)
    assert goal.step(buttons)


def test_joint_displacement_counts_either_way_from_the_start(buttons: World) -> None:
    _set(buttons, FIRST, 0.005)
    moved = conditions.joint_displaced(FIRST.cap, 0.003)
    moved.reset(buttons)
    assert not moved.step(buttons)
    _set(buttons, FIRST, 0.0085)
    assert moved.step(buttons)
    _set(buttons, FIRST, 0.001)
    assert moved.step(buttons)


def test_detection_is_surface_in_volume() -> None:
    scene = Scene()
    block, mat = Block(), Mat("mat", color("blue"))
    scene.add(block, Pose.of((0.0, 0.0, 0.027)))
    scene.add(mat, Pose.of((0.2, 0.0, 0.001)))
    world = scene.build()
    goal = conditions.detected(block.name, mat.sensor)
    goal.reset(world)
    edge = 0.25 + 0.2 - 0.05 - 0.0563 / 2  # [m] x at which the block begins to reach in
    for x, expected in ((edge - 0.001, False), (edge + 0.001, True), (0.45, True)):
        world.data.joint(block.name).qpos[0] = x
        world.forward()
        assert goal.step(world) is expected


def test_all_parts_are_asked_at_every_step(buttons: World) -> None:
    parts = [_Holds(False), _Holds(True)]
    both = conditions.all_of(*parts)
    both.reset(buttons)
    assert not both.step(buttons)
    assert [part.asked for part in parts] == [1, 1]
    parts[0].holds = True
    assert both.step(buttons)


def test_never_is_never_and_an_empty_hand_holds_nothing(buttons: World) -> None:
    never, nothing = conditions.never(), conditions.nothing_grasped()
    never.reset(buttons)
    nothing.reset(buttons)
    assert not never.step(buttons)
    assert nothing.step(buttons)


def test_buttons_rest_unpressed_and_spring_back(buttons: World) -> None:
    hold = buttons.joint_positions.copy()
    for _ in range(200):
        buttons.step(hold, 0.04)
    depths = [abs(buttons.joint_value(b.cap)) for b in (FIRST, SECOND, OTHER)]
    assert max(depths) < 1e-5
    _set(buttons, FIRST, 0.01)
    for _ in range(100):
        buttons.step(hold, 0.04)
    assert abs(buttons.joint_value(FIRST.cap)) < 1e-4
    assert np.isfinite(buttons.state()).all()
