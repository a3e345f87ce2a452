"""Rolls out in two simulator processes, of which those that ask for step 1 die at once.

python crash_worker.py RUN ROLLOUTS
"""

import os
import signal
import sys
from pathlib import Path

from premotor.episode.identity import EpisodeSlot
from premotor.evaluate.rollout import Acts
from premotor.evaluate.success import RolloutUnit, actor_of, done_before, roll_out_all
from premotor.records import EvalRecord
from premotor.worklist import Done


def actors(run: str, step: int) -> Acts:
    """As `actor_of`, where there is one."""
    if step == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return actor_of(run, step)


def main() -> None:
    """Do what is missing of two roll-outs, and say how each ended."""
    run, path = sys.argv[1], Path(sys.argv[2])
    slot = EpisodeSlot("open_drawer", 0, (7,))
    units = [
        RolloutUnit(run, step, f"step {step}", "nano", slot, max_key_poses=1) for step in (0, 1)
    ]
    found, todo = done_before(units, path)
    say("found", *(record.step for record in found))

    def on_done(done: Done[RolloutUnit, EvalRecord]) -> None:
        say("done", done.unit.step, type(done.error).__name__)

    roll_out_all(todo, path, actors, 2, on_done)


def say(*words: object) -> None:
    """Write a line."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
