"""Acting from key poses alone: those of a demonstration again, or random ones.

Both go through the one step that a policy has, and end where a policy's episode would.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment, Outcome
from premotor.simulate.verbs import POINTING_DOWN

_LOW = np.array([-0.075, -0.455, 0.78])  # [m] the workspace, from 3 cm above the table
_HIGH = np.array([0.575, 0.455, 1.05])  # [m] up to where most poses can still be reached
_TILT = np.deg2rad(20.0)  # [rad] at most, away from pointing down


def replay(env: Environment, episode: EpisodeId, keyframes: Iterable[Keyframe]) -> Outcome:
    """Execute key poses, one action each, in a freshly reset episode.

    The keyframes that were discovered in a demonstration hold the poses that the tip reached, not
    those that were asked for, and for each the collision flag of the motion that led to it; so
    this is what a policy achieves that has learned the demonstration by heart.

    Returns:
        How things stood when the goal held, when an action could not be carried out, or after
        the last key pose.

    Raises:
        PlacementFailed: The episode has no admissible layout.
    """
    env.reset(episode)
    outcome = env.wait(0)
    for keyframe in keyframes:
        outcome = env.act(keyframe)
        if outcome.ended:
            break
    return outcome


def random_keyframes(
    rng: np.random.Generator, count: int = EPISODE_KEY_POSES
) -> Iterator[Keyframe]:
    """Valid key poses over the table, the hand pointing roughly down."""
    for _ in range(count):
        lean, turn = rng.uniform(-np.pi, np.pi, 2)
        half = rng.uniform(0.0, _TILT) / 2
        axis = np.array([np.cos(lean), np.sin(lean), 0.0])
        tilted = np.concatenate([[np.cos(half)], np.sin(half) * axis])
        down = rotations.multiply(rotations.about_z(float(turn)), np.array(POINTING_DOWN))
        pose = Pose.of(rng.uniform(_LOW, _HIGH), rotations.multiply(tilted, down))
        gripper_open, ignore_collisions = rng.integers(2, size=2)
        yield Keyframe(pose, bool(gripper_open), bool(ignore_collisions))
