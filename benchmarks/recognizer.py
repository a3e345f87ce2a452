"""The full-size recognizer: forward and backward with all, half and a tenth of the patches.

Each ratio runs in a process of its own, so that its peak memory is its own.
"""

import resource
import subprocess
import sys

import torch

from benchmarks import flops
from benchmarks.clock import best_of
from benchmarks.products import product_rate
from premotor import presets
from premotor.understand.loss import video_text_loss
from premotor.understand.recognizer import Recognizer

RATIOS = (0.0, 0.5, 0.9)  # of the patches that are dropped
PRODUCTS = ((1569, 768, 2304), (1569, 768, 3072), (1569, 3072, 768))  # a block's, all patches
CLIPS = 2
REPEATS = 3


def main() -> None:
    """Print the figures of every ratio."""
    for ratio in RATIOS:
        subprocess.run([sys.executable, "-m", "benchmarks.recognizer", str(ratio)], check=True)


def measure(ratio: float) -> None:
    """Forward and backward of a few clips in one thread; their texts are no part of it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rate = max(product_rate(PRODUCTS), product_rate(((1024, 1024, 1024),)))
    config = presets.train_preset("paper").mirror.understand
    model = Recognizer(config).train()
    px = config.video.px
    frames = torch.rand(CLIPS, config.video.num_frames, 3, px, px)
    with torch.no_grad():
        text = model.encode_text(torch.randint(1, 1000, (CLIPS, config.text.context)))

    def learn() -> None:
        model.zero_grad(set_to_none=True)
        video = model.vision_encoder(frames, ratio, torch.Generator().manual_seed(0)).video
        video_text_loss(video, text, config.temperature).backward()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = best_of(learn, REPEATS)
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    flop = flops.count(learn)
    print(
        f"  B/16, mask {ratio}: {seconds.cpu / CLIPS:.2f} s CPU and "
        f"{flop / CLIPS / 1e9:.0f} GFLOP a clip, "
        f"{flop / seconds.cpu / 1e9:.1f} GFLOP/s = {100 * flop / seconds.cpu / rate:.0f} % of the "
        f"matrix product ({rate / 1e9:.1f}); {extra / CLIPS:.0f} MiB a "
        "clip, with its share of the gradients"
    )


if __name__ == "__main__":
    measure(float(sys.argv[1]))
