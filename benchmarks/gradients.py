"""What it costs to clip the gradient of each loss by itself: paired updates of `tiny`, by turns.

Made-up clips and clouds; an update with the gradient of the sum beside one with two backward
passes, whose parts are measured. The CPU's time of one thread counts.
"""

import statistics
from collections.abc import Callable
from dataclasses import replace

import torch

from benchmarks.clock import Stopwatch
from benchmarks.gpu import paired
from premotor import presets
from premotor.batch import MirrorBatch
from premotor.execute.config import Source
from premotor.mirror import Mirror
from premotor.train.config import TrainConfig
from premotor.train.gradients import by_loss
from premotor.train.optim import Clip, build_optimizer
from premotor.train.step import Objective, StepPlan, step_generator, train_step

TURNS = 4
SOURCES: tuple[Source, ...] = ("fine_max", "both_max")  # what is aligned reaches one stage or both


def main() -> None:
    """Print both costs and their ratio."""
    torch.set_num_threads(1)
    tiny = presets.train_preset("tiny")
    rows, every = tiny.pairing.pair_batch_size, tiny.pairing.recognition_every
    for source in SOURCES:
        execute = replace(tiny.mirror.execute, e_source=source)
        config = replace(tiny, mirror=replace(tiny.mirror, execute=execute))
        whole, each = _medians(config, rows)
        print(
            f"  tiny, e by {source}, paired update of {rows} rows: of the sum {whole:.2f} s CPU, "
            f"of each loss {each:.2f} = {each / whole:.2f} times as long; one update of {every} is "
            "paired"
        )


def _medians(config: TrainConfig, rows: int) -> list[float]:
    """[s] of the CPU, of the gradient of the sum and of each loss, by turns."""
    clips: tuple[Clip, ...] = ("sum", "each")
    updates = [_update(config, clip, rows) for clip in clips]
    taken = [[_timed(update) for update in updates] for _ in range(TURNS + 1)]
    return [statistics.median(column) for column in zip(*taken[1:], strict=True)]


def _update(config: TrainConfig, clip: Clip, rows: int) -> Callable[[], object]:
    """A whole update of a network of its own."""
    torch.manual_seed(0)
    mirror = Mirror(config.mirror).train()
    objective = Objective(mirror, config.augment)
    asked = replace(config.optimizer, clip=clip)
    optimizer = build_optimizer(mirror.towers, asked)
    batch = _batch(config, rows)
    each = by_loss(mirror, asked)

    def update() -> None:
        plan = StepPlan(4, 0.5, 1.0, step_generator(0, 4, 0), False, each=each)
        train_step(objective, optimizer, batch, plan)

    return update


def _batch(config: TrainConfig, rows: int) -> MirrorBatch:
    """Made-up rows, each of a class of its own."""
    batch = paired(config.mirror, rows)
    assert batch.observed is not None
    return replace(batch, observed=replace(batch.observed, classes=batch.observed.caption))


def _timed(function: Callable[[], object]) -> float:
    """[s] of the CPU."""
    watch = Stopwatch()
    function()
    return watch.read().cpu


if __name__ == "__main__":
    main()
