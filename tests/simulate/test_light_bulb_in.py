"""A bulb hangs by its glass, in a holder or in the socket, and burns in the socket alone."""

import numpy as np
import pytest

from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.colors import color
from premotor.simulate.conditions import detected
from premotor.simulate.props.lamp import RIM, SOCKET_WALL, Lamp
from premotor.simulate.props.light_bulb import (
    BULB_IN_HOLDER,
    BULB_LOW,
    GLASS_CENTER,
    GLASS_DIAMETER,
    LIT,
    UNLIT,
    BulbHolder,
    LightBulb,
)
from premotor.simulate.scene import Scene
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

LAMP = Lamp()
HOLDER = BulbHolder("holder", color("green"))
BULB = LightBulb("bulb", LAMP.sensor)
HOLDER_PLACE = Pose.of((0.0, 0.2, 0.0281))
IN_HOLDER = HOLDER_PLACE @ Pose.of((0.0, 0.0, BULB_IN_HOLDER))
SEATED = RIM + np.sqrt((GLASS_DIAMETER / 2) ** 2 - (SOCKET_WALL.inner / 2) ** 2) - GLASS_CENTER


def _world(bulb: Pose) -> World:
    scene = Scene()
    scene.add(LAMP, Pose.of((0.0, 0.0, 0.0)))
    scene.add(HOLDER, HOLDER_PLACE)
    scene.add(BULB, bulb)
    return scene.build()


def _step(world: World, seconds: float, down: float = 0.0) -> None:
    body = world.model.body(BULB.name).id
    for _ in range(round(seconds / world.model.opt.timestep)):
        world.data.xfrc_applied[body, 2] = -down
        world.step(arm.START, FINGER_OPEN)


def _in_lamp(world: World) -> Pose:
    return world.body_pose(LAMP.name).inverse() @ world.body_pose(BULB.name)


def _tilt(world: World) -> float:
    return float(np.degrees(np.arccos(min(1.0, world.body_pose(BULB.name).matrix()[2, 2]))))


def _in_socket(world: World) -> bool:
    condition = detected(BULB.name, LAMP.sensor)
    condition.reset(world)
    return condition.step(world)


def _color(world: World) -> tuple[float, ...]:
    for look in world.looks:
        look(world.model, world.data)
    return tuple(float(part) for part in world.model.material("bulb_glass").rgba[:3])


def test_a_bulb_rests_upright_in_its_holder() -> None:
    world = _world(IN_HOLDER)
    before = world.body_pose(BULB.name).position
    _step(world, 0.5)
    assert np.abs(world.body_pose(BULB.name).position - before).max() < 5e-4
    assert _tilt(world) < 0.5
    assert not _in_socket(world)


def test_a_bulb_let_go_in_the_socket_sinks_until_its_glass_sits_on_the_rim() -> None:
    world = _world(Pose.of((0.0008, -0.0006, SEATED + 0.010)))
    _step(world, 1.0)
    assert _in_lamp(world).position[2] == pytest.approx(SEATED, abs=1e-3)
    assert np.linalg.norm(_in_lamp(world).position[:2]) < 1.5e-3
    assert _tilt(world) < 3.0
    assert _in_socket(world)


def test_nothing_presses_a_bulb_through_the_socket() -> None:
    world = _world(Pose.of((0.0, 0.0, SEATED)))
    _step(world, 0.5, down=20.0)
    assert _in_lamp(world).position[2] > SEATED - 2.5e-3  # where the base stands on the ground


def test_a_bulb_beside_the_opening_is_not_let_in() -> None:
    world = _world(Pose.of((0.012, 0.0, RIM - BULB_LOW + 0.001)))
    _step(world, 0.1, down=5.0)
    assert _in_lamp(world).position[2] > RIM - BULB_LOW - 5e-3
    assert not _in_socket(world)


def test_a_bulb_burns_in_the_socket_only() -> None:
    assert _color(_world(IN_HOLDER)) == pytest.approx(UNLIT)
    assert _color(_world(Pose.of((0.0, 0.0, SEATED)))) == pytest.approx(LIT)
