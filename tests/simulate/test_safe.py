"""Money counts on the shelf that is named, once it is let go."""

import itertools

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate import arm
from premotor.simulate.conditions import detected
from premotor.simulate.environment import Environment
from premotor.simulate.props.banknotes import SIZE, Banknotes
from premotor.simulate.props.safe import DEPTH, HIGH, LABELS, LOW, SHELVES, THICK, WIDTH, Safe
from premotor.simulate.scene import Scene
from premotor.simulate.tasks import put_money_in_safe
from premotor.simulate.tasks.put_money_in_safe import MODEL_BOX, YAW, PutMoneyInSafe
from premotor.simulate.world import FINGER_OPEN, World, solid_geoms

pytestmark = pytest.mark.sim

SAFE, MONEY = Safe(), Banknotes()
TASK = PutMoneyInSafe()
FLOORS = dict(zip(LABELS, (LOW + THICK, *(h + THICK / 2 for h in SHELVES)), strict=True))  # [m]


def _lay(height: float, y: float = 0.0) -> World:
    """Let the money go a little over some height, and wait."""
    scene = Scene()
    scene.add(SAFE, IDENTITY)
    scene.add(MONEY, Pose.of((0.0, y, height + SIZE[2] / 2 + 0.003)))
    world = scene.build()
    for _ in range(round(0.5 / world.model.opt.timestep)):
        world.step(arm.START, FINGER_OPEN)
    return world


def _shelves(world: World) -> list[str]:
    """The shelves whose slab detects the money."""
    conditions = {label: detected(MONEY.name, SAFE.sensor(label)) for label in LABELS}
    for condition in conditions.values():
        condition.reset(world)
    return [label for label, condition in conditions.items() if condition.step(world)]


@pytest.mark.parametrize("label", LABELS)
def test_money_on_a_shelf_is_seen_there_and_nowhere_else(label: str) -> None:
    world = _lay(FLOORS[label])
    assert _shelves(world) == [label]
    resting = (world.body_pose(MONEY.name).position - world.body_pose(SAFE.name).position)[2]
    assert resting == pytest.approx(FLOORS[label] + SIZE[2] / 2, abs=1e-3)


def test_money_on_the_roof_or_before_the_safe_is_on_no_shelf() -> None:
    assert _shelves(_lay(HIGH)) == []
    assert _shelves(_lay(LOW, DEPTH / 2 + SIZE[1] / 2 + 0.02)) == []


def test_held_money_does_not_count_until_it_is_let_go() -> None:
    env = Environment()
    for variation in range(len(LABELS)):
        env.reset(EpisodeId(TASK.name, variation, variation))
        pose = IDENTITY
        for index, keyframe in enumerate(env.waypoints()):
            pose = keyframe.end_effector
            held = Keyframe(pose, gripper_open=index == 0, ignore_collisions=index == 2)
            assert not env.act(held, stop_on_success=False).success
        assert env.world.grasped == (MONEY.name,)
        assert _shelves(env.world) == [LABELS[variation]]
        let_go = Keyframe(pose, gripper_open=True, ignore_collisions=False)
        assert env.act(let_go, stop_on_success=False).success


def test_the_money_lies_on_the_roof_whole_and_turned_anyhow() -> None:
    env = Environment()
    held = []
    for seed in range(12):
        env.reset(EpisodeId(TASK.name, seed % 3, seed))
        money = env.world.body_pose(SAFE.name).inverse() @ env.world.body_pose(MONEY.name)
        matrix = money.matrix()
        corners = [
            matrix @ (x * SIZE[0] / 2, y * SIZE[1] / 2, 0.0, 1.0) for x in (-1, 1) for y in (-1, 1)
        ]
        assert (np.abs(corners) <= np.array([WIDTH / 2, DEPTH / 2, 1.0, 1.0])).all()
        assert matrix[2, 3] == pytest.approx(HIGH + SIZE[2] / 2, abs=1e-3)
        held.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    assert -1.0 < min(held) < 30.0
    assert 60.0 < max(held) < 91.0


def _solid_corners() -> np.ndarray:
    """Of all that is felt of the safe, in its frame [m]."""
    scene = Scene()
    scene.add(SAFE, IDENTITY)
    world = scene.build()
    body = world.model.body(SAFE.name).id
    corners = []
    for geom in solid_geoms(world.model, body):
        for signs in itertools.product((-1, 1), repeat=3):
            corners.append(world.model.geom_pos[geom] + signs * world.model.geom_size[geom])
    return np.array(corners)


def test_the_turned_safe_leaves_the_workspace_by_as_much_as_is_said() -> None:
    corners = _solid_corners()
    beyond = []
    for yaw in np.linspace(*YAW, 10):
        turned = Pose.of(np.zeros(3), rotations.about_z(float(yaw))) @ put_money_in_safe.SAFE
        reach = corners[:, :2] @ turned.matrix()[:2, :2].T + turned.position[:2]
        low, high = np.array(MODEL_BOX.low[:2]), np.array(MODEL_BOX.high[:2])
        beyond.append([*(low - reach.min(axis=0)), *(reach.max(axis=0) - high)])
    worst = np.max(beyond, axis=0)  # at -x, -y, +x, +y [m]; the box fits the workspace
    assert (worst[[0, 2]] < 0.001).all()
    assert worst[[1, 3]] == pytest.approx([0.018, 0.025], abs=1e-3)
