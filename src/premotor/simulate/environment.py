"""An episode that can be acted in: the same steps for the expert and for a policy."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from premotor.episode.discovery import STOPPING_DELTA
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import ACTION_HIGH, ACTION_LOW, Keyframe
from premotor.episode.observation import Observation
from premotor.errors import ConfigError, MotionFailed, PlacementFailed, UnknownName
from premotor.geometry.poses import Pose
from premotor.simulate.conditions import Mentions
from premotor.simulate.kinematics import out_of_reach
from premotor.simulate.motion import Planner
from premotor.simulate.rig import Rig, check_size, whole_number
from premotor.simulate.scene import Scene
from premotor.simulate.task import Task
from premotor.simulate.tasks import ALL_TASKS
from premotor.simulate.timing import retime
from premotor.simulate.verbs import Waypoint
from premotor.simulate.world import (
    FINGER_CLOSED,
    FINGER_OPEN,
    STEPS_PER_ROW,
    TIMESTEP,
    World,
)

MAX_ATTEMPTS = 40  # layouts tried per episode
REACH_MARGIN = 0.012  # [m] by which waypoints must be nearer than the farthest reach
SETTLE_ROWS = 4  # rows after placing the props, so that all is at rest
GRIPPER_STEPS = round(0.35 / TIMESTEP)  # physics steps that closing or opening takes

LAYOUT, PLANNER = 0, 1  # purposes of the random streams


@dataclass(frozen=True)
class Outcome:
    """How things stand after an action."""

    success: bool
    strict: bool  # success without any mishap on the way
    ended: bool  # nothing more can be done: success, or an action that cannot be carried out
    reason: str  # "success", "no_path", "out_of_bounds", "invalid_action", "" while it goes on
    detail: str = ""  # of an action that cannot be carried out: what came and what is possible
    # Gymnasium's `info` has `reason` of a failed action as "error", and `detail` as "reason".


def find_task(name: str) -> Task[Any, Any]:
    """The task (or study) of this name.

    Raises:
        UnknownName: There is none.
    """
    if not isinstance(name, str) or name not in ALL_TASKS:
        raise UnknownName.of("task", str(name), ALL_TASKS)
    return ALL_TASKS[name]


def _outside(position: Float[np.ndarray, "3"]) -> str:
    return (
        f"the target {np.round(position, 3)} m is outside the box from {ACTION_LOW} to "
        f"{ACTION_HIGH} m, world frame; choose a point inside"
    )


def _named(index: int, waypoint: Waypoint) -> str:
    return f"waypoint {index}, at {waypoint.anchor.body or 'the table'!r}"


def _stream(key: tuple[int, ...], purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([*key, purpose]))


class Environment:
    """One episode at a time; (task, variation, seed) gives the same episode, always.

    Attributes:
        world: The scene, after `reset`.
        task: What is to be done.
        cast: The props the task speaks of.
        instructions: What is said; the first text is the one used for acting.
        attempt: Index of the layout that was accepted.
        rejections: Why the layouts before it were not, in their order.
        on_step: Called after each physics step of `TIMESTEP` in `act` and `wait`.
    """

    world: World
    task: Task[Any, Any]
    cast: Any
    instructions: tuple[str, ...]

    def __init__(self, width: int = 128, height: int = 128) -> None:
        check_size((width, height))
        self.width = width
        self.height = height
        self.attempt = 0
        self.rejections: tuple[str, ...] = ()
        self.on_step: Callable[[], None] | None = None
        self._rig: Rig | None = None

    def reset(self, episode: EpisodeId) -> None:
        """Stage an episode.

        Layouts are drawn until one is admissible: nothing touches the arm and the expert's
        waypoints can be reached, by inverse kinematics alone (no motion is tried out).

        Raises:
            UnknownName: There is no such task.
            ConfigError: There is no such variation, or the seed is negative.
            PlacementFailed: No admissible layout in `MAX_ATTEMPTS`.
        """
        self.close()
        self.task = find_task(episode.task)
        count, variation = len(self.task.variations), episode.variation
        if not whole_number(variation) or not 0 <= variation < count:
            raise ConfigError(f"{episode.task} has variations 0 to {count - 1}, got {variation}")
        if not whole_number(episode.seed) or episode.seed < 0:
            raise ConfigError(f"a seed is a whole number from 0 on, got {episode.seed!r}")
        rejections: list[str] = []
        for attempt in range(MAX_ATTEMPTS):
            key = (zlib.crc32(episode.task.encode()), variation, episode.seed, attempt)
            objection = self._stage(variation, key)
            if not objection:
                self._begin(variation, tuple(rejections), _stream(key, PLANNER))
                return
            rejections.append(objection)
        raise PlacementFailed(
            f"no admissible layout for {episode} in {MAX_ATTEMPTS} attempts "
            f"({rejections[-1]} last); choose another seed",
            rejections,
        )

    def _stage(self, variation: int, key: tuple[int, ...]) -> str:
        """Draw a layout; returns what speaks against it, or "" if it is admissible."""
        scene = Scene()
        wanted = self.task.variations[variation]
        try:
            self.cast = self.task.stage(scene, wanted, _stream(key, LAYOUT))
        except PlacementFailed as error:
            return str(error)
        self.world = scene.build()
        rest = self.world.joint_positions.copy()
        for _ in range(SETTLE_ROWS * STEPS_PER_ROW):
            self.world.step(rest, FINGER_OPEN)
        self._planner = Planner(self.world)
        return self._objection(_stream(key, PLANNER))

    def _objection(self, rng: np.random.Generator) -> str:
        """What waypoint the arm cannot get to; "" if it can get to all of them.

        The expert's way is followed in thought, by the planner and by inverse kinematics, with
        the random numbers that the episode will plan with: the postures are those it will take.
        """
        joints = self.world.joint_positions.copy()
        for index, waypoint in enumerate(self.task.expert(self.cast)):
            pose = waypoint.anchor.resolve(self.world)
            if out_of_reach(pose, REACH_MARGIN):
                reached = None
            elif waypoint.linear:
                reached = self._planner.follow(joints, pose)
            elif index == 0:
                reached = self._plan_first(pose, rng)
            else:
                reached = self._planner.reach(joints, pose)
            if reached is None:
                return f"no way to {_named(index, waypoint)}"
            joints = reached
            if waypoint.moves and not self._planner.links_free(joints, waypoint.moves):
                return f"the arm would be in the way at {_named(index, waypoint)}"
        return ""

    def _plan_first(self, pose: Pose, rng: np.random.Generator) -> Float[np.ndarray, "7"] | None:
        try:
            return self._planner.plan(pose, rng)[-1]
        except MotionFailed:
            return None

    def _begin(self, variation: int, rejections: tuple[str, ...], rng: np.random.Generator) -> None:
        self.close()
        self.instructions = self.task.instructions(self.task.variations[variation])
        self.attempt = len(rejections)
        self.rejections = rejections
        self._rng = rng
        self._joints = self.world.joint_positions.copy()
        self._gripper_open = True
        self._ignore_collisions = False
        self._mishap_seen = False
        self._has_moved = False
        self._key_poses = 0
        self._goal = self.task.goal(self.cast)
        self._mishap = self.task.mishap(self.cast)
        self._goal.reset(self.world)
        self._mishap.reset(self.world)
        self._succeeded = self._goal.step(self.world)

    def observe(self) -> Observation:
        """What the four cameras see now, and what the robot feels."""
        if self._rig is None:
            self._rig = Rig(self.world.model, self.width, self.height, looks=self.world.looks)
        seen = self._rig.observe(self.world, ignore_collisions=self._ignore_collisions)
        return replace(seen, key_poses=self._key_poses)

    def proprioception_row(self) -> Observation:
        """What the robot feels now, without views."""
        world = self.world
        return Observation(
            views={},
            joint_positions=world.joint_positions.copy(),
            joint_velocities=world.joint_velocities.copy(),
            finger_positions=world.finger_positions.copy(),
            end_effector=world.end_effector,
            gripper_open=world.gripper_open,
            ignore_collisions=self._ignore_collisions,
            time=world.time,
        )

    def waypoints(self) -> Iterator[Keyframe]:
        """The expert's key poses, each resolved when it is asked for."""
        for waypoint in self.task.expert(self.cast):
            gripper = self._gripper_open if waypoint.gripper is None else waypoint.gripper
            pose = waypoint.anchor.resolve(self.world)
            turns = waypoint.turns(self.world, empty=self._gripper_open)
            yield Keyframe(pose, gripper, waypoint.ignore_collisions, turns=turns)

    def act(
        self,
        keyframe: Keyframe,
        on_row: Callable[[], None] | None = None,
        stop_on_success: bool = True,
    ) -> Outcome:
        """Bring the tip to a key pose, then the gripper to its state.

        Args:
            keyframe: Where to, in the world.
            on_row: Called every 0.05 s while the arm moves, and once when all has come to rest.
            stop_on_success: Stop as soon as the goal holds (evaluation).

        Returns:
            How things stand; once `ended`, do not act again.
        """
        self._key_poses += 1
        if not keyframe.legal:
            outside = _outside(keyframe.end_effector.position)
            return Outcome(False, False, True, "out_of_bounds", outside)
        try:
            path = self._planner.plan(
                keyframe.end_effector, self._rng, ignore_collisions=keyframe.ignore_collisions
            )
        except MotionFailed as error:
            return Outcome(False, False, True, "no_path", str(error))
        self._ignore_collisions = keyframe.ignore_collisions
        self._move(retime(path, TIMESTEP), on_row, stop_on_success)
        if not (stop_on_success and self._succeeded):
            self._actuate(keyframe.gripper_open, stop_on_success)
        if on_row is not None:
            on_row()
        return self._outcome(stop_on_success)

    @property
    def mishap_seen(self) -> bool:
        """Whether the task's mishap has happened since the reset."""
        return self._mishap_seen

    def mentions(self) -> Mentions:
        """What the goal of this episode speaks of."""
        return self._goal.mentions()

    def reachable(self, pose: Pose) -> bool:
        """Whether any posture of the arm reaches a tip pose, whatever stands in the way."""
        return not out_of_reach(pose) and self._planner.reach(self._joints, pose) is not None

    def wait(self, rows: int, on_row: Callable[[], None] | None = None) -> Outcome:
        """Hold still until the goal holds, at most some rows of 0.05 s (grace at the end)."""
        for _ in range(rows):
            if self._succeeded:
                break
            for _ in range(STEPS_PER_ROW):
                self._step(self._joints)
            if on_row is not None:
                on_row()
        return self._outcome(stop_on_success=False)

    def close(self) -> None:
        """Free the renderer."""
        if self._rig is not None:
            self._rig.close()
            self._rig = None

    def _outcome(self, stop_on_success: bool) -> Outcome:
        success = self._succeeded
        strict = success and not self._mishap_seen
        return Outcome(success, strict, success and stop_on_success, "success" if success else "")

    def _step(self, joints: Float[np.ndarray, "7"]) -> None:
        self.world.step(joints, FINGER_OPEN if self._gripper_open else FINGER_CLOSED)
        self._mishap_seen = self._mishap.step(self.world) or self._mishap_seen
        self._succeeded = self._goal.step(self.world)
        if self.on_step is not None:
            self.on_step()

    def _move(
        self,
        targets: Float[np.ndarray, "t 7"],
        on_row: Callable[[], None] | None,
        stop_on_success: bool,
    ) -> None:
        """Follow the targets; rows are recorded while the arm moves, not while it comes to rest.

        The arm rests for several rows at the end of a motion. Recorded, each rest would be found
        as a keyframe beside the one that the gripper makes; so it is left out, and whoever acts
        next records one row of it. So is a slow first row of the episode, for the same reason.
        """
        arrived = int(np.argmax((targets == targets[-1]).all(axis=1)))
        for i, self._joints in enumerate(targets):
            self._step(self._joints)
            if stop_on_success and self._succeeded:
                return
            if on_row is None or (i + 1) % STEPS_PER_ROW != 0:
                continue
            slow = np.abs(self.world.joint_velocities).max() <= STOPPING_DELTA
            if slow and (i > arrived - STEPS_PER_ROW or not self._has_moved):
                continue
            self._has_moved = True
            on_row()

    def _actuate(self, wanted_open: bool, stop_on_success: bool) -> None:
        """Open or close, if it is not so already; while the fingers move nothing is recorded."""
        if wanted_open == self._gripper_open:
            return
        if wanted_open:
            self.world.release()
        self._gripper_open = wanted_open
        for _ in range(GRIPPER_STEPS):
            self._step(self._joints)
            if stop_on_success and self._succeeded:
                return
        if not wanted_open:
            self.world.attach()
