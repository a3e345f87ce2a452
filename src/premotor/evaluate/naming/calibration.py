"""What a recognizer believes of the texts: log p of the true one, at one fitted temperature.

Cosines are no probabilities before a temperature is named. The one that a recognizer was trained
with makes it over-confident on clips that it has not seen, so that log p would rise by any training
that is stopped early; one number, fitted on other clips than those that are measured, takes that
away (Guo et al. 2017).

n: clips  c: text classes
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar
from torch import Tensor

from premotor.data.dataset import Dataset
from premotor.evaluate.naming.recognition import catalog, scores_of
from premotor.understand.classes import class_set, hits
from premotor.understand.recognizer import Recognizer

Temperature = float | Float[Tensor, " n"]
BATCH = 16  # clips looked at together
LOWEST, HIGHEST = 1e-3, 1e2  # temperatures: cosines 0.01 apart are certain, or 2 apart are nothing


@dataclass(frozen=True, eq=False)
class TextScores:
    """How well each of all texts fits to each of some clips."""

    scores: Float[Tensor, "n c"]  # cosines, mean over the prompts of a class
    truth: Int[Tensor, " n"]  # class of each clip
    within: Bool[Tensor, "n c"]  # classes of each clip's own task

    def only(self, rows: Bool[np.ndarray, " n"]) -> "TextScores":
        """Those of some clips."""
        chosen = torch.from_numpy(rows)
        return TextScores(self.scores[chosen], self.truth[chosen], self.within[chosen])

    def log_p(self, temperature: Temperature, within_task: bool = False) -> Float[Tensor, " n"]:
        """Log p of the true text of each clip [nat], among all texts or those of its task.

        Args:
            temperature: Of all clips, or of each.
            within_task: Whether the task is given.
        """
        logits = self.scores.double() / torch.as_tensor(temperature).reshape(-1, 1)
        if within_task:
            logits = logits.masked_fill(~self.within, -torch.inf)
        return logits.log_softmax(1).gather(1, self.truth[:, None]).squeeze(1)

    def right(self, within_task: bool = False) -> Float[Tensor, " n"]:
        """Whether each clip is named rightly; where the best texts tie, its chance."""
        scores = self.scores
        if within_task:
            scores = scores.masked_fill(~self.within, -torch.inf)
        return hits(scores, self.truth)

    @property
    def chance_within(self) -> Float[Tensor, " n"]:
        """What a guess gets among the texts of each clip's task."""
        return 1.0 / self.within.sum(1)


def text_scores(
    recognizer: Recognizer, dataset: Dataset, episodes: Int[np.ndarray, " n"]
) -> TextScores:
    """Scores of all texts of the data set's tasks for the clips of some episodes.

    Args:
        recognizer: In evaluation mode.
        dataset: The episodes, of tasks that are known.
        episodes: Positions in the cache.
    """
    classes = class_set("text", catalog(dataset))
    device = next(recognizer.parameters()).device
    chunks = [episodes[start : start + BATCH] for start in range(0, len(episodes), BATCH)]
    with torch.inference_mode():
        clips = [
            recognizer.encode_video(dataset.observed(chunk).frames.contiguous().to(device)).cpu()
            for chunk in chunks
        ]
    scores = scores_of(recognizer, classes, {"clip": torch.cat(clips)})["clip"]
    infos = [dataset.cache.episodes[int(i)] for i in episodes]
    truth = [classes.class_of(info.task, info.variation) for info in infos]
    inside = {task: classes.within(task) for task in {info.task for info in infos}}
    within = torch.stack([inside[info.task] for info in infos])
    return TextScores(scores, torch.tensor(truth), within)


def fitted_temperature(found: TextScores, weights: Float[np.ndarray, " n"]) -> float:
    """The temperature at which the true texts are likeliest, between 0.001 and 100.

    -sum_i w_i log p_i is convex in 1 / tau, so a bounded search over log tau finds its one minimum
    (Brent 1973). At a limit the recognizer is as sure as one may be, or says nothing.

    Args:
        found: Clips that nothing else is measured on.
        weights: Of each clip.
    """
    share = torch.from_numpy(weights / weights.sum())

    def loss(log_tau: float) -> float:
        return -float(share @ found.log_p(math.exp(log_tau)))

    limits = math.log(LOWEST), math.log(HIGHEST)
    best = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-4})
    return math.exp(float(best.x))
