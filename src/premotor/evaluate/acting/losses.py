"""L_e on held-out key poses by its terms, as the policy was taught and without any noise."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int

from premotor.batch import MirrorBatch
from premotor.data.dataset import Dataset
from premotor.data.pairing import Answers
from premotor.execute.loss import execute_losses
from premotor.mirror import Mirror
from premotor.represent import BATCH


def teacher_forced(
    mirror: Mirror,
    dataset: Dataset,
    transitions: Sequence[Int[np.ndarray, " _"]],
    answers: Answers = "recorded",
) -> list[dict[str, float]]:
    """Mean of L_e ("execute") and of each of its terms [nat] over groups of transitions.

    The observation is as recorded, zoom and rotations are read from the true key pose. Nothing is
    drawn: no augmentation, no noise, no dropout, the views' pixels where they always are.

    Args:
        mirror: In evaluation mode.
        dataset: Holds the transitions.
        transitions: Of each group, as of one task; at least one.
        answers: Which of several right key poses is the true one.
    """
    return [_mean(mirror, dataset, rows, answers) for rows in transitions]


@torch.inference_mode()
def _mean(
    mirror: Mirror, dataset: Dataset, rows: Int[np.ndarray, " n"], answers: Answers
) -> dict[str, float]:
    sums: dict[str, float] = {}
    device = next(mirror.parameters()).device
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        words = dataset.instruction(dataset.episodes_of(chunk))
        batch = MirrorBatch(dataset.executed(chunk), words, dataset.target(chunk, answers))
        batch = batch.to(device)
        assert batch.target is not None
        output = mirror.execute(batch.executed, batch.instruction, batch.target)
        losses = execute_losses(output, batch.target, mirror.config.execute)
        for name, term in {"execute": losses.total, **losses.terms}.items():
            sums[name] = sums.get(name, 0.0) + float(term) * len(chunk)
    return {name: total / len(rows) for name, total in sums.items()}
