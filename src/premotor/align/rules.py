"""Who is whose partner in a block, and the contrast that comes of it.

A block is the whole of a paired batch: some tasks, some instructions of each, two episodes of every
instruction. A rule names the executed row that is the partner of each observed one; the same pairs
count both ways. Kin of a row or of its partner, which is neither partner nor stranger, is masked
out of the softmax, so that no positive counts as a negative (decisions D85, D86):

| rule | partner of the observed row p | kin |
| --- | --- | --- |
| episode | p itself | rows with its instruction |
| instruction | the other episode of its instruction | rows with its instruction |
| labels | as instruction, but of codes: (z_u, code) and (code, z_e), their mean | the same |
| task | its task's next instruction, the same place | rows of its task |
| shuffled | a row drawn anew, of another instruction | rows with its own or that instruction |

b: rows of this rank  all: rows of all ranks  z: width of the shared space
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.align.config import AlignConfig
from premotor.align.projections import Aligned
from premotor.backbones.contrast import similarities
from premotor.backbones.gather import first_row, gather_values, world_size
from premotor.batch import Block, Partner
from premotor.errors import ConfigError

Scalar = Float[Tensor, ""]
NOBODY = -1  # in place of a partner


@dataclass(frozen=True, eq=False)
class Contrast:
    """L_align of a block, and what to hold it against; means over the rows that have a partner."""

    loss: Scalar  # [nat] with its graph
    within_task: Scalar  # [nat] detached: the same among strangers of the partner's task alone
    task_alone: Scalar  # [nat] what knowing the partner's task, and no more of it, would reach
    chance: Scalar  # [nat] log(1 + strangers), what telling nobody apart reaches

    @property
    def terms(self) -> dict[str, Scalar]:
        """What a step writes down of it, detached."""
        return {
            "align": self.loss.detach(),
            "align_within_task": self.within_task,
            "align_task_alone": self.task_alone,
            "align_bound": self.chance - self.loss.detach(),
        }


@runtime_checkable
class Labeled(Protocol):
    """Rows of which it is known what they show."""

    @property
    def task(self) -> Int[Tensor, " n"]:
        """Rows with the same number are of one task."""
        ...

    @property
    def instruction(self) -> Int[Tensor, " n"]:
        """Text class of each."""
        ...


def _other_episode(block: Block) -> Int[Tensor, " all"]:
    return _first(same_action(block, block) & (block.place[:, None] != block.place[None]))


def _next_instruction(block: Block) -> Int[Tensor, " all"]:
    """By the numbers of the task's instructions, the first after the last; none of only one."""
    others = block.task[:, None] == block.task[None]
    others &= block.place[:, None] == block.place[None]
    others &= block.instruction[:, None] != block.instruction[None]
    later = others & (block.instruction[None] > block.instruction[:, None])
    wanted = torch.where(later.any(1, keepdim=True), later, others)
    far = torch.iinfo(block.instruction.dtype).max
    ranked = block.instruction[None].expand_as(wanted).masked_fill(~wanted, far)
    return torch.where(wanted.any(1), ranked.argmin(1), NOBODY)


def _shuffled(block: Block) -> Int[Tensor, " all"]:
    if block.shuffled is None:
        raise ConfigError("a block whose partners are shuffled has to bring them; it has none")
    return block.shuffled


RULES: dict[Partner, Callable[[Block], Int[Tensor, " all"]]] = {
    "episode": lambda block: torch.arange(len(block.task), device=block.task.device),
    "instruction": _other_episode,
    "labels": _other_episode,
    "task": _next_instruction,
    "shuffled": _shuffled,
}


def align_block(aligned: Aligned, block: Block, config: AlignConfig) -> Contrast:
    """Bidirectional InfoNCE of a block by its rule: the mean of both directions (paper Eq. 19).

    Under several ranks, this rank's rows are contrasted with the rows of all, and the mean over
    ranks of the gradients is that of the whole block, whoever holds which rows. A row that has no
    partner (by task: the only instruction of its task) is in no mean and a stranger to the others.

    Args:
        aligned: Unit-norm rows of this rank, with codes where partners are labels.
        block: Who they are.
        config: Temperature, and who are strangers.

    Raises:
        ConfigError: The rule leaves no strangers, or its partners are missing.
    """
    check_rule(block.partner, config)
    whole = _gathered(block)
    partner = RULES[block.partner](whole)
    back = _inverse(partner)
    local = slice(first := first_row(len(aligned.z_u)), first + len(aligned.z_u))
    ways = [_way(whole, p, local, config) for p in (partner, back)]
    return _mean([_both(a, b, ways, config) for a, b in _sides(aligned, block.partner)])


def check_rule(partner: Partner, config: AlignConfig, num_instructions: int = 0) -> None:
    """Refuse a rule that the alignment is not made for.

    Args:
        partner: The rule.
        config: Of the alignment.
        num_instructions: Of the data; 0: not known.

    Raises:
        ConfigError: It leaves no strangers, or there are fewer codes than instructions.
    """
    if partner == "task" and config.strangers == "task":
        raise ConfigError(
            "align.strangers task leaves none where pairing.partner is task, whose rows are not "
            "told apart from their own task; choose all"
        )
    if partner == "labels" and config.num_labels < num_instructions:
        raise ConfigError(
            f"align.num_labels is {config.num_labels} and the data has {num_instructions} "
            "instructions, each of which needs a code where pairing.partner is labels; set "
            f"align.num_labels to {num_instructions}"
        )


