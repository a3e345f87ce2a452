"""Let a trained policy act on an episode it has not seen.

python examples/04_roll_out.py RUN [TASK] [SEED]
"""

import sys

from premotor.actor import Actor
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.evaluate.acting.rollout import roll_out
from premotor.simulate.environment import Environment


class Tell:
    """Prints where the policy goes next."""

    def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
        """A key pose was chosen."""
        if keyframe is not None:
            x, y, z = keyframe.end_effector.position
            hand = "open" if keyframe.gripper_open else "closed"
            print(f"  to ({x:.3f}, {y:.3f}, {z:.3f}) m, hand {hand}")

    def during(self, environment: Environment) -> None:
        """Nothing to tell on the way."""


run, task, seed = (sys.argv[1:] + ["runs/demo", "push_buttons", "20000000"][len(sys.argv) - 1 :])[
    :3
]
actor = Actor.load(run)
result = roll_out(
    Environment(), actor, EpisodeId(task, 0, int(seed)), max_key_poses=10, watcher=Tell()
)
print(f"{result.instruction!r}: {result.reason} after {result.key_poses} key poses")
