"""The arms of the comparison: ways of training that differ in who is matched with whom.

In all of them the same clips and the same acts come in the same order, from the same first weights
and with the same masks and augmentation, as far as the preset's paired batches are blocks; what
only one arm draws has a random stream of its own (decisions D85 to D87).
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from premotor.experiments.variants import Variant

Judged = Literal["all", "acting", "naming"]
INSTRUCTIONS = 218  # texts of RLBench's 18 tasks, of which each has a code


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way of training."""

    variant: Variant  # its fields, beside those that all arms have
    answers: str  # what it is there to tell
    judged: Judged = "all"  # acting: the policy alone, as the recognizer is that of `apart`

    @property
    def name(self) -> str:
        """As plans and records have it."""
        return self.variant.name


def _arm(name: str, change: str, answers: str, **values: Any) -> Arm:
    """An arm that is judged in all, by fields of the alignment or the name of its rule."""
    partner = values.pop("partner", "instruction")
    changed = {f"mirror.align.{key}": value for key, value in values.items()}
    variant = Variant(name=name, change=change, values={"pairing.partner": partner, **changed})
    return Arm(variant=variant, answers=answers)


ARMS = {
    arm.name: arm
    for arm in (
        _arm(
            "apart",
            "nothing is aligned: the towers share no parameter and learn by themselves",
            "the baseline",
            weight=0.0,
        ),
        _arm(
            "aligned",
            "with a clip of another episode of the same instruction: the paper's default",
            "does alignment help",
        ),
        _arm(
            "by_episode",
            "with the clip of the same episode",
            "is it the scene as well as the action",
            partner="episode",
        ),
        _arm(
            "by_task",
            "with a clip of another instruction of the same task",
            "does the task alone do",
            partner="task",
        ),
        _arm(
            "labels",
            "u and e each with a learned code of the instruction, not with each other",
            "is it watching, or just the label",
            partner="labels",
            num_labels=INSTRUCTIONS,
        ),
        _arm(
            "shuffled",
            "with a clip of some other instruction, drawn anew at each paired step",
            "does the same kind of loss help without information",
            partner="shuffled",
        ),
        replace(
            _arm(
                "to_policy",
                "as aligned, but L_align moves the policy alone",
                "does acting gain from watching",
                moves="policy",
            ),
            judged="acting",
        ),
        replace(
            _arm(
                "to_recognizer",
                "as aligned, but L_align moves the recognizer alone",
                "does watching gain from acting",
                moves="recognizer",
            ),
            judged="naming",
        ),
    )
}
