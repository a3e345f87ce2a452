"""The stick leans still, is all that the hand can take, and moves the cube by touching it."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry.poses import Pose
from premotor.simulate.colors import COLORS
from premotor.simulate.environment import Environment
from premotor.simulate.scene import ROOT, Scene
from premotor.simulate.tasks.reach_and_drag import EDGE, TARGETS, ReachAndDrag
from premotor.simulate.world import FINGER_OPEN

pytestmark = pytest.mark.sim


@pytest.fixture
def env() -> Environment:
    made = Environment()
    made.reset(EpisodeId("reach_and_drag", 0, 0))
    return made


def _lay(env: Environment, body: str, x: float = 0.0, lift: float = 0.0) -> None:
    """Lay the cube on the table, so far [m] from the middle of a square."""
    square = env.world.body_pose(body)
    place = square @ Pose.of((x, 0.0, EDGE / 2 - 0.0009 + lift))
    env.world.data.joint(env.cast.cube.name).qpos[:] = (*place.position, *place.quaternion)
    env.world.forward()


def _done(env: Environment) -> bool:
    goal = env.task.goal(env.cast)
    goal.reset(env.world)
    return goal.step(env.world)


def test_the_stick_leans_on_the_cube_and_stays(env: Environment) -> None:
    start = env.world.body_pose(env.cast.stick.name)
    high, low = (start @ Pose.of((0.0, 0.0, side * 0.18)) for side in (1.0, -1.0))
    assert high.position[2] - low.position[2] > 0.09
    env.wait(100)  # rows: longer than the expert takes to get there
    later = env.world.body_pose(env.cast.stick.name)
    assert np.linalg.norm(later.position - start.position) < 0.002


def test_the_stick_is_staged_clear_of_everything() -> None:
    scene = Scene()
    cast = ReachAndDrag().stage(scene, COLORS[0], np.random.default_rng(0))
    world = scene.build()
    body = world.model.body(cast.stick.name).id
    assert body not in world.model.geom_bodyid[world.data.contact.geom]


def test_the_stick_does_not_rattle(env: Environment) -> None:
    stick = env.world.data.joint(env.cast.stick.name)
    env.wait(10)  # rows, until it has settled
    for _ in range(200):
        env.world.step(env.world.joint_positions, FINGER_OPEN)
        assert np.abs(stick.qvel[:3]).max() < 1e-3  # [m/s]
        assert np.abs(stick.qvel[3:]).max() < 0.01  # [rad/s]


def test_in_the_study_the_named_square_lies_on_any_side() -> None:
    env = Environment()
    places = set()
    for seed in range(8):
        env.reset(EpisodeId("reach_and_drag_free", seed, seed))
        places.add(env.cast.place)
        root = env.world.body_pose(ROOT)
        named = env.world.body_pose(f"mat_{COLORS[seed].name}")
        assert np.allclose(named.position, (root @ TARGETS[env.cast.place]).position, atol=1e-6)
    assert len(places) > 2


def test_the_other_squares_are_five_six_and_seven_colors_on() -> None:
    env = Environment()
    env.reset(EpisodeId("reach_and_drag", 17, 0))
    root = env.world.body_pose(ROOT)
    for step, pose in zip((0, 5, 6, 7), TARGETS, strict=True):
        mat = env.world.body_pose(f"mat_{COLORS[(17 + step) % 20].name}")
        assert np.allclose(mat.position, (root @ pose).position, atol=1e-6)


def test_only_the_named_square_counts(env: Environment) -> None:
    for name in ("mat_navy", "mat_yellow", "mat_cyan"):
        _lay(env, name)
        assert not _done(env)
    _lay(env, "mat_red")
    assert _done(env)


def test_the_cube_counts_when_it_touches_the_slab_at_the_table(env: Environment) -> None:
    _lay(env, "mat_red", x=(0.1 + EDGE) / 2 + 0.003)
    assert not _done(env)
    _lay(env, "mat_red", x=(0.1 + EDGE) / 2 - 0.003)
    assert _done(env)
    _lay(env, "mat_red", lift=0.01)
    assert not _done(env)


def test_the_stick_is_held_to_the_end_and_the_cube_is_never(env: Environment) -> None:
    cube = env.world.body_pose(env.cast.cube.name).position
    held = []
    for index, keyframe in enumerate(env.waypoints()):
        env.act(keyframe, stop_on_success=False)
        held.append(env.world.grasped)
        if index == 4:  # nothing but the stick has been touched so far
            assert np.linalg.norm(env.world.body_pose("cube").position - cube) < 0.005
    assert held == [()] + [(env.cast.stick.name,)] * 5
    assert env.wait(0).success
    square = env.world.body_pose(env.cast.target.name).position
    assert np.linalg.norm(env.world.body_pose("cube").position[:2] - square[:2]) < 0.04
