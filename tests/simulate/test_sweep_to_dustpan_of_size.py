"""The broom stands, is held at its handle, and takes the dirt along; five pieces must arrive."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment
from premotor.simulate.scene import ROOT
from premotor.simulate.tasks.sweep_to_dustpan_of_size import Cast
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

NAME = "sweep_to_dustpan_of_size"
TABLE_TOP = 0.750  # [m]


@pytest.fixture
def env() -> Environment:
    return Environment()


def _dirt(env: Environment) -> np.ndarray:
    return np.stack([env.world.body_pose(piece.name).position for piece in env.cast.dirt])


def _put(world: World, body: str, position: np.ndarray) -> None:
    world.data.joint(body).qpos[:3] = position
    world.forward()


@pytest.mark.parametrize("variation", [0, 1])
def test_the_broom_leans_and_nothing_moves_by_itself(env: Environment, variation: int) -> None:
    env.reset(EpisodeId(NAME, variation, 3))
    bodies = ("broom", "broom_stand", *(piece.name for piece in env.cast.dirt))
    before = [env.world.body_pose(name).matrix() for name in bodies]
    for _ in range(400):
        env.world.step(env.world.joint_positions, FINGER_OPEN)
    after = [env.world.body_pose(name).matrix() for name in bodies]
    assert np.abs(np.array(after) - np.array(before)).max() < 2e-3


@pytest.mark.parametrize("variation", [0, 1])
def test_only_the_broom_is_held_and_dirt_moves_when_it_is_pushed(
    env: Environment, variation: int
) -> None:
    env.reset(EpisodeId(NAME, variation, 5))
    start = _dirt(env)
    way = env.waypoints()  # resolved one by one: the broom is where it has been taken
    for _ in range(1 + len(env.cast.stroke)):
        env.act(next(way))
    assert env.world.grasped == ("broom",)
    assert np.abs(_dirt(env) - start).max() < 1e-3
    assert env.act(next(way)).success
    moved = _dirt(env) - start
    assert (np.linalg.norm(moved[:, :2], axis=1) > 0.1).all()
    assert np.abs(moved[:, 2]).max() < 2e-3  # they slide; none is lifted or thrown


def test_the_stroke_without_the_broom_leaves_the_dirt(env: Environment) -> None:
    env.reset(EpisodeId(NAME, 0, 5))
    start = _dirt(env)
    *_, stroke = env.waypoints()
    assert not env.act(stroke).success
    assert np.abs(_dirt(env) - start).max() < 1e-3


@pytest.mark.parametrize(("variation", "other"), [(0, "short"), (1, "tall")])
def test_all_five_must_be_in_the_dustpan_that_was_named(
    env: Environment, variation: int, other: str
) -> None:
    env.reset(EpisodeId(NAME, variation, 0))
    cast: Cast = env.cast
    goal = env.task.goal(cast)
    goal.reset(env.world)
    wanted = env.world.body_pose(cast.target.name)
    wrong = env.world.body_pose(f"dustpan_{other}")
    for pan, expected in ((wrong, False), (wanted, True)):
        for i, piece in enumerate(cast.dirt):
            assert not goal.step(env.world)
            _put(env.world, piece.name, (pan @ Pose.of((0.02 * (i - 2), 0.0, 0.006))).position)
        assert goal.step(env.world) is expected


def test_the_dustpans_lie_on_opposite_sides_and_stand_out_by_height(env: Environment) -> None:
    env.reset(EpisodeId(NAME, 0, 1))
    root = env.world.body_pose(ROOT).inverse()
    sides = {
        label: (root @ env.world.body_pose(f"dustpan_{label}")).position[1]
        for label in ("tall", "short")
    }
    assert sides["tall"] < -0.2 < 0.1 < sides["short"]
    assert (_dirt(env)[:, 2] - TABLE_TOP < 0.006).all()
