"""What an update of `tiny`'s recognizer costs, by what it looks at, how, and by its loss.

The variants take turns, so that what else the machine does is shared; the ratio to the preset's
own is what counts. Clips are noise of the recorded size, the texts ids of the usual length.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from benchmarks.clock import Stopwatch
from premotor import presets
from premotor.backbones.vit import StemInput
from premotor.batch import Observed
from premotor.episode.observation import TABLE_WINDOW
from premotor.understand.config import UnderstandConfig
from premotor.understand.loss import understand_loss
from premotor.understand.recognizer import Recognizer

PX = 128  # [px] of a recorded clip
CLIPS = 32
CLASSES = 218  # texts of the benchmark
WORDS = 13  # tokens of a text, both special ones included; the mean of the benchmark's
ROUNDS = 5


def main() -> None:
    """Print the CPU time of an update of each variant, the best of some rounds."""
    torch.set_num_threads(1)
    tiny = presets.train_preset("tiny").mirror.understand
    large = replace(tiny, video=replace(tiny.video, px=PX))
    variants = {
        f"as preset: {tiny.video.px} px, contrastive": tiny,
        "window of the table": replace(tiny, window=TABLE_WINDOW),
        f"{PX} px": large,
        f"{PX} px, window of the table": replace(large, window=TABLE_WINDOW),
        f"{CLASSES} classes": replace(tiny, loss="class_table"),
        f"both losses, {CLASSES} classes": replace(tiny, loss="both"),
        "convolutional stem": with_stem(tiny, "frames_and_changes"),
        "the same, frames without changes": with_stem(tiny, "frames"),
    }
    updates = {name: update(config) for name, config in variants.items()}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, learn in updates.items():
            watch = Stopwatch()
            learn()
            taken[name].append(watch.read().cpu)
    first = min(next(iter(taken.values())))
    for name, seconds in taken.items():
        print(f"  {name:36s} {1000 * min(seconds):5.0f} ms CPU, {min(seconds) / first:4.2f}x")


def with_stem(config: UnderstandConfig, sees: StemInput) -> UnderstandConfig:
    """Patches cut from maps of convolutions instead of pixels."""
    return replace(config, video=replace(config.video, stem="convolutional", stem_input=sees))


def update(config: UnderstandConfig) -> Callable[[], None]:
    """Forward and backward of the same batch, a share of the patches dropped; no optimizer."""
    generator = torch.Generator().manual_seed(0)
    model = Recognizer(config).train()
    end = config.text.vocab_size - 1
    said = torch.randint(1, end, (CLASSES, config.text.context), generator=generator)
    said[:, WORDS - 1] = end
    which = torch.randint(CLASSES, (CLIPS,), generator=generator)
    frames = torch.rand(CLIPS, config.video.num_frames, 3, PX, PX, generator=generator)
    classes = said if config.needs_classes else None
    observed = Observed(frames, said[which], which, classes)

    def learn() -> None:
        model.zero_grad(set_to_none=True)
        output = model(observed, config.mask_ratio, generator)
        understand_loss(output, observed.text_id, config).backward()

    learn()
    return learn
