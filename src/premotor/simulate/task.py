"""The contract of a task: what stands on the table, what is said, how it is done, when it is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np

from premotor.simulate.conditions import Condition, never
from premotor.simulate.scene import Scene
from premotor.simulate.verbs import Waypoint

V = TypeVar("V")  # a variation: color, label, order
C = TypeVar("C")  # the cast: the props the task speaks of

Axis = Literal["placement", "color", "size", "shape", "count", "category"]
Marks = tuple[bool, ...]  # one for each keyframe of an episode


def marked(count: int, *places: int) -> Marks:
    """Of so many keyframes, those at some places, counted from 0."""
    return tuple(place in places for place in range(count))


class Task(ABC, Generic[V, C]):
    """One kind of episode; an instance holds no state of any episode.

    Attributes:
        name: As the benchmark has it.
        axes: What the variations vary, as in the benchmark's table of tasks.
        benchmark_keyframes: Mean number of them in the benchmark's demonstrations; None for a task
            that it does not have.
        variations: Their order is the benchmark's variation index.
    """

    name: ClassVar[str]
    axes: ClassVar[tuple[Axis, ...]]
    benchmark_keyframes: ClassVar[float | None]
    variations: Sequence[V]

    @abstractmethod
    def stage(self, scene: Scene, variation: V, rng: np.random.Generator) -> C:
        """Place the props; everything random about the layout is drawn here."""

    @abstractmethod
    def instructions(self, variation: V) -> tuple[str, ...]:
        """What may be said; the first text is the one used for acting."""

    @abstractmethod
    def expert(self, cast: C) -> Iterator[Waypoint]:
        """How it is done, as the benchmark's waypoints."""

    @abstractmethod
    def goal(self, cast: C) -> Condition:
        """When it is done."""

    def decisive(self, variation: V) -> Marks:
        """For each keyframe of the expert's, whether the words choose where it lies (`marked`).

        So they do where, of several things or places that stand there alike, the hand is sent to
        the one that is meant. It is no such keyframe where all variations go to the same place,
        where the hand is at the chosen thing already, or where what it holds, or what was opened,
        tells the place. () where nobody has said.
        """
        return ()

    def mishap(self, cast: C) -> Condition:
        """What spoils an episode without failing it."""
        return never()

    def tools(self, cast: C) -> tuple[str, ...]:
        """Bodies to be handled on the way, though the goal does not speak of them."""
        return ()
