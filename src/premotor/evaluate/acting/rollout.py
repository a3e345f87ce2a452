"""One episode of a policy in the embedded simulator."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import ACTION_HIGH, ACTION_LOW, Keyframe
from premotor.episode.observation import Observation
from premotor.evaluate.acting.failures import Witness, why
from premotor.geometry.poses import Pose
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment

# [m] The target is clipped to the action box less this (docs/benchmark.md, Action and planner).
_MARGIN = 1e-7


@runtime_checkable
class Acts(Protocol):
    """Anything that chooses the next key pose."""

    def act(self, observation: Observation, instruction: str) -> Keyframe:
        """The next key pose, in the world frame."""
        ...


@dataclass(frozen=True)
class RolloutResult:
    """How an episode went."""

    success: bool
    strict: bool  # success, and no mishap on the way
    key_poses: int  # executed
    reason: str  # "success", "time_out", "no_path", ...
    failure: str  # why it failed, of `failures.FAILURES`; "" for a success
    seconds: float
    instruction: str


@runtime_checkable
class Watcher(Protocol):
    """Looks on while a policy acts."""

    def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
        """A key pose was chosen and comes next; None once the episode is over."""
        ...

    def during(self, environment: Environment) -> None:
        """Another 0.05 s of motion have passed."""
        ...


def roll_out(
    environment: Environment,
    actor: Acts,
    episode: EpisodeId,
    max_key_poses: int = EPISODE_KEY_POSES,
    watcher: Watcher | None = None,
) -> RolloutResult:
    """Act until success, failure or `max_key_poses` key poses.

    Args:
        environment: Is reset to the episode.
        actor: Chooses the key poses from four cameras and the first instruction.
        episode: Which one.
        max_key_poses: Key poses at most.
        watcher: Looks on.

    Raises:
        PlacementFailed: The episode has no admissible layout; it is nobody's failure to act.
    """
    started = time.perf_counter()
    environment.reset(episode)
    instruction = environment.instructions[0]
    reason, success, strict, key_poses, reachable = "time_out", False, False, 0, True
    with _witness(environment) as witness:
        while key_poses < max_key_poses:
            keyframe = _clipped(actor.act(environment.observe(), instruction))
            on_row = None
            if watcher is not None:
                watcher.before(environment, keyframe)
                on_row = partial(watcher.during, environment)
            outcome = environment.act(keyframe, on_row)
            key_poses += 1
            witness.look()  # the fingers close on something after the last physics step
            if outcome.ended:
                reason, success, strict = outcome.reason, outcome.success, outcome.strict
                reachable = reason != "no_path" or environment.reachable(keyframe.end_effector)
                break
    if watcher is not None:
        watcher.before(environment, None)
    failure = why(reason, witness.handling(), reachable)
    seconds = time.perf_counter() - started
    return RolloutResult(success, strict, key_poses, reason, failure, seconds, instruction)


@contextmanager
def _witness(environment: Environment) -> Iterator[Witness]:
    """Looks at every physics step of an episode that has just begun."""
    witness = Witness(environment)
    environment.on_step = witness.look
    try:
        yield witness
    finally:
        environment.on_step = None


def _clipped(keyframe: Keyframe) -> Keyframe:
    position = np.clip(keyframe.end_effector.position, ACTION_LOW + _MARGIN, ACTION_HIGH - _MARGIN)
    return replace(keyframe, end_effector=Pose(position, keyframe.end_effector.quaternion))
