"""How far watching and doing agree on held-out episodes, in both spaces and under the controls.

Rows are held-out episodes, one row each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from premotor.align.fit import FitConfig
from premotor.data.dataset import Dataset
from premotor.evaluate.agreeing.held_out import HeldOut
from premotor.evaluate.agreeing.towers import refitted
from premotor.evaluate.naming.recognition import NamingConfig, catalog, recognize
from premotor.findings import Sight, Space, Study
from premotor.measure.catalog import MeasureConfig
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides, controls_of, stand_ins_of
from premotor.measure.study import study
from premotor.mirror import Mirror
from premotor.progress import Progress, no_progress
from premotor.records import RecognitionRecord
from premotor.represent import Pairs, represent

REPORTED = (
    "recall_at_1_u_to_e",
    "recall_at_1_e_to_u",
    "recall_at_1_u_to_e_within_variation",
    "recall_at_1_e_to_u_within_variation",
    "mutual_knn",
    "debiased_cka",
    "bound",
)
TEXTS = "text"  # the class set of all texts
Spaces = Mapping[Space, Sides]  # both sides before and after the linear maps, the same rows


def of_a_report(temperature: float) -> StudyConfig:
    """What a run's report shows, in a minute or so; tau of the alignment is for the bound."""
    return StudyConfig(halves=50, only=REPORTED, measure=MeasureConfig(temperature=temperature))


def embed(
    mirror: Mirror,
    dataset: Dataset,
    pairs: Pairs,
    blanked: bool = False,
    progress: Progress = no_progress,
) -> Spaces:
    """A row of each of the pairs; `blanked` withholds the words from the policy."""
    found = represent(mirror, dataset, pairs.transitions, blanked, pairs.unit, progress)
    arrays = {name: value.double().numpy() for name, value in found.items()}
    infos = [dataset.cache.episodes[int(i)] for i in dataset.episodes_of(pairs.transitions)]
    tasks = tuple(info.task for info in infos)
    variations = tuple(str(info.variation) for info in infos)
    return {
        "z": Sides(arrays["z_u"], arrays["z_e"], tasks, variations),
        "raw": Sides(arrays["u"], arrays["e"], tasks, variations),
    }


def learned(
    mirror: Mirror, dataset: Dataset, pairs: Pairs, seed: int, progress: Progress = no_progress
) -> Sides:
    """U and e of the episodes that maps learn from, with the same under each control."""
    given = embed(mirror, dataset, pairs, progress=progress)["raw"]
    blanked = embed(mirror, dataset, pairs, blanked=True, progress=progress)["raw"].e
    return replace(given, controls=controls_of(given, blanked=blanked, seed=seed))


@dataclass(frozen=True, eq=False, kw_only=True)
class Refit:
    """What maps are fitted anew on, so that a control takes information away and nothing else."""

    sides: Sides  # from `learned`
    fit: FitConfig


@dataclass(frozen=True, eq=False, kw_only=True)
class Against:
    """What a checkpoint is held against beside the controls; None = not at hand."""

    refit: Refit | None = None
    """What maps are fitted on for the controls of z_u and z_e, which else go through its own."""
    untrained: Spaces | None = None  # of the networks before training, on the same episodes
    sight: Sight | None = None  # whether U sees through the camera of the controls


@dataclass(frozen=True, eq=False)
class Agreement:
    """What both sides of a mirror make of held-out episodes, and how it was measured."""

    spaces: Spaces  # with all that they are held against
    studies: tuple[Study, ...]


def agreement(
    mirror: Mirror,
    held_out: HeldOut,
    checkpoint: str,
    config: StudyConfig,
    against: Against,
    progress: Progress = no_progress,
) -> Agreement:
    """Measure one checkpoint in both spaces.

    Args:
        mirror: In evaluation mode.
        held_out: The episodes.
        checkpoint: Name that goes into the studies.
        config: Measures, and how sharp nulls and intervals are.
        against: What it is held against beside the controls.
        progress: Told how many draws of nulls and intervals are done.
    """
    pairs = held_out.pairs
    given = embed(mirror, held_out.dataset, pairs, progress=progress)
    blanked = embed(mirror, held_out.dataset, pairs, blanked=True, progress=progress)
    other = held_out.other_camera
    seen = other and embed(mirror, other, pairs, progress=progress)
    spaces: dict[Space, Sides] = {}
    for space, sides in given.items():
        controls = controls_of(
            sides,
            blanked=blanked[space].e,
            other_camera=seen[space].u if seen else None,
            void=blindness(against.sight),
            seed=config.seed,
        )
        before = against.untrained[space] if against.untrained is not None else None
        spaces[space] = replace(
            sides,
            controls=controls,
            untrained=before and before.with_sides(before.u, before.e),
        )
    pixels, path = (held_out.stand_ins.get(name) for name in ("pixels", "path"))
    spaces["raw"] = replace(spaces["raw"], stand_ins=stand_ins_of(spaces["raw"], pixels, path))
    if against.refit is not None:
        # U's other camera is unfamiliar to maps that were fitted through its own
        names = ("blanked",) if seen else tuple(spaces["raw"].controls)
        taken = {name: spaces["raw"].controls[name] for name in names}
        anew = refitted(taken, against.refit.sides, against.refit.fit, config.seed)
        spaces["z"] = replace(spaces["z"], refitted=anew)
    studies = [
        found
        for space, sides in spaces.items()
        for found in study(sides, config, checkpoint=checkpoint, space=space, progress=progress)
    ]
    return Agreement(spaces, tuple(studies))


def sight_of(
    mirror: Mirror,
    held_out: HeldOut,
    naming: NamingConfig | None = None,
    own: Sequence[RecognitionRecord] = (),
) -> Sight:
    """How many clips U names rightly among all texts, through either camera.

    Args:
        mirror: In evaluation mode.
        held_out: The episodes.
        naming: What speaks for a text; None = the default.
        own: What is known of the clips of U's own camera under `naming`; they are named again only
            where the texts are not in it.
    """
    texts = replace(naming or NamingConfig(), class_sets=(TEXTS,))

    def named(dataset: Dataset) -> RecognitionRecord:
        return recognize(mirror.understand, dataset, catalog(dataset), "", texts).records[0]

    known = next((record for record in own if record.class_set == TEXTS), None)
    through_own = known or named(held_out.dataset)
    other = held_out.other_camera
    return Sight(
        named=through_own.accuracy,
        first_frame=through_own.first_frame_only,
        camera=held_out.camera,
        named_other_camera=named(other).accuracy if other is not None else None,
    )


def blindness(sight: Sight | None) -> str:
    """Why a control through another camera decides nothing; "" where it does.

    U has to name more through it than the first frame alone gives away through its own.
    """
    if sight is None or sight.named_other_camera is None:
        return ""
    there, least = sight.named_other_camera.value, sight.first_frame.value
    if there >= least:
        return ""
    return (
        f"U cannot see through the camera {sight.camera}: it names {there:.0%} of the texts "
        f"through it, fewer than by the first frame of its own camera alone ({least:.0%})"
    )


def cosines(sides: Sides) -> np.ndarray:
    """Cosine of z_u and z_e, row by row (both have unit norm)."""
    return np.sum(sides.u * sides.e, axis=1)
