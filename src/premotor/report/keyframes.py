"""Held-out keyframes as two tables: all of them, and those at which the words choose."""

from collections import Counter
from collections.abc import Callable, Sequence

from premotor.measure.intervals import wilson
from premotor.measure.keyframes import cause, located, turned
from premotor.records import Interval, KeyframeRecord
from premotor.report.table import Cell, Column, Table
from premotor.report.tables import is_study, words

_CAUSES = {"collision": "collision flag"}  # where a cause is no word to be shown
_NOTE = (
    "Decoded from the expert's observations; intervals are Wilson's, of 95 %, over keyframes. What "
    "is wrong, the first that holds: elsewhere = more than 5 cm off at the first look already, as "
    "where another object was chosen; strayed = more than 5 cm off after the zoom alone; near = 2 "
    "to 5 cm off; then rotation, gripper and collision flag, at the right position."
)
_ON_DECISIVE = (
    "Those at which the words choose one of several things or places that stand there alike."
)

_Right = Callable[[KeyframeRecord], bool]
_Tells = Callable[[Sequence[KeyframeRecord]], Cell]


def keyframe_tables(records: Sequence[KeyframeRecord]) -> tuple[Table, ...]:
    """All keyframes and the decisive ones, by task and in all; a table without rows is left out."""
    chosen = [r for r in records if r.decisive]
    gripper = Column("gripper", "share"), _share(lambda r: r.gripper_right)
    tables = (
        _table("Held-out keyframes", records, [_WITHIN, _TURNED, gripper, _WRONG], _NOTE),
        _table("Decisive keyframes", chosen, [_WITHIN, _TURNED, _WRONG], _ON_DECISIVE),
    )
    return tuple(table for table in tables if table.rows)


def _table(
    title: str,
    records: Sequence[KeyframeRecord],
    columns: Sequence[tuple[Column, _Tells]],
    note: str,
) -> Table:
    names = sorted({r.task for r in records}, key=lambda name: (is_study(name), name))
    groups = {words(name): [r for r in records if r.task == name] for name in names}
    pooled = [name for name in names if not is_study(name)]
    if several := len(pooled) > 1:
        own = [r for r in records if not is_study(r.task)]
        groups[f"all of {len(pooled)} tasks"] = own
    rows = tuple(
        (_named(name, own), *(tells(own) for _, tells in columns)) for name, own in groups.items()
    )
    return Table(
        title=title,
        columns=(Column("task"), *(column for column, _ in columns)),
        rows=rows,
        note=note,
        totals=int(several),
    )


def _named(name: str, own: Sequence[KeyframeRecord]) -> str:
    return f"{name}\n{len(own)} in {len({r.episode for r in own})} episodes"


def _rate(own: Sequence[KeyframeRecord], right: _Right) -> Interval:
    return wilson(sum(map(right, own)), len(own))


def _share(right: _Right) -> _Tells:
    return lambda own: _rate(own, right)


def _wrong(own: Sequence[KeyframeRecord]) -> str:
    """How many are wrong in which way, the most frequent first."""
    counts = Counter(filter(None, map(cause, own)))
    found = (f"{count} \u00d7 {_CAUSES.get(name, name)}" for name, count in counts.most_common())
    return "\n".join(found) or "nothing"


_WITHIN = Column("within 2 cm", "share", color="observe"), _share(located)
_TURNED = Column("within 15\u00b0", "share", color="align"), _share(turned)
_WRONG = Column("what is wrong"), _wrong
