"""What a training step of `tiny` pays before the network: batch, augmentation, views, page faults.

CPU time of one thread, the best of some calls; each part beside the way of tensors and single
clouds, which GPUs and other rigs still take. PREMOTOR_DATA=DIR takes a data set that is there.
"""

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.training import EPISODES, TASKS
from premotor import presets
from premotor.batch import Executed, MirrorBatch
from premotor.cli import main as command_line
from premotor.data.augment import augment
from premotor.data.dataset import BatchStream, Dataset, pairing_of, training_batches
from premotor.data.pairing import Pairing
from premotor.execute.drawing import draw_whole, draw_zoomed
from premotor.execute.virtual_views import render, to_cube, whole_scene, zoomed_scene
from premotor.represent import Source, open_dataset
from premotor.train.allocator import keep_freed_memory
from premotor.train.config import TrainConfig
from premotor.train.loop import build_mirror
from premotor.train.optim import build_optimizer, set_learning_rate
from premotor.train.step import Objective, StepPlan, step_generator, train_step

DATA = "PREMOTOR_DATA"
ROWS = 16
REPEATS = 15
TURNS = 2  # of training with and without kept memory
UPDATES, WARM_UP = 20, 10
CLIPS = 4  # the update of every five that carries them


@dataclass(frozen=True, eq=False)
class Stock:
    """Batches of one process to measure with."""

    config: TrainConfig
    dataset: Dataset
    pairing: Pairing

    @classmethod
    def of(cls, data: Path) -> "Stock":
        """From the split train of a data set."""
        config = presets.train_preset("tiny")
        config = replace(config, pairing=replace(config.pairing, batch_size=ROWS))
        dataset = open_dataset(Source(data), "train", config.mirror)
        return cls(config, dataset, pairing_of(dataset, 0, config.pairing))

    @property
    def make(self) -> Callable:
        """The batch of a step."""
        return training_batches(self.dataset, self.pairing, 0, 0, 1)


def main() -> None:
    """Print milliseconds of each part, and page faults of a training."""
    torch.set_num_threads(1)
    with ExitStack() as stack:
        given = os.environ.get(DATA)
        folder = Path(given or stack.enter_context(tempfile.TemporaryDirectory()))
        if not given:
            line = f"collect {TASKS} --episodes {EPISODES} --split train --out {folder}"
            command_line.run(shlex.split(line))
        for _ in range(TURNS):
            for how in ("given back", "kept"):
                code = f"from benchmarks.datapath import faults; faults({how!r}, {str(folder)!r})"
                subprocess.run([sys.executable, "-c", code], check=True)
        keep_freed_memory()
        parts(Stock.of(folder))


def parts(stock: Stock) -> None:
    """What each part of the way to the network takes."""
    views, make = stock.config.mirror.execute.views, stock.make
    batch = make(0)
    varied = augment(batch, stock.config.augment, step_generator(0, 0, 0))
    scene, center = varied.executed, to_cube(varied.target.position, views)
    print(f"  tiny, {ROWS} rows, {scene.points.shape[1]} points each, ms of one thread:")
    _told("clouds from the cache", lambda: _executed(stock), lambda: _one_by_one(stock))
    _told("batch from the cache", lambda: make(0))
    _told(f"the same with clips, {len(make(CLIPS))} rows", lambda: make(CLIPS))
    _told("augment", lambda: augment(batch, stock.config.augment, step_generator(0, 0, 0)))
    _told(
        "views of the whole scene",
        lambda: draw_whole(scene, views),
        lambda: render(whole_scene(scene, views), views.size, views.coarse_radius),
    )
    _told(
        "views zoomed in",
        lambda: draw_zoomed(scene, center, views),
        lambda: render(zoomed_scene(scene, center, views), views.size, views.fine_radius),
    )
    update = _updater(stock)
    _told("the whole update of the policy", lambda: update(0, batch))


def _executed(stock: Stock) -> Executed:
    return stock.dataset.executed(stock.pairing.rows(0, 0, 1).transitions)


def _one_by_one(stock: Stock) -> Executed:
    chosen, rows = stock.pairing.rows(0, 0, 1).transitions, stock.dataset.cache.transitions
    clouds = [stock.dataset.cache.cloud(rows.observation_index[t]) for t in chosen]
    return Executed.of(clouds, rows.proprioception[chosen])


def _updater(stock: Stock) -> Callable[[int, MirrorBatch], None]:
    mirror = build_mirror(stock.config).train()
    objective = Objective(mirror, stock.config.augment)
    optimizer = build_optimizer(mirror.towers, stock.config.optimizer)
    set_learning_rate(optimizer, 1e-3)

    def update(step: int, batch: MirrorBatch) -> None:
        plan = StepPlan(step, 0.5, 1.0, step_generator(0, step, 0), False)
        train_step(objective, optimizer, batch, plan)

    return update


def _told(
    what: str, now: Callable[[], object], tensors: Callable[[], object] | None = None
) -> None:
    own = _best(now)
    beside = ""
    if tensors is not None:
        theirs = _best(tensors)
        beside = f"; the other way {1000 * theirs:5.1f}, {theirs / own:.1f} times as long"
    print(f"    {what:34s} {1000 * own:6.1f}{beside}", flush=True)


def _best(function: Callable[[], object]) -> float:
    function()
    taken = []
    for _ in range(REPEATS):
        start = time.thread_time()
        function()
        taken.append(time.thread_time() - start)
    return min(taken)


def faults(how: str, data: str) -> None:
    """Train a little, every fifth update with clips, and print page faults and CPU time of one."""
    torch.set_num_threads(1)
    if how == "kept" and not keep_freed_memory():
        print("  this C library has nothing to be told about freed memory")
        return
    stock = Stock.of(Path(data))
    update = _updater(stock)
    with BatchStream(stock.make, range(WARM_UP + UPDATES)) as batches:
        for step, batch in enumerate(batches):
            if step == WARM_UP:
                before, start = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
            update(step, batch)
    seconds = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"  freed memory {how:10s}: {(after.ru_minflt - before.ru_minflt) / UPDATES:6.0f} page "
        f"faults and {1000 * seconds / UPDATES:.0f} ms CPU an update, every fifth with clips; "
        f"peak {after.ru_maxrss / 1024:.0f} MiB",
        flush=True,
    )
