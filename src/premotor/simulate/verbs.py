"""What an expert can say: go there, close there, press, push, pull.

A waypoint is tied to a frame and resolved when it is due, so that it follows what has moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.world import World

POINTING_DOWN = (0.0, 0.0, 1.0, 0.0)  # wxyz: tip z down, tip x backward, fingers along y


@dataclass(frozen=True)
class Anchor:
    """A tip pose tied to a body (or to the world, if None)."""

    body: str | None
    offset: Pose
    symmetry: int = 1  # as good when turned by a full turn / symmetry about the approach axis

    def resolve(self, world: World) -> Pose:
        """The tip pose in the world, as things stand now.

        Among turns that are equally good, the one nearest to the hand's own at the start: the
        wrist has the same room on both sides there.
        """
        pose = self.offset if self.body is None else world.body_pose(self.body) @ self.offset
        turns = np.arange(self.symmetry) * 2.0 * np.pi / self.symmetry
        turned = [pose @ Pose.of(np.zeros(3), rotations.about_z(float(turn))) for turn in turns]
        away = [rotations.angle_between(t.quaternion, np.array(POINTING_DOWN)) for t in turned]
        return turned[int(np.argmin(np.round(away, 6)))]


@dataclass(frozen=True)
class Waypoint:
    """A planned tip pose, with what the gripper does on arrival."""

    anchor: Anchor
    gripper: bool | None = None  # True opens, False closes, None keeps
    linear: bool = False  # placement makes sure of the straight line from the waypoint before
    ignore_collisions: bool = False
    moves: Mapping[str, float] = field(default_factory=dict)  # joints it moves, and how far


def approach(to: Anchor) -> Waypoint:
    """Go to a pose in the air, around whatever is in the way."""
    return Waypoint(to)


def ready(at: Anchor, ignore_collisions: bool = False) -> Waypoint:
    """Go to a pose and close the gripper there, on nothing: a fist to press or push with."""
    return Waypoint(at, gripper=False, ignore_collisions=ignore_collisions)


def grasp(at: Anchor) -> Waypoint:
    """Go on to a pose and close the gripper on what is there."""
    return Waypoint(at, gripper=False, linear=True)


def press(to: Anchor) -> Waypoint:
    """Move against something that gives way."""
    return Waypoint(to, linear=True, ignore_collisions=True)


def push(to: Anchor) -> Waypoint:
    """Move, and take along whatever is in the way."""
    return Waypoint(to, linear=True, ignore_collisions=True)


def pull(to: Anchor, joint: str, by: float) -> Waypoint:
    """Move back with what is held, which slides on a joint by so much [m]."""
    return Waypoint(to, linear=True, ignore_collisions=True, moves={joint: by})


def lift(to: Anchor) -> Waypoint:
    """Move straight away with what is held; it may graze what it stood on."""
    return Waypoint(to, linear=True, ignore_collisions=True)


def lower(to: Anchor) -> Waypoint:
    """Move what is held straight to where it shall be, touching what is there."""
    return Waypoint(to, linear=True, ignore_collisions=True)


def release(at: Anchor) -> Waypoint:
    """Go on to a pose, touching what is there, and open the gripper."""
    return Waypoint(at, gripper=True, linear=True, ignore_collisions=True)


def drop(at: Anchor) -> Waypoint:
    """Go to a pose in the air, around whatever is in the way, and open the gripper."""
    return Waypoint(at, gripper=True)
