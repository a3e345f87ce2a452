"""What kind of alignment the numbers, their nulls and their controls leave standing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from premotor.records import AlignmentRecord

SIGNIFICANT = 0.05
HEADLINE = ("debiased_cka", "mutual_knn")  # what all measures together are judged by

BLANKED = ("blanked", "same")  # instruction, episode
ANOTHER = ("given", "another")


@dataclass(frozen=True)
class Verdict:
    """The kind of alignment, and which rule of `verdict` it follows from."""

    kind: str  # "mirror", "language", "scene", "scene and language", "none", "unresolved"
    because: str

    @property
    def name(self) -> str:
        """The kind in words."""
        if self.kind == "unresolved":
            return "alignment of an unknown kind"
        return "no alignment" if self.kind == "none" else f"{self.kind} alignment"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """p-values by stratum ("all", "task"), where the null could be taken."""

    number: Mapping[str, float]  # of the number itself
    blanked: Mapping[str, float] = field(default_factory=dict[str, float])  # E reads the empty text
    another: Mapping[str, float] = field(default_factory=dict[str, float])  # U saw another episode
    beyond_untrained: bool | None = None  # more than untrained networks have; None = not known


def verdict(evidence: Evidence) -> Verdict:
    """Mirror, language or scene alignment, or none.

    The rules, in this order; "falls" means that p >= 0.05 against the permutation null:

    1. *None*: the number falls to its null over all rows.
    2. *Scene*: untrained networks, which know nothing but see the same scenes, have as much of it.
    3. *Scene*: the number falls to its null within the task. Both sides tell the tasks apart,
       for which the furniture suffices.
    4. *Language*: within the task it stands, but falls when the instruction is withheld from E:
       the words that E read said what U saw. *Scene*: within the task it stands, but falls when
       U is shown another episode of the same variation: what both share is where things stand in
       this one scene. *Scene and language*: it falls under each of the two.
    5. *Mirror*: within the task it stands, under both controls. U and E then agree on what is
       done, whichever episode is watched and without words.
    6. *Unresolved*: it stands, and a null or control that 2 to 5 need was not taken. A control
       that was taken and under which it falls decides without the other.

    Controls are held against the null within the task too, for the tasks' furniture is there in
    every episode of a task and survives both.
    """
    if evidence.number["all"] >= SIGNIFICANT:
        return Verdict("none", "shuffled partners match as well")
    if evidence.beyond_untrained is False:
        return Verdict("scene", "untrained networks that see the same scenes have as much")
    if "task" not in evidence.number:
        return Verdict("unresolved", "the tasks are not given, which furniture alone tells apart")
    if evidence.number["task"] >= SIGNIFICANT:
        return Verdict("scene", "within the task shuffled partners match as well")
    return _under_controls(evidence)


_CONTROLS = {
    "scene": "another episode of the same variation",
    "language": "the instruction withheld",
}


def _under_controls(evidence: Evidence) -> Verdict:
    """Rules 4 to 6."""
    falls = {"scene": _falls(evidence.another), "language": _falls(evidence.blanked)}
    if kinds := [kind for kind, fallen in falls.items() if fallen]:
        reasons = " and with ".join(_CONTROLS[kind] for kind in kinds)
        return Verdict(" and ".join(kinds), f"with {reasons} it falls to its null")
    if absent := [_CONTROLS[kind] for kind, fallen in falls.items() if fallen is None]:
        return Verdict("unresolved", f"not measured with {' nor with '.join(absent)}")
    return Verdict("mirror", "it stands within the task, without words, and with another episode")


def _falls(p_values: Mapping[str, float]) -> bool | None:
    return p_values["task"] >= SIGNIFICANT if "task" in p_values else None


def verdict_on(records: Sequence[AlignmentRecord]) -> Verdict:
    """The verdict on one measure, or on several of one space, with their controls."""
    return verdict(evidence_of(records))


def evidence_of(records: Sequence[AlignmentRecord]) -> Evidence:
    """What one measure, or several of one space, and their controls say.

    Several are judged by two chosen beforehand, one of the whole geometry and one of neighbors,
    so that no measure is picked for its result: the smaller p-value counts, times two
    (Bonferroni), and one that has more than untrained networks suffices for rule 2.

    Args:
        records: Of one checkpoint and one space: the numbers, and the same measures blanked and
            with another episode, where these were taken.
    """
    own = [r for r in records if r.sides == "u-e"]
    if len({r.measure for r in own}) > 1:
        own = [r for r in own if r.measure in HEADLINE] or own
    number, blanked, another = (
        [r for r in own if (r.instruction, r.episode) == condition]
        for condition in (("given", "same"), BLANKED, ANOTHER)
    )
    gains = [r.gain.low > 0.0 for r in number if r.gain is not None]
    return Evidence(
        number=_p_values(number),
        blanked=_p_values(blanked),
        another=_p_values(another),
        beyond_untrained=any(gains) if gains else None,
    )


def _p_values(records: Sequence[AlignmentRecord]) -> dict[str, float]:
    found: dict[str, float] = {}
    for stratum in ("all", "task"):
        tested = [
            null.p_value
            for record in records
            for null in record.nulls
            if null.stratum == stratum and null.permutations > 0
        ]
        if tested:
            found[stratum] = min(1.0, min(tested) * len(tested))
    return found
