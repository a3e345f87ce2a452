"""Naming held-out actions: accuracy of the clip, of its first frame alone, of shuffled frames.

Every task has its own furniture, so the first frame alone already tells the task; what the other
two add says whether the action itself is understood.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from premotor.backbones.tokenizer import Tokenizer
from premotor.data.dataset import Dataset
from premotor.measure.intervals import wilson
from premotor.mirror import Mirror
from premotor.records import Interval, RecognitionRecord
from premotor.understand.classes import ClassSet, VariationTexts, class_scores, class_set, hits

Views = dict[str, Float[Tensor, "n o"]]  # how the clip was shown -> embeddings


def embed_clips(
    mirror: Mirror, dataset: Dataset, seed: int = 0, batch_size: int = 16
) -> dict[str, Float[Tensor, "n o"]]:
    """Video embeddings of every episode, shown as "clip", "first" frame and "shuffled"."""
    generator = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {"clip": [], "first": [], "shuffled": []}
    for start in range(0, len(dataset.cache.episodes), batch_size):
        stop = min(start + batch_size, len(dataset.cache.episodes))
        frames = dataset.observed(np.arange(start, stop)).frames
        order = torch.randperm(frames.shape[1], generator=generator)
        shown = {
            "clip": frames,
            "first": frames[:, :1].expand_as(frames),
            "shuffled": frames[:, order],
        }
        with torch.inference_mode():
            for name, clip in shown.items():
                parts[name].append(mirror.understand.encode_video(clip.contiguous()))
    return {name: torch.cat(rows) for name, rows in parts.items()}


def recognize(
    mirror: Mirror,
    dataset: Dataset,
    catalog: Sequence[VariationTexts],
    class_sets: Sequence[str],
    checkpoint: str,
) -> list[RecognitionRecord]:
    """Zero-shot accuracy over each class set.

    Args:
        mirror: In evaluation mode.
        dataset: Held-out episodes.
        catalog: Task, variation and texts of everything that may be meant.
        class_sets: Names out of `understand.classes.CLASS_SETS`.
        checkpoint: Name that goes into the records.

    Raises:
        UnknownName: A class set that does not exist.
    """
    choices = [class_set(name, catalog) for name in class_sets]
    shown = embed_clips(mirror, dataset)
    return [_record(mirror, dataset, classes, shown, checkpoint) for classes in choices]


def _record(
    mirror: Mirror,
    dataset: Dataset,
    classes: ClassSet,
    shown: dict[str, Float[Tensor, "n o"]],
    checkpoint: str,
) -> RecognitionRecord:
    infos = dataset.cache.episodes
    truth = torch.tensor([classes.class_of(i.task, i.variation) for i in infos])
    tokenizer = Tokenizer(mirror.config.understand.text.context)
    with torch.inference_mode():
        texts = mirror.understand.encode_text(tokenizer.encode(classes.texts))
    found = {name: hits(class_scores(v, texts, classes), truth) for name, v in shown.items()}
    tasks = np.array([i.task for i in infos])
    by_task = {
        str(t): _interval(found["clip"][torch.from_numpy(tasks == t)]) for t in np.unique(tasks)
    }
    return RecognitionRecord(
        checkpoint=checkpoint,
        class_set=classes.name,
        num_classes=len(classes),
        chance=classes.chance,
        accuracy=_interval(found["clip"]),
        first_frame_only=_interval(found["first"]),
        shuffled_frames=_interval(found["shuffled"]),
        by_task=by_task,
    )


def _interval(found: Float[Tensor, " n"]) -> Interval:
    """Mean with Wilson's interval; ties count as fractions and are rounded for the interval."""
    mean = float(found.mean())
    interval = wilson(round(float(found.sum())), len(found))
    return Interval(value=mean, low=interval.low, high=interval.high, count=len(found))
