"""Action classes, and the naming of clips by the texts of the classes (decisions D28).

Several variations can have the very same texts: 249 benchmark variations are 218 text classes.
Scores that tie are therefore counted as the share of a random choice among them.

n: clips  c: classes  p: distinct prompts  o: embedding
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.backbones.contrast import unit
from premotor.errors import ConfigError, UnknownName

Prompts = Literal["all", "first"]
Pooling = Literal["mean", "max", "logsumexp"]
CLASS_SETS = ("task", "text", "variation")
TIE = 1e-6  # cosines nearer than this are equal
POOLING_TEMPERATURE = 0.05  # tau of the logsumexp over a class's prompts


@dataclass(frozen=True)
class VariationTexts:
    """What is said of one variation."""

    task: str
    variation: int
    instructions: tuple[str, ...]


@dataclass(frozen=True)
class ClassSet:
    """Classes in declared order, each with the prompts that speak for it."""

    name: str
    labels: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    members: Mapping[tuple[str, int], int]  # (task, variation) to class

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform guess."""
        return 1.0 / len(self)

    @property
    def texts(self) -> tuple[str, ...]:
        """All distinct prompts, in order: what the text tower has to embed."""
        return tuple(dict.fromkeys(text for prompts in self.prompts for text in prompts))

    def class_of(self, task: str, variation: int) -> int:
        """Index of the class a variation belongs to."""
        try:
            return self.members[task, variation]
        except KeyError:
            known = (f"{t}/{v}" for t, v in self.members)
            raise UnknownName.of("variation", f"{task}/{variation}", known) from None

    def within(self, task: str) -> Bool[Tensor, " c"]:
        """Which classes hold a variation of the task; to choose among these alone."""
        inside = {index for (owner, _), index in self.members.items() if owner == task}
        if not inside:
            raise UnknownName.of("task", task, dict.fromkeys(t for t, _ in self.members))
        return torch.tensor([index in inside for index in range(len(self))])


def class_set(name: str, rows: Iterable[VariationTexts], prompts: Prompts = "all") -> ClassSet:
    """Classes by task, by distinct texts (the headline) or by variation.

    A prompt that several classes with different texts own does not speak for any of them, unless
    a class has no other: it would add the same constant to all.

    Args:
        name: One of `CLASS_SETS`.
        rows: Every variation that may be meant.
        prompts: Whether all paraphrases of a class speak for it, or the first texts only.
    """
    table = list(rows)
    if name not in CLASS_SETS:
        raise UnknownName.of("class set", name, CLASS_SETS)
    if not table or not all(row.instructions for row in table):
        raise ConfigError(f"class set {name!r}: every variation needs at least one instruction")
    classes: dict[Hashable, list[str]] = {}
    owners: dict[str, set[Hashable]] = {}
    for row in table:
        spoken = row.instructions if prompts == "all" else row.instructions[:1]
        classes.setdefault(_key(name, row), []).extend(spoken)
        for text in spoken:
            owners.setdefault(text, set()).add(row.task if name == "task" else row.instructions)
    index = {key: i for i, key in enumerate(classes)}
    members = {(row.task, row.variation): index[_key(name, row)] for row in table}
    return ClassSet(
        name,
        tuple(_label(name, key) for key in classes),
        tuple(_own_prompts(texts, owners) for texts in classes.values()),
        members,
    )


def _key(name: str, row: VariationTexts) -> Hashable:
    """What two variations must share to be one class."""
    keys = {"task": (row.task,), "text": row.instructions, "variation": (row.task, row.variation)}
    return keys[name]


def _label(name: str, key: Hashable) -> str:
    parts = cast(tuple[str | int, ...], key)
    return f"{parts[0]}/{parts[1]}" if name == "variation" else str(parts[0])


def _own_prompts(texts: list[str], owners: Mapping[str, set[Hashable]]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(texts))
    return tuple(text for text in distinct if len(owners[text]) == 1) or distinct


def check_templates(templates: Sequence[str]) -> None:
    """Refuse templates that have no place, or several, for a prompt."""
    if not templates or any(template.count("{}") != 1 for template in templates):
        raise ConfigError(
            f"templates {list(templates)}: expected one {{}} in each, where the prompt goes; "
            "'{}' alone is the bare instruction"
        )


def in_templates(classes: ClassSet, templates: Sequence[str]) -> ClassSet:
    """The same classes, every prompt put into every template: a prompt ensemble.

    Args:
        classes: What may be named.
        templates: Sentences with one {} each, as in "a video of a robot arm, {}".
    """
    check_templates(templates)
    prompts = tuple(
        tuple(template.replace("{}", text) for text in texts for template in templates)
        for texts in classes.prompts
    )
    return replace(classes, prompts=prompts)


def class_scores(
    video: Float[Tensor, "n o"],
    texts: Float[Tensor, "p o"],
    classes: ClassSet,
    pooling: Pooling = "mean",
) -> Float[Tensor, "n c"]:
    """Cosine of clips with the prompts of each class, pooled over its prompts.

    The mean of cosines, not the cosine with the mean prompt (decisions D29).

    Args:
        video: Embeddings of the clips.
        texts: Embeddings of `classes.texts`, in that order.
        classes: The classes to choose among.
        pooling: How the prompts of a class count together.
    """
    if len(texts) != len(classes.texts):
        raise ConfigError(
            f"{len(texts)} text embeddings for class set {classes.name!r} with "
            f"{len(classes.texts)} distinct prompts; embed classes.texts, in order"
        )
    row = {text: i for i, text in enumerate(classes.texts)}
    cosine = unit(video) @ unit(texts).T  # (n, p)
    pooled = [_pool(cosine[:, [row[t] for t in prompts]], pooling) for prompts in classes.prompts]
    return torch.stack(pooled, dim=1)


def _pool(cosine: Float[Tensor, "n k"], pooling: Pooling) -> Float[Tensor, " n"]:
    if pooling == "mean":
        return cosine.mean(dim=1)
    if pooling == "max":
        return cosine.amax(dim=1)
    return POOLING_TEMPERATURE * (cosine / POOLING_TEMPERATURE).logsumexp(dim=1)


def hits(scores: Float[Tensor, "n c"], truth: Int[Tensor, " n"], k: int = 1) -> Float[Tensor, " n"]:
    """Probability that the truth is among the k best, ties broken at random.

    Mean over clips = top-k accuracy. A class to leave out has a score of minus infinity.
    """
    own = scores.gather(1, truth[:, None])
    better = (scores > own + TIE).sum(dim=1)
    equal = ((scores - own).abs() <= TIE).sum(dim=1)
    return ((k - better) / equal.clamp(min=1)).clamp(0.0, 1.0) * own.squeeze(1).isfinite()


def answers(scores: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
    """Probability that each class is the answer: the best one, or any of those that tie with it."""
    best = (scores >= scores.amax(dim=1, keepdim=True) - TIE).float()
    return best / best.sum(dim=1, keepdim=True)
