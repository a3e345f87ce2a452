"""Handles stay where they are left, turn by contact alone and let the water run."""

import numpy as np
import pytest

from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.modeling.forms import SIDES
from premotor.simulate.props.tap import WATER_ALPHA, Tap, spout
from premotor.simulate.scene import Scene
from premotor.simulate.tasks.turn_tap import GRIP, Cast, TurnTap
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

TAP = Tap()


@pytest.fixture
def world() -> World:
    scene = Scene()
    scene.add(TAP, Pose.of((0.0, 0.0, 0.0)))
    return scene.build()


def _turn(world: World, side: str, angle: float) -> None:
    world.data.joint(TAP.joint(side)).qpos[0] = angle
    world.forward()


def _angles(world: World) -> list[float]:
    return [world.joint_value(TAP.joint(side)) for side in ("left", "right")]


def _step(world: World, seconds: float) -> None:
    for _ in range(round(seconds / world.model.opt.timestep)):
        world.step(arm.START, FINGER_OPEN)


def test_a_handle_stays_where_it_is_left(world: World) -> None:
    _turn(world, "left", 1.0)
    _step(world, 1.0)
    assert _angles(world) == pytest.approx([1.0, 0.0], abs=1e-3)


def test_a_handle_gives_way_to_a_torque_beyond_its_friction_and_not_to_less(world: World) -> None:
    for torque, moves in ((0.4, False), (0.8, True)):
        world.reset()
        world.data.joint(TAP.joint("right")).qfrc_applied[0] = torque
        _step(world, 0.3)
        left, right = _angles(world)
        assert left == pytest.approx(0.0, abs=1e-3)
        assert (right > 0.2) == moves


@pytest.mark.parametrize(
    ("left", "right", "done"),
    [(1.5, 0.0, False), (1.6, 0.0, True), (-1.6, 0.0, True), (0.0, 2.0, False), (1.6, 2.0, True)],
)
def test_a_quarter_turn_of_the_named_handle_counts_either_way(
    world: World, left: float, right: float, done: bool
) -> None:
    goal = TurnTap().goal(Cast(TAP, "left"))
    goal.reset(world)
    _turn(world, "left", left)
    _turn(world, "right", right)
    assert goal.step(world) == done


def test_water_runs_while_a_handle_is_open(world: World) -> None:
    alphas = []
    for angle in (0.0, 0.8, -2.0, 0.05):
        _turn(world, "right", angle)
        for look in world.looks:
            look(world.model, world.data)
        alphas.append(float(world.model.material("tap_water").rgba[3]))
    assert alphas[0] == alphas[3] == 0.0
    assert 0.0 < alphas[1] < alphas[2] == pytest.approx(WATER_ALPHA)


def test_the_left_handle_is_at_the_left_hand_of_who_looks_at_the_basin() -> None:
    looking, up = np.array([-1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])  # the spout points to +x
    to_the_left = np.cross(up, looking)
    assert TAP.handle("left").position @ to_the_left > 0.1
    assert TAP.handle("right").position @ to_the_left < -0.1


def test_the_fingers_open_between_the_spokes() -> None:
    opening = GRIP.matrix()[:3, 1]
    assert np.abs(opening) == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0.0], abs=1e-9)


def test_an_image_goes_once_around_the_spout_and_once_along_it() -> None:
    surface = spout()
    assert surface.texcoords is not None
    wall = surface.texcoords[: -2 * (SIDES + 2)].reshape(-1, SIDES + 1, 2)
    assert np.allclose(wall[:, [0, -1], 0], [0.0, 1.0])
    assert np.allclose(wall[[0, -1], :, 1], [[0.0], [1.0]])
    assert len(surface.texcoords) == len(surface.vertices)
