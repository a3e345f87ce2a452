"""What has to come true: conditions stepped once per physics step, which may latch.

What a condition counts lives in the simulation state (`data.userdata`), under names that the props
reserved; so a restored state remembers, and its looks can be drawn again. What a condition looks
up at the reset (addresses, where a joint started) it keeps itself: it is the same all episode.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import mujoco
import numpy as np

from premotor.simulate.props import slot_of
from premotor.simulate.props.button import Button
from premotor.simulate.world import World, overlap, solid_geoms

PRESSED = 0.001  # [m] a cap that has moved further than this is down (the benchmark's 1 mm)
LET_GO = 0.0005  # [m] a cap that has come back this far is up again


@dataclass(frozen=True)
class Mentions:
    """What a condition speaks of, by its names in the model."""

    bodies: frozenset[str] = frozenset()  # that shall come to be somewhere
    joints: frozenset[str] = frozenset()  # that shall move
    volumes: frozenset[str] = frozenset()  # geoms that bodies shall come to

    def __or__(self, other: "Mentions") -> "Mentions":
        return Mentions(
            self.bodies | other.bodies, self.joints | other.joints, self.volumes | other.volumes
        )


class Condition(ABC):
    """Something watched for during an episode."""

    @abstractmethod
    def reset(self, world: World) -> None:
        """Start watching from the state that the world is in."""

    @abstractmethod
    def step(self, world: World) -> bool:
        """Look once per physics step; true while the condition holds."""

    def mentions(self) -> Mentions:
        """What has to be handled for it to come true."""
        return Mentions()


class _Never(Condition):
    def reset(self, world: World) -> None:
        pass

    def step(self, world: World) -> bool:
        return False


def _mentioned(parts: Sequence[Condition]) -> Mentions:
    return reduce(or_, (part.mentions() for part in parts), Mentions())


def never() -> Condition:
    """Holds in no state."""
    return _Never()


class _AllOf(Condition):
    def __init__(self, parts: Sequence[Condition]) -> None:
        self._parts = tuple(parts)

    def reset(self, world: World) -> None:
        for part in self._parts:
            part.reset(world)

    def step(self, world: World) -> bool:
        holds = [part.step(world) for part in self._parts]  # every part sees every step
        return all(holds)

    def mentions(self) -> Mentions:
        return _mentioned(self._parts)


def all_of(*parts: Condition) -> Condition:
    """Holds while all of its parts do."""
    return _AllOf(parts)


class _AtLeast(Condition):
    def __init__(self, count: int, parts: Sequence[Condition]) -> None:
        self._count = count
        self._parts = tuple(parts)

    def reset(self, world: World) -> None:
        for part in self._parts:
            part.reset(world)

    def step(self, world: World) -> bool:
        holds = [part.step(world) for part in self._parts]
        return sum(holds) >= self._count

    def mentions(self) -> Mentions:
        return _mentioned(self._parts)


def at_least(count: int, *parts: Condition) -> Condition:
    """Holds while so many of its parts do."""
    return _AtLeast(count, parts)


def any_of(*parts: Condition) -> Condition:
    """Holds while one of its parts does."""
    return _AtLeast(1, parts)


class _JointDisplaced(Condition):
    def __init__(self, joint: str, threshold: float) -> None:
        self._joint = joint
        self._threshold = threshold
        self._start = 0.0

    def reset(self, world: World) -> None:
        self._start = world.joint_value(self._joint)

    def step(self, world: World) -> bool:
        return abs(world.joint_value(self._joint) - self._start) > self._threshold

    def mentions(self) -> Mentions:
        return Mentions(joints=frozenset({self._joint}))


def joint_displaced(joint: str, threshold: float) -> Condition:
    """The joint has moved by more than `threshold` [m or rad] from where it started."""
    return _JointDisplaced(joint, threshold)


class _Detected(Condition):
    def __init__(self, body: str, volume: str) -> None:
        self._body = body
        self._volume = volume

    def reset(self, world: World) -> None:
        self._sensor = world.model.geom(self._volume).id
        geoms = solid_geoms(world.model, world.model.body(self._body).id)
        self._geoms = np.array(geoms, dtype=np.int64)
        self._reach = world.model.geom_rbound[geoms] + world.model.geom_rbound[self._sensor]

    def step(self, world: World) -> bool:
        places = world.data.geom_xpos
        apart = np.linalg.norm(places[self._geoms] - places[self._sensor], axis=1)
        near = self._geoms[apart <= self._reach]  # only these can touch it
        return any(overlap(world.model, world.data, int(g), self._sensor) for g in near)

    def mentions(self) -> Mentions:
        return Mentions(bodies=frozenset({self._body}), volumes=frozenset({self._volume}))


def detected(body: str, volume: str) -> Condition:
    """Any part of the body touches the sensor volume."""
    return _Detected(body, volume)


class _NothingGrasped(Condition):
    def reset(self, world: World) -> None:
        pass

    def step(self, world: World) -> bool:
        return not world.grasped


def nothing_grasped() -> Condition:
    """The gripper holds nothing."""
    return _NothingGrasped()


class _Caps:
    """Joint addresses and memory slots of some buttons, looked up once per episode."""

    def __init__(self, world: World, buttons: Sequence[Button]) -> None:
        model = world.model
        self._address = [int(model.joint(b.cap).qposadr[0]) for b in buttons]
        self.held = [slot_of(model, b.held) for b in buttons]
        self.counted = [slot_of(model, b.counted) for b in buttons]

    def depth(self, data: mujoco.MjData, index: int) -> float:
        """How far a cap is pressed [m]."""
        return -float(data.qpos[self._address[index]])


class _PressedInOrder(Condition):
    def __init__(self, order: Sequence[Button]) -> None:
        self._order = tuple(order)

    def reset(self, world: World) -> None:
        self._caps = _Caps(world, self._order)
        for slot in (*self._caps.held, *self._caps.counted):
            world.data.userdata[slot] = 0.0

    def step(self, world: World) -> bool:
        memory, caps = world.data.userdata, self._caps
        due = next((i for i, slot in enumerate(caps.counted) if memory[slot] == 0.0), None)
        for i, slot in enumerate(caps.held):
            was_held = memory[slot] > 0.0
            is_held = caps.depth(world.data, i) > (LET_GO if was_held else PRESSED)
            memory[slot] = float(is_held)
            if i == due and is_held and not was_held:
                memory[caps.counted[i]] = 1.0
        return all(memory[slot] > 0.0 for slot in caps.counted)

    def mentions(self) -> Mentions:
        return Mentions(joints=frozenset(button.cap for button in self._order))


def pressed_in_order(order: Sequence[Button]) -> Condition:
    """Each button has been pressed once, and only after the one before it was.

    A press counts when a cap goes down; held down, it does not count again until let go.
    """
    return _PressedInOrder(order)


class _WrongPress(Condition):
    def __init__(self, order: Sequence[Button], others: Sequence[Button]) -> None:
        self._order = tuple(order)
        self._others = tuple(others)

    def reset(self, world: World) -> None:
        self._caps = _Caps(world, (*self._order, *self._others))

    def step(self, world: World) -> bool:
        memory, caps = world.data.userdata, self._caps
        done = [memory[slot] > 0.0 for slot in caps.counted]
        due = next((i for i in range(len(self._order)) if not done[i]), None)
        return any(
            caps.depth(world.data, i) > PRESSED
            for i in range(len(done))
            if i != due and not done[i]
        )


def wrong_press(order: Sequence[Button], others: Sequence[Button]) -> Condition:
    """A button is down that is neither due nor already counted."""
    return _WrongPress(order, others)
