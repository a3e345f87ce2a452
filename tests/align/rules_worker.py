"""One rank of test_rules: python rules_worker.py RANK WORLD FOLDER.

Reads FOLDER/in.safetensors (z_u, z_e, codes, ids of the rows), contrasts this rank's rows by every
rule and writes terms and gradients to FOLDER/out_RANK.safetensors.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file

from premotor.align.config import AlignConfig
from premotor.align.projections import Aligned
from premotor.align.rules import RULES, align_block
from premotor.batch import Block
from premotor.train.launch import leave


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world
    )
    given = load_file(folder / "in.safetensors")
    ids = [given[k].chunk(world)[rank] for k in ("task", "instruction", "place", "shuffled")]
    out = {}
    for partner in RULES:
        z_u, z_e = (given[k].chunk(world)[rank].clone().requires_grad_() for k in ("z_u", "z_e"))
        codes = given["codes"].clone().requires_grad_()
        aligned = Aligned(z_u, z_e, codes[ids[1]] if partner == "labels" else None)
        contrast = align_block(aligned, Block(partner, *ids), AlignConfig(num_labels=len(codes)))
        contrast.loss.backward()
        out |= {f"{partner}.{name}": value for name, value in contrast.terms.items()}
        grads = {"z_u": z_u.grad, "z_e": z_e.grad, "codes": codes.grad}
        out |= {f"{partner}.grad_{k}": g for k, g in grads.items() if g is not None}
    save_file(out, folder / f"out_{rank}.safetensors")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
