"""How often each task is drawn: a pure function of (seed, slot), so that resuming is exact.

A task with n transitions has the share n^(1 - balance) * ratio, normalized. Inside a task, or inside
each kind of its transitions where these have shares of their own, the draws walk in epochs.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from premotor.data.streams import MIXTURE, stream
from premotor.errors import ConfigError, UnknownName

BLOCK = 2048  # slots over which the shares are kept exactly


def task_shares(
    counts: Mapping[str, int], balance: float, ratios: Mapping[str, float]
) -> dict[str, float]:
    """Share of the draws that each task gets; they sum to 1.

    Args:
        counts: Transitions of each task.
        balance: 0: by the number of transitions; 1: every task alike.
        ratios: Factors on the shares of some tasks; 0 leaves a task out.

    Raises:
        UnknownName: A ratio is of a task that the data set does not hold.
        ConfigError: Nothing is left to draw.
    """
    for name in ratios:
        if name not in counts:
            raise UnknownName.of("task of the data set", name, counts)
    weights = {t: n ** (1.0 - balance) * ratios.get(t, 1.0) for t, n in counts.items()}
    total = sum(weights.values())
    if total <= 0.0:
        raise ConfigError(
            f"pairing.ratios {dict(ratios)} leave no task to learn; raise one above 0"
        )
    return {task: weight / total for task, weight in weights.items()}


def _quotas(shares: Float[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    """Slots of a block for each share: rounded down, the largest remainders up, none forgotten."""
    exact = shares * BLOCK
    quotas = np.where(shares > 0, np.maximum(np.floor(exact), 1), 0).astype(np.int64)
    order = np.argsort(quotas - exact, kind="stable")
    for place in range(BLOCK - int(quotas.sum())):
        quotas[order[place % len(order)]] += shares[order[place % len(order)]] > 0
    return quotas


class Mixture:
    """Which transition each slot of the stream of acting rows holds."""

    def __init__(
        self, members: Sequence[Int[np.ndarray, " _"]], shares: Sequence[float], seed: int
    ) -> None:
        """Prepare the draws.

        Args:
            members: Transitions of each task, or of each kind of them.
            shares: Share of each, summing to 1; 0 where there are no members.
            seed: Of the run.
        """
        self._members = list(members)
        self._quotas = _quotas(np.array(shares))
        self._seed = seed
        self._block = lru_cache(maxsize=2)(self._make_block)

    def _make_block(self, block: int) -> Int[np.ndarray, " n"]:
        """Transitions of one block of slots, in their order."""
        parts = [self._part(task, block) for task in range(len(self._members))]
        drawn = np.concatenate(parts)
        return drawn[stream(self._seed, MIXTURE, block).permutation(len(drawn))]

    def _part(self, task: int, block: int) -> Int[np.ndarray, " q"]:
        """The transitions that a task puts into a block: the next ones of its own epochs."""
        members, quota = self._members[task], int(self._quotas[task])
        places = np.arange(block * quota, (block + 1) * quota)
        epochs, inside = np.divmod(places, len(members))
        chosen = np.empty(quota, dtype=np.int64)
        for epoch in np.unique(epochs):
            order = stream(self._seed, MIXTURE, task, int(epoch), 1).permutation(len(members))
            here = epochs == epoch
            chosen[here] = members[order[inside[here]]]
        return chosen

    def draw(self, start: int, count: int) -> Int[np.ndarray, " b"]:
        """The transitions of the slots from `start` on."""
        length = int(self._quotas.sum())
        slots = np.arange(start, start + count)
        blocks, inside = np.divmod(slots, length)
        return np.array(
            [self._block(int(b))[i] for b, i in zip(blocks, inside, strict=True)], dtype=np.int64
        )
