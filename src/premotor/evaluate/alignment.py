"""How far watching and doing agree: measures of alignment with their nulls and controls.

Rows are held-out episodes, one row each. The nulls over all rows, within the task and within the
variation, and the controls, say which kind of agreement it is (recognition.md i).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from premotor.errors import ConfigError
from premotor.measure.catalog import MeasureConfig
from premotor.measure.sample import LEAST, Sample
from premotor.measure.study import Condition, Controls, StudyConfig, study
from premotor.records import AlignmentRecord

MEASURES = (
    "recall_at_1_u_to_e",
    "recall_at_1_e_to_u",
    "recall_at_1_u_to_e_within_variation",
    "recall_at_1_e_to_u_within_variation",
    "mutual_knn",
    "debiased_cka",
    "bound",
)


def of_a_report(temperature: float) -> StudyConfig:
    """What a run's report shows, in a minute or so; tau of the alignment is for the bound."""
    return StudyConfig(halves=50, only=MEASURES, measure=MeasureConfig(temperature=temperature))


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Both sides of the same episodes, row by row."""

    u: Float[np.ndarray, "n du"]
    e: Float[np.ndarray, "n de"]
    z_u: Float[np.ndarray, "n dz"]
    z_e: Float[np.ndarray, "n dz"]
    tasks: tuple[str, ...]
    variations: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.u), len(self.e), len(self.z_u), len(self.z_e), len(self.tasks)}
        if len(sizes) != 1 or len(self.variations) not in sizes:
            raise ConfigError(f"embeddings must have one row per episode, got {sorted(sizes)} rows")

    def sides(self, space: str) -> tuple[Float[np.ndarray, "n p"], Float[np.ndarray, "n q"]]:
        """z_u and z_e in space "z", u and e in space "raw"."""
        return (self.z_u, self.z_e) if space == "z" else (self.u, self.e)


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside:
    """What the same episodes give otherwise; None = not measured."""

    blanked: Embeddings | None = None  # with the words withheld from E
    elsewhere: Embeddings | None = None  # with clips from a camera that E does not have
    untrained: Embeddings | None = None  # of the networks before training
    stand_ins: Mapping[str, Float[np.ndarray, "n k"]] = field(default_factory=dict)


def measure_alignment(
    embeddings: Embeddings,
    beside: Beside,
    checkpoint: str,
    config: StudyConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[AlignmentRecord]:
    """The measures in both spaces, with nulls, intervals and controls.

    Args:
        embeddings: One row per held-out episode.
        beside: The same episodes under the controls.
        checkpoint: Name that goes into the records.
        config: Which measures, and how sharp nulls and intervals are; too few rows to be halved
            have no intervals.
        on_progress: Told how many draws are done, of those of each space.

    Returns:
        Records for "z" (projected) and "raw" (u, e).
    """
    if len(embeddings.tasks) < LEAST:
        config = replace(config, halves=0)
    records: list[AlignmentRecord] = []
    for space in ("z", "raw"):
        names = tuple(str(variation) for variation in embeddings.variations)
        sample = Sample(*embeddings.sides(space), embeddings.tasks, names)
        blanked, elsewhere, untrained = beside.blanked, beside.elsewhere, beside.untrained
        controls = Controls(
            blanked=None if blanked is None else blanked.sides(space)[1],
            elsewhere=None if elsewhere is None else elsewhere.sides(space)[0],
            untrained=None if untrained is None else untrained.sides(space),
            stand_ins=beside.stand_ins,
        )
        condition = Condition(checkpoint=checkpoint, space=space)
        records += study(sample, controls, condition, config, on_progress)
    return records