@dataclass(frozen=True, eq=False)
class _Way:
    """One direction: partners and strangers of this rank's rows among the rows of all."""

    partner: Int[Tensor, " b"]
    strangers: Bool[Tensor, "b all"]
    near: Bool[Tensor, "b all"]  # those of them that are of the partner's task
    share: float  # of one row in the mean over the whole block, times the number of ranks


def _way(whole: Block, partner: Int[Tensor, " all"], local: slice, config: AlignConfig) -> _Way:
    mine = _Labels(whole.task[local], whole.instruction[local])
    strangers, near = told_apart(whole.partner, mine, whole, partner[local], config)
    count = int((partner >= 0).sum())
    return _Way(partner[local], strangers, near, world_size() / max(count, 1))


@dataclass(frozen=True, eq=False)
class _Labels:
    """What this rank's rows are of."""

    task: Int[Tensor, " b"]
    instruction: Int[Tensor, " b"]


def told_apart(
    rule: Partner,
    rows: Labeled,
    others: Labeled,
    partner: Int[Tensor, " b"],
    config: AlignConfig,
) -> tuple[Bool[Tensor, "b all"], Bool[Tensor, "b all"]]:
    """Strangers of rows among others, and those of them that are of the partner's task.

    Args:
        rule: Which says who is kin.
        rows: What the rows are of.
        others: What those are of that they meet.
        partner: Of each row, among the others, or nobody; what is found of such a row is void.
        config: Who may be a stranger.
    """
    group, own = others.instruction, rows.instruction
    if rule == "task":
        group, own = others.task, rows.task
    there = partner.clamp(min=0)
    kin = (own[:, None] == group[None]) | (group[there][:, None] == group[None])
    of_task = others.task[there][:, None] == others.task[None]
    strangers = ~kin if config.strangers == "all" else ~kin & of_task
    return strangers, strangers & of_task


def _both(
    a: Float[Tensor, "b z"], b: Float[Tensor, "b z"], ways: list[_Way], config: AlignConfig
) -> Contrast:
    """The contrast of two sides, each direction half."""
    tables = similarities(a, b, config.temperature)
    found: list[Contrast] = []
    for logits, way in zip(tables, ways, strict=True):
        has = way.partner >= 0
        rows, partner = logits[has], way.partner[has]
        strangers, near = way.strangers[has], way.near[has]
        found.append(
            Contrast(
                entropy(rows, partner, strangers) * way.share,
                entropy(rows.detach(), partner, near) * way.share,
                near.sum(1).to(logits.dtype).log1p().sum() * way.share,
                strangers.sum(1).to(logits.dtype).log1p().sum() * way.share,
            )
        )
    return _mean(found)


def entropy(
    logits: Float[Tensor, "r all"], partner: Int[Tensor, " r"], strangers: Bool[Tensor, "r all"]
) -> Scalar:
    """Cross entropies of finding the partner among the strangers, summed over rows [nat]."""
    candidates = strangers.scatter(1, partner[:, None], True)
    masked = logits.masked_fill(~candidates, float("-inf"))
    return F.cross_entropy(masked, partner, reduction="sum")


def _mean(found: list[Contrast]) -> Contrast:
    def mean(name: str) -> Scalar:
        return torch.stack([getattr(contrast, name) for contrast in found]).mean()

    return Contrast(*map(mean, ("loss", "within_task", "task_alone", "chance")))


def _sides(
    aligned: Aligned, partner: Partner
) -> list[tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]]:
    if partner != "labels":
        return [(aligned.z_u, aligned.z_e)]
    if aligned.codes is None:
        raise ConfigError("rows matched by labels need their codes; give the labels to Projections")
    return [(aligned.z_u, aligned.codes), (aligned.codes, aligned.z_e)]


def _gathered(block: Block) -> Block:
    """The rows of all ranks."""
    ids = torch.stack([block.task, block.instruction, block.place], dim=1)
    task, instruction, place = gather_values(ids).unbind(1)
    shuffled = None if block.shuffled is None else gather_values(block.shuffled)
    return replace(block, task=task, instruction=instruction, place=place, shuffled=shuffled)


def same_action(rows: Labeled, others: Labeled) -> Bool[Tensor, "b all"]:
    """Which of the others are of the task and instruction of each row."""
    same_task = rows.task[:, None] == others.task[None]
    return same_task & (rows.instruction[:, None] == others.instruction[None])


def _first(wanted: Bool[Tensor, "all all"]) -> Int[Tensor, " all"]:
    """The first column of each row that is wanted, or nobody."""
    return torch.where(wanted.any(1), wanted.int().argmax(1), NOBODY)


def _inverse(partner: Int[Tensor, " all"]) -> Int[Tensor, " all"]:
    """The observed row that each executed one is the partner of, or nobody."""
    found = torch.full_like(partner, NOBODY)
    rows = torch.arange(len(partner), device=partner.device)
    has = partner >= 0
    found[partner[has]] = rows[has]
    return found
