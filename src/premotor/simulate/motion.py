"""Paths of the arm: straight where possible, planned around things where not.

Order of attempts (docs/benchmark.md, Action and planner; decisions D55): a straight
line of the tip by inverse kinematics; then goal postures, reached by a straight edge in joint
space, after backing out, or by RRTConnect; then the same without regard to collisions. Budgets are
iterations and every random number comes from the generator of the call, so a plan depends on
nothing but its arguments and the state of the world.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int32
from ompl import base as ompl_base
from ompl import geometric as ompl_geometric
from ompl import util as ompl_util
from scipy.spatial.transform import Rotation, Slerp

from premotor.errors import MotionFailed
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.kinematics import kinematics, out_of_reach
from premotor.simulate.world import World, solid_geoms

LINE_STEP = 0.02  # [m] between two solved poses of a straight line
LINE_TURN = 0.15  # [rad] the same for the orientation
JOINT_STEP = 0.005  # [rad] between two collision checks of an edge: 4 mm at the tip
MAX_JUMP = 0.5  # [rad] joint motion within one step of a line; more is another branch of postures
CONTACT_DEPTH = 2e-4  # [m] shallower contacts are no collision; 1 mm let fingers catch on edges
CONTACT_SLACK = 1e-3  # [m] by which a contact that there is already may get deeper

NUM_GOALS = 8  # goal postures sought for one pose
GOAL_TRIALS = 40
RRT_GOALS = 3  # of which the nearest are planned to
RRT_ITERATIONS = 2000  # per goal posture
SHORTCUTS = 60
RETREATS = (0.06, 0.12, 0.2)  # [m] backward along the approach axis, tried before RRT
ROUNDING = 0.2  # [rad] of a path on both sides of a corner that is cut
ROUNDING_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)  # along the curve
MILD_TURN = 0.9  # cosine of a turn that is left as it is
RRT_RANGE = 0.8  # [rad] longest edge

Joints = Float[np.ndarray, "7"]
Path = Float[np.ndarray, "_ 7"]
_Free = Callable[[Joints], bool]


class Planner:
    """Plans in a scratch copy of a world's state; the world itself is never touched."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._scratch = _Scratch(world)
        self._kinematics = kinematics()

    def plan(self, goal: Pose, rng: np.random.Generator, ignore_collisions: bool = False) -> Path:
        """Joint path from where the arm is to a tip pose.

        Args:
            goal: Tip pose in the world.
            rng: Source of goal postures and of the planner's seed.
            ignore_collisions: Plan as if nothing stood in the way but the arm itself.

        Returns:
            Joint angles [rad], corner by corner, the present ones first.

        Raises:
            MotionFailed: There is no path, collisions ignored or not.
        """
        self._scratch.copy_from(self._world)
        start = self._world.joint_positions.copy()
        for blind in (True,) if ignore_collisions else (False, True):
            free = self._scratch.untangled if blind else self._scratch.free
            path = self._line(start, goal, free)
            if path is None:
                path = self._around(start, goal, rng, free)
            if path is not None:
                return path
        why = " (out of reach)" if out_of_reach(goal) else ""
        raise MotionFailed(
            f"no path to {np.round(goal.position, 3)} m, {np.round(goal.quaternion, 3)} wxyz"
            f"{why}; choose a pose that the arm can reach"
        )

    def reach(self, joints: Joints, pose: Pose) -> Joints | None:
        """Posture at a tip pose, blindly: after a straight line from `joints` [rad], else any.

        None where no posture reaches the pose. Postures are sought from `joints` and then from
        fixed seeds.
        """
        straight = self.follow(joints, pose)
        if straight is not None:
            return straight
        postures = self._postures(joints, pose, np.random.default_rng(0), self._scratch.untangled)
        return min(postures, key=lambda q: float(np.linalg.norm(q - joints)), default=None)

    def follow(self, joints: Joints, pose: Pose) -> Joints | None:
        """Posture after a straight line from `joints` [rad] to a tip pose, blindly.

        None where the line cannot be followed.
        """
        self._scratch.copy_from(self._world)
        path = self._line(joints, pose, self._scratch.untangled)
        return None if path is None else path[-1]

    def links_free(self, joints: Joints, moved: Mapping[str, float]) -> bool:
        """Whether the arm, hand left aside, touches nothing once other joints have `moved`.

        Args:
            joints: Joint angles [rad] of the arm.
            moved: Values of joints of the scene, by name [m or rad].
        """
        self._scratch.copy_from(self._world)
        return self._scratch.links_free(joints, moved)

    def _line(self, start: Joints, goal: Pose, free: _Free) -> Path | None:
        """Straight line of the tip, solved pose by pose and checked."""
        path = [start]
        for pose in between(self._kinematics.forward(start), goal):
            joints = self._kinematics.solve(pose, path[-1], max_iterations=12)
            if joints is None or np.abs(joints - path[-1]).max() > MAX_JUMP:
                return None
            if not _edge_free(path[-1], joints, free):
                return None
            path.append(joints)
        return np.stack(path)

    def _postures(
        self, start: Joints, goal: Pose, rng: np.random.Generator, free: _Free
    ) -> Iterator[Joints]:
        """Up to `NUM_GOALS` different postures at a tip pose, from seeds near and far."""
        found: list[Joints] = []
        seed = start
        for trial in range(0 if out_of_reach(goal) else GOAL_TRIALS):
            joints = self._kinematics.solve(goal, seed)
            if joints is not None and free(joints) and _is_new(joints, found):
                found.append(joints)
                yield joints
            if len(found) == NUM_GOALS:
                return
            near = start + rng.normal(0.0, 0.6, arm.NUM_JOINTS)
            anywhere = rng.uniform(arm.JOINT_LOW, arm.JOINT_HIGH)
            seed = near if trial % 2 == 0 else anywhere

    def _around(
        self, start: Joints, goal: Pose, rng: np.random.Generator, free: _Free
    ) -> Path | None:
        """Path in joint space to the nearest goal posture that has one."""
        goals = sorted(
            self._postures(start, goal, rng, free),
            key=lambda joints: float(np.linalg.norm(joints - start)),
        )
        direct = _first_free(start, goals, free)
        if direct is not None or not free(start):
            return direct
        path = self._after_retreat(start, goal, goals, free)
        if path is not None:
            return _rounded(path, free)
        for joints in goals[:RRT_GOALS]:
            path = _rrt_connect(start, joints, free, int(rng.integers(1, 2**31)))
            if path is not None:
                return _rounded(_shortcut(path, free, rng), free)
        return None

    def _after_retreat(
        self, start: Joints, goal: Pose, goals: Sequence[Joints], free: _Free
    ) -> Path | None:
        """Path that first backs out along the approach axis, as one leaves a narrow place."""
        tip = self._kinematics.forward(start)
        for distance in RETREATS:
            back = self._line(start, tip @ Pose.of((0.0, 0.0, -distance)), free)
            if back is None:
                return None
            onward = self._line(back[-1], goal, free)
            if onward is None:
                onward = _first_free(back[-1], goals, free)
            if onward is not None:
                return np.concatenate([back, onward[1:]])
        return None


