"""From the cache of a data set to the batches of a run.

b: batch  n: points, padded with NaN  t: frames of a clip  l: tokens
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from premotor.backbones.tokenizer import Cleaning, Tokenizer, token_ids
from premotor.batch import (
    Block,
    Executed,
    MirrorBatch,
    Observed,
    RowIds,
    Target,
    TrainingBatch,
    with_count,
)
from premotor.data.blocks import BlockRows, Labels
from premotor.data.pairing import Answers, Pairing, PairingConfig, Rows, Unit
from premotor.data.streams import CLIP, MORE, stream
from premotor.episode.clip import middle_frames, random_frames
from premotor.errors import TextTooLong
from premotor.geometry.poses import Pose
from premotor.store.cache import EpisodeCache, Transitions


@dataclass(frozen=True, kw_only=True)
class Format:
    """What the towers want to be given."""

    num_frames: int  # of a clip
    caption_context: int  # tokens of the recognizer's text tower
    instruction_context: int  # tokens of the policy's text tower
    cleaning: Cleaning = "none"  # of the captions
    count_to: int = 0  # key poses that the policy is told apart (`ExecuteConfig.count_to`)
    class_captions: bool = False  # batches with clips carry a caption of every text class


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of an `EpisodeCache` as tensors."""

    cache: EpisodeCache
    format: Format
    _texts: "_Texts" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_texts", _Texts(self.cache, self.format))

    def executed(self, transitions: Int[np.ndarray, " b"]) -> Executed:
        """Clouds and proprioception at the start of each transition; the count, if it is told."""
        rows = self.cache.transitions
        points, colors = self.cache.clouds(rows.observation_index[transitions])
        done = rows.keyframe_index[transitions]
        state = with_count(rows.proprioception[transitions], done, self.format.count_to)
        parts = points, colors, state.astype(np.float32)
        return Executed(*(torch.from_numpy(part) for part in parts))

    def target(self, transitions: Int[np.ndarray, " b"], answers: Answers = "recorded") -> Target:
        """The keyframe that ends each transition, or the settled one of those as good."""
        rows = self.cache.transitions if answers == "recorded" else self._settled[0]
        return Target(
            torch.from_numpy(rows.position[transitions].astype(np.float32)),
            torch.from_numpy(rows.quaternion[transitions].astype(np.float32)),
            torch.from_numpy(rows.gripper_open[transitions].astype(np.int64)),
            torch.from_numpy(rows.ignore_collisions[transitions].astype(np.int64)),
        )

    @property
    def never_met(self) -> Bool[np.ndarray, " n"]:
        """Transitions that begin as no episode does of a policy that gives the settled answers.

        There the hand holds a thing by the side that it was not turned to: where it goes from
        there would contradict, for a policy that cannot tell, where it goes with the other side.
        """
        return self._settled[1]

    @cached_property
    def _settled(self) -> tuple[Transitions, Bool[np.ndarray, " n"]]:
        """All rows, with the settled one where others are known to be as good; those never met."""
        rows = self.cache.transitions
        position, quaternion = rows.position.copy(), rows.quaternion.copy()
        never_met, other_side = np.zeros(len(rows), dtype=bool), False
        for row, (episode, index) in enumerate(zip(rows.episode, rows.keyframe_index, strict=True)):
            turns = self.cache.episodes[episode].turns
            other_side &= index > 0
            if turns and (free := turns[index]) is not None:
                spin, pose = free.settled_with_spin(Pose.of(position[row], quaternion[row]))
                position[row], quaternion[row] = pose.position, pose.quaternion
                if free.symmetry > 1:  # the hand is empty, and takes a side
                    other_side = spin > 0
                else:
                    never_met[row] = other_side
        return replace(rows, position=position, quaternion=quaternion), never_met

    def instruction(
        self, episodes: Int[np.ndarray, " b"], rng: np.random.Generator | None = None
    ) -> Int[Tensor, "b l"]:
        """Tokens of a text of each episode, for the policy.

        Args:
            episodes: Positions in the cache.
            rng: Draws one of the episode's texts; without it the first is taken.

        Raises:
            TextTooLong: One that may be drawn does not fit into the policy's context.
        """
        if rng is None:
            return self._texts.instructions[torch.from_numpy(episodes)]
        return torch.stack([_one_of(self._texts.paraphrases[e], rng) for e in episodes])

    def check_paraphrases(self) -> None:
        """Refuse texts that the policy could not read whole.

        Raises:
            TextTooLong: The longest is named, and what it would take.
        """
        texts = {text for episode in self.cache.episodes for text in episode.instructions}
        longest = max(sorted(texts), key=lambda text: len(token_ids(text)))
        needed, context = len(token_ids(longest)) + 2, self.format.instruction_context
        if needed > context:
            raise TextTooLong(
                f"{longest!r} has {needed} tokens, the context of the policy's text tower "
                f"{context}; to learn from all texts give it --execute.text.context {needed}, or "
                "leave out --pairing.texts any"
            )

    def observed(
        self, episodes: Int[np.ndarray, " b"], rng: np.random.Generator | None = None
    ) -> Observed:
        """Clips and captions of whole episodes.

        Args:
            episodes: Positions in the cache.
            rng: Draws a frame of each equal part of the clip, and the paraphrase; without it, the
                middle frames and the first text are taken.
        """
        whole = np.arange(self.cache.frames.shape[1])
        return self._observed(episodes, [whole] * len(episodes), rng)

    def observed_segments(
        self, transitions: Int[np.ndarray, " b"], rng: np.random.Generator | None = None
    ) -> Observed:
        """Clips of transitions, each from its observation to its target, and their captions.

        A clip is chosen from the frames that `EpisodeCache.segment` finds, as one of the episode
        is; where they are fewer than its own, the last one is repeated. A caption is the whole
        episode's: nobody says what a segment is for.
        """
        shown = [self.cache.segment(t) for t in transitions]
        return self._observed(self.episodes_of(transitions), shown, rng)

    def clips(
        self,
        transitions: Int[np.ndarray, " b"],
        unit: Unit,
        rng: np.random.Generator | None = None,
    ) -> Observed:
        """What a unit of pairing shows of transitions: their whole episodes, or their segments."""
        if unit == "segment":
            return self.observed_segments(transitions, rng)
        return self.observed(self.episodes_of(transitions), rng)

    def episodes_of(self, transitions: Int[np.ndarray, " b"]) -> Int[np.ndarray, " b"]:
        """Positions in the cache of the episodes that transitions belong to."""
        return self.cache.transitions.episode[transitions].astype(np.int64)

    def _observed(
        self,
        episodes: Int[np.ndarray, " b"],
        shown: Sequence[Int[np.ndarray, " _"]],
        rng: np.random.Generator | None,
    ) -> Observed:
        """Clips of those of the episodes' kept frames that are to be shown."""
        count = self.format.num_frames
        clips, captions = [], []
        for episode, frames in zip(episodes, shown, strict=True):
            kept = len(frames)
            chosen = middle_frames(kept, count) if rng is None else random_frames(kept, count, rng)
            clips.append(self.cache.frames[episode][frames[chosen]])
            captions.append(_one_of(self._texts.captions[episode], rng))
        pixels = torch.from_numpy(np.stack(clips)).permute(0, 1, 4, 2, 3).to(torch.float32)
        classes = self._texts.text_ids[torch.from_numpy(episodes)]
        return Observed(pixels.div_(255.0), torch.stack(captions), classes)

    @property
    def labels(self) -> Labels:
        """What each episode is of."""
        return Labels([e.task for e in self.cache.episodes], self._texts.text_ids.numpy())

    @property
    def num_instructions(self) -> int:
        """Text classes of the episodes."""
        return len(self._texts.classes)

    def batch(
        self,
        rows: Rows,
        rng: np.random.Generator | None = None,
        beside: np.random.Generator | None = None,
    ) -> TrainingBatch:
        """A training batch: with clips where the rows are paired, clips alone where none acts.

        Args:
            rows: Which rows it has.
            rng: Draws what is shown and said of them; without it nothing is left to chance.
            beside: The same for the clips beside, so that these move no other draw.
        """
        observed = self._watched(rows, rng) if rows.paired else None
        if observed is not None and not rows.acting:
            return observed
        return MirrorBatch(
            self.executed(rows.transitions),
            self.instruction(
                self.episodes_of(rows.transitions), rng if rows.texts == "any" else None
            ),
            self.target(rows.transitions, rows.answers),
            observed,
            block=None if rows.block is None else self._block(rows.transitions, rows.block),
            more=None if rows.more is None else self.clips(rows.more, rows.unit, beside),
            ids=self._ids(rows),
        )

    def _ids(self, rows: Rows) -> RowIds:
        episodes = torch.from_numpy(self.episodes_of(rows.transitions))
        shuffled = None if rows.shuffled is None else torch.from_numpy(rows.shuffled)
        return RowIds(self._tasks[episodes], self._texts.text_ids[episodes], episodes, shuffled)

    @cached_property
    def _tasks(self) -> Int[Tensor, " n"]:
        """Number of each episode's task, by the order of their names."""
        tasks = [episode.task for episode in self.cache.episodes]
        return torch.from_numpy(np.unique(tasks, return_inverse=True)[1].astype(np.int64))

    def _block(self, transitions: Int[np.ndarray, " b"], block: BlockRows) -> Block:
        texts = self._texts.text_ids[torch.from_numpy(self.episodes_of(transitions))]
        task, place = torch.from_numpy(block.task), torch.from_numpy(block.place)
        shuffled = None if block.shuffled is None else torch.from_numpy(block.shuffled)
        return Block(block.partner, task, texts, place, shuffled)

    def _watched(self, rows: Rows, rng: np.random.Generator | None) -> Observed:
        """What the recognizer learns from."""
        observed = self.clips(rows.transitions, rows.unit, rng)
        if not self.format.class_captions:
            return observed
        classes = [_one_of(choices, rng) for choices in self._texts.classes]
        return replace(observed, classes=torch.stack(classes))


