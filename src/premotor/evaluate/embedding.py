"""u, e, z_u and z_e of held-out episodes, as they are measured.

e comes from inference mode (predicted zoom) at the first observation of an episode, before
anything was done; u from the unmasked clip of the whole episode (README, defaults).
"""

import numpy as np
import torch

from premotor.batch import MirrorBatch
from premotor.data.dataset import Dataset, blank_instruction
from premotor.evaluate.alignment import Embeddings
from premotor.mirror import Mirror


def embed(mirror: Mirror, dataset: Dataset, blanked: bool, batch_size: int = 16) -> Embeddings:
    """One row per episode.

    Args:
        mirror: In evaluation mode.
        dataset: Held-out episodes.
        blanked: Withhold the instruction from the policy, so that words cannot align the two.
        batch_size: Episodes at a time.
    """
    rows = dataset.cache.transitions
    starts = np.flatnonzero(rows.keyframe_index == 0)
    parts: list[tuple[torch.Tensor, ...]] = []
    for first in range(0, len(starts), batch_size):
        transitions = starts[first : first + batch_size]
        episodes = rows.episode[transitions].astype(np.int64)
        words = dataset.instruction(episodes)
        if blanked:
            words = blank_instruction(words.shape[1], len(words))
        batch = MirrorBatch(
            dataset.executed(transitions), words, observed=dataset.observed(episodes)
        )
        with torch.inference_mode():
            output = mirror(batch)
        assert output.observed is not None
        assert output.aligned is not None
        aligned = output.aligned
        parts.append((output.observed.u, output.executed.e, aligned.z_u, aligned.z_e))
    u, e, z_u, z_e = (torch.cat(p).double().numpy() for p in zip(*parts, strict=True))
    infos = [dataset.cache.episodes[int(i)] for i in rows.episode[starts]]
    tasks, variations = tuple(i.task for i in infos), tuple(i.variation for i in infos)
    return Embeddings(u, e, z_u, z_e, tasks, variations)
