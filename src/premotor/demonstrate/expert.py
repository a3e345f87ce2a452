"""The expert: a task's waypoints followed through the same actions that a policy has.

First the episode is acted and its states are kept; only then are the views that a demonstration
keeps rendered from those states, since rendering is what takes the time.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from premotor.demonstrate.provenance import provenance
from premotor.episode.clip import Clip
from premotor.episode.demo import Demo
from premotor.episode.discovery import discover_keyframes
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, VIDEO_CAMERA, Observation
from premotor.episode.turns import Turns
from premotor.errors import DemonstrationFailed
from premotor.simulate.environment import Environment, Outcome
from premotor.simulate.filming import pictures, replayed
from premotor.simulate.world import RECORD_PERIOD

GRACE_ROWS = 10  # at the end, for what has to come to rest (docs/benchmark.md, Demonstrations)


@dataclass(frozen=True, eq=False)
class Recording:
    """An expert's successful episode before anything was rendered."""

    rows: tuple[Observation, ...]  # without views, one per 0.05 s
    states: Float[np.ndarray, "t s"]  # simulator state per row
    keyframes: tuple[Keyframe, ...]
    strict: bool  # no mishap on the way


def run_expert(env: Environment, episode: EpisodeId) -> Demo:
    """Demonstrate one episode and render what a demonstration keeps.

    Raises:
        DemonstrationFailed: The expert did not succeed, or a keyframe is no action that a policy
            may take; the episode is named.
        PlacementFailed: No admissible layout was found.
    """
    recording = record(env, episode)
    _insist_legal(episode, recording.keyframes)
    observations, frames = _render(env, recording)
    times = RECORD_PERIOD * np.arange(len(frames))
    return Demo(
        episode=episode,
        instructions=env.instructions,
        observations=observations,
        keyframes=recording.keyframes,
        states=recording.states,
        clip=Clip(frames, times),
        provenance=provenance(env.attempt, env.rejections, recording.strict),
    )


def _insist_legal(episode: EpisodeId, keyframes: Sequence[Keyframe]) -> None:
    """Refuse to keep an episode that nobody could act again (decisions D67).

    The arm may be pressed below the lowest target that it can be given.
    """
    for index, keyframe in enumerate(keyframes):
        if not keyframe.legal:
            place = np.round(keyframe.end_effector.position, 4)
            reason = f"keyframe {index} at {place} m lies outside the box of targets"
            raise DemonstrationFailed(f"{episode}: {reason}", reason)


def record(env: Environment, episode: EpisodeId) -> Recording:
    """Act out one episode, keeping every row and its simulator state.

    Raises:
        DemonstrationFailed: The expert did not succeed; the episode is named.
        PlacementFailed: No admissible layout was found.
    """
    env.reset(episode)
    rows: list[Observation] = []
    states: list[Float[np.ndarray, " s"]] = []

    def on_row() -> None:
        rows.append(env.proprioception_row())
        states.append(env.world.state())

    on_row()  # frame 0
    outcome = Outcome(False, False, False, "")
    acted: list[_Acted] = []
    for index, keyframe in enumerate(env.waypoints()):
        outcome = env.act(keyframe, on_row, stop_on_success=False)
        acted.append(_Acted(len(rows) - 1, keyframe.turns))
        if outcome.ended:
            reason = f"waypoint {index}: {outcome.reason}"
            raise DemonstrationFailed(f"{episode}: {reason}", reason)
    if not outcome.success:
        outcome = env.wait(GRACE_ROWS, on_row)
    if not outcome.success:
        reason = "all waypoints done, goal not reached"
        raise DemonstrationFailed(f"{episode}: {reason}", reason)
    return Recording(tuple(rows), np.stack(states), _keyframes(rows, acted), outcome.strict)


@dataclass(frozen=True)
class _Acted:
    """A waypoint that was followed."""

    end: int  # row at which it was reached
    turns: Turns | None


def _keyframes(rows: Sequence[Observation], acted: Sequence[_Acted]) -> tuple[Keyframe, ...]:
    """What the rows say, and of those at which a waypoint was reached what else it allows."""
    velocities = np.stack([row.joint_velocities for row in rows])
    steps = discover_keyframes(velocities, [row.gripper_open for row in rows])
    turns = _turns(steps, acted)
    return tuple(
        Keyframe(rows[s].end_effector, rows[s].gripper_open, rows[s].ignore_collisions, s, t)
        for s, t in zip(steps, turns, strict=True)
    )


def _turns(steps: Sequence[int], acted: Sequence[_Acted]) -> list[Turns | None]:
    """Of each keyframe; a waypoint's own is the last one on the way to it."""
    owners = [bisect.bisect_left([a.end for a in acted], step) for step in steps]
    last = {owner: place for place, owner in enumerate(owners)}
    return [
        acted[owner].turns if owner < len(acted) and last[owner] == place else None
        for place, owner in enumerate(owners)
    ]


def _render(
    env: Environment, recording: Recording
) -> tuple[tuple[Observation, ...], UInt8[np.ndarray, "t h w 3"]]:
    """The front view of every row; all views of frame 0 and the keyframes."""
    kept = {0, *(k.step for k in recording.keyframes)}
    observations = list(recording.rows)
    frames: list[UInt8[np.ndarray, "h w 3"]] = []
    for step, rig in enumerate(replayed(env.world, recording.states, env.width, env.height)):
        if step not in kept:
            frames.append(rig.picture(env.world.data, VIDEO_CAMERA))
            continue
        views = {c: rig.render(env.world.data, c) for c in CAMERAS}
        observations[step] = replace(recording.rows[step], views=views)
        frames.append(views[VIDEO_CAMERA].rgb)
    return tuple(observations), np.stack(frames)


def film(
    env: Environment,
    recording: Recording,
    camera: str,
    size: tuple[int, int],
    shadows: bool = True,
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A recording in pictures, one per row.

    Args:
        env: The environment that made the recording, not reset since.
        recording: What to film.
        camera: Any camera of the rig.
        size: Width and height [px].
        shadows: Shadows and smooth edges; 6 times slower at 640 x 480, 18 times at 128 x 128.

    Raises:
        UnknownName: There is no such camera.
    """
    return pictures(env.world, recording.states, camera, size, shadows)
