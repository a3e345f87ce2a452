"""Naming held-out actions: accuracy of the clip, of its first frame alone, of shuffled frames.

Every task has its own furniture, so the first frame alone already tells the task; what the other
two add says whether the action itself is understood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from premotor.backbones.tokenizer import Tokenizer
from premotor.data.dataset import Dataset
from premotor.errors import UnknownName
from premotor.evaluate.naming.accuracy import (
    by_axis,
    by_task,
    confusion,
    over_tasks,
    rate,
    task_right,
)
from premotor.records import NamedClip, RecognitionRecord
from premotor.simulate.environment import find_task
from premotor.understand.classes import (
    CLASS_SETS,
    ClassSet,
    Pooling,
    Prompts,
    VariationTexts,
    answers,
    check_templates,
    class_scores,
    class_set,
    hits,
    in_templates,
)
from premotor.understand.recognizer import Recognizer

Shown = Mapping[str, Tensor]  # how the clips were shown -> embeddings or scores, by row
SHOWN = ("clip", "first", "shuffled")  # as it is, its first frame alone, in random order
WITHIN_TASK = "text_within_task"  # fine-grained: the task is given, its texts are told apart


@dataclass(frozen=True, kw_only=True)
class NamingConfig:
    """Among what is chosen, and what speaks for a class."""

    class_sets: tuple[str, ...] = CLASS_SETS
    prompts: Prompts = "all"  # all paraphrases of a class, or the first texts only
    templates: tuple[str, ...] = ("{}",)  # a prompt ensemble, as in "a video of a robot arm, {}"

    def __post_init__(self) -> None:
        check_templates(self.templates)
        for name in self.class_sets:
            if name not in CLASS_SETS:
                raise UnknownName.of("class set", name, CLASS_SETS)


@dataclass(frozen=True)
class Named:
    """What was named by one checkpoint."""

    records: tuple[RecognitionRecord, ...]
    clips: tuple[NamedClip, ...]  # every clip under every class set


def catalog(dataset: Dataset) -> list[VariationTexts]:
    """Every variation of the tasks in a data set."""
    tasks = [find_task(name) for name in dict.fromkeys(e.task for e in dataset.cache.episodes)]
    return [
        VariationTexts(task.name, index, task.instructions(variation))
        for task in tasks
        for index, variation in enumerate(task.variations)
    ]


def embed_clips(
    recognizer: Recognizer, dataset: Dataset, seed: int = 0, batch_size: int = 16
) -> dict[str, Float[Tensor, "n o"]]:
    """Video embeddings of every episode, shown as "clip", "first" frame and "shuffled"."""
    generator = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {name: [] for name in SHOWN}
    device = next(recognizer.parameters()).device
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
                video = recognizer.encode_video(clip.contiguous().to(device))
                parts[name].append(video.cpu())
    return {name: torch.cat(rows) for name, rows in parts.items()}


def recognize(
    recognizer: Recognizer,
    dataset: Dataset,
    catalog: Sequence[VariationTexts],
    checkpoint: str,
    config: NamingConfig | None = None,
) -> Named:
    """Zero-shot accuracy over each class set.

    Args:
        recognizer: In evaluation mode.
        dataset: Held-out episodes.
        catalog: Everything that may be meant.
        checkpoint: Name that goes into the records.
        config: Class sets and prompts; None = the default ones.
    """
    config = config or NamingConfig()
    shown = embed_clips(recognizer, dataset)
    found: list[_Answers] = []
    for name in config.class_sets:
        classes = in_templates(class_set(name, catalog, config.prompts), config.templates)
        # a task's prompts say different things, one of which happens; paraphrases say the same
        pooling = "max" if name == "task" else "mean"
        scores = scores_of(recognizer, classes, shown, pooling)
        said = f"{config.prompts} texts, {len(config.templates)} template(s), {pooling}"
        everything = torch.ones(len(dataset.cache.episodes), len(classes), dtype=torch.bool)
        found.append(_Answers(checkpoint, classes, scores, everything, said))
        if name == "text":  # the same scores, choosing among the texts of the true task alone
            inside = torch.stack([classes.within(i.task) for i in dataset.cache.episodes])
            within = replace(classes, name=WITHIN_TASK)
            found.append(_Answers(checkpoint, within, scores, inside, said))
    return Named(
        tuple(_record(dataset, answer) for answer in found),
        tuple(clip for answer in found for clip in _clips(dataset, answer)),
    )


def scores_of(
    recognizer: Recognizer, classes: ClassSet, shown: Shown, pooling: Pooling = "mean"
) -> dict[str, Float[Tensor, "n c"]]:
    """Score of each class for each clip, shown in each way."""
    config = recognizer.config
    tokenizer = Tokenizer(config.text.context, config.cleaning)
    with torch.inference_mode():
        tokens = tokenizer.encode(classes.texts).to(next(recognizer.parameters()).device)
        texts = recognizer.encode_text(tokens).cpu()
    return {name: class_scores(video, texts, classes, pooling) for name, video in shown.items()}


@dataclass(frozen=True, eq=False)
class _Answers:
    """Scores of every clip for every class of a set."""

    checkpoint: str
    classes: ClassSet
    scores: dict[str, Float[Tensor, "n c"]]  # by how the clips were shown
    allowed: Bool[Tensor, "n c"]  # classes that each clip may be given
    prompts: str  # what spoke for the classes

    def of(self, shown: str) -> Float[Tensor, "n c"]:
        """Scores, minus infinity for what is not allowed."""
        return self.scores[shown].masked_fill(~self.allowed, -torch.inf)

    def truth(self, dataset: Dataset) -> Tensor:
        """Index of the right class of each clip."""
        known = [self.classes.class_of(i.task, i.variation) for i in dataset.cache.episodes]
        return torch.tensor(known)


def _record(dataset: Dataset, found: _Answers) -> RecognitionRecord:
    infos, classes, truth = dataset.cache.episodes, found.classes, found.truth(dataset)
    clip, first, shuffled = (hits(found.of(shown), truth) for shown in SHOWN)
    tasks = by_task(clip, infos)
    return RecognitionRecord(
        checkpoint=found.checkpoint,
        class_set=classes.name,
        num_classes=len(classes),
        chance=float((1.0 / found.allowed.sum(1)).mean()),
        accuracy=rate(clip),
        first_frame_only=rate(first),
        shuffled_frames=rate(shuffled),
        by_task=tasks,
        by_axis=by_axis(clip, infos),
        first_frame_by_axis=by_axis(first, infos),
        shuffled_by_axis=by_axis(shuffled, infos),
        top5=rate(hits(found.of("clip"), truth, 5)),
        macro=over_tasks(tasks),
        task_right=task_right(found.of("clip"), classes, infos),
        tied=int((answers(found.of("clip")).count_nonzero(1) > 1).sum()),
        prompts=found.prompts,
        confusion=confusion(found.of("clip"), truth, classes.labels),
    )


def _clips(dataset: Dataset, found: _Answers) -> list[NamedClip]:
    truth, scores, labels = found.truth(dataset), found.of("clip"), found.classes.labels
    rows = zip(
        dataset.cache.episodes,
        truth.tolist(),
        answers(scores).argmax(1).tolist(),
        hits(scores, truth).tolist(),
        strict=True,
    )
    return [
        NamedClip(
            checkpoint=found.checkpoint,
            class_set=found.classes.name,
            **vars(info.episode),
            truth=labels[right],
            answer=labels[given],
            hit=hit,
        )
        for info, right, given, hit in rows
    ]