class _Scratch:
    """A copy of the world's state in which the arm can be moved to see what it hits."""

    def __init__(self, world: World) -> None:
        model = world.model
        self._model = model
        self._data = mujoco.MjData(model)
        self._qpos = np.array([model.joint(name).qposadr[0] for name in arm.JOINTS])
        self._hand = model.body(arm.HAND).id
        self._arm = _mask(model, solid_geoms(model, model.body("panda_link1").id))
        self._moving = self._arm
        self._allowed = np.full((model.ngeom, model.ngeom), CONTACT_DEPTH)  # [m] depth of contact
        self._held: list[tuple[int, Pose]] = []  # address in qpos, pose in the hand

    def copy_from(self, world: World) -> None:
        """Take over where everything stands; what the arm touches now it may, as deep as now."""
        data = self._data
        data.qpos[:] = world.data.qpos
        data.mocap_pos[:] = world.data.mocap_pos
        data.mocap_quat[:] = world.data.mocap_quat
        self._held = []
        self._moving = self._arm.copy()
        hand = Pose.of(world.data.xpos[self._hand], world.data.xquat[self._hand])
        for name in world.grasped:
            body = self._model.body(name)
            self._moving |= _mask(self._model, solid_geoms(self._model, body.id))
            if body.jntnum[0] == 1 and self._model.jnt_type[body.jntadr[0]] == 0:
                address = int(self._model.jnt_qposadr[body.jntadr[0]])
                self._held.append((address, hand.inverse() @ world.body_pose(name)))
        self._allowed[:] = 0.0
        pairs, depths = self._touching(world.joint_positions)
        self._allowed[:] = CONTACT_DEPTH
        np.maximum.at(self._allowed, (pairs[:, 0], pairs[:, 1]), depths + CONTACT_SLACK)

    def free(self, joints: Joints) -> bool:
        """Whether the arm and what it holds touch nothing at joint angles [rad]."""
        return len(self._touching(joints)[0]) == 0

    def untangled(self, joints: Joints) -> bool:
        """Whether no part of the arm touches another part of it, whatever else is there."""
        pairs, _ = self._touching(joints)
        return not (self._arm[pairs[:, 0]] & self._arm[pairs[:, 1]]).any()

    def links_free(self, joints: Joints, moved: Mapping[str, float]) -> bool:
        """As `free`, for the links alone, with some joints of the scene moved."""
        for name, value in moved.items():
            self._data.qpos[self._model.joint(name).qposadr[0]] = value
        pairs, _ = self._touching(joints)
        hand = _mask(self._model, solid_geoms(self._model, self._hand))
        return not (~hand[pairs[:, 0]] & ~hand[pairs[:, 1]]).any()

    def _touching(self, joints: Joints) -> tuple[Int32[np.ndarray, "k 2"], Float[np.ndarray, " k"]]:
        """Pairs of geoms in contact deeper than allowed, one of them moving, and how deep [m]."""
        model, data = self._model, self._data
        data.qpos[self._qpos] = joints
        mujoco.mj_kinematics(model, data)
        if self._held:
            hand = Pose.of(data.xpos[self._hand], data.xquat[self._hand])
            for address, relative in self._held:
                pose = hand @ relative
                data.qpos[address : address + 7] = (*pose.position, *pose.quaternion)
            mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        if data.ncon == 0:
            return np.empty((0, 2), dtype=np.int32), np.empty(0)
        pairs, depths = data.contact.geom, -data.contact.dist
        first, second = pairs[:, 0], pairs[:, 1]
        counts = depths > self._allowed[first, second]
        counts &= self._moving[first] | self._moving[second]
        # What is held moves with the hand, so the two cannot collide.
        counts &= (self._arm[first] & self._arm[second]) | ~(
            self._moving[first] & self._moving[second]
        )
        return pairs[counts], depths[counts]


