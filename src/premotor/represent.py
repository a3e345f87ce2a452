"""Episodes on disk as tensors, and what a mirror makes of them: u, e, z_u, z_e.

As they are measured: e in inference mode (predicted zoom) at the first frame of an episode,
before anything was done; u from the unmasked clip of the whole episode (decisions D40). Segment by
segment: e at every transition, u from the part of the episode that leads to its target.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from jaxtyping import Float, Int
from torch import Tensor

from premotor.batch import MirrorBatch
from premotor.data.dataset import Dataset, Format, blank_instruction
from premotor.data.pairing import Unit
from premotor.mirror import Mirror, MirrorConfig
from premotor.progress import Progress, no_progress
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet

BATCH = 8  # rows looked at together; small, as tiny policies are fastest so on a CPU
_ROUNDING = 1e-6  # of the size of all rows: far above what one network's batches differ by


@dataclass(frozen=True)
class Source:
    """The data set a run learns from."""

    path: Annotated[Path, tyro.conf.arg(name="data")]  # folder with the splits train and val
    skip_bad: bool = False  # leave damaged episodes out instead of refusing
    tasks: tuple[str, ...] = ()  # only the episodes of these; () = all that are there
    cache_dir: Path | None = None
    """Where what training reads is kept. Without it, in $PREMOTOR_CACHE/data or, that not being
    set, in the data set or, where that cannot be written, in ~/.cache/premotor/data."""

    def open(self, split: str = "train") -> DemoSet:
        """The episodes of one split.

        Raises:
            DataError: No such split, or a damaged episode.
            UnknownName: The split holds no episode of one of the tasks.
        """
        found = DemoSet.open(self.path, split, self.skip_bad)
        return found.only(self.tasks) if self.tasks else found


def open_dataset(
    source: Source, split: str, config: MirrorConfig, progress: Progress = no_progress
) -> Dataset:
    """The rows of one split, from its cache, which is built where it is missing.

    Raises:
        DataError: No such split, or something that is not what was recorded; it is named.
        NoSpace: The disk has no room for the cache.
    """
    demos = source.open(split)
    views, video = config.execute.views, config.understand.video
    cache = EpisodeCache.build_or_open(
        demos, (views.low, views.high), progress=progress, cache_dir=source.cache_dir
    )
    form = Format(
        num_frames=video.num_frames,
        caption_context=config.understand.text.context,
        instruction_context=config.execute.text.context,
        count_to=config.execute.count_to,
        cleaning=config.understand.cleaning,
        class_captions=config.understand.needs_classes,
    )
    return Dataset(cache, form)


def first_transitions(dataset: Dataset) -> Int[np.ndarray, " n"]:
    """The first transition of every episode."""
    return np.flatnonzero(dataset.cache.transitions.keyframe_index == 0)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which actions are watched and done: at most one row per episode."""

    transitions: Int[np.ndarray, " n"]  # the observation of each is what the policy is shown
    unit: Unit  # what is watched: the episode of each transition, or its segment alone


def pairs_of(dataset: Dataset, unit: Unit, seed: int = 0) -> Pairs:
    """A row of every episode: the whole of it with its first decision, or any of its segments.

    Args:
        dataset: The episodes.
        unit: By segments, one of each episode is drawn: rows of one episode are not independent.
        seed: Of that draw.
    """
    first = first_transitions(dataset)
    if unit == "episode":
        return Pairs(first, unit)
    counts = np.diff(np.append(first, len(dataset.cache.transitions)))
    return Pairs(first + np.random.default_rng(seed).integers(counts), unit)


def represent(
    mirror: Mirror,
    dataset: Dataset,
    transitions: Int[np.ndarray, " n"],
    blanked: bool = False,
    unit: Unit = "episode",
    progress: Progress = no_progress,
) -> dict[str, Tensor]:
    """u, e, z_u and z_e (n rows each, float32, on the CPU) of some transitions.

    A network that has collapsed gives rows that are the same (`settled`).

    Args:
        mirror: Is put into evaluation mode meanwhile.
        dataset: Holds the episodes.
        transitions: The observation of each is what the policy is shown.
        blanked: Withhold the instruction from the policy, so that words cannot align the two.
        unit: What is watched: the episode of each transition, or its segment alone.
        progress: Told how many rows are done.
    """
    was_training = mirror.training
    mirror.eval()
    chunks = [transitions[i : i + BATCH] for i in range(0, len(transitions), BATCH)]
    parts: list[dict[str, Tensor]] = []
    for count, chunk in enumerate(chunks, 1):
        parts.append(_represent(mirror, dataset, chunk, blanked, unit))
        progress("represent", min(count * BATCH, len(transitions)), len(transitions), "")
    mirror.train(was_training)
    if not parts:
        return {}
    return {name: settled(torch.cat([part[name] for part in parts])) for name in parts[0]}


def settled(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Rows that differ by a network's rounding alone, made the same, so that it tells none apart.

    How a row is rounded hangs on the batch that it is computed in.
    """
    rows = x.double()
    spread, size = (float(torch.linalg.norm(r)) for r in (rows - rows.mean(dim=0), rows))
    return x[:1].expand_as(x).clone() if spread <= _ROUNDING * size else x


@torch.inference_mode()
def _represent(
    mirror: Mirror,
    dataset: Dataset,
    transitions: Int[np.ndarray, " b"],
    blanked: bool,
    unit: Unit,
) -> dict[str, Tensor]:
    words = dataset.instruction(dataset.episodes_of(transitions))
    if blanked:
        words = blank_instruction(words.shape[1], len(words))
    watched = dataset.clips(transitions, unit)
    batch = MirrorBatch(dataset.executed(transitions), words, observed=watched)
    output = mirror(batch.to(next(mirror.parameters()).device))
    assert output.observed is not None
    assert output.aligned is not None
    found = {
        "u": output.observed.u,
        "e": output.executed.e,
        "z_u": output.aligned.z_u,
        "z_e": output.aligned.z_e,
    }
    return {name: value.float().cpu() for name, value in found.items()}
