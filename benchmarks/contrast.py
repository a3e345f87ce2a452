"""InfoNCE of many rows: by blocks against the full matrix, time and memory.

Each form runs in a process of its own, so that its peak memory is its own. `PREMOTOR_ROWS` names
other numbers of rows.
"""

import os
import resource
import subprocess
import sys

import torch

from benchmarks.clock import Stopwatch
from premotor.backbones.blockwise import info_nce_blockwise
from premotor.backbones.contrast import info_nce, unit

ROWS = "4096 16384"
WIDTH = 512
FORMS = {"full matrix": info_nce, "by blocks": info_nce_blockwise}


def main() -> None:
    """Print the figures of both forms."""
    for rows in os.environ.get("PREMOTOR_ROWS", ROWS).split():
        for form in FORMS:
            command = [sys.executable, "-m", "benchmarks.contrast", rows, form]
            subprocess.run(command, check=True)


def measure(rows: int, form: str) -> None:
    """Loss and gradients of one form, once."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    a, b = (unit(torch.randn(rows, WIDTH, generator=generator)).requires_grad_() for _ in range(2))
    info_nce_blockwise(a[:64], b[:64], 0.05).backward()  # what is set up once is no cost of a form
    a.grad = b.grad = None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watch = Stopwatch()
    loss = FORMS[form](a, b, 0.05)
    loss.backward()
    wall, cpu = watch.read()
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert a.grad is not None
    print(
        f"  InfoNCE {rows} x {WIDTH} {form:12s} {wall:6.1f} s by the clock, {cpu:6.1f} s CPU, "
        f"{extra:6.0f} MiB extra; loss {loss.item():.6f}, |gradient| {a.grad.norm().item():.6f}"
    )


if __name__ == "__main__":
    measure(int(sys.argv[1]), sys.argv[2])
