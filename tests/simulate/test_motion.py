import contextlib
import itertools

import mujoco
import numpy as np
import pytest

from premotor.errors import MotionFailed
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm, motion
from premotor.simulate.kinematics import kinematics
from premotor.simulate.motion import RETREATS, Planner, between
from premotor.simulate.timing import retime
from premotor.simulate.world import FINGER_CLOSED, FINGER_OPEN, TIMESTEP

DOWN = (0.0, 0.0, 1.0, 0.0)

pytestmark = pytest.mark.sim


def wall(spec):
    """From front to back over the middle of the table, 0.4 m high."""
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, pos=(0.35, 0.0, 0.95), size=(0.15, 0.02, 0.20)
    )


def down(x, y, z, yaw=0.0):
    return Pose.of((x, y, z), (0.0, np.cos(yaw / 2), np.sin(yaw / 2), 0.0))


def follow(world, path, fingers=FINGER_OPEN):
    for joints in retime(path, TIMESTEP):
        world.step(joints, fingers)


def depth_of_contact(world, path):
    """Deepest contact of the arm with anything along a path [m], finely sampled."""
    data = mujoco.MjData(world.model)
    deepest = 0.0
    for a, b in itertools.pairwise(path):
        for k in np.linspace(0.0, 1.0, 20):
            data.qpos[:] = world.data.qpos
            data.qpos[:7] = a + k * (b - a)
            mujoco.mj_forward(world.model, data)
            deepest = max(deepest, *(-contact.dist for contact in data.contact), 0.0)
    return deepest


def test_the_arm_goes_where_it_is_told_and_stands_still_there(bench):
    world = bench()
    goal = down(0.3, 0.1, 0.85, yaw=0.4)
    follow(world, Planner(world).plan(goal, np.random.default_rng(0)))
    assert np.linalg.norm(world.end_effector.position - goal.position) < 1e-3
    assert rotations.angle_between(world.end_effector.quaternion, goal.quaternion) < 0.01
    assert np.abs(world.joint_velocities).max() < 0.02


def test_an_open_way_is_a_straight_line(bench):
    world = bench()
    start = world.end_effector.position
    goal = Pose.of(start + np.array([0.05, 0.1, -0.3]), world.end_effector.quaternion)
    path = Planner(world).plan(goal, np.random.default_rng(0))
    along = (goal.position - start) / np.linalg.norm(goal.position - start)
    for joints in path:
        offset = kinematics().forward(joints).position - start
        assert np.linalg.norm(offset - along * (offset @ along)) < 1e-3


def test_a_blocked_way_is_planned_around(bench):
    world = bench(add=wall)
    planner = Planner(world)
    follow(world, planner.plan(down(0.35, -0.2, 0.85), np.random.default_rng(0)))
    goal = down(0.35, 0.2, 0.85)
    path = planner.plan(goal, np.random.default_rng(0))
    assert depth_of_contact(world, path) < 0.005
    follow(world, path)
    assert np.linalg.norm(world.end_effector.position - goal.position) < 1e-3


def test_where_collisions_are_ignored_it_goes_straight_through(bench):
    world = bench(add=wall)
    planner = Planner(world)
    follow(world, planner.plan(down(0.35, -0.2, 0.85), np.random.default_rng(0)))
    goal = down(0.35, 0.2, 0.85)
    path = planner.plan(goal, np.random.default_rng(0), ignore_collisions=True)
    assert depth_of_contact(world, path) > 0.01


def test_plans_depend_on_nothing_that_ran_before(bench):
    """Three orders of the same four pairs of plans, one of them with a new planner."""
    world = bench(add=wall)
    goals = [
        down(0.35, -0.20, 0.80),
        down(0.35, 0.20, 0.85),
        down(0.20, -0.25, 0.80),
        down(0.45, 0.25, 0.85, 0.6),
    ]

    def run(order):
        planner, plans = Planner(world), {}
        for i in order:
            world.reset()
            path = planner.plan(goals[i], np.random.default_rng(7))
            follow(world, path)
            onward = planner.plan(goals[(i + 1) % 4], np.random.default_rng(8))
            plans[i] = (path.tobytes(), onward.tobytes(), world.state().tobytes())
        return plans

    first = run((0, 1, 2, 3))
    assert run((3, 1, 0, 2)) == first
    assert run((2, 0, 3, 1)) == first


def test_the_seed_of_the_sampling_planner_decides():
    start, goal = arm.START, arm.START + np.array([1.2, 0.3, 0.0, -0.5, 0.0, 0.3, 0.0])
    middle = (start + goal) / 2

    def free(joints):
        return bool(np.linalg.norm(joints - middle) > 0.4)

    paths = [motion._rrt_connect(start, goal, free, seed) for seed in (1, 2, 1)]
    assert all(path is not None for path in paths)
    np.testing.assert_array_equal(paths[0], paths[2])
    assert paths[0].shape != paths[1].shape or (paths[0] != paths[1]).any()


def test_planning_leaves_the_world_alone(bench):
    world = bench(cube=(0.3, 0.0, 0.775), add=wall)
    before = world.state()
    Planner(world).plan(down(0.32, -0.02, 0.85), np.random.default_rng(0))
    np.testing.assert_array_equal(world.state(), before)


