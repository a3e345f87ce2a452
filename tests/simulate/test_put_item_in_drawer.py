"""The volume in a drawer rides with the drawer, and asks for the item alone."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment
from premotor.simulate.props.cabinet import DRAWER_FLOOR, DRAWER_WALL
from premotor.simulate.tasks.put_item_in_drawer import EDGE, PULL

pytestmark = pytest.mark.sim

LABELS = ("bottom", "middle", "top")
ON_FLOOR = DRAWER_FLOOR + (DRAWER_WALL + EDGE) / 2  # [m] of the item, from the drawer's middle


@pytest.fixture
def env() -> Environment:
    return Environment()


def _pull(env: Environment, label: str, by: float) -> None:
    env.world.data.joint(env.cast.cabinet.drawer(label)).qpos[:] = by
    env.world.forward()


def _lay(env: Environment, label: str, y: float) -> None:
    """Lay the item on the floor of a drawer, so far along its depth [m]."""
    place = env.world.body_pose(env.cast.cabinet.drawer(label)) @ Pose.of((0.0, y, ON_FLOOR))
    env.world.data.joint(env.cast.item.name).qpos[:] = (*place.position, *place.quaternion)
    env.world.forward()


def _done(env: Environment) -> bool:
    goal = env.task.goal(env.cast)
    goal.reset(env.world)
    return goal.step(env.world)


@pytest.mark.parametrize("variation", range(3))
def test_the_item_counts_in_the_named_drawer_alone(env: Environment, variation: int) -> None:
    env.reset(EpisodeId("put_item_in_drawer", variation, variation))
    assert not _done(env)
    for index, label in enumerate(LABELS):
        _lay(env, label, y=0.1)
        assert _done(env) == (index == variation)


def test_the_volume_rides_with_its_drawer(env: Environment) -> None:
    env.reset(EpisodeId("put_item_in_drawer", 0, 0))
    _lay(env, "bottom", y=-0.05)
    assert _done(env)
    _pull(env, "bottom", by=0.2)  # the item stays where it is, now behind the volume
    assert not _done(env)
    _lay(env, "bottom", y=-0.05)
    assert _done(env)


def test_the_item_counts_while_it_is_still_held(env: Environment) -> None:
    env.reset(EpisodeId("put_item_in_drawer", 2, 2))
    *before, last = [
        env.act(keyframe, stop_on_success=True).success for keyframe in env.waypoints()
    ]
    assert last
    assert not any(before)
    assert env.world.grasped == (env.cast.item.name,)


def test_the_drawer_is_pulled_by_the_fingers_and_stays_open(env: Environment) -> None:
    env.reset(EpisodeId("put_item_in_drawer", 1, 1))
    joint = env.cast.cabinet.drawer("middle")
    for index, keyframe in enumerate(env.waypoints()):
        env.act(keyframe, stop_on_success=False)
        if index >= 3:  # pulled and let go
            assert abs(env.world.joint_value(joint) - PULL) < 0.02
    item, drawer = (env.world.body_pose(name) for name in (env.cast.item.name, joint))
    assert np.abs((drawer.inverse() @ item).position).max() < 0.17
    assert env.wait(0).success


def test_the_item_lies_still_on_the_cabinet(env: Environment) -> None:
    env.reset(EpisodeId("put_item_in_drawer", 0, 3))
    before = env.world.body_pose(env.cast.item.name).position
    env.wait(20)
    after = env.world.body_pose(env.cast.item.name).position
    assert np.abs(after - before).max() < 1e-4
