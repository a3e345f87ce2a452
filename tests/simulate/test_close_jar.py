"""A lid seats itself on a jar's neck, and only there."""

import numpy as np
import pytest

from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.colors import color
from premotor.simulate.conditions import detected
from premotor.simulate.modeling.forms import SIDES
from premotor.simulate.props.jar import CEILING, RIM, THREAD_STEPS, Jar, Lid, thread
from premotor.simulate.scene import Scene
from premotor.simulate.tasks.close_jar import CloseJar
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

JARS = (Jar("jar0", color("red")), Jar("jar1", color("blue")))
LID = Lid()
HEIGHT = 0.0514  # [m] of the frame of a jar that stands on the table
PLACES = (np.array([0.0, -0.1, HEIGHT]), np.array([0.0, 0.1, HEIGHT]))
SEATED = RIM - CEILING  # [m] lid over the frame of a jar


def _world(over: np.ndarray) -> World:
    scene = Scene()
    for jar, place in zip(JARS, PLACES, strict=True):
        scene.add(jar, Pose.of(place))
    scene.add(LID, Pose.of(over))
    scene.graspable.append(LID.name)
    return scene.build()


def _step(world: World, seconds: float, push: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
    body = world.model.body(LID.name).id
    for _ in range(round(seconds / world.model.opt.timestep)):
        world.data.xfrc_applied[body, :3] = push
        world.step(arm.START, FINGER_OPEN)


def _lift(world: World) -> float:
    """Height of the lid over the frame of the first jar [m]."""
    return float((world.body_pose(LID.name).position - world.body_pose("jar0").position)[2])


def test_a_lid_let_go_beside_the_axis_comes_to_rest_level_on_the_rim() -> None:
    world = _world(PLACES[0] + (0.0012, -0.0008, SEATED + 0.002))
    _step(world, 0.6)
    up = world.body_pose(LID.name).matrix()[2, 2]
    assert _lift(world) == pytest.approx(SEATED, abs=5e-4)
    assert up > np.cos(np.radians(1.0))
    assert np.abs(world.data.joint(LID.name).qvel).max() < 1e-2


def test_a_seated_lid_is_kept_by_its_skirt_and_comes_off_upward() -> None:
    world = _world(PLACES[0] + (0.0, 0.0, SEATED))
    _step(world, 0.5, push=(1.5, 0.0, 0.0))
    assert _lift(world) == pytest.approx(SEATED, abs=2e-3)
    _step(world, 0.5, push=(0.0, 0.0, 1.0))
    assert _lift(world) > SEATED + 0.02


def test_only_the_jar_that_is_meant_counts() -> None:
    world = _world(PLACES[0] + (0.0, 0.0, SEATED))
    _step(world, 0.2)
    conditions = [detected(LID.name, jar.sensor) for jar in JARS]
    for condition in conditions:
        condition.reset(world)
    assert [condition.step(world) for condition in conditions] == [True, False]


def test_a_lid_in_the_hand_does_not_close_the_jar() -> None:
    scene = Scene()
    task = CloseJar()
    cast = task.stage(scene, color("navy"), np.random.default_rng(0))
    world = scene.build()
    over = world.body_pose(cast.jar.name) @ Pose.of((0.0, 0.0, SEATED))
    world.data.joint(LID.name).qpos[:] = (*over.position, *over.quaternion)
    weld = world.model.equality(f"held_{LID.name}").id
    goal = task.goal(cast)
    outcomes = []
    for held in (1, 0):
        world.data.eq_active[weld] = held
        world.forward()
        goal.reset(world)
        outcomes.append(goal.step(world))
    assert outcomes == [False, True]


def test_the_named_jar_is_one_of_two_of_different_colors() -> None:
    for index, name in enumerate(("red", "maroon")):
        scene = Scene()
        cast = CloseJar().stage(scene, color(name), np.random.default_rng(3))
        jars = [prop for prop in scene.props if isinstance(prop, Jar)]
        assert cast.jar.name == f"jar{index}"
        assert cast.jar.color.name == name
        assert len({jar.color for jar in jars}) == 2


def test_the_thread_closes_clockwise() -> None:
    rings = thread().vertices[: THREAD_STEPS * (SIDES + 1)].reshape(THREAD_STEPS, SIDES + 1, 3)
    path = rings[:, :-1].mean(axis=1)
    turn = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
    assert (np.diff(turn) > 0.0).all()  # counterclockwise is up, so clockwise is down
    assert (np.diff(path[:, 2]) > 0.0).all()
