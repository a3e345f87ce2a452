"""The arms of a comparison: ways to train that differ in one thing."""

from dataclasses import dataclass
from typing import Literal

from premotor.experiments.variants import Variant

Judged = Literal["all", "acting", "naming"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way of training."""

    variant: Variant
    answers: str  # the question that it answers
    judged: Judged = "all"


ARMS: dict[str, Arm] = {
    "apart": Arm(
        variant=Variant(name="apart", change="no alignment", values={"mirror.align.weight": 0.0}),
        answers="the baseline",
    ),
    "aligned": Arm(
        variant=Variant(name="aligned", change="pairs", values={"mirror.align.weight": 0.5}),
        answers="the claim",
    ),
}
