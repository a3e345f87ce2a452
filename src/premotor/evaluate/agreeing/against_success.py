"""Does the policy succeed where watching and doing align? Scores of episodes against outcomes."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.evaluate.agreeing.alignment import Spaces, cosines
from premotor.findings import Stratum, SuccessRelation, Watched
from premotor.measure.plan import StudyConfig
from premotor.measure.relation import relation
from premotor.measure.sides import Sides

SCORE = "cosine of z_u and z_e"


def against_success(
    spaces: Spaces, own: Spaces | None, success: Bool[np.ndarray, " n"], config: StudyConfig
) -> Iterator[SuccessRelation]:
    """Every relation of alignment to success: within the task first, then pooled, and the controls.

    Args:
        spaces: Of the trained networks, with the controls; e is of the policy's first decision.
        own: The same episodes, U watching the roll-outs' own videos; None = not recorded.
        success: How the policy fared in each of them.
        config: Permutations and the seed of all draws.
    """
    codes = spaces["z"].strata
    within: tuple[Stratum, ...] = ("task", "variation", "all")
    for (watched, words), (rows, scores) in _scores(spaces, own).items():
        for stratum in within:
            found = relation(
                scores,
                success[rows],
                _names(spaces, stratum, codes[stratum][rows], rows),
                np.random.default_rng(config.seed),
                config.permutations,
            )
            if found is not None:
                yield SuccessRelation(
                    score=SCORE, watched=watched, words=words, within=stratum, relation=found
                )


def _names(
    spaces: Spaces, stratum: Stratum, codes: Int[np.ndarray, " m"], rows: Int[np.ndarray, " m"]
) -> list[str]:
    tasks = spaces["z"].tasks
    return [tasks[i] for i in rows] if stratum == "task" else [str(code) for code in codes]


def _scores(
    spaces: Spaces, own: Spaces | None
) -> dict[tuple[Watched, bool], tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]]:
    """Rows and their scores, by the clip that U saw and whether E read the instruction."""
    given = spaces["z"]
    every = np.arange(len(given))
    found: dict[tuple[Watched, bool], tuple[np.ndarray, np.ndarray]]
    found = {("expert", True): (every, cosines(given))}
    if own is not None:
        found["own", True] = every, cosines(given.with_sides(own["z"].u, given.e))
    if "blanked" in given.controls:
        found["expert", False] = every, cosines(given.controls["blanked"])
    if "another" in given.controls:
        found["another", True] = _accompanied(given), cosines(given.controls["another"])
    return found


def _accompanied(sides: Sides) -> Int[np.ndarray, " m"]:
    """Rows whose variation has other episodes: those of the control, whichever it has drawn."""
    _, places, counts = np.unique(sides.groups, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[places] > 1)
