"""Which rows meet in a batch: a pure function of (seed, step), so that resuming is exact.

Kinds of steps (decisions D39):
- *acting* steps walk in epochs over all key-to-key transitions of all episodes (decisions D46),
  or, where the tasks' shares are set, in epochs inside each task;
- *paired* steps, every `recognition_every`-th, draw episodes in epochs and one transition of
  each, so that a batch over all processes holds at most one row per episode: clip and act of one
  row are one action, and the alignment bound holds (decisions D38). The clip shows the whole
  episode or, by `unit`, the segment up to the keyframe that the row acts to;
- *watching* steps, all of a run whose recognizer learns alone, draw the episodes of paired ones.

With `pair_tasks` the episodes that meet are of few tasks, so that variations have to be told apart
and the furniture does not do (decisions D74). With `pair_instructions` they are a block, which any
rule of alignment finds partners and strangers in (data/blocks.py, decisions D85).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.batch import Partner
from premotor.data.blocks import EPISODES, BlockRows, Blocks, Labels, Shape, shuffled_partners
from premotor.data.mixture import Mixture, task_shares
from premotor.data.streams import ACTING, KEYFRAME, MORE, PAIRED, SHUFFLED, stream
from premotor.errors import ConfigError
from premotor.settings import check_numbers

Unit = Literal["episode", "segment"]
Texts = Literal["first", "any"]
Answers = Literal["recorded", "settled"]


@dataclass(frozen=True, kw_only=True)
class PairingConfig:
    """How the rows of a batch are chosen."""

    batch_size: int = 16  # rows of an acting step, over all processes
    pair_batch_size: int = 16  # B, rows of a paired step, over all processes; the bound's log B
    recognition_every: int = 5  # step i is paired if i % 5 == 4; 0: never, the policy learns alone
    watch_only: bool = False  # every step shows clips and words alone: the recognizer learns alone
    pair_tasks: int = 0  # tasks that a paired step is of, so that variations meet; 0: of any number
    pair_instructions: int = 0
    """Of each of the pair_tasks tasks, with two episodes each: paired steps are blocks of tasks x
    instructions x 2 rows, where a task that has fewer is filled up by others. 0: no blocks"""
    partner: Partner = "episode"
    """Who the watched side of an executed action is, in a block: its own clip (episode), that of
    the instruction's other episode (instruction), of another instruction of its task (task), of a
    row drawn anew that has another instruction (shuffled), or a learned code of its instruction
    (labels). Without blocks: episode"""
    more_clips: int = 0
    """Clips of a paired step beside its rows, over all processes, for L_u alone: the recognizer
    may learn from more than is acted on and aligned"""
    unit: Unit = "episode"  # a pair's clip: the episode; segment: only the way to its key pose
    texts: Texts = "first"
    """What an acting row reads: the first text of its episode, as in evaluation, or one drawn of
    all that its data set has for it; the policy's text.context has to hold the longest"""
    answers: Answers = "recorded"
    """What a row acts to: the key pose that was shown or, where its data set knows of others that
    are as good (`Turns`), the one of them that is least turned from the hand at rest"""
    balance: float = 0.0  # of acting rows over tasks: 0 by their transitions, 1 every task alike
    ratios: dict[str, float] = field(default_factory=dict)  # factors on the shares of some tasks
    approaches: float = 1.0
    """Factor on the share, within its task, of each acting row that has to find its place: the
    first of an episode, and those whose key pose lies 5 cm or more aside of the one before"""

    def __post_init__(self) -> None:
        if not 0.0 <= self.balance <= 1.0 or any(r < 0.0 for r in self.ratios.values()):
            raise ConfigError(
                "pairing.balance must lie in [0, 1] and ratios must be >= 0, got "
                f"{self.balance}, {self.ratios}"
            )
        if not 0.0 < self.approaches < math.inf:
            raise ConfigError(f"pairing.approaches must be > 0, got {self.approaches}; try 3")
        if min(self.batch_size, self.pair_batch_size) < 1 or self.recognition_every < 0:
            raise ConfigError(f"batch sizes must be >= 1 and recognition_every >= 0, got {self}")
        if self.pair_tasks and self.pair_batch_size % self.pair_tasks:
            raise ConfigError(
                f"pair_tasks {self.pair_tasks} does not divide pair_batch_size "
                f"{self.pair_batch_size}; each task brings as many rows"
            )
        check_numbers(self)
        self._check_blocks()

    def _check_blocks(self) -> None:
        shape = self.block
        if shape is None:
            if self.pair_instructions or self.partner != "episode":
                raise ConfigError(
                    f"pairing.partner {self.partner} and pair_instructions "
                    f"{self.pair_instructions} go with blocks: set pair_tasks and "
                    "pair_instructions to 1 or more, or partner to episode"
                )
        elif self.clips_every and shape.rows != self.pair_batch_size:
            raise ConfigError(
                f"pair_tasks {shape.tasks} x pair_instructions {shape.instructions} x 2 episodes "
                f"are {shape.rows} rows, pair_batch_size is {self.pair_batch_size}; make them equal"
            )
        if self.more_clips and self.watch_only:
            raise ConfigError(
                f"pairing.more_clips {self.more_clips} go beside rows that act, with watch_only "
                "there are none; raise pair_batch_size instead"
            )

    @property
    def block(self) -> Shape | None:
        """What a paired batch is where it is a block."""
        if not self.pair_tasks or not self.pair_instructions:
            return None
        return Shape(self.pair_tasks, self.pair_instructions)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows and clips that the processes share in a step."""
        return self.batch_size, self.pair_batch_size, self.more_clips

    @property
    def clips_every(self) -> int:
        """How many steps there are to one that carries clips; 0: none does."""
        return 1 if self.watch_only else self.recognition_every

    def paired(self, step: int) -> bool:
        """Whether a step carries clips."""
        every = self.clips_every
        return every > 0 and step % every == every - 1


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one process's batch at one step."""

    transitions: Int[np.ndarray, " b"]
    paired: bool  # the batch carries clips
    acting: bool = True  # it carries what the policy learns from
    unit: Unit = "episode"  # what the clips show of the transitions
    texts: Texts = "first"  # what the policy reads of each
    answers: Answers = "recorded"  # what the policy is told that it should have said
    block: BlockRows | None = None  # who they are, where the whole batch is a block
    more: Int[np.ndarray, " m"] | None = None  # transitions whose clips are watched beside
    shuffled: Float[np.ndarray, " b"] | None = None  # lots of acting rows (`batch.RowIds`)

    def shared(self, rank: int, world: int) -> "Rows":
        """Of the rows of all processes, those of one.

        Raises:
            ConfigError: They do not split.
        """
        mine = _shared(len(self.transitions), rank, world)
        block = None if self.block is None else self.block.only(mine)
        more = None if self.more is None else self.more[_shared(len(self.more), rank, world)]
        shuffled = None if self.shuffled is None else self.shuffled[mine]
        rows = self.transitions[mine]
        return replace(self, transitions=rows, block=block, more=more, shuffled=shuffled)


