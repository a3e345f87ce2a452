"""Collect a few demonstrations and train both towers together, from Python.

python examples/03_train_tiny.py [FOLDER] [PRESET] [EPISODES] [STEPS]
"""

import sys
from dataclasses import replace
from pathlib import Path

from premotor import presets
from premotor.demonstrate.collect import CollectConfig, collect
from premotor.folders import Claim
from premotor.records import StepRecord
from premotor.represent import Source
from premotor.train.loop import fit
from premotor.train.run import prepare

TASKS = ("push_buttons", "open_drawer", "slide_block_to_color_target")


def show(record: StepRecord) -> None:
    """Print every tenth step."""
    if record.step % 10 == 9:
        losses = record.losses
        print(f"step {record.step + 1}: acting {losses['execute']:.2f}", end="")
        aligned = losses.get("align")
        print(f", aligning {aligned:.2f}" if aligned is not None else "")


def main() -> None:
    """Two sets, one run."""
    given = sys.argv[1:]
    folder, preset, episodes, steps = given + ["runs/example", "tiny", "20", "200"][len(given) :]
    data, out = Path(folder) / "data", Path(folder) / "run"
    for split, count in (("train", int(episodes)), ("val", 2)):
        resume = Claim(resume=True)
        collect(CollectConfig(tasks=TASKS, episodes=count, split=split, out=data, claim=resume))
    config = replace(presets.train_preset(preset), steps=int(steps), processes=1)
    source = Source(data)
    run = prepare(out, config, source.open().fingerprint(), resume=True, overwrite=False)
    result = fit(config, run, source, show, "examples/03_train_tiny.py")
    print(f"{result.steps_done} steps done: {out}")


if __name__ == "__main__":
    main()
