"""Paired batches as blocks: some tasks, some instructions of each, two episodes of each of these.

Every batch has, by itself, whatever any rule of alignment matches and tells apart (align/rules.py),
so that runs which differ in their rule alone see the same clips and the same acts in one order.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
from jaxtyping import Int

from premotor.batch import Partner
from premotor.data.streams import PAIRED, stream
from premotor.errors import ConfigError

EPISODES = 2  # of each instruction in a block


@dataclass(frozen=True, eq=False)
class Labels:
    """What each episode of a data set is of."""

    tasks: Sequence[str]
    texts: Int[np.ndarray, " n"]  # text class: episodes with the same number have the same texts

    def only(self, episodes: Int[np.ndarray, " m"]) -> "Labels":
        """Those of some episodes, in their order."""
        return Labels([self.tasks[int(e)] for e in episodes], self.texts[episodes])


@dataclass(frozen=True)
class Shape:
    """Of a block: where a task has fewer instructions, others fill it."""

    tasks: int
    instructions: int  # of each task

    @property
    def pairs(self) -> int:
        """Instructions of a block, over its tasks."""
        return self.tasks * self.instructions

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return self.pairs * EPISODES


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Who the rows of a block are (`batch.Block`); their instructions the data set knows."""

    partner: Partner
    task: Int[np.ndarray, " b"]
    place: Int[np.ndarray, " b"]
    shuffled: Int[np.ndarray, " b"] | None  # where partners are

    def only(self, rows: slice) -> "BlockRows":
        """Some of them."""
        shuffled = None if self.shuffled is None else self.shuffled[rows]
        return BlockRows(self.partner, self.task[rows], self.place[rows], shuffled)


class Blocks:
    """The block of each number: what came least often so far comes next, ties by lot.

    Tasks have turns in proportion to their episodes, and so have the instructions of a task; each
    walks through its episodes in an order that is drawn anew when it is through. The blocks before
    one are made to make it, once, which takes a fraction of a millisecond for each.
    """

    def __init__(self, labels: Labels, seed: int, shape: Shape) -> None:
        """Sort the episodes by task and instruction.

        Args:
            labels: Of all episodes.
            seed: Of the run.
            shape: Of a block.

        Raises:
            ConfigError: Fewer instructions than a block has are shown by two episodes.
        """
        groups: dict[tuple[str, int], list[int]] = defaultdict(list)
        for episode, of in enumerate(zip(labels.tasks, labels.texts.tolist(), strict=True)):
            groups[of].append(episode)
        shown = [of for of in sorted(groups) if len(groups[of]) >= EPISODES]
        if len(shown) < shape.pairs:
            raise ConfigError(
                f"blocks of pair_tasks {shape.tasks} x pair_instructions {shape.instructions} need "
                f"{shape.pairs} instructions with {EPISODES} episodes each, the data set has "
                f"{len(shown)}; collect more, lower --pairing.pair-instructions and "
                "--pairing.pair-batch-size, or pair by episode: --pairing.pair-tasks 0 "
                "--pairing.pair-instructions 0 --pairing.partner episode"
            )
        self._members = [np.array(groups[of]) for of in shown]
        names = sorted({task for task, _ in shown})
        self._task = np.array([names.index(task) for task, _ in shown])
        self._sizes = np.array([len(own) for own in self._members])
        self._seed, self._shape = seed, shape
        self._used = np.zeros(len(shown), dtype=np.int64)  # pairs that each instruction has given
        self._blocks: list[Int[np.ndarray, " b"]] = []
        self._lock = Lock()  # batches are made in several threads
        self._order = lru_cache(maxsize=4096)(self._make_order)

    def episodes(self, batch: int) -> Int[np.ndarray, " b"]:
        """Those of a block, counted from 0; the two of each instruction side by side."""
        with self._lock:
            while len(self._blocks) <= batch:
                chosen = self._instructions(stream(self._seed, PAIRED, len(self._blocks)))
                pairs = [self._pair(int(i), int(self._used[i])) for i in chosen]
                self._used[chosen] += 1
                self._blocks.append(np.concatenate(pairs))
            return self._blocks[batch]

    def _instructions(self, rng: np.random.Generator) -> Int[np.ndarray, " i"]:
        """Those of the next block."""
        order = np.lexsort((rng.random(len(self._used)), self._used / self._sizes))
        given, episodes = (np.bincount(self._task, w) for w in (self._used, self._sizes))
        tasks = np.lexsort((rng.random(len(given)), given / episodes))
        most, needed = self._shape.instructions, self._shape.pairs
        chosen = np.concatenate([order[self._task[order] == task][:most] for task in tasks])
        if len(chosen) < needed:  # all tasks are in, so that some give more
            chosen = np.concatenate([chosen, order[~np.isin(order, chosen)]])
        return chosen[:needed]

    def _pair(self, instruction: int, number: int) -> Int[np.ndarray, "2"]:
        """The next two episodes of an instruction that has given `number` pairs."""
        places = np.arange(EPISODES * number, EPISODES * (number + 1))
        epochs, inside = np.divmod(places, self._sizes[instruction])
        found = [self._order(instruction, int(e))[i] for e, i in zip(epochs, inside, strict=True)]
        return self._members[instruction][found]

    def _make_order(self, instruction: int, epoch: int) -> Int[np.ndarray, " n"]:
        """Of the episodes; where a pair reaches over from the epoch before, it is of two."""
        size = int(self._sizes[instruction])
        order = stream(self._seed, PAIRED, instruction, epoch, 2).permutation(size)
        if size % 2 and epoch % 2 and order[0] == self._order(instruction, epoch - 1)[-1]:
            order[[0, 1]] = order[[1, 0]]
        return order


def shuffled_partners(
    texts: Int[np.ndarray, " b"], rng: np.random.Generator
) -> Int[np.ndarray, " b"]:
    """A permutation of rows under which none keeps its instruction, each such one as likely.

    Raises:
        ConfigError: There is none, as one instruction has more than half of the rows.
    """
    if 2 * np.unique(texts, return_counts=True)[1].max() > len(texts):
        raise ConfigError(
            "pairing.partner shuffled needs blocks of which no instruction has more than half of "
            "the rows; raise --pairing.pair-tasks or --pairing.pair-instructions"
        )
    while True:  # one try in eight is one
        order = rng.permutation(len(texts))
        if (texts[order] != texts).all():
            return order