def test_what_is_held_is_kept_clear_of_things(bench):
    """A post of 0.15 m is passed by the bare hand 0.2 m above the table, not with a long bar."""

    def bar_and_post(spec):
        body = spec.body("cube")
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.005, 0.005, 0.08), pos=(0.0, 0.0, -0.08)
        )
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.02, 0.02, 0.075), pos=(0.3, 0.0, 0.825)
        )

    side = np.pi / 2  # the fingers stand before and behind the cube, so the hand can leave it
    world = bench(cube=(0.3, -0.25, 0.975), add=bar_and_post)
    world.model.opt.gravity[:] = 0.0
    world.forward()
    planner = Planner(world)
    for height in (1.1, 0.985):
        follow(world, planner.plan(down(0.3, -0.25, height, side), np.random.default_rng(0)))
    goal = down(0.3, 0.25, 0.985, side)
    bare = planner.plan(goal, np.random.default_rng(0))
    for _ in range(70):
        world.step(world.data.ctrl[:7].copy(), FINGER_CLOSED)
    assert world.attach() == ("cube",)
    laden = planner.plan(goal, np.random.default_rng(0))
    heights = [
        min(kinematics().forward(joints).position[2] for joints in path) for path in (bare, laden)
    ]
    assert abs(heights[0] - 0.985) < 0.002
    assert len(laden) != len(bare)


def cage(spec):
    """A low box, open above, around the hand."""
    for x, y, size in (
        (0.2, 0.0, (0.01, 0.2, 0.07)),
        (0.4, 0.0, (0.01, 0.2, 0.07)),
        (0.3, 0.16, (0.1, 0.01, 0.07)),
        (0.3, -0.16, (0.1, 0.01, 0.07)),
    ):
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=(x, y, 0.82), size=size)


def test_a_narrow_place_is_left_without_touching_it(bench):
    world = bench(add=cage)
    planner = Planner(world)
    follow(world, planner.plan(down(0.3, 0.0, 0.78), np.random.default_rng(0)))
    path = planner.plan(down(0.3, 0.35, 0.80), np.random.default_rng(0))
    assert depth_of_contact(world, path) < 0.002


def test_backing_out_goes_along_the_approach_axis_and_then_on(bench):
    world = bench(add=cage)
    planner = Planner(world)
    follow(world, planner.plan(down(0.3, 0.0, 0.78), np.random.default_rng(0)))
    planner._scratch.copy_from(world)
    start, goal = world.joint_positions.copy(), down(0.3, 0.25, 0.95)
    path = planner._after_retreat(start, goal, [], planner._scratch.free)
    assert path is not None
    tips = np.stack([kinematics().forward(joints).position for joints in path])
    highest = int(np.argmax(tips[:, 1] > 0.001)) - 1
    assert tips[highest, 2] > 0.78 + RETREATS[0] - 0.002
    assert np.abs(tips[: highest + 1, :2] - tips[0, :2]).max() < 0.002
    assert np.linalg.norm(tips[-1] - goal.position) < 1e-3
    assert depth_of_contact(world, path) < 0.002


def test_where_collisions_are_ignored_the_arm_still_minds_itself(bench):
    world = bench()
    planner = Planner(world)
    folded = kinematics().forward(np.array([0.0, -1.7, 0.0, -3.0, 0.0, 3.7, 0.785]))
    path = None
    with contextlib.suppress(MotionFailed):
        path = planner.plan(folded, np.random.default_rng(0), ignore_collisions=True)
    assert path is None or depth_of_contact(world, path) < 0.005


def test_a_rounded_way_has_no_sharp_corner(bench):
    world = bench(add=wall)
    planner = Planner(world)
    follow(world, planner.plan(down(0.35, -0.2, 0.85), np.random.default_rng(0)))
    path = planner.plan(down(0.35, 0.2, 0.85), np.random.default_rng(0))
    speed = np.linalg.norm(np.diff(retime(path, TIMESTEP), axis=0), axis=1) / TIMESTEP
    assert speed[60:-90].min() > 0.25


def test_what_cannot_be_reached_is_told(bench):
    world = bench()
    planner = Planner(world)
    near, far = down(0.3, 0.0, 0.8), down(1.2, 0.0, 0.9)
    assert planner.reach(world.joint_positions, far) is None
    with pytest.raises(MotionFailed, match="out of reach"):
        planner.plan(far, np.random.default_rng(0))
    joints = planner.reach(world.joint_positions, near)
    assert joints is not None
    assert np.linalg.norm(kinematics().forward(joints).position - near.position) < 1e-3


def test_straight_lines_are_cut_finely_and_end_exactly():
    start, goal = down(0.3, 0.0, 0.9), down(0.3, 0.2, 0.8, 1.0)
    poses = between(start, goal)
    assert poses[-1] is goal
    steps = [np.linalg.norm(b.position - a.position) for a, b in itertools.pairwise(poses)]
    turns = [
        rotations.angle_between(a.quaternion, b.quaternion)
        for a, b in itertools.pairwise([start, *poses])
    ]
    assert max(steps) <= motion.LINE_STEP + 1e-9
    assert max(turns) <= motion.LINE_TURN + 1e-6
