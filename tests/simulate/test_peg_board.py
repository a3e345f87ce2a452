"""A square ring goes down a square peg only if it is turned like it."""

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.colors import color
from premotor.simulate.environment import Environment
from premotor.simulate.props.peg_board import FOOT, PEG, PITCH, RING_HEIGHT, PegBoard, SquareRing
from premotor.simulate.scene import Scene
from premotor.simulate.tasks import insert_onto_square_peg
from premotor.simulate.tasks.insert_onto_square_peg import Cast, InsertOntoSquarePeg
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

TASK = InsertOntoSquarePeg()
CAST = Cast(PegBoard((color("red"), color("lime"), color("blue")), 2), SquareRing())
TOP = FOOT[2] + PEG[2]  # [m] of the pegs over the board's frame
HAND = np.array([0.0316, 0.1025])  # [m] half of its box, along the tip's x and y
SEATED = FOOT[2] + RING_HEIGHT / 2  # [m] of a ring's middle


def _drop(x: float, height: float, degrees: float = 0.0, seconds: float = 0.6) -> World:
    """Let the ring go over some place of the board, and wait."""
    scene = Scene()
    scene.add(CAST.board, Pose.of((0.0, 0.0, 0.0)))
    scene.add(CAST.ring, Pose.of((x, 0.0, height), rotations.about_z(np.radians(degrees))))
    scene.graspable.append(CAST.ring.name)
    world = scene.build()
    for _ in range(round(seconds / world.model.opt.timestep)):
        world.step(arm.START, FINGER_OPEN)
    return world


def _height(world: World) -> float:
    board, ring = (world.body_pose(prop.name) for prop in (CAST.board, CAST.ring))
    return float((ring.position - board.position)[2])


def _done(world: World) -> bool:
    goal = TASK.goal(CAST)
    goal.reset(world)
    return goal.step(world)


@pytest.mark.parametrize("degrees", [0.0, 4.0, 90.0, 176.0])
def test_a_ring_turned_like_the_peg_slides_down_to_its_foot(degrees: float) -> None:
    world = _drop(PITCH + 0.001, TOP - 0.01, degrees)
    assert _height(world) == pytest.approx(SEATED, abs=5e-4)
    assert _done(world)


def test_a_ring_turned_by_an_eighth_stays_on_the_top() -> None:
    world = _drop(PITCH, TOP + RING_HEIGHT / 2 + 0.002, 45.0)
    assert _height(world) > TOP - 0.005
    assert not _done(world)


def test_the_foot_of_another_peg_does_not_count() -> None:
    world = _drop(0.0, TOP - 0.01)
    assert _height(world) == pytest.approx(SEATED, abs=5e-4)
    assert not _done(world)


def test_a_ring_that_lies_between_two_pegs_does_not_count() -> None:
    world = _drop(PITCH / 2, SEATED + 0.002)
    assert _height(world) == pytest.approx(SEATED, abs=5e-4)
    assert not _done(world)


def test_the_hand_around_a_staged_ring_has_room_beside_the_pegs() -> None:
    env = Environment()
    for seed in range(6):
        env.reset(EpisodeId(TASK.name, seed, seed))
        board = env.world.body_pose(env.cast.board.name)
        _, grasp, *_ = (waypoint.anchor for waypoint in TASK.expert(env.cast))
        hand = (board.inverse() @ grasp.resolve(env.world)).matrix()
        corners = [hand @ (x, y, 0.0, 1.0) for x in (-1, 1) * HAND[:1] for y in (-1, 1) * HAND[1:]]
        assert min(corner[1] for corner in corners) > PEG[1] / 2 + 0.003


def test_of_three_different_pegs_the_meant_one_has_the_color() -> None:
    env = Environment()
    places = set()
    for seed in range(8):
        env.reset(EpisodeId(TASK.name, seed, seed))
        board = env.cast.board
        assert board.colors[board.meant] == TASK.variations[seed]
        assert len(set(board.colors)) == 3
        places.add(board.meant)
    assert places == {0, 1, 2}


def test_every_peg_keeps_the_distance_whichever_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    far = 0.5  # [m] so much that it decides about many layouts
    monkeypatch.setattr(insert_onto_square_peg, "NEAREST", far)
    env = Environment()
    away = []
    for seed in range(8):
        env.reset(EpisodeId(TASK.name, seed, seed))
        board = env.world.body_pose(env.cast.board.name)
        pegs = [board @ env.cast.board.peg(index) for index in range(3)]
        away += [np.linalg.norm((peg.position - arm.BASE)[:2]) for peg in pegs]
    assert far <= min(away) < far + 0.1