class _Texts:
    """Tokens of every text of a data set, encoded once."""

    def __init__(self, cache: EpisodeCache, form: Format) -> None:
        speak = Tokenizer(form.caption_context, form.cleaning)
        read = Tokenizer(form.instruction_context)
        lists = [episode.instructions for episode in cache.episodes]
        distinct = sorted(set(lists))
        place = {texts: number for number, texts in enumerate(distinct)}
        owners = Counter(text for texts in distinct for text in set(texts))
        encoded = [list(speak.encode(texts)) for texts in distinct]
        self.captions: list[Sequence[Tensor]] = [encoded[place[texts]] for texts in lists]
        self.instructions = read.encode([texts[0] for texts in lists])
        self._lists, self._read = lists, read
        self.text_ids = torch.tensor([place[texts] for texts in lists], dtype=torch.int64)
        self.classes = [_own(*pair, owners) for pair in zip(distinct, encoded, strict=True)]

    @cached_property
    def paraphrases(self) -> list[Sequence[Tensor]]:
        """All texts of each episode, for the policy, whose context they may exceed."""
        encoded = {texts: list(self._read.encode(texts)) for texts in set(self._lists)}
        return [encoded[texts] for texts in self._lists]


def _own(
    texts: Sequence[str], encoded: Sequence[Tensor], owners: Mapping[str, int]
) -> Sequence[Tensor]:
    """The texts of a class that no other has, if it has any: the others do not tell it apart."""
    own = [tokens for text, tokens in zip(texts, encoded, strict=True) if owners[text] == 1]
    return own or encoded


