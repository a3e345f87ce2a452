"""What both towers make of a fixed held-out set, written down again and again while they learn.

In inference mode: e from the predicted zoom at the first frame of each episode, u from the whole,
unmasked clip (decisions D40).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Int
from safetensors.torch import save
from torch import Tensor

from premotor.data.dataset import Dataset
from premotor.folders import RunFolder
from premotor.mirror import Mirror
from premotor.records import ProbeRow, write_atomically, write_json
from premotor.represent import first_transitions, represent, settled


@dataclass(frozen=True, eq=False)
class Probe:
    """The probe set: the first transition of some episodes, evenly spread over the data set."""

    dataset: Dataset
    transitions: Int[np.ndarray, " p"]

    @property
    def rows(self) -> list[ProbeRow]:
        """What is looked at, in order."""
        cache = self.dataset.cache
        infos = [cache.episodes[e] for e in cache.transitions.episode[self.transitions]]
        return [ProbeRow(info.task, info.variation, info.index) for info in infos]

    def measure(self, mirror: Mirror, rank: int = 0, world: int = 1) -> dict[str, Tensor]:
        """u, e, z_u, z_e of all rows, on the CPU, each process looking at its share."""
        share = represent(mirror, self.dataset, self.transitions[rank::world])
        if world == 1:
            return share
        shares: list[dict[str, Tensor]] = [{}] * world
        dist.all_gather_object(shares, share)
        length = len(self.transitions)
        whole = {n: _interleave([s[n] for s in shares if s], length) for n in shares[0]}
        return {name: settled(rows) for name, rows in whole.items()}


def _interleave(shares: list[Tensor], length: int) -> Tensor:
    """Undo `rows[rank::world]`."""
    whole = torch.empty(length, *shares[0].shape[1:])
    for rank, share in enumerate(shares):
        whole[rank :: len(shares)] = share
    return whole


def choose_probe(dataset: Dataset, count: int) -> Probe:
    """At most `count` episodes, evenly spread over the data set, each at its first frame."""
    first = first_transitions(dataset)
    places = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(np.int64)
    return Probe(dataset, first[places])


def write_probe(run: Path, step: int, rows: list[ProbeRow], found: Mapping[str, Tensor]) -> None:
    """Write `probe/step_000000.safetensors` and, beside it, whose rows they are."""
    folder = RunFolder(run)
    write_json(folder.probe_rows, rows)
    write_atomically(folder.probe_arrays(step), save(dict(found)))
