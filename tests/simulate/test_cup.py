"""Cups stand, nest without jamming, and are taken by the rim as they stand."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.errors import PlacementFailed
from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.colors import COLORS
from premotor.simulate.environment import Environment
from premotor.simulate.props import Box
from premotor.simulate.props.cup import FLOOR, Cup
from premotor.simulate.scene import Scene
from premotor.simulate.tasks.stack_cups import StackCups
from premotor.simulate.world import FINGER_OPEN, TIMESTEP, World

pytestmark = pytest.mark.sim

LOWER, UPPER = Cup("lower", COLORS[0]), Cup("upper", COLORS[4])
NAMES = ("cup_base", "cup_first", "cup_second")


def _stand(*stands: tuple[Cup, tuple[float, float, float]]) -> World:
    scene = Scene()
    scene.root(Box((-0.1, -0.1, 0.0), (0.1, 0.1, 0.3)), (0.0, 0.0), np.random.default_rng(0))
    for cup, place in stands:
        scene.add(cup, Pose.of(place))
    return scene.build()


def _run(world: World, seconds: float) -> None:
    rest = world.joint_positions.copy()
    for _ in range(round(seconds / TIMESTEP)):
        world.step(rest, FINGER_OPEN)


def _tilt(world: World, name: str) -> float:
    return float(np.degrees(np.arccos(min(1.0, world.body_pose(name).matrix()[2, 2]))))


def test_a_cup_stays_where_it_stands() -> None:
    world = _stand((LOWER, (0.0, 0.0, -0.002)))
    start = world.body_pose("lower").position
    _run(world, 2.0)
    assert np.linalg.norm(world.body_pose("lower").position - start) < 5e-4
    assert _tilt(world, "lower") < 0.2


@pytest.mark.parametrize("aside", [(0.0, 0.0), (0.004, 0.0), (0.002, 0.001)])
def test_a_cup_dropped_into_another_comes_to_stand_on_its_floor(
    aside: tuple[float, float],
) -> None:
    world = _stand((LOWER, (0.0, 0.0, -0.002)), (UPPER, (*aside, 0.095)))
    _run(world, 0.5)
    inside = world.body_pose("lower").inverse() @ world.body_pose("upper")
    assert inside.position[2] == pytest.approx(FLOOR, abs=0.001)
    assert np.linalg.norm(inside.position[:2]) < 0.004
    assert max(_tilt(world, "lower"), _tilt(world, "upper")) < 0.5
    assert np.abs(world.data.joint("upper").qvel[:3]).max() < 0.01


def test_taking_a_cup_neither_tilts_it_nor_moves_any_cup() -> None:
    env = Environment()
    for seed in range(6):
        env.reset(EpisodeId(StackCups.name, seed, seed))
        before = {name: env.world.body_pose(name).position for name in NAMES}
        for keyframe, _ in zip(env.waypoints(), range(2), strict=False):
            env.act(keyframe)
        assert env.world.grasped == ("cup_first",)
        for name in NAMES:
            moved = np.linalg.norm(env.world.body_pose(name).position - before[name])
            assert moved < 0.002, f"seed {seed}: {name} moved by {moved:.4f} m"
            assert _tilt(env.world, name) < 0.5, f"seed {seed}: {name}"


def test_success_takes_both_cups_let_go_of() -> None:
    env = Environment()
    env.reset(EpisodeId(StackCups.name, 0, 3))
    held, done = [], []
    for keyframe in env.waypoints():
        done.append(env.act(keyframe, stop_on_success=False).success)
        held.append(bool(env.world.grasped))
    assert done == [False] * 9 + [True]
    assert held == [False, True, True, True, False] * 2


def test_the_named_color_is_on_no_other_cup() -> None:
    rng, staged = np.random.default_rng(0), 0
    for color in COLORS:
        with contextlib.suppress(PlacementFailed):  # layouts of which another would be drawn
            cast = StackCups().stage(Scene(), color, rng)
            assert cast.base.color == color
            assert color not in (cup.color for cup in cast.others)
            staged += 1
    assert staged >= 8


def test_a_cup_may_be_taken_and_put_down_at_any_side_that_is_said_to_be_free() -> None:
    env = Environment()
    env.reset(EpisodeId("stack_cups", 3, 3))
    rng, spin, told = np.random.default_rng(3), IDENTITY, []
    for keyframe in env.waypoints():
        pose = keyframe.end_effector
        if (turns := keyframe.turns) is not None:
            told.append(turns.symmetry)
            if turns.symmetry == 2:  # an empty hand, which may be turned in itself
                spin = Pose.of((0.0, 0.0, 0.0), rotations.about_z(np.pi * rng.integers(2)))
            start = pose
            sides = replace(turns, symmetry=1).poses(pose @ spin)
            chosen = sides[rng.integers(1, len(sides))]
        # What follows is done where the hand then is.
        acted = chosen @ spin.inverse() @ start.inverse() @ pose @ spin
        outcome = env.act(replace(keyframe, end_effector=acted), stop_on_success=False)
    assert told == [2, 1, 2, 1]
    assert outcome.success or env.wait(10).success


def test_a_side_at_which_another_cup_stands_is_not_free() -> None:
    env = Environment()
    for seed in range(40):
        env.reset(EpisodeId("stack_cups", 0, seed))
        cast = env.cast
        places = {name: env.world.body_pose(name) for name in NAMES}
        for cup, free in zip(cast.others, cast.free, strict=True):
            for angle in free:
                turn = Pose.of((0.0, 0.0, 0.0), rotations.about_z(angle))
                finger = places[cup.name] @ turn @ Pose.of((0.0, 0.11, 0.0))
                for other in set(NAMES) - {cup.name}:
                    gap = finger.position - places[other].position
                    assert np.linalg.norm(gap[:2]) > 0.04
        if len(cast.free[1]) < 35:
            return
    pytest.fail("no layout in which a cup stands beside another")
