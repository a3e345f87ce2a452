"""What the numbers say, in plain words, and no more than they say."""

from collections.abc import Sequence

from premotor.records import (
    EvalRecord,
    RecognitionRecord,
)
from premotor.report.table import percent
from premotor.report.tables import (
    UNTRAINED,
    is_study,
    main_checkpoint,
    mean_success,
)

MARGIN = 0.05  # accuracies closer than this count as about the same


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
