"""Why an episode failed, in the same few words for all tasks, from what the simulator knows.

- `unreachable`: inverse kinematics finds no posture of the arm at the last key pose.
- `no_path`: it finds one, but there was no path to it.
- `invalid_action`: the last key pose was refused: outside the action box, or no number.

The others used up their key poses. With the names of `Handling`:

- `wrong_object`: something wrong was done, or only things were moved that the goal does not name.
- `nothing_moved`: nothing was moved and nothing was grasped.
- `goal_not_reached`: what the goal names was moved, or its tool was, but the goal did not hold.

The goal names the bodies and joints of its condition, the drawer or the like that a named place is
part of, and the task's tools. What was put to a wrong place is no wrong object: where several
places can be meant (jars, pegs, shelves), `goal_not_reached` holds the mix-ups too. Mugs that look
alike are told apart by the goal of `place_cups`, and so here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from premotor.simulate import arm
from premotor.simulate.environment import Environment

FAILURES = (
    "unreachable",
    "no_path",
    "invalid_action",
    "wrong_object",
    "nothing_moved",
    "goal_not_reached",
)

SHIFT = 0.01  # [m] along an axis of the world, or of a joint, that counts as moved
TURN = float(np.radians(10.0))  # [rad]
MOVED_SHARE = 0.1  # a joint with little play (a button's cap) is moved after this share of it
OPERATED_SHARE = 0.25  # of a joint's range: opened, turned, pressed rather than brushed
_SIZE = {mujoco.mjtJoint.mjJNT_FREE: 7, mujoco.mjtJoint.mjJNT_BALL: 4}  # numbers in qpos, else 1
_ROBOT = (*arm.JOINTS, *arm.FINGER_JOINTS)


@dataclass(frozen=True)
class Handling:
    """What was done to the things on the table between reset and end."""

    named: bool  # what the goal names was moved by `SHIFT` or `TURN`, or grasped
    other: bool  # something else was
    wrong: bool  # something else was grasped or operated, or the task's mishap happened


def why(reason: str, handling: Handling, reachable: bool = True) -> str:
    """Name of the failure, of `FAILURES`; "" for a success.

    Args:
        reason: How the episode ended: "success", "time_out", "no_path", "out_of_bounds", ...
        handling: What was done in it.
        reachable: Whether the arm could stand at the last key pose.
    """
    if reason == "success":
        return ""
    if reason == "no_path":
        return "no_path" if reachable else "unreachable"
    if reason != "time_out":
        return "invalid_action"
    if handling.wrong or (handling.other and not handling.named):
        return "wrong_object"
    return "goal_not_reached" if handling.named else "nothing_moved"


@dataclass(frozen=True)
class _Joint:
    """A joint of the scene, and how far it has to go to count as moved or operated."""

    name: str
    places: slice  # in qpos
    moved: tuple[float, ...]  # [m or rad], sine of half the angle for quaternions
    operated: float  # [m or rad]


class Witness:
    """Follows what moves in an episode, from the state in which it is made."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._joints = tuple(_joints(environment.world.model))
        self._start = environment.world.data.qpos.copy()
        self._farthest = np.zeros_like(self._start)
        self._grasped: set[str] = set()

    def look(self) -> None:
        """See where everything is now; to be called at every physics step."""
        world = self._environment.world
        away = np.abs(world.data.qpos - self._start)
        np.maximum(self._farthest, away, out=self._farthest)
        if world.graspable:
            self._grasped.update(world.grasped)

    def handling(self) -> Handling:
        """What was done so far."""
        world, task = self._environment.world, self._environment.task
        goal, tools = self._environment.mentions(), task.tools(self._environment.cast)
        bodies = goal.bodies | set(tools)
        named = set(goal.joints) | _joints_of(world.model, bodies, goal.volumes)
        moved = {joint.name for joint in self._joints if self._beyond(joint, joint.moved)}
        operated = {joint.name for joint in self._joints if self._beyond(joint, joint.operated)}
        return Handling(
            named=bool(moved & named or self._grasped & bodies),
            other=bool(moved - named or self._grasped - bodies),
            wrong=bool(operated - named or self._grasped - bodies or self._environment.mishap_seen),
        )

    def _beyond(self, joint: _Joint, limit: tuple[float, ...] | float) -> bool:
        return bool((self._farthest[joint.places] > limit).any())


def _joints(model: mujoco.MjModel) -> Iterator[_Joint]:
    """All joints but the robot's."""
    for index in range(model.njnt):
        name, kind = model.joint(index).name, mujoco.mjtJoint(model.jnt_type[index])
        if name in _ROBOT:
            continue
        size, first = _SIZE.get(kind, 1), int(model.jnt_qposadr[index])
        moved = ((SHIFT,) * 3 + (np.sin(TURN / 2),) * 4)[-size:]
        operated = np.inf  # what moves freely is moved or grasped
        if size == 1:
            low, high = model.jnt_range[index]
            limit = TURN if kind == mujoco.mjtJoint.mjJNT_HINGE else SHIFT
            moved = (min(limit, MOVED_SHARE * (high - low)) if high > low else limit,)
            operated = OPERATED_SHARE * (high - low) if high > low else np.inf
        yield _Joint(name, slice(first, first + size), moved, operated)


def _joints_of(model: mujoco.MjModel, bodies: Iterable[str], volumes: Iterable[str]) -> set[str]:
    """Joints that move these bodies or parts of them, and those that move these geoms."""
    carried = {model.body(name).id for name in bodies}
    carriers = {int(model.geom_bodyid[model.geom(name).id]) for name in volumes}
    for body in range(1, model.nbody):
        if int(model.body_parentid[body]) in carried:
            carried.add(body)
    for body in range(model.nbody - 1, 0, -1):
        if body in carriers:
            carriers.add(int(model.body_parentid[body]))
    chosen = carried | carriers
    return {model.joint(j).name for j in range(model.njnt) if int(model.jnt_bodyid[j]) in chosen}
