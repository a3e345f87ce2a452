"""Held-out episodes as both sides see them, and what they are held against."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.data.dataset import Dataset
from premotor.evaluate.agreeing.unseen_camera import seen_from
from premotor.mirror import MirrorConfig
from premotor.progress import Progress
from premotor.represent import Pairs, Source, open_dataset, pairs_of
from premotor.store.stand_ins import stand_ins


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """One split of a data set, and what its episodes are held against."""

    dataset: Dataset
    pairs: Pairs  # the rows that are measured
    other_camera: Dataset | None  # the same episodes, from a camera that the policy does not have
    camera: str  # its name; "" where there is none
    stand_ins: Mapping[str, Float[np.ndarray, "n k"]]  # features that need no network

    @classmethod
    def open(
        cls, source: Source, split: str, config: MirrorConfig, camera: str, progress: Progress
    ) -> "HeldOut":
        """Read a split and, where a camera is named, render its clips anew from there.

        Args:
            source: The data set.
            split: Name of the split.
            config: Of the networks that will look at it.
            camera: As "overhead", which no policy has; "" = the clips of the data set alone.
            progress: Told how far building the cache and rendering are.

        Raises:
            DataError: No such split, or a damaged episode.
        """
        demos = source.open(split)
        dataset = open_dataset(source, split, config, progress)
        return cls(
            dataset=dataset,
            pairs=pairs_of(dataset, "episode"),
            other_camera=seen_from(demos, dataset, camera, progress) if camera else None,
            camera=camera,
            stand_ins=stand_ins(demos, dataset.cache),
        )