def _one_of(choices: Sequence[Tensor], rng: np.random.Generator | None) -> Int[Tensor, " l"]:
    """Any of some texts, or the first where nothing is drawn."""
    return choices[0 if rng is None else int(rng.integers(len(choices)))]


def blank_instruction(context: int, rows: int) -> Int[Tensor, "b l"]:
    """The empty sentence: what the policy reads when the words are withheld."""
    return Tokenizer(context).encode([""] * rows)


class BatchStream:
    """Batches of consecutive steps, prepared ahead by threads.

    Which rows a batch has depends on the step alone, so a stream can start anywhere, and the order
    in which threads end changes nothing.
    """

    def __init__(
        self, make: Callable[[int], TrainingBatch], steps: range, depth: int = 2, threads: int = 1
    ) -> None:
        """Prepare batches once they are asked for.

        Args:
            make: The batch of a step; called in a thread.
            steps: The steps to prepare.
            depth: Batches ready or in the making beside the one that was handed out.
            threads: How many make a batch each at a time.
        """
        self.waited = 0.0  # [s] for the batch handed out last
        self._make, self._steps, self._depth = make, steps, max(depth, threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")

    def __iter__(self) -> Iterator[TrainingBatch]:
        coming = iter(self._steps)
        ahead = deque(self._pool.submit(self._make, s) for s in islice(coming, self._depth))
        while ahead:
            start = time.perf_counter()
            batch = ahead.popleft().result()
            self.waited = time.perf_counter() - start
            ahead.extend(self._pool.submit(self._make, step) for step in islice(coming, 1))
            yield batch

    def __enter__(self) -> "BatchStream":
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def pairing_of(dataset: Dataset, seed: int, config: PairingConfig) -> Pairing:
    """The rows of every batch of a run over a data set.

    Raises:
        ConfigError: The data set has too few episodes, or no task of a name in `config.ratios`.
        TextTooLong: All texts are to be read, and one does not fit into the policy's context.
    """
    if config.texts == "any":
        dataset.check_paraphrases()
    rows = dataset.cache.transitions
    left_out = dataset.never_met if config.answers == "settled" else None
    return Pairing(rows.episode, dataset.labels, seed, config, rows.approaches, left_out)


def training_batches(
    dataset: Dataset, pairing: Pairing, seed: int, rank: int, world: int
) -> Callable[[int], TrainingBatch]:
    """The batch of any step of one process, as a pure function of the step."""

    def make(step: int) -> TrainingBatch:
        rows = pairing.rows(step, rank, world)
        streams = stream(seed, CLIP, step, rank), stream(seed, MORE, step, rank, 2)
        return dataset.batch(rows, *streams)

    return make
