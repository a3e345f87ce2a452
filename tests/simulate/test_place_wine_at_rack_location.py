"""A bottle comes to rest between two rods, and counts only where it was told to lie."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.conditions import Condition
from premotor.simulate.environment import Environment
from premotor.simulate.props.bottle import BODY, Bottle
from premotor.simulate.props.rack import PLACES, ROD, RODS, TIERS, Rack
from premotor.simulate.scene import Scene
from premotor.simulate.tasks.place_wine_at_rack_location import Cast, PlaceWineAtRackLocation
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

NAME = "place_wine_at_rack_location"
FRAME = Pose.of((0.0, 0.1, -0.002))  # of the rack, in the root's
DROP = 0.045  # [m] from the benchmark's last waypoint onto the rods


def _laid(label: str, drop: float = DROP) -> World:
    scene = Scene()
    scene.add(Rack(), FRAME)
    lying = Pose.of((PLACES[label], 0.0978, 0.131 + drop), rotations.Z_AGAINST_Y)
    scene.add(Bottle(), FRAME @ lying)
    return scene.build()


def _rest(world: World, seconds: float) -> None:
    joints = world.joint_positions.copy()
    for _ in range(round(seconds / 0.005)):
        world.step(joints, FINGER_OPEN)


def _goals(world: World) -> dict[str, Condition]:
    goals = {
        label: PlaceWineAtRackLocation().goal(Cast(Bottle(), Rack(), label)) for label in PLACES
    }
    for goal in goals.values():
        goal.reset(world)
    return goals


@pytest.mark.parametrize("label", PLACES)
def test_a_dropped_bottle_rests_on_two_rods(label: str) -> None:
    world = _laid(label)
    _rest(world, 1.0)
    pose = world.body_pose("wine_rack").inverse() @ world.body_pose("wine_bottle")
    x, _, height = pose.position
    left = max(rod for rod in RODS if rod < x)
    right = min(rod for rod in RODS if rod > x)
    apart = (right - left) / 2
    touching = np.sqrt(((BODY[0] + ROD.diameter) / 2) ** 2 - apart**2)
    assert x == pytest.approx((left + right) / 2, abs=1e-3)
    assert height == pytest.approx(TIERS[1] + touching, abs=1.5e-3)
    assert pose.matrix()[2, 2] == pytest.approx(0.0, abs=0.01)  # it lies level
    speed = np.abs(world.data.joint("wine_bottle").qvel)
    assert speed.max() < 1e-3


@pytest.mark.parametrize("label", PLACES)
def test_a_bottle_counts_at_its_own_place_only(label: str) -> None:
    world = _laid(label, drop=0.0)
    _rest(world, 0.2)
    assert {name: goal.step(world) for name, goal in _goals(world).items()} == {
        name: name == label for name in PLACES
    }


def test_a_bottle_still_held_does_not_count() -> None:
    env = Environment()
    env.reset(EpisodeId(NAME, 0, 4))
    way = env.waypoints()  # resolved one by one: the bottle is where it has been taken
    for _ in range(4):
        env.act(next(way))
    assert env.world.grasped == ("wine_bottle",)
    last = next(way)
    # Down to the rods with closed fingers: the bottle is in the volume, and in the hand.
    lower = Pose(last.end_effector.position - [0.0, 0.0, 0.03], last.end_effector.quaternion)
    held = type(last)(lower, gripper_open=False, ignore_collisions=True)
    assert not env.act(held).success
    dropped = type(last)(lower, gripper_open=True, ignore_collisions=True)
    assert env.act(dropped).success


def test_the_bottle_stands_upright_by_itself() -> None:
    env = Environment()
    env.reset(EpisodeId(NAME, 1, 2))
    before = env.world.body_pose("wine_bottle").matrix()
    _rest(env.world, 2.0)
    assert np.abs(env.world.body_pose("wine_bottle").matrix() - before).max() < 1e-3
