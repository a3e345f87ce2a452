"""Held-out episodes as both sides see them, and how far watching and doing agree on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.data.dataset import Dataset
from premotor.evaluate.alignment import Beside, Embeddings, measure_alignment
from premotor.evaluate.embedding import embed
from premotor.evaluate.unseen_camera import seen_from
from premotor.measure.study import StudyConfig
from premotor.mirror import Mirror, MirrorConfig
from premotor.progress import Progress
from premotor.records import AlignmentRecord
from premotor.represent import Pairs, Source, open_dataset, pairs_of
from premotor.store.stand_ins import stand_ins


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """One split of a data set, and what its episodes are held against."""

    dataset: Dataset
    pairs: Pairs  # the rows that are measured
    elsewhere: Dataset | None  # the same episodes, from a camera that the policy does not have
    stand_ins: Mapping[str, Float[np.ndarray, "n k"]]  # features that need no network

    @classmethod
    def open(
        cls, place: tuple[Source, str], config: MirrorConfig, camera: str, progress: Progress
    ) -> "HeldOut":
        """Read a split and, where a camera is named, render its clips anew from there.

        Args:
            place: The data set and the name of the split.
            config: Of the networks that will look at it.
            camera: As "overhead", which no policy has; "" = the clips of the data set alone.
            progress: Told how far building the cache and rendering are.

        Raises:
            DataError: No such split, or a damaged episode.
        """
        source, split = place
        demos = source.open(split)
        dataset = open_dataset(source, split, config, progress)
        return cls(
            dataset=dataset,
            pairs=pairs_of(dataset, "episode"),
            elsewhere=seen_from(demos, dataset, camera, progress) if camera else None,
            stand_ins=stand_ins(demos, dataset.cache),
        )


@dataclass(frozen=True, eq=False)
class Agreement:
    """What both sides of a mirror make of held-out episodes, and how it was measured."""

    given: Embeddings
    beside: Beside  # the same under the controls
    records: tuple[AlignmentRecord, ...]


def agreement(
    mirror: Mirror,
    held_out: HeldOut,
    checkpoint: str,
    config: StudyConfig,
    untrained: Embeddings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Measure one checkpoint.

    Args:
        mirror: In evaluation mode.
        held_out: The episodes.
        checkpoint: Name that goes into the records.
        config: Measures, and how sharp nulls and intervals are.
        untrained: Of the networks before training, on the same episodes.
        on_progress: Told how many draws of nulls and intervals are done.
    """
    elsewhere, pairs = held_out.elsewhere, held_out.pairs
    beside = Beside(
        blanked=embed(mirror, held_out.dataset, pairs, blanked=True),
        elsewhere=None if elsewhere is None else embed(mirror, elsewhere, pairs),
        untrained=untrained,
        stand_ins=held_out.stand_ins,
    )
    given = embed(mirror, held_out.dataset, pairs)
    records = measure_alignment(given, beside, checkpoint, config, on_progress)
    return Agreement(given, beside, tuple(records))
