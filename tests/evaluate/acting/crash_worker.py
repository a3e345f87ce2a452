"""Rolls out in two simulator processes, of which those that ask for step 1 die at once.

python crash_worker.py RUN ROLLOUTS
"""

import os
import signal
import sys
from pathlib import Path

from premotor.campaign import Results
from premotor.episode.identity import EpisodeSlot
from premotor.evaluate.acting.rollout import Acts
from premotor.evaluate.acting.success import RollOuts, RolloutUnit, Weights, actor_of
from premotor.records import EvalRecord


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
        RolloutUnit(Weights(run, step, f"step {step}", "nano"), slot, max_key_poses=1)
        for step in (0, 1)
    ]
    campaign = RollOuts(ledger=path, workers=2).campaign(actors)
    say("found", *(unit.weights.step for unit in campaign.known(units)))
    results: Results[RolloutUnit, EvalRecord] = campaign.run(units)
    say("done", *(unit.weights.step for unit in results.records))
    for unit, error in results.broken.items():
        say("broken", unit.weights.step, type(error).__name__)


def say(*words: object) -> None:
    """Write a line."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
