"""Groceries stand where the hand can take them, and only the bottom shelf counts."""

from itertools import combinations

import numpy as np
import pytest

from premotor.errors import PlacementFailed
from premotor.geometry.poses import Pose
from premotor.simulate.arm import FINGER_TRAVEL
from premotor.simulate.modeling import labels
from premotor.simulate.props.cupboard import ROOMS, SHELF, WALL
from premotor.simulate.props.grocery import GROCERIES, PALM_RAISE, TALLEST, Grocery
from premotor.simulate.scene import Scene
from premotor.simulate.tasks.put_groceries_in_cupboard import (
    SPACING,
    Cast,
    PutGroceriesInCupboard,
)
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

FINGER = 0.020  # [m] thickness of a finger, both ways


def _staged(grocery: Grocery = GROCERIES[0], seed: int = 0) -> tuple[World, Cast]:
    """The first layout from this seed on in which all find room."""
    for attempt in range(20):
        scene = Scene()
        rng = np.random.default_rng((seed, attempt))
        try:
            cast = PutGroceriesInCupboard().stage(scene, grocery, rng)
        except PlacementFailed:
            continue
        return scene.build(), cast
    raise AssertionError("no layout in 20 attempts")


def _put(world: World, cast: Cast, name: str, place: tuple[float, float, float]) -> None:
    pose = world.body_pose(cast.cupboard.name) @ Pose.of(place)
    world.data.joint(name).qpos[:] = (*pose.position, *pose.quaternion)
    world.forward()


@pytest.mark.parametrize("grocery", GROCERIES, ids=lambda grocery: grocery.name)
def test_the_open_hand_fits_around_each_grocery(grocery: Grocery) -> None:
    assert grocery.size[1] <= 2 * FINGER_TRAVEL - 0.006
    assert grocery.grip + PALM_RAISE > grocery.size[2]
    assert grocery.size[2] <= TALLEST


@pytest.mark.parametrize("seed", range(5))
def test_no_grocery_stands_where_the_fingers_come_down(seed: int) -> None:
    world, _ = _staged(seed=seed)
    for mine, other in combinations((*GROCERIES, *reversed(GROCERIES)), 2):
        if mine is other:
            continue
        apart = world.body_pose(mine.name).inverse() @ world.body_pose(other.name)
        assert np.linalg.norm(apart.position) >= SPACING - 1e-6
        edge = np.linspace(-0.5, 0.5, 41)
        grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2) * other.size[:2]
        places = grid @ apart.matrix()[:2, :2].T + apart.position[:2]
        below = (np.abs(places[:, 0]) < FINGER / 2) & (np.abs(places[:, 1]) < 0.06)
        assert not below.any(), (mine.name, other.name)


def test_groceries_stand_still() -> None:
    world, _ = _staged()
    before = {g.name: world.body_pose(g.name) for g in GROCERIES}
    joints = world.joint_positions.copy()
    for _ in range(200):
        world.step(joints, FINGER_OPEN)
    for name, pose in before.items():
        after = world.body_pose(name)
        assert np.abs(after.position - pose.position).max() < 0.003, name
        assert after.matrix()[2, 2] > 0.9999, name


def test_only_the_bottom_shelf_counts() -> None:
    grocery = GROCERIES[3]
    world, cast = _staged(grocery)
    goal = PutGroceriesInCupboard().goal(cast)
    goal.reset(world)
    assert not goal.step(world)
    _put(world, cast, grocery.name, (0.0, 0.0, SHELF + ROOMS[0] + WALL + 0.002))
    assert not goal.step(world)
    _put(world, cast, grocery.name, (0.0, 0.0, SHELF + 0.002))
    assert goal.step(world)


def test_a_grocery_counts_only_once_it_is_let_go_of_and_only_if_it_is_meant() -> None:
    grocery, other = GROCERIES[7], GROCERIES[8]
    world, cast = _staged(grocery)
    goal = PutGroceriesInCupboard().goal(cast)
    goal.reset(world)
    _put(world, cast, other.name, (0.05, 0.0, SHELF + 0.002))
    assert not goal.step(world)
    _put(world, cast, grocery.name, (-0.05, 0.0, SHELF + 0.002))
    weld = world.model.equality(f"held_{grocery.name}").id
    world.data.eq_active[weld] = 1
    assert not goal.step(world)
    world.data.eq_active[weld] = 0
    assert goal.step(world)


def test_labels_differ_in_color_even_from_far_away() -> None:
    mean = [labels.wrapper(g.label, 0.06, 0.09).reshape(-1, 3).mean(axis=0) for g in GROCERIES]
    for first, second in combinations(mean, 2):
        assert np.linalg.norm(first - second) > 25.0  # of 255
