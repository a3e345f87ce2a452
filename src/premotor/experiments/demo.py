"""The whole idea in minutes: the commands a reader would type, one after the other.

Robot demonstrations in the simulator, both towers trained together and aligned, everything
measured before and after training on episodes neither has seen, and a report.
"""

from dataclasses import dataclass
from pathlib import Path

from premotor.errors import ConfigError
from premotor.presets import train_preset
from premotor.settings import check_numbers

TASKS = ("push_buttons", "open_drawer", "slide_block_to_color_target")


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How much of everything."""

    out: Path = Path("runs/demo")  # folder of the run and its report
    data: Path = Path("data/demo")  # folder of the data set
    preset: str = "tiny"
    tasks: tuple[str, ...] = TASKS
    demonstrations: int = 150  # training episodes per task
    unseen: int = 20  # test episodes per task, for roll-outs, recognition and alignment
    steps: int = 2200  # of training
    seed: int = 0
    overwrite: bool = False  # start anew; else what is there is kept and gone on with

    def __post_init__(self) -> None:
        train_preset(self.preset)
        if min(self.demonstrations, self.unseen, self.steps) < 1:
            raise ConfigError(
                "demonstrations, unseen and steps must be >= 1, got "
                f"{self.demonstrations}, {self.unseen}, {self.steps}"
            )
        check_numbers(self)


def commands(config: DemoConfig) -> list[list[str]]:
    """The demo as arguments of `premotor`; each can go on where it was stopped."""
    again = "--overwrite" if config.overwrite else "--resume"
    seed = ["--seed", str(config.seed)]
    data = ["--data", str(config.data)]
    sets = {
        "train": config.demonstrations,
        "val": max(4, config.unseen // 2),
        "test": config.unseen,
    }
    collect = ["collect", *config.tasks, *seed, "--out", str(config.data), again]
    train = ["train", config.preset, *data, "--out", str(config.out), *seed, again]
    evaluate = ["evaluate", str(config.out), *data, *seed, again]
    return [
        ["doctor"],
        *([*collect, "--split", split, "--episodes", str(n)] for split, n in sets.items()),
        [*train, "--steps", str(config.steps)],
        [*evaluate, "--episodes", str(config.unseen)],
        ["report", str(config.out)],
    ]
