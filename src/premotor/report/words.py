"""What the numbers say, in plain words, and no more than they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from premotor.measure.verdict import verdict_on
from premotor.records import (
    AlignmentRecord,
    EvalRecord,
    NullRecord,
    RecognitionRecord,
)
from premotor.report.tables import (
    SIGNIFICANT,
    UNTRAINED,
    is_study,
    main_checkpoint,
    mean_success,
    percent,
)

MARGIN = 0.05  # accuracies closer than this count as about the same


@dataclass(frozen=True)
class Kind:
    """What kind of alignment the nulls leave standing."""

    name: str  # a few words for the headline
    sentence: str


KINDS = {
    "none": Kind(
        "no measurable alignment",
        "Partners match no better than shuffled partners do: watching and doing share nothing "
        "that these measures can see.",
    ),
    "task": Kind(
        "alignment of tasks",
        "Both sides know which task it is, and that is all: with partners shuffled within the "
        "task the match is as good. Knowing the furniture suffices for this.",
    ),
    "variation": Kind(
        "alignment of variations",
        "Both sides agree within a task on what was asked for (which button, which drawer), but "
        "episodes of the same variation are not told apart: with partners shuffled within the "
        "variation the match is as good.",
    ),
    "untested": Kind(
        "alignment beyond the task",
        "Both sides agree on more than the task. Whether they tell apart episodes of one "
        "variation cannot be said here, since too few episodes share a variation.",
    ),
    "episode": Kind(
        "alignment of episodes",
        "Among episodes of the very same variation, the watched one still matches its own "
        "execution better than chance. What the two share is the particular scene and the way "
        "through it; where things stand is seen by both sides, so this alone does not prove a "
        "common code of movement.",
    ),
}


def alignment_kind(records: Sequence[AlignmentRecord]) -> Kind | None:
    """The finest level at which partners match, over all measures of these records.

    At each level the smallest p-value is multiplied by the number of measures (Bonferroni).

    Args:
        records: Measures of one checkpoint, one space and one way of instructing E.

    Returns:
        None where nothing was measured.
    """
    levels = {s: [n for r in records for n in r.nulls if n.stratum == s] for s in _LEVELS}
    if not levels["all"]:
        return None
    if not _stands(levels["all"]):
        return KINDS["none"]
    testable = any(n.permutations for n in levels["variation"])
    if testable and _stands(levels["variation"]):
        return KINDS["episode"]
    if not _stands(levels["task"]):
        return KINDS["task"]
    return KINDS["variation"] if testable else KINDS["untested"]


_LEVELS = ("all", "task", "variation")


def _stands(nulls: Sequence[NullRecord]) -> bool:
    tested = [n.p_value for n in nulls if n.permutations > 0]
    return bool(tested) and min(tested) * len(tested) < SIGNIFICANT


def alignment_words(records: Sequence[AlignmentRecord]) -> tuple[str, ...]:
    """Sentences on the kind of alignment, on the role of words and on training."""
    main = main_checkpoint(r.checkpoint for r in records)

    def kind(checkpoint: str | None, instruction: str, space: str = "z") -> Kind | None:
        own = (checkpoint, instruction, space, "same", "u-e")
        return alignment_kind([r for r in records if _key(r) == own])

    given, blanked = kind(main, "given"), kind(main, "blanked")
    if given is None:
        return ()
    found = [given.sentence]
    projected = [r for r in records if (r.checkpoint, r.space) == (main, "z")]
    if any(r.episode == "another" for r in projected):
        judged = verdict_on(projected)
        found.append(f"With the controls it is {judged.name}: {judged.because}.")
    if blanked is not None:
        found.append(_on_words(given, blanked))
    before, raw = kind(UNTRAINED, "given"), kind(UNTRAINED, "given", "raw")
    if before is not None:
        found.append(_on_training(given, before, raw))
    return tuple(found)


def _key(record: AlignmentRecord) -> tuple[str, str, str, str, str]:
    return record.checkpoint, record.instruction, record.space, record.episode, record.sides


def _on_words(given: Kind, blanked: Kind) -> str:
    if given is KINDS["none"]:
        return f"With the instruction withheld from E: {blanked.name}."
    if blanked is given:
        return (
            "With the instruction withheld from E the same kind of alignment can still be "
            "detected, so it does not rest on the words alone; the second table says how much of "
            "it is left. (E never met an empty instruction in training.)"
        )
    if blanked is KINDS["none"]:
        return "With the instruction withheld from E it is gone: it rested on the words."
    return (
        f"With the instruction withheld from E, {blanked.name} is what remains: the rest rested "
        "on the words."
    )


def _on_training(given: Kind, before: Kind, raw: Kind | None) -> str:
    strongest = before if raw is None or raw is KINDS["none"] else raw
    if strongest is KINDS["none"]:
        none = "Nor was there any before training."
        return none if given is strongest else "Before training none of this was there."
    return (
        f"Before training there is already {strongest.name}: random features of the same scenes "
        "resemble each other. What training adds is the difference to the column "
        "\u201cuntrained\u201d."
    )


def success_words(rollouts: Sequence[EvalRecord]) -> str:
    """One sentence on execution."""
    main = main_checkpoint(r.checkpoint for r in rollouts)
    own = [r for r in rollouts if not is_study(r.task)]
    trained = [r for r in own if r.checkpoint == main]
    if not trained:
        return ""
    solved, tasks = sum(r.success for r in trained), len({r.task for r in trained})
    over = f" of {tasks} tasks" if tasks > 1 else ""
    sentence = f"The trained policy solves {solved} of {len(trained)} unseen episodes{over}"
    untrained = [r for r in own if r.checkpoint == UNTRAINED]
    if not untrained:
        return sentence + "."
    count = sum(r.success for r in untrained)
    return f"{sentence}; before training it solves {count} of {len(untrained)}."


def success_share(rollouts: Sequence[EvalRecord]) -> str:
    """Mean success over the benchmark's tasks, main checkpoint; "" where not measured."""
    main = main_checkpoint(r.checkpoint for r in rollouts)
    own = [r for r in rollouts if r.checkpoint == main and not is_study(r.task)]
    rate = mean_success(own, main)
    return "" if rate is None else percent(rate.value)


def recognition_words(records: Sequence[RecognitionRecord]) -> tuple[str, ...]:
    """Sentences on what recognition rests on: furniture, motion, order in time."""
    main = main_checkpoint(r.checkpoint for r in records)
    found = [_on_class_set(r) for r in records if r.checkpoint == main]
    return tuple(sentence for sentence in found if sentence)


def _on_class_set(record: RecognitionRecord) -> str:
    what = {
        "task": "the task",
        "text": "the instruction",
        "text_within_task": "the instruction among those of its task",
        "variation": "the variation",
    }
    name = what.get(record.class_set, record.class_set)
    whole, first = record.accuracy.value, record.first_frame_only.value
    shuffled = record.shuffled_frames.value
    if record.accuracy.low <= record.chance:
        chance = percent(record.chance)
        return f"Recognizing {name} is not measurably better than chance ({chance})."
    if whole - first < MARGIN:
        return (
            f"For {name} the first frame alone does as well ({percent(first)}): the furniture "
            "gives it away, and this number says little about seeing an action."
        )
    order = (
        f"shuffling the frames costs {100 * (whole - shuffled):.0f} points"
        if whole - shuffled >= MARGIN
        else "their order hardly matters"
    )
    return (
        f"For {name} the first frame alone reaches {percent(first)}, the whole clip "
        f"{percent(whole)}: later frames are used, and {order}."
    )
