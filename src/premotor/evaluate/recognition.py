"""Naming held-out actions: accuracy of the clip, of its first frame alone, of shuffled frames.

Every task has its own furniture, so the first frame alone already tells the task; what the other
two add says whether the action itself is understood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from premotor.backbones.tokenizer import Tokenizer
from premotor.data.dataset import Dataset
from premotor.measure.intervals import wilson
from premotor.mirror import Mirror
from premotor.records import Interval, RecognitionRecord
from premotor.understand.classes import ClassSet, VariationTexts, class_scores, class_set, hits

Shown = Mapping[str, Tensor]  # how the clips were shown -> embeddings or scores, by row
WITHIN_TASK = "text_within_task"  # fine-grained: the task is given, its texts are told apart


def embed_clips(
    mirror: Mirror, dataset: Dataset, seed: int = 0, batch_size: int = 16
) -> dict[str, Float[Tensor, "n o"]]:
    """Video embeddings of every episode, shown as "clip", "first" frame and "shuffled"."""
    generator = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {"clip": [], "first": [], "shuffled": []}
    device = next(mirror.parameters()).device
    for start in range(0, len(dataset.cache.episodes), batch_size):
        stop = min(start + batch_size, len(dataset.cache.episodes))
        frames = dataset.observed(np.arange(start, stop)).frames
        first = torch.from_numpy(np.array(dataset.cache.frames[start:stop, 0])).permute(0, 3, 1, 2)
        order = torch.rand(frames.shape[:2], generator=generator).argsort(1)
        shown = {
            "clip": frames,
            "first": first[:, None].float().div(255.0).expand_as(frames),
            "shuffled": frames[torch.arange(len(frames))[:, None], order],
        }
        with torch.inference_mode():
            for name, clip in shown.items():
                video = mirror.understand.encode_video(clip.contiguous().to(device))
                parts[name].append(video.cpu())
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
    shown = embed_clips(mirror, dataset)
    records: list[RecognitionRecord] = []
    for name in class_sets:
        classes = class_set(name, catalog)
        scores = _scores(mirror, classes, shown)
        everything = torch.ones(len(dataset.cache.episodes), len(classes), dtype=torch.bool)
        records.append(_record(dataset, classes, scores, everything, checkpoint))
        if name == "text":  # the same scores, choosing among the texts of the true task alone
            inside = torch.stack([classes.within(i.task) for i in dataset.cache.episodes])
            within = replace(classes, name=WITHIN_TASK)
            records.append(_record(dataset, within, scores, inside, checkpoint))
    return records


def _scores(mirror: Mirror, classes: ClassSet, shown: Shown) -> Shown:
    """Score of each class for each clip, shown in each way."""
    tokenizer = Tokenizer(mirror.config.understand.text.context)
    with torch.inference_mode():
        tokens = tokenizer.encode(classes.texts).to(next(mirror.parameters()).device)
        texts = mirror.understand.encode_text(tokens).cpu()
    # a task's prompts say different things, one of which happens; paraphrases say the same
    pooling = "max" if classes.name == "task" else "mean"
    return {name: class_scores(video, texts, classes, pooling) for name, video in shown.items()}


def _record(
    dataset: Dataset,
    classes: ClassSet,
    scores: Shown,
    allowed: Bool[Tensor, "n c"],
    checkpoint: str,
) -> RecognitionRecord:
    infos = dataset.cache.episodes
    truth = torch.tensor([classes.class_of(i.task, i.variation) for i in infos])
    found = {
        name: hits(score.masked_fill(~allowed, -torch.inf), truth) for name, score in scores.items()
    }
    tasks = np.array([i.task for i in infos])
    by_task = {
        str(t): _interval(found["clip"][torch.from_numpy(tasks == t)]) for t in np.unique(tasks)
    }
    return RecognitionRecord(
        checkpoint=checkpoint,
        class_set=classes.name,
        num_classes=len(classes),
        chance=float((1.0 / allowed.sum(1)).mean()),
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
