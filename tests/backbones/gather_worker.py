"""One rank of test_gather: python gather_worker.py RANK WORLD FOLDER.

Reads FOLDER/in.safetensors (video, text, ids), computes the losses of this rank's rows and
writes their gradients to FOLDER/out_RANK.safetensors.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file

from premotor.backbones.blockwise import info_nce_blockwise
from premotor.backbones.contrast import unit
from premotor.train.launch import leave
from premotor.understand.loss import video_text_loss, video_text_loss_shared


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world
    )
    given = load_file(folder / "in.safetensors")
    ids = given["ids"].chunk(world)[rank]
    out = {}
    losses = {
        "none": video_text_loss,
        "shared": lambda v, t, tau: video_text_loss_shared(v, t, ids, tau),
        "none.blockwise": lambda v, t, tau: info_nce_blockwise(unit(v), unit(t), tau),
    }
    for name, loss_of in losses.items():
        video, text = (
            given[k].chunk(world)[rank].clone().requires_grad_() for k in ("video", "text")
        )
        tau = torch.tensor(0.05, requires_grad=True)
        loss = loss_of(video, text, tau)
        loss.backward()
        out |= {f"{name}.loss": loss.detach(), f"{name}.grad_temp": tau.grad}
        out |= {f"{name}.grad_video": video.grad, f"{name}.grad_text": text.grad}
    save_file(out, folder / f"out_{rank}.safetensors")
    leave(0)  # gloo's own teardown aborts now and then


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
