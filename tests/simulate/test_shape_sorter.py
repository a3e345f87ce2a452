"""Every toy falls through its own hole, turned as the hole is, and the lid keeps out the rest."""

import mujoco
import numpy as np
import pytest

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.conditions import detected
from premotor.simulate.props import TABLE
from premotor.simulate.props.shape_sorter import HOLES, LID, TOP, ShapeSorter, Toy
from premotor.simulate.props.toy_shapes import OUTLINES, SYMMETRY, area, convex_parts, grown
from premotor.simulate.scene import Scene
from premotor.simulate.world import FINGER_OPEN, World

pytestmark = pytest.mark.sim

SORTER = ShapeSorter()
SQUARE = OUTLINES["cube"]


def _post(label: str, hole: str, degrees: float) -> World:
    """Let a toy go just over a hole, turned against it, and wait."""
    toy = Toy(label)
    scene = Scene()
    scene.add(SORTER, Pose.of((0.0, 0.0, 0.0)))
    over = Pose.of((0.0, 0.0, TOP + toy.height / 2 - 0.001), rotations.about_z(np.radians(degrees)))
    scene.add(toy, HOLES[hole] @ over)
    world = scene.build()
    for _ in range(round(0.8 / world.model.opt.timestep)):
        world.step(arm.START, FINGER_OPEN)
    return world


def _inside(world: World, label: str) -> bool:
    condition = detected(Toy(label).name, SORTER.sensor)
    condition.reset(world)
    return condition.step(world)


@pytest.mark.parametrize("label", list(HOLES))
def test_a_toy_falls_through_its_hole_at_each_of_its_equal_turns(label: str) -> None:
    for step in {0, 1, SYMMETRY[label] - 1}:
        world = _post(label, label, 360.0 / SYMMETRY[label] * step + 2.0)
        assert _inside(world, label), f"turned {step} times"
        lying = world.body_pose(Toy(label).name).position[2]
        assert lying < world.body_pose(SORTER.name).position[2] + 0.05


@pytest.mark.parametrize(
    ("label", "degrees"),
    [("cube", 45.0), ("triangular prism", 60.0), ("star", 36.0), ("moon", 90.0), ("moon", 180.0)],
)
def test_a_toy_that_is_turned_wrongly_is_kept_out(label: str, degrees: float) -> None:
    assert not _inside(_post(label, label, degrees), label)


@pytest.mark.parametrize(
    ("label", "hole"),
    [("cube", "cylinder"), ("cube", "star"), ("star", "cylinder"), ("cylinder", "moon")],
)
def test_a_toy_does_not_go_through_the_hole_of_another(label: str, hole: str) -> None:
    assert not _inside(_post(label, hole, 0.0), label)


def _hits(world: World, group: int) -> np.ndarray:
    """Where rays from above meet the lid, among the geoms of one group."""
    groups = np.zeros(6, dtype=np.uint8)
    groups[group] = 1
    over = Pose.of((0.0, 0.0, TOP + 0.05))
    start = (world.body_pose(SORTER.name) @ over).position
    half = LID[0] / 2 - 0.002  # [m] within the lid's edge
    down, geom = np.array([0.0, 0.0, -1.0]), np.zeros(1, dtype=np.int32)
    away = [
        mujoco.mj_ray(
            world.model, world.data, start + np.array([x, y, 0.0]), down, groups, 1, -1, geom
        )
        for x in np.linspace(-half, half, 66)
        for y in np.linspace(-half, half, 66)
    ]
    return (np.array(away) >= 0.0) & (np.array(away) < 0.05 + LID[1])


def test_the_lid_is_felt_where_it_is_seen() -> None:
    scene = Scene()
    scene.add(SORTER, Pose.of((0.0, 0.0, 0.0)))
    world = scene.build()
    seen, felt = _hits(world, 2), _hits(world, 3)
    assert 0.70 < seen.mean() < 0.85  # the holes take up a fifth
    assert (felt & ~seen).mean() < 0.01
    assert (seen & ~felt).mean() < 0.08  # chinks between colliders, narrower than any toy


def test_the_sorter_stands_on_the_table() -> None:
    scene = Scene()
    scene.add(SORTER, Pose.of((0.0, 0.0, 0.0)))
    world = scene.build()
    assert world.body_pose(SORTER.name).position[2] + TABLE == pytest.approx(0.750)


@pytest.mark.parametrize("label", list(OUTLINES))
def test_the_convex_parts_of_a_toy_make_up_its_outline(label: str) -> None:
    parts = sum(area(part) for part in convex_parts(label))
    assert parts == pytest.approx(area(OUTLINES[label]), rel=1e-6)
    assert all(area(part) > 0.0 for part in convex_parts(label))


def test_a_grown_square_has_moved_all_its_sides() -> None:
    out = grown(SQUARE, 0.003)
    assert np.allclose(out, SQUARE * (1.0 + 0.003 / SQUARE.max()))
    assert np.allclose(grown(out, -0.003), SQUARE)
