"""One of two processes that train together with a bank of observed actions.

python bank_worker.py RANK DATA FOLDER writes its weights, bank and losses to FOLDER/rank{RANK}.pt.
"""

import dataclasses
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from premotor import presets, represent
from premotor.align.bank import bank_of
from premotor.data.dataset import pairing_of, training_batches
from premotor.train.gradients import by_loss
from premotor.train.launch import leave
from premotor.train.loop import build_mirror
from premotor.train.optim import build_optimizer
from premotor.train.step import Objective, StepPlan, step_generator, train_step

NANO = presets.train_preset("nano")
ALIGN = dataclasses.replace(NANO.mirror.align, bank=8)
CONFIG = dataclasses.replace(
    NANO,
    mirror=dataclasses.replace(NANO.mirror, align=ALIGN),
    pairing=dataclasses.replace(NANO.pairing, recognition_every=2),
    steps=8,
    eval_every=0,
    probe_episodes=0,
    checkpoint_every=3,
    processes=1,
)


def main(rank: int, data: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    mirror = build_mirror(CONFIG)
    bank = bank_of(mirror.align, CONFIG.pairing.partner)
    assert bank is not None
    dataset = represent.open_dataset(represent.Source(data), "train", CONFIG.mirror)
    pairing = pairing_of(dataset, CONFIG.seed, CONFIG.pairing)
    make_batch = training_batches(dataset, pairing, CONFIG.seed, rank, 2)
    objective = Objective(mirror, CONFIG.augment, bank).train()
    optimizer = build_optimizer(mirror.towers, CONFIG.optimizer)
    each, told = by_loss(mirror, CONFIG.optimizer), []
    for step in range(CONFIG.steps):
        generator = step_generator(CONFIG.seed, step, rank)
        plan = StepPlan(step, 0.0, 1.0, generator, stop=False, average=True, each=each)
        told.append(train_step(objective, optimizer, make_batch(step), plan).losses)
    kept = {"weights": mirror.state_dict(), "bank": bank.state()["bank"], "losses": told}
    torch.save(kept, folder / f"rank{rank}.pt")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
