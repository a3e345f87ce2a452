"""Paths of the arm: straight where possible, planned around things where not, then timed.

Order of attempts (rlbench.md, Common: action and planner; simulator.md, Control stack): a straight
line of the tip by inverse kinematics; then goal postures and RRTConnect in joint space; then the
same without regard to collisions. Budgets are iterations and every random number comes from the
generator of the call, so a plan depends on nothing but its arguments and the state of the world.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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

NUM_GOALS = 8  # goal postures sought for one pose
GOAL_TRIALS = 40
RRT_GOALS = 3  # of which the nearest are planned to
RRT_ITERATIONS = 2000  # per goal posture
SHORTCUTS = 60
RRT_RANGE = 0.8  # [rad] longest edge

MAX_SPEED = 1.0  # [rad/s] along the joint path (RLBench)
MAX_ACCELERATION = 4.0  # [rad/s2]
CORNER_SPEED = 0.4  # [rad/s] largest jump of joint velocity at a corner of the path
SETTLE = 0.15  # [s] the last target is held, so that the arm stands still at the end

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
        for joints in goals:
            if _edge_free(start, joints, free):
                return np.stack([start, joints])
        if not free(start):
            return None
        for joints in goals[:RRT_GOALS]:
            path = _rrt_connect(start, joints, free, int(rng.integers(1, 2**31)))
            if path is not None:
                return _shortcut(path, free, rng)
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
        self._exempt = np.zeros((model.ngeom, model.ngeom), dtype=bool)
        self._held: list[tuple[int, Pose]] = []  # address in qpos, pose in the hand

    def copy_from(self, world: World) -> None:
        """Take over where everything stands; what the arm touches now is exempt from then on."""
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
        self._exempt[:] = False
        touching = self._touching(world.joint_positions, depth=0.0)
        self._exempt[touching[:, 0], touching[:, 1]] = True

    def free(self, joints: Joints) -> bool:
        """Whether the arm and what it holds touch nothing at joint angles [rad]."""
        return len(self._touching(joints, CONTACT_DEPTH)) == 0

    def untangled(self, joints: Joints) -> bool:
        """Whether no part of the arm touches another part of it, whatever else is there."""
        pairs = self._touching(joints, CONTACT_DEPTH)
        return not (self._arm[pairs[:, 0]] & self._arm[pairs[:, 1]]).any()

    def links_free(self, joints: Joints, moved: Mapping[str, float]) -> bool:
        """As `free`, for the links alone, with some joints of the scene moved."""
        for name, value in moved.items():
            self._data.qpos[self._model.joint(name).qposadr[0]] = value
        pairs = self._touching(joints, CONTACT_DEPTH)
        hand = _mask(self._model, solid_geoms(self._model, self._hand))
        return not (~hand[pairs[:, 0]] & ~hand[pairs[:, 1]]).any()

    def _touching(self, joints: Joints, depth: float) -> Int32[np.ndarray, "k 2"]:
        """Pairs of geoms (k, 2) in contact deeper than `depth` [m], one of them moving."""
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
            return np.empty((0, 2), dtype=np.int32)
        pairs = data.contact.geom
        first, second = pairs[:, 0], pairs[:, 1]
        counts = (data.contact.dist < -depth) & ~self._exempt[first, second]
        counts &= self._moving[first] | self._moving[second]
        # What is held moves with the hand, so the two cannot collide.
        counts &= (self._arm[first] & self._arm[second]) | ~(
            self._moving[first] & self._moving[second]
        )
        return pairs[counts]


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


def retime(path: Path, timestep: float) -> Float[np.ndarray, "t 7"]:
    """Joint targets [rad] for every `timestep` [s] along a path, from rest to rest.

    Speed along the path rises and falls with `MAX_ACCELERATION`, stays below `MAX_SPEED` and
    below every joint's limit, and is reduced at corners so that no joint velocity jumps by more
    than about `CORNER_SPEED`. The last target is held for `SETTLE`.
    """
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    kept = np.concatenate([[True], lengths > 1e-9])
    corners, lengths = path[kept], lengths[lengths > 1e-9]
    hold = np.repeat(path[-1:], round(SETTLE / timestep), axis=0)
    if len(lengths) == 0:
        return hold
    places = np.concatenate([[0.0], np.cumsum(lengths)])  # [rad] along the path
    grid = np.union1d(np.linspace(0.0, places[-1], max(16, int(places[-1] / 0.005))), places)
    speed = _speeds(grid, places, corners)
    steps = np.diff(grid)
    times = np.concatenate([[0.0], np.cumsum(2.0 * steps / (speed[1:] + speed[:-1]))])
    count = int(np.ceil(times[-1] / timestep))
    moments = np.minimum(np.arange(1, count + 1) * timestep, times[-1])
    along = np.interp(moments, times, grid)
    targets = np.stack([np.interp(along, places, column) for column in corners.T], axis=1)
    return np.concatenate([targets, hold])


def _speeds(
    grid: Float[np.ndarray, " g"], places: Float[np.ndarray, " c"], corners: Path
) -> Float[np.ndarray, " g"]:
    """Largest speed [rad/s] at each place of the grid; at rest at both ends."""
    directions = np.diff(corners, axis=0) / np.diff(places)[:, None]
    segment = np.clip(np.searchsorted(places, grid, side="right") - 1, 0, len(directions) - 1)
    joint = (arm.MAX_VELOCITY / np.maximum(np.abs(directions), 1e-9)).min(axis=1)
    limit = np.minimum(MAX_SPEED, joint[segment])
    turns = np.linalg.norm(np.diff(directions, axis=0), axis=1)
    at = np.searchsorted(grid, places[1:-1])
    limit[at] = np.minimum(limit[at], CORNER_SPEED / np.maximum(turns, 1e-9))
    limit[0] = limit[-1] = 0.0
    square = limit**2
    gains = 2.0 * MAX_ACCELERATION * np.diff(grid)
    for i, gain in enumerate(gains):
        square[i + 1] = min(square[i + 1], square[i] + gain)
    for i in range(len(gains) - 1, -1, -1):
        square[i] = min(square[i], square[i + 1] + gains[i])
    return np.sqrt(square)


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


def _edge_free(start: Joints, goal: Joints, free: _Free) -> bool:
    count = max(1, int(np.ceil(np.linalg.norm(goal - start) / JOINT_STEP)))
    return all(free(start + (goal - start) * k / count) for k in range(1, count + 1))


def _is_new(joints: Joints, found: list[Joints]) -> bool:
    return all(float(np.linalg.norm(joints - other)) > 0.1 for other in found)


def _mask(model: mujoco.MjModel, geoms: Sequence[int]) -> Bool[np.ndarray, " g"]:
    mask = np.zeros(model.ngeom, dtype=bool)
    mask[list(geoms)] = True
    return mask
