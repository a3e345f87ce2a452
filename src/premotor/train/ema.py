"""The weights that a run is judged by: the last ones, or their running mean (decisions D77).

What is shown is what is probed, stored as the model, and so acted with and exported. Where it is
the mean, the weights that the optimizer moves lie in the checkpoint's state, beside the optimizer.
"""

# torch's grouped tensor operations are public in all but name: torch.optim is built on them.
# pyright: reportPrivateImportUsage=false

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from premotor.backbones.weights import load_strictly
from premotor.checkpoint import WEIGHTS, Checkpoint, find, load_state, load_weights
from premotor.errors import DataError
from premotor.mirror import Mirror

STATE = "ema"  # name of its part of a checkpoint's state
_WARM = 10  # the mean is of about the last tenth of the updates, until the decay says fewer


class LastWeights:
    """Those that the optimizer moves are those that are shown."""

    def __init__(self, mirror: Mirror) -> None:
        self.shown = mirror

    def follow(self) -> None:
        """Take notice of an update."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds beside the weights that are shown."""
        return {}

    def restore(self, last: Checkpoint, state: Mapping[str, Any]) -> None:
        """Take up a checkpoint of the same run."""
        del state
        load_weights(self.shown, last.path / WEIGHTS)

    def begin(self, run: Path | None) -> None:
        """Take up the weights that the run begins with, and the mean that another run kept."""


class MeanWeights:
    """mean <- d mean + (1 - d) weights after every update, d = min(decay, (1 + n) / (10 + n)).

    n counts updates, so that a young mean forgets the untrained weights. Each process keeps the
    mean: their weights are the same, and so is it.
    """

    def __init__(self, mirror: Mirror, shown: Mirror, decay: float) -> None:
        """Begin with the weights as they are.

        Args:
            mirror: What the optimizer moves.
            shown: Of the same sizes; becomes the mean.
            decay: Share of itself that the mean keeps in an update, in (0, 1).
        """
        self._mirror, self._decay, self._updates = mirror, decay, 0
        self.shown = shown.eval()
        self._means = _learned(shown)
        self._weights = _learned(mirror)
        shown.load_state_dict(mirror.state_dict())

    @torch.no_grad()
    def follow(self) -> None:
        keep = min(self._decay, (1 + self._updates) / (_WARM + self._updates))
        torch._foreach_lerp_(self._means, self._weights, 1.0 - keep)
        self._updates += 1

    def state(self) -> dict[str, Any]:
        return {STATE: {"updates": self._updates, "weights": dict(self._mirror.state_dict())}}

    def restore(self, last: Checkpoint, state: Mapping[str, Any]) -> None:
        """Take up both, the mean and what moves.

        Raises:
            DataError: The checkpoint holds no weights beside their mean.
        """
        if STATE not in state:
            raise DataError(
                f"{last.path} holds no weights beside their mean; remove it, and go on with the "
                "checkpoint before"
            )
        load_moving(self._mirror, last, state)
        load_weights(self.shown, last.path / WEIGHTS)
        self._updates = state[STATE]["updates"]

    def begin(self, run: Path | None) -> None:
        self.shown.load_state_dict(self._mirror.state_dict())
        if run is None:
            return
        last = find(run)
        if (state := load_state(last).get(STATE)) is not None:
            load_weights(self.shown, last.path / WEIGHTS)
            self._updates = state["updates"]


def _learned(mirror: Mirror) -> list[Tensor]:
    return [p for p in mirror.parameters() if p.requires_grad]


def load_moving(mirror: Mirror, checkpoint: Checkpoint, state: Mapping[str, Any]) -> None:
    """Load the weights that the optimizer moved, where the checkpoint's model is their mean.

    Raises:
        CheckpointMismatch: They do not fit.
    """
    if STATE in state:
        remedy = "name another run, or train anew"
        load_strictly(mirror, state[STATE]["weights"], str(checkpoint.path), remedy)


Judged = LastWeights | MeanWeights


def judged_by(mirror: Mirror, build: Callable[[], Mirror], decay: float) -> Judged:
    """The weights themselves where `decay` is 0, else their running mean.

    Args:
        mirror: What is trained.
        build: Another of the same sizes, on the same device; called only where it is needed.
        decay: `TrainConfig.ema`.
    """
    return MeanWeights(mirror, build(), decay) if decay else LastWeights(mirror)
