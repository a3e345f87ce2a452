"""Does the policy succeed where watching and doing align? Scores of episodes against outcomes."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float

from premotor.evaluate.alignment import Embeddings
from premotor.evaluate.held_out import Agreement
from premotor.measure.relation import relation
from premotor.measure.sample import another_episode
from premotor.measure.study import StudyConfig
from premotor.records import RelationRecord

SCORE = "cosine of z_u and z_e"


def against_success(
    agreed: Agreement,
    own: Embeddings | None,
    success: Bool[np.ndarray, " n"],
    config: StudyConfig,
) -> Iterator[RelationRecord]:
    """Every relation of alignment to success: within the task first, then pooled, and the controls.

    Args:
        agreed: Of the trained networks; e is that of the policy's first decision.
        own: The same episodes, U watching the roll-outs' own videos; None = not recorded.
        success: How the policy fared in each of them.
        config: Permutations and the seed of all draws.
    """
    given = agreed.given
    names = [f"{t}/{v}" for t, v in zip(given.tasks, given.variations, strict=True)]
    strata = {"task": list(given.tasks), "variation": names, "all": ["all"] * len(names)}
    for (watched, instruction), (rows, scores) in _scores(agreed, own, names, config.seed).items():
        for within, labels in strata.items():
            found = relation(
                scores,
                success[rows],
                [labels[i] for i in rows],
                np.random.default_rng(config.seed),
                config.permutations,
            )
            if found is not None:
                yield RelationRecord(
                    score=SCORE,
                    watched=watched,
                    instruction=instruction,
                    within=within,
                    auc=found.auc,
                    p_value=found.p_value,
                    permutations=found.permutations,
                    num_pairs=found.num_pairs,
                    by_stratum=found.by_stratum if within == "task" else {},
                )


def _scores(
    agreed: Agreement, own: Embeddings | None, variations: Sequence[str], seed: int
) -> dict[tuple[str, str], tuple[np.ndarray, Float[np.ndarray, " m"]]]:
    """Rows and their scores, by the clip that U saw and the instruction that E read."""
    given, beside = agreed.given, agreed.beside
    every = np.arange(len(variations))
    found = {("expert", "given"): (every, _cosine(given.z_u, given.z_e))}
    if own is not None:
        found["own", "given"] = every, _cosine(own.z_u, given.z_e)
    if beside.blanked is not None:
        found["expert", "blanked"] = every, _cosine(given.z_u, beside.blanked.z_e)
    seen = given if beside.elsewhere is None else beside.elsewhere
    codes = np.unique(variations, return_inverse=True)[1]
    rows, partners = another_episode(codes, np.random.default_rng(seed))
    if len(rows):
        found["another", "given"] = rows, _cosine(seen.z_u[partners], given.z_e[rows])
    return found


def _cosine(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    return np.sum(a * b, axis=1)  # both have unit norm
