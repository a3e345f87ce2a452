"""Collect a few demonstrations and train both towers together, from Python.

python examples/03_train_tiny.py [FOLDER] [PRESET] [EPISODES] [STEPS]
"""

import sys
from dataclasses import replace
from pathlib import Path

from premotor import presets
from premotor.claims import Claim
from premotor.demonstrate.collect import CollectConfig, collect
from premotor.represent import Source
from premotor.train.job import TrainJob, train

TASKS = ("push_buttons", "open_drawer", "slide_block_to_color_target")


def show(stage: str, done: int, total: int, remark: str) -> None:
    """Print every tenth step."""
    if stage == "train" and done % 10 == 0:
        print(f"step {done} of {total}: {remark}")


def main() -> None:
    """Two sets, one run."""
    given = sys.argv[1:]
    folder, preset, episodes, steps = given + ["runs/example", "tiny", "20", "200"][len(given) :]
    data, out = Path(folder) / "data", Path(folder) / "run"
    resume = Claim(resume=True)
    for split, count in (("train", int(episodes)), ("val", 2)):
        collect(CollectConfig(tasks=TASKS, episodes=count, split=split, out=data, claim=resume))
    config = presets.train_preset(preset)
    # Of so few episodes hardly two have one instruction: each act is paired with its own clip.
    pairing = replace(config.pairing, pair_tasks=0, pair_instructions=0, partner="episode")
    config = replace(config, steps=int(steps), pairing=pairing)
    job = TrainJob(config, Source(data), out, command="examples/03_train_tiny.py")
    finished = train(job, resume, show)
    print(f"{'finished' if finished else 'stopped'}: {out}")


if __name__ == "__main__":
    main()
