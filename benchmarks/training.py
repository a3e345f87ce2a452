"""Training samples per second of each branch, against the machine's own matrix product."""

import resource
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import flops
from benchmarks.clock import Seconds, Stopwatch, peak_memory
from benchmarks.products import product_rate
from premotor import presets
from premotor.cli import main as command_line
from premotor.data.dataset import Dataset, pairing_of
from premotor.data.streams import CLIP, stream
from premotor.mirror import Mirror
from premotor.records import StepRecord, read_lines
from premotor.represent import Source, open_dataset
from premotor.train.config import TrainConfig
from premotor.train.gradients import by_loss
from premotor.train.optim import build_optimizer
from premotor.train.step import Objective, StepPlan, step_generator, train_step

TASKS = "put_groceries_in_cupboard open_drawer slide_block_to_color_target"
EPISODES = 18  # per task of the data set that is made for this: two of each of 16 instructions
REPEATS = 8
BATCH = 8
STEPS = 60  # of the run of two processes


def main() -> None:
    """Print the figures of training."""
    torch.set_num_threads(1)
    peak = product_rate(((1024, 1024, 1024),)) / 1e9
    print(f"  plain float32 matrix product, one thread: {peak:.1f} GFLOP/s")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        for split in ("train", "val"):
            _command(f"collect {TASKS} --episodes {EPISODES} --split {split} --out {data}")
        config = presets.train_preset("tiny")
        dataset = open_dataset(Source(data), "train", config.mirror)
        for name, step in (("execute alone", 0), ("understand, execute and align", 4)):
            _branch(name, dataset, config, step, peak)
        _run(data, Path(folder) / "run")
    workers = peak_memory(resource.RUSAGE_CHILDREN)
    print(f"  peak memory {peak_memory()}, of a training process {workers}")


def _command(line: str) -> None:
    command_line.run(shlex.split(line))


def _timed(function: Callable[[], object]) -> Seconds:
    watch = Stopwatch()
    function()
    return watch.read()


def _branch(name: str, dataset: Dataset, config: TrainConfig, step: int, peak: float) -> None:
    torch.manual_seed(0)
    mirror = Mirror(config.mirror).train()
    objective = Objective(mirror, config.augment)
    optimizer = build_optimizer(mirror.towers, config.optimizer)
    each = by_loss(mirror, config.optimizer)
    pairing = pairing_of(dataset, 0, config.pairing)
    rows = pairing.rows(step, 0, 2)
    batch = dataset.batch(rows, stream(0, CLIP, step, 0))

    def update() -> None:
        plan = StepPlan(step, 0.5, 1.0, step_generator(0, step, 0), False, each=each)
        train_step(objective, optimizer, batch, plan)

    flop = flops.count(update)
    seconds, cpu = min(_timed(update) for _ in range(REPEATS))
    count = len(rows.transitions)
    print(
        f"  {name:30s} {count / seconds:6.1f} samples/s one thread, batch {count} "
        f"({1000 * cpu / count:.1f} ms CPU per sample); "
        f"{flop / count / 1e9:.2f} GFLOP per sample, {flop / seconds / 1e9:.1f} GFLOP/s = "
        f"{100 * flop / seconds / 1e9 / peak:.0f} % of the matrix product"
    )


def _run(data: Path, out: Path) -> None:
    quiet = "--eval-every 0 --probe-episodes 8"
    watch = Stopwatch()
    _command(f"train tiny --data {data} --out {out} --steps {STEPS} {quiet}")
    whole = watch.read()
    records = list(read_lines(out / "metrics.jsonl", StepRecord))[5:]
    seconds = sum(r.step_seconds for r in records)
    waited = sum(r.data_seconds for r in records)
    rate = sum(r.samples_per_second * r.step_seconds for r in records) / seconds
    print(
        f"  all processes together {rate:.1f} samples/s, every fifth step with clips; "
        f"{100 * waited / seconds:.1f} % of the time spent waiting for data; the command "
        f"{whole.wall:.0f} s by the clock, {whole.cpu:.0f} s CPU"
    )