def between(start: Pose, goal: Pose) -> list[Pose]:
    """Poses on the straight line from `start` to `goal`, without the first, with the last."""
    distance = float(np.linalg.norm(goal.position - start.position))
    angle = rotations.angle_between(start.quaternion, goal.quaternion)
    count = max(1, int(np.ceil(max(distance / LINE_STEP, angle / LINE_TURN))))
    ends = rotations.to_xyzw(np.stack([start.quaternion, goal.quaternion]))
    fractions = np.arange(1, count + 1) / count
    turned = rotations.from_xyzw(Slerp([0.0, 1.0], Rotation.from_quat(ends))(fractions).as_quat())
    positions = start.position + fractions[:, None] * (goal.position - start.position)
    poses = [Pose(p, q) for p, q in zip(positions, rotations.canonical(turned), strict=True)]
    return [*poses[:-1], goal]


def _rrt_connect(start: Joints, goal: Joints, free: _Free, seed: int) -> Path | None:
    """RRTConnect between two free postures, with a budget of iterations."""
    ompl_util.noOutputHandler()  # it logs that seeding comes late; a fresh space makes it exact
    ompl_util.RNG.setSeed(seed)
    space = ompl_base.RealVectorStateSpace(arm.NUM_JOINTS)
    bounds = ompl_base.RealVectorBounds(arm.NUM_JOINTS)
    for index in range(arm.NUM_JOINTS):
        bounds.setLow(index, float(arm.JOINT_LOW[index]))
        bounds.setHigh(index, float(arm.JOINT_HIGH[index]))
    space.setBounds(bounds)
    setup = ompl_geometric.SimpleSetup(space)
    setup.setStateValidityChecker(lambda state: free(_read(state)))
    setup.getSpaceInformation().setStateValidityCheckingResolution(
        JOINT_STEP / space.getMaximumExtent()
    )
    planner = ompl_geometric.RRTConnect(setup.getSpaceInformation())
    planner.setRange(RRT_RANGE)
    setup.setPlanner(planner)
    setup.setStartAndGoalStates(_state(space, start), _state(space, goal))
    calls = iter(range(RRT_ITERATIONS))
    ended = ompl_base.PlannerTerminationCondition(lambda: next(calls, None) is None)
    setup.solve(ended)
    if not setup.haveExactSolutionPath():
        return None
    return np.stack([_read(state) for state in setup.getSolutionPath().getStates()])


