"""Everything that is measured of a whole unit, by name: what it is, and where it stands on record.

Values are by task and by what was judged of it (episode, key pose), so that arms are compared on
the same ones; what a unit has one number of for all tasks stands under the task "".
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from premotor.comparison_records import NAMED, SUCCESS, Outcome
from premotor.experiments.comparison.arms import Judged
from premotor.experiments.comparison.reading import UnitRecords
from premotor.measure.keyframes import located, turned
from premotor.measure.seeds import Answers
from premotor.records import HeldOutRecord, KeyframeRecord

ALL = ""  # in place of a task, and of what was judged of it
Take = Callable[[UnitRecords], Answers]  # {} where a unit was not judged so


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One outcome, and how it is read."""

    outcome: Outcome
    about: Literal["acting", "naming"]
    take: Take

    def meant(self, judged: Judged) -> bool:
        """Whether an arm that is judged so has it."""
        return judged in ("all", self.about)


def _by_task(rows: Iterable[tuple[str, Hashable, float]]) -> Answers:
    found: dict[str, dict[Hashable, float]] = {}
    for task, what, value in rows:
        found.setdefault(task, {})[what] = value
    return found


def _success(unit: UnitRecords) -> Answers:
    return _by_task((r.task, r.episode, float(r.success)) for r in unit.rollouts)


def _strict(unit: UnitRecords) -> Answers:
    return _by_task((r.task, r.episode, float(r.strict)) for r in unit.rollouts)


def _named(unit: UnitRecords) -> Answers:
    return _by_task((r.task, r.episode, r.hit) for r in unit.named)


def _key_poses(
    right: Callable[[KeyframeRecord], bool], decisive: bool = False
) -> Callable[[UnitRecords], Answers]:
    def take(unit: UnitRecords) -> Answers:
        return _by_task(
            (r.task, (r.episode, r.keyframe_index), float(right(r)))
            for r in unit.keyframes
            if r.decisive or not decisive
        )

    return take


def _at_last(part: Callable[[HeldOutRecord], Mapping[str, float] | float | None]) -> Take:
    """Of the last judged step: by task, or one number."""

    def take(unit: UnitRecords) -> Answers:
        found = part(unit.legs[-1].held_out) if unit.legs else None
        if found is None:
            return {}
        by_task = found if isinstance(found, Mapping) else {ALL: found}
        return {task: {ALL: value} for task, value in by_task.items()}

    return take


def _neighbor(name: str) -> Take:
    return _at_last(lambda held_out: held_out.neighbor.get(name))


def _of(
    name: str, words: str, about: Literal["acting", "naming"], take: Take, *, nat: bool = False
) -> Measured:
    """A secondary outcome; in nat less is better but of log probabilities."""
    return Measured(
        outcome=Outcome(
            name=name,
            words=words,
            kind="nat" if nat else "share",
            role="primary" if name in (SUCCESS, NAMED) else "secondary",
            higher_is_better=not nat or "log_p" in name,
        ),
        about=about,
        take=take,
    )


_NEAR = "nearest other episode of the task has the same instruction, by"
MEASURED = (
    _of(SUCCESS, "success on unseen episodes", "acting", _success),
    _of(NAMED, "unseen clips named rightly among all texts", "naming", _named),
    _of("strict", "success without any mishap on the way", "acting", _strict),
    _of(
        "execute",
        "held-out loss of acting, L_e",
        "acting",
        _at_last(lambda held_out: held_out.execute_by_task),
        nat=True,
    ),
    _of("position", "key poses within 2 cm", "acting", _key_poses(located)),
    _of("rotation", "key poses within 15 degrees", "acting", _key_poses(turned)),
    _of(
        "decisive",
        "key poses that the words choose, within 2 cm",
        "acting",
        _key_poses(located, decisive=True),
    ),
    _of(
        "text_within_task",
        "clips named rightly among the texts of their task",
        "naming",
        _at_last(lambda held_out: held_out.text_within_task),
    ),
    _of(
        "text_log_p",
        "log probability of the true text, one temperature fitted",
        "naming",
        _at_last(lambda held_out: held_out.text_log_p),
        nat=True,
    ),
    _of(
        "text_log_p_within_task",
        "log probability of the true text among those of its task",
        "naming",
        _at_last(lambda held_out: held_out.text_log_p_within_task),
        nat=True,
    ),
    _of("neighbor_u", f"{_NEAR} u", "naming", _neighbor("u")),
    _of("neighbor_e", f"{_NEAR} e", "acting", _neighbor("e")),
    _of(
        "neighbor_e_without_words",
        f"{_NEAR} e, words withheld",
        "acting",
        _neighbor("e_without_words"),
    ),
)


def curves_of(held_out: HeldOutRecord) -> dict[str, float]:
    """What is followed over training, by name of its outcome."""
    found = {
        "position": held_out.position,
        "rotation": held_out.rotation,
        NAMED: held_out.text_accuracy,
        "text_within_task": held_out.text_within_task,
        "text_log_p": held_out.text_log_p,
        "text_log_p_within_task": held_out.text_log_p_within_task,
    }
    found |= {} if held_out.decisive is None else {"decisive": held_out.decisive}
    found |= held_out.execute
    return found | {f"neighbor_{name}": value for name, value in held_out.neighbor.items()}
