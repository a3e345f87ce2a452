"""What kind of alignment the numbers, their nulls and their controls leave standing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from premotor.findings import Control, Finding, Null, Reading, Stratum, Verdict
from premotor.measure.nulls import SIGNIFICANT, draws_needed
from premotor.measure.sides import CONTROLS

HEADLINE = ("debiased_cka", "mutual_knn")  # what all measures together are judged by

KINDS = {
    "none": "no alignment: shuffled partners match as well, so watching and doing share nothing "
    "that these measures can see",
    "scene": "scene alignment: what both share is what stands in the scene, which tells tasks and "
    "episodes apart without any understanding of the action",
    "language": "language alignment: what both share rests on the words that E was given, which "
    "say what U sees",
    "scene and language": "scene and language alignment: what both share needs the same scene and "
    "the words as well",
    "scene or language": "scene or language alignment: either alone suffices for what both share, "
    "and without both nothing of it is left",
    "mirror": "mirror alignment: watching and doing agree within a task on what is done, without "
    "words and whichever episode of the variation is watched. What else all episodes of a "
    "variation show alike, as the color of a target, is not ruled out",
    "unresolved": "alignment of an unknown kind: something that the rules need was not measured",
}


def verdict(findings: Sequence[Finding]) -> Verdict:
    """Mirror, language or scene alignment, or none, by one measure or several of one space.

    The rules, in this order; "falls" means that p >= 0.05 against the permutation null:

    1. *None*: the value falls to its null over all rows.
    2. *Scene*: untrained networks, which know nothing but see the same scenes, have as much of it.
    3. *Scene*: the value falls to its null within the task. Both sides tell the tasks apart, for
       which the furniture suffices.
    4. *Language*: within the task it stands, but falls when the instruction is withheld from E: the
       words that E read said what U saw. *Scene*: it stands, but falls when U is shown another
       episode of the same variation: what both share is where things stand in this one scene.
       *Scene and language*: it falls under each of the two.
    5. *Scene or language*: it stands under each of the two and falls under both at once.
    6. *Mirror*: within the task it stands under both at once.
    7. *Unresolved*: it stands, and something that 2 to 6 need was not taken or cannot decide: a
       control through a camera that U cannot name through, or nulls of so few draws or pairings
       that their least p is no less than 0.05.

    Several measures are judged by two chosen beforehand, one of the whole geometry and one of
    neighbors (`HEADLINE`), so that none is picked for its result: the smaller p counts, times two
    (Bonferroni), and one that has more than untrained networks suffices for rule 2. Controls are
    held against the null within the task, for the tasks' furniture is there in every episode of a
    task. In a space of fitted maps a control through maps that were fitted anew decides, where it
    was taken: what falls under the old maps alone was unfamiliar, not missing.
    """
    known = _known(findings)
    if not known:
        why = next((f.own.absent for f in _headline(findings)), "nothing was measured")
        return Verdict(kind="unresolved", because=why)
    return _without_controls(known) or _under_controls(known)


def _without_controls(known: Sequence[Finding]) -> Verdict | None:
    """Rules 1 to 3; None where it stands within the task."""
    over_all, in_task = stands(known, "all"), stands(known, "task")
    if over_all.stands is None:
        why = over_all.why or "shuffled partners change nothing, so there is nothing to compare"
        return Verdict(kind="unresolved", because=why)
    if not over_all.stands:
        return Verdict(kind="none", because="shuffled partners match as well")
    gains = [f.gain.low > 0.0 for f in known if f.gain is not None]
    if gains and not any(gains):
        return Verdict(
            kind="scene", because="untrained networks that see the same scenes have as much"
        )
    if in_task.stands is None:
        why = in_task.why or (
            "furniture alone tells tasks apart, and no partners can be shuffled within one: the "
            "tasks are not given, or of one episode each"
        )
        return Verdict(kind="unresolved", because=why)
    if not in_task.stands:
        return Verdict(kind="scene", because="within the task shuffled partners match as well")
    return None


@dataclass(frozen=True)
class Outcome:
    """Whether something stands over its nulls; None = that cannot be said, and why."""

    stands: bool | None
    why: str = ""
    p: float = 1.0  # the smaller one of several measures, times their number


def stands(findings: Sequence[Finding], stratum: Stratum) -> Outcome:
    """Whether the measures of the verdict stand over the null within a stratum."""
    return _outcome([f.own for f in _known(findings)], lambda reading: reading.null(stratum))


def _headline(findings: Sequence[Finding]) -> Sequence[Finding]:
    return [f for f in findings if f.measure in HEADLINE] or findings


def _known(findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in _headline(findings) if f.own.value is not None]


def _outcome(readings: Sequence[Reading], null_of: Callable[[Reading], Null | None]) -> Outcome:
    """The smaller p of several measures counts, times their number."""
    nulls = [null for reading in readings if (null := null_of(reading)) is not None]
    if not nulls:
        return Outcome(None)
    count = len(nulls)
    p = min(1.0, min(null.p for null in nulls) * count)
    if p < SIGNIFICANT:
        return Outcome(True, p=p)
    if min(null.least for null in nulls) * count < SIGNIFICANT:
        return Outcome(False, p=p)
    draws, needed = max(null.draws for null in nulls), draws_needed(count)
    if draws < needed:
        return Outcome(
            None,
            f"{draws} permutations cannot show p < {SIGNIFICANT} for {count} measure"
            f"{'s' if count > 1 else ''}; take at least {needed}",
        )
    return Outcome(None, "too few episodes may trade partners for any p below 0.05")


def _under_controls(findings: Sequence[Finding]) -> Verdict:
    """Rules 4 to 6."""
    found = {name: _control(findings, name) for name in CONTROLS}
    words, episode, both = found["blanked"], found["another"], found["both"]
    falls = {"scene": episode, "language": words}
    if kinds := [kind for kind, outcome in falls.items() if outcome.stands is False]:
        names = {"scene": CONTROLS["another"], "language": CONTROLS["blanked"]}
        reasons = " and with ".join(names[kind] for kind in kinds)
        return Verdict(kind=" and ".join(kinds), because=f"with {reasons} it falls to its null")
    if both.stands:
        return Verdict(
            kind="mirror",
            because="it stands within the task, without words and with another episode at once",
        )
    if both.stands is False and words.stands and episode.stands:
        return Verdict(
            kind="scene or language",
            because="it stands under either control and falls to its null under both at once",
        )
    reasons = [f"{CONTROLS[name]}: {o.why}" for name, o in found.items() if o.stands is None]
    return Verdict(kind="unresolved", because=f"not decided with {'; '.join(reasons)}")


def _control(findings: Sequence[Finding], name: str) -> Outcome:
    """Whether it stands under a control, through maps fitted anew where there are any."""
    own = [c for finding in findings for c in finding.controls if c.name == name]
    deciding: list[Control] = [c for c in own if c.refitted] or own
    if not deciding:
        return Outcome(None, "not measured")
    if void := next((c.void for c in deciding if c.void), ""):
        return Outcome(None, void)
    absent = next((c.reading.absent for c in deciding if c.reading.absent), "")
    outcome = _outcome([c.reading for c in deciding], lambda reading: reading.deciding)
    why = outcome.why or absent or "no two episodes may trade partners"
    return outcome if outcome.stands is not None else Outcome(None, why)