def _state(space: ompl_base.RealVectorStateSpace, joints: Joints) -> Any:
    state: Any = space.allocState()
    clipped = np.clip(joints, arm.JOINT_LOW, arm.JOINT_HIGH)
    for index in range(arm.NUM_JOINTS):
        state[index] = float(clipped[index])
    return state


def _read(state: Any) -> Joints:
    return np.array([state[index] for index in range(arm.NUM_JOINTS)])


def _shortcut(path: Path, free: _Free, rng: np.random.Generator) -> Path:
    """Replace stretches between random points of a path by straight edges where they are free."""
    for _ in range(SHORTCUTS):
        if len(path) < 3:
            break
        places = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        a, b = np.sort(rng.uniform(0.0, places[-1], 2))
        i, j = np.searchsorted(places, [a, b])
        if i == j:
            continue
        first, last = (
            np.array([np.interp(place, places, column) for column in path.T]) for place in (a, b)
        )
        if _edge_free(first, last, free):
            path = np.concatenate([path[:i], [first, last], path[j:]])
    return path


def _rounded(path: Path, free: _Free) -> Path:
    """Cut sharp corners to curves where these are free, so that the arm need not slow down."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    corners = path[np.concatenate([[True], lengths > 1e-9])]
    out = [corners[0]]
    for before, corner, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        into, onward = corner - before, after - corner
        near, far = float(np.linalg.norm(into)), float(np.linalg.norm(onward))
        reach = min(ROUNDING, near / 2, far / 2)
        first, last = corner - into * reach / near, corner + onward * reach / far
        curve = [
            (1 - s) ** 2 * first + 2 * s * (1 - s) * corner + s**2 * last for s in ROUNDING_STEPS
        ]
        sharp = float(into @ onward) < MILD_TURN * near * far
        smooth = sharp and all(_edge_free(a, b, free) for a, b in pairwise(curve))
        out += curve if smooth else [corner]
    return np.stack([*out, corners[-1]])


def _first_free(start: Joints, goals: Sequence[Joints], free: _Free) -> Path | None:
    """The straight edge in joint space to the first goal that has a free one."""
    return next((np.stack([start, g]) for g in goals if _edge_free(start, g, free)), None)


def _edge_free(start: Joints, goal: Joints, free: _Free) -> bool:
    count = max(1, int(np.ceil(np.linalg.norm(goal - start) / JOINT_STEP)))
    return all(free(start + (goal - start) * k / count) for k in range(1, count + 1))


def _is_new(joints: Joints, found: list[Joints]) -> bool:
    return all(float(np.linalg.norm(joints - other)) > 0.1 for other in found)


def _mask(model: mujoco.MjModel, geoms: Sequence[int]) -> Bool[np.ndarray, " g"]:
    mask = np.zeros(model.ngeom, dtype=bool)
    mask[list(geoms)] = True
    return mask
