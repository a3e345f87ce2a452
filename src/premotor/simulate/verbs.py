"""What an expert can say: go there, close there, press, push, pull.

A waypoint is tied to a frame and resolved when it is due, so that it follows what has moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from premotor.episode.turns import RESTING, Turns, away_from_rest
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.world import World

POINTING_DOWN = RESTING  # wxyz: tip z down, tip x backward, fingers along y


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
        return min(self._turned(world), key=away_from_rest)

    def _turned(self, world: World) -> list[Pose]:
        """The poses in the world that are equally good."""
        pose = self.offset if self.body is None else world.body_pose(self.body) @ self.offset
        return [pose @ turn for turn in self._turns()]

    def _turns(self) -> list[Pose]:
        angles = np.arange(self.symmetry) * 2.0 * np.pi / self.symmetry
        return [Pose.of(np.zeros(3), rotations.about_z(float(angle))) for angle in angles]


@dataclass(frozen=True)
class Around(Anchor):
    """A tip pose beside the axis of a body, as good when carried around that axis (its z)."""

    def _turned(self, world: World) -> list[Pose]:
        """The poses in the world that are equally good."""
        body = Pose.of(np.zeros(3)) if self.body is None else world.body_pose(self.body)
        return [body @ turn @ self.offset for turn in self._turns()]


@dataclass(frozen=True)
class Swing:
    """A turn of the hand about its approach axis, hand down, at the end of some way.

    All poses of the way are turned alike by the symmetry, so that the wrist's joint stays as near
    to its middle as it can, from the first of them to the end of the swing.
    """

    way: tuple[Pose, ...]  # before the swing, in the frame of the body; it happens at the last
    angle: float  # [rad] about the tip's z
    symmetry: int = 2  # as in `Anchor`

    def choose(self, body: Pose) -> float:
        """By what the hands are turned [rad], the body standing at a pose in the world."""
        bends = np.unwrap([_wrist(body @ pose) for pose in reversed(self.way)])
        step = 2.0 * np.pi / self.symmetry
        cost = []
        for turn in range(self.symmetry):
            middle = float(bends[0]) + turn * step + self.angle / 2
            whole = turn * step - 2.0 * np.pi * np.round(middle / (2.0 * np.pi))
            cost.append(np.abs([*(bends + whole), float(bends[0]) + whole + self.angle]).max())
        return int(np.argmin(np.round(cost, 6))) * step


def _wrist(hand: Pose) -> float:
    """About the angle [rad] of the last joint at a tip pose that points down."""
    matrix = hand.matrix()
    yaw = np.arctan2(-matrix[1, 0], -matrix[0, 0])  # 0 for `POINTING_DOWN`
    x, y, _ = hand.position - arm.BASE
    return float(np.arctan2(y, x) + arm.START[-1] - yaw)


@dataclass(frozen=True)
class Twist(Anchor):
    """A tip pose on the way to a swing, or some of the swing later; `symmetry` is the swing's."""

    swing: Swing | None = None
    done: float = 0.0  # [rad] of the swing

    def resolve(self, world: World) -> Pose:
        """The tip pose in the world, as things stand now."""
        body = Pose.of(np.zeros(3)) if self.body is None else world.body_pose(self.body)
        chosen = 0.0 if self.swing is None else self.swing.choose(body)
        return body @ self.offset @ Pose.of(np.zeros(3), rotations.about_z(chosen + self.done))


@dataclass(frozen=True)
class Waypoint:
    """A planned tip pose, with what the gripper does on arrival."""

    anchor: Anchor
    gripper: bool | None = None  # True opens, False closes, None keeps
    linear: bool = False  # placement makes sure of the straight line from the waypoint before
    ignore_collisions: bool = False
    moves: Mapping[str, float] = field(default_factory=dict)  # joints it moves, and how far
    free: tuple[float, ...] = ()  # [rad] the hand may as well stand so far around the body's z

    def turns(self, world: World, empty: bool) -> Turns | None:
        """What would be as good, as things stand now; the body stands upright.

        Args:
            world: Where the waypoint is due.
            empty: Nothing is held: a hand that holds something cannot be turned in itself.
        """
        if not self.free or self.anchor.body is None:
            return None
        x, y, _ = world.body_pose(self.anchor.body).position
        return Turns((float(x), float(y)), self.free, self.anchor.symmetry if empty else 1)


def over(body: str, height: float, symmetry: int = 1) -> Anchor:
    """The hand pointing down, its tip so far [m] above the frame of a body."""
    return Anchor(body, Pose.of((0.0, 0.0, height), POINTING_DOWN), symmetry)


def hand_down(place: Pose, height: float) -> Pose:
    """The hand pointing down over a place, its tip at a height [m] of the frame both are in."""
    x, y, _ = place.position
    return Pose.of((x, y, height), POINTING_DOWN)


def approach(to: Anchor, free: tuple[float, ...] = ()) -> Waypoint:
    """Go to a pose in the air, around whatever is in the way; `free`: see `Waypoint`."""
    return Waypoint(to, free=free)


def ready(at: Anchor, ignore_collisions: bool = False) -> Waypoint:
    """Go to a pose and close the gripper there, on nothing: a fist to press or push with."""
    return Waypoint(at, gripper=False, ignore_collisions=ignore_collisions)


def grasp(at: Anchor, ignore_collisions: bool = False) -> Waypoint:
    """Go on to a pose and close the gripper on what is there."""
    return Waypoint(at, gripper=False, linear=True, ignore_collisions=ignore_collisions)


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