def _shared(count: int, rank: int, world: int) -> slice:
    """Those of `count` rows that are one process's."""
    share, left = divmod(count, world)
    if left:
        raise ConfigError(
            f"a batch of {count} does not split over {world} processes; "
            "choose a multiple or another --processes"
        )
    return slice(rank * share, (rank + 1) * share)


@lru_cache(maxsize=8)
def _order(seed: int, purpose: int, epoch: int, length: int) -> Int[np.ndarray, " n"]:
    return stream(seed, purpose, epoch).permutation(length)


class _AnyTasks:
    """Epochs over all episodes; what is left of one at its end waits for the next."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self._count, self._size, self._seed = count, size, seed

    def episodes(self, batch: int) -> Int[np.ndarray, " b"]:
        """Those that meet in a paired batch, counted from 0."""
        epoch, place = divmod(batch, self._count // self._size)
        order = _order(self._seed, PAIRED, epoch, self._count)
        return order[place * self._size : (place + 1) * self._size]


class _FewTasks:
    """Epochs over groups of one task each, several of which make a batch."""

    def __init__(self, tasks: Sequence[str], seed: int, config: PairingConfig) -> None:
        self._size, self._share = (
            config.pair_batch_size,
            config.pair_batch_size // config.pair_tasks,
        )
        counts = Counter(tasks)
        if few := [f"{task} has {n}" for task, n in sorted(counts.items()) if n < self._share]:
            raise ConfigError(
                f"pair_tasks {config.pair_tasks} asks for {self._share} episodes of a task at a "
                f"time; {', '.join(few)}; raise --pairing.pair-tasks, or lower "
                "--pairing.pair-batch-size"
            )
        groups = sum(n // self._share for n in counts.values())
        if groups < config.pair_tasks:
            raise ConfigError(
                f"pair_batch_size {self._size} of pair_tasks {config.pair_tasks} needs as many "
                f"groups of {self._share} episodes, the data set has {groups}; collect more or "
                "lower --pairing.pair-batch-size"
            )
        self._members = [np.flatnonzero([t == name for t in tasks]) for name in sorted(counts)]
        self._batches = groups // config.pair_tasks
        self._seed = seed
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)

    def _make_epoch(self, epoch: int) -> Int[np.ndarray, "n b"]:
        """All batches of an epoch."""
        groups = np.concatenate(
            [self._groups(task, epoch) for task in range(len(self._members))], axis=0
        )
        order = stream(self._seed, PAIRED, epoch).permutation(len(groups))
        whole = self._batches * (self._size // self._share)
        return groups[order[:whole]].reshape(self._batches, self._size)

    def _groups(self, task: int, epoch: int) -> Int[np.ndarray, "n s"]:
        """A task's episodes in another order each time; what fills no group waits."""
        own = self._members[task]
        order = stream(self._seed, PAIRED, epoch, task, 1).permutation(len(own))
        return own[order[: len(own) // self._share * self._share]].reshape(-1, self._share)

    def episodes(self, batch: int) -> Int[np.ndarray, " b"]:
        """Those that meet in a paired batch, counted from 0."""
        epoch, place = divmod(batch, self._batches)
        return self._epoch(epoch)[place]


class Pairing:
    """The rows of every batch of a run."""

    def __init__(
        self,
        transition_episodes: Int[np.ndarray, " n"],
        labels: Labels,
        seed: int,
        config: PairingConfig,
        approaches: Bool[np.ndarray, " n"] | None = None,
        left_out: Bool[np.ndarray, " n"] | None = None,
    ) -> None:
        """Index the transitions by episode.

        Args:
            transition_episodes: Episode of each transition.
            labels: Task and text class of each episode.
            seed: Seed of the run.
            config: Batch sizes, rhythm and shares of the tasks.
            approaches: Which transitions have to find their place; only `config.approaches` asks.
            left_out: Transitions that no batch has.
        """
        kept = np.arange(len(transition_episodes))
        if left_out is not None:
            kept = kept[~left_out]
        owners = transition_episodes[kept]
        episodes, first, counts = np.unique(np.sort(owners), return_index=True, return_counts=True)
        if config.clips_every and len(episodes) < config.pair_batch_size:
            raise ConfigError(
                f"pair_batch_size {config.pair_batch_size} needs as many episodes, the data set "
                f"has {len(episodes)}; collect more or lower --pairing.pair-batch-size"
            )
        self._kept, self._by_episode = kept, kept[np.argsort(owners, kind="stable")]
        self._first, self._counts = first, counts
        self._seed = seed
        self._labels = labels.only(episodes)
        self._meetings = _meetings(self._labels, seed, config)
        self._task_names = {name: i for i, name in enumerate(sorted(set(self._labels.tasks)))}
        self._mixture = None
        if config.balance > 0.0 or config.ratios or config.approaches != 1.0:
            known = np.zeros(len(kept), bool) if approaches is None else approaches[kept]
            named = [labels.tasks[int(e)] for e in owners]
            self._mixture = _mixture(named, known, seed, config)
        self.config = config

    def rows(self, step: int, rank: int, world: int) -> Rows:
        """Rows of process `rank` of `world` at update `step`."""
        config = self.config
        whole = self._pairs(step) if config.paired(step) else self._alone(step)
        asked = replace(
            whole,
            acting=not config.watch_only,
            unit=config.unit,
            texts=config.texts,
            answers=config.answers,
        )
        return asked.shared(rank, world)

    def _num_paired_before(self, step: int) -> int:
        every = self.config.clips_every
        return step // every if every else 0

    def _alone(self, step: int) -> Rows:
        """The rows of all processes at a step without clips."""
        rows, shuffled = self._acts(step), None
        if self.config.partner == "shuffled":
            shuffled = stream(self._seed, SHUFFLED, step).random(len(rows))
        return Rows(rows, paired=False, shuffled=shuffled)

    def _acts(self, step: int) -> Int[np.ndarray, " b"]:
        length, size = len(self._kept), self.config.batch_size
        start = (step - self._num_paired_before(step)) * size
        if self._mixture is not None:
            return self._kept[self._mixture.draw(start, size)]
        places = np.arange(start, start + size)
        epochs = places // length
        chosen = np.empty(size, dtype=np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            order = _order(self._seed, ACTING, int(epoch), length)
            chosen[here] = order[places[here] - epoch * length]
        return self._kept[chosen]

    def _pairs(self, step: int) -> Rows:
        """The rows of all processes at a paired step."""
        number, config = self._num_paired_before(step), self.config
        episodes = self._meetings.episodes(number)
        transitions = self._of(episodes, stream(self._seed, KEYFRAME, step))
        block = None if config.block is None else self._block(episodes, step)
        more = None
        if config.more_clips:
            beside = self._beside(episodes, number)
            more = self._of(beside, stream(self._seed, MORE, step, 1))
        return Rows(transitions, paired=True, block=block, more=more)

    def _of(
        self, episodes: Int[np.ndarray, " b"], rng: np.random.Generator
    ) -> Int[np.ndarray, " b"]:
        """A transition of each episode, drawn."""
        return self._by_episode[self._first[episodes] + rng.integers(self._counts[episodes])]

    def _block(self, episodes: Int[np.ndarray, " b"], step: int) -> BlockRows:
        names, texts = self._task_names, self._labels.texts[episodes]
        task = np.array([names[self._labels.tasks[int(e)]] for e in episodes])
        shuffled = None
        if self.config.partner == "shuffled":
            shuffled = shuffled_partners(texts, stream(self._seed, SHUFFLED, step))
        return BlockRows(self.config.partner, task, np.arange(len(task)) % EPISODES, shuffled)

    def _beside(self, met: Int[np.ndarray, " b"], number: int) -> Int[np.ndarray, " m"]:
        """Episodes to watch beside those that met: others, where there are enough, in epochs."""
        count, length = self.config.more_clips, len(self._first)
        places = np.arange(number * count, (number + 1) * count + len(met))
        epochs, inside = np.divmod(places, length)
        drawn = [
            int(_order(self._seed, MORE, int(e), length)[i])
            for e, i in zip(epochs, inside, strict=True)
        ]
        others = list(dict.fromkeys(e for e in drawn if e not in met))
        return np.array((others + drawn)[:count], dtype=np.int64)


def _meetings(labels: Labels, seed: int, config: PairingConfig) -> _AnyTasks | _FewTasks | Blocks:
    """How paired batches are drawn; `labels`: of each episode."""
    if config.clips_every and config.block is not None:
        return Blocks(labels, seed, config.block)
    if config.clips_every and config.pair_tasks:
        return _FewTasks(labels.tasks, seed, config)
    return _AnyTasks(len(labels.tasks), config.pair_batch_size, seed)


def _mixture(
    tasks: Sequence[str], approaches: Bool[np.ndarray, " n"], seed: int, config: PairingConfig
) -> Mixture:
    """The draws of a run whose rows have shares of their own, told of each transition."""
    shares = task_shares(Counter(tasks), config.balance, config.ratios)
    kinds = [(1.0, np.ones_like(approaches))]
    if config.approaches != 1.0:
        kinds = [(config.approaches, approaches), (1.0, ~approaches)]
    members: list[Int[np.ndarray, " _"]] = []
    parts: list[float] = []
    for name, share in shares.items():
        own = np.array([task == name for task in tasks])
        groups = [np.flatnonzero(own & kind) for _, kind in kinds]
        weights = [len(g) * factor for g, (factor, _) in zip(groups, kinds, strict=True)]
        members += groups
        parts += [share * (weight / sum(weights)) for weight in weights]
    return Mixture(members, parts, seed)
