"""The meats lie still on their grate, and only the named one on the board counts."""

import mujoco
import numpy as np
import pytest

from premotor.simulate.props import TABLE
from premotor.simulate.props.grill import GRATE_TOP
from premotor.simulate.props.meat import BOARD
from premotor.simulate.scene import WORKSPACE_CENTER, Scene
from premotor.simulate.tasks.meat_off_grill import Cast, MeatOffGrill
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

GRATE_HEIGHT = WORKSPACE_CENTER[2] + TABLE + GRATE_TOP
ABOVE_BOARD = np.array([0.0, 0.0, BOARD[2] + 0.003])


def _staged(label: str, seed: int = 3) -> tuple[World, Cast]:
    scene = Scene()
    cast = MeatOffGrill().stage(scene, label, np.random.default_rng(seed))
    return scene.build(), cast


def _run(world: World, seconds: float) -> None:
    joints = world.joint_positions.copy()
    for _ in range(round(seconds / 0.005)):
        world.step(joints, FINGER_OPEN)


def _put_on_board(world: World, cast: Cast, name: str) -> None:
    board = world.body_pose(cast.board.name)
    world.data.joint(name).qpos[:3] = board.position + ABOVE_BOARD
    world.forward()


@pytest.mark.parametrize("name", ["chicken", "steak"])
def test_meat_stays_where_it_lies(name: str) -> None:
    world, _ = _staged("steak")
    before = world.body_pose(name)
    _run(world, 2.0)
    after = world.body_pose(name)
    assert np.abs(after.position - before.position).max() < 0.003
    assert after.position[2] == pytest.approx(GRATE_HEIGHT, abs=0.001)


def test_a_nudged_chicken_leg_does_not_roll_off() -> None:
    world, _ = _staged("chicken")
    before = world.body_pose("chicken").position
    world.data.joint("chicken").qvel[:2] = (0.0, 0.25)  # [m/s]
    _run(world, 2.0)
    after = world.body_pose("chicken").position
    assert 0.001 < np.linalg.norm(after - before) < 0.04
    assert after[2] == pytest.approx(before[2], abs=0.004)


def test_meat_counts_only_once_it_is_let_go_of() -> None:
    world, cast = _staged("chicken")
    goal = MeatOffGrill().goal(cast)
    goal.reset(world)
    assert not goal.step(world)
    _put_on_board(world, cast, "chicken")
    weld = world.model.equality("held_chicken").id
    world.data.eq_active[weld] = 1
    assert not goal.step(world)
    world.data.eq_active[weld] = 0
    assert goal.step(world)


def test_the_other_meat_does_not_count() -> None:
    world, cast = _staged("chicken")
    goal = MeatOffGrill().goal(cast)
    goal.reset(world)
    _put_on_board(world, cast, "steak")
    assert not goal.step(world)


@pytest.mark.parametrize("seed", range(6))
def test_the_open_lid_hides_the_meat_from_no_front_camera(seed: int) -> None:
    world, _ = _staged("chicken", seed)
    eye = world.data.camera("front").xpos
    for name in ("chicken", "steak"):
        seen = world.body_pose(name).position + np.array([0.0, 0.0, 0.02])
        hit = np.zeros(1, dtype=np.int32)
        groups = np.array([0, 0, 1, 0, 0, 0], dtype=np.uint8)  # what is drawn
        mujoco.mj_ray(world.model, world.data, eye, seen - eye, groups, 1, -1, hit)
        assert world.model.body(int(world.model.geom_bodyid[hit[0]])).name == name
