"""Numbers of alignment on a terminal, each beside the controls that say what it means."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from premotor.measure.verdict import verdict_on
from premotor.records import AlignmentRecord, Interval, NullRecord

_WIDTH = 168  # [characters] of the table
_COLUMNS = (
    "measure",
    "value",
    "95 % interval",
    "chance",
    "p: all, task, variation",
    "words withheld",
    "another episode",
    "over untrained",
    "verdict",
)


def show_numbers(records: Sequence[AlignmentRecord], title: str) -> None:
    """Print the numbers of one checkpoint and space, and those of stand-ins, if any."""
    console = Console(width=_WIDTH)
    table = Table(*_COLUMNS, title=title)
    for number in records:
        if (number.sides, number.instruction, number.episode) == ("u-e", "given", "same"):
            table.add_row(*_cells(number, records))
    console.print(table)
    without = [r for r in records if r.sides != "u-e"]
    if without:
        console.print(_stand_ins(without))


def _cells(number: AlignmentRecord, records: Sequence[AlignmentRecord]) -> list[str]:
    own = [r for r in records if (r.measure, r.sides) == (number.measure, "u-e")]
    beside = {(r.instruction, r.episode): r for r in own}
    return [
        number.measure,
        f"{number.value:.3f}",
        _interval(number.interval),
        f"{'at most ' if number.measure == 'bound' else ''}{number.reference:.3f}",
        ", ".join(_p(null) for null in number.nulls),
        _control(beside.get(("blanked", "same"))),
        _control(beside.get(("given", "another"))),
        _interval(number.gain) if number.gain else "not given",
        verdict_on(own).kind,
    ]


def _stand_ins(records: Sequence[AlignmentRecord]) -> Table:
    table = Table(title="the same measures of what needs no network")
    for column in ("measure", "sides", "value", "p: all, task, variation"):
        table.add_column(column)
    for record in records:
        p_values = ", ".join(_p(null) for null in record.nulls)
        table.add_row(record.measure, record.sides, f"{record.value:.3f}", p_values)
    return table


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else "not measured"


def _p(null: NullRecord) -> str:
    return f"{null.p_value:.3f}" if null.permutations else "none to trade"


def _control(record: AlignmentRecord | None) -> str:
    """A control's number with the p-value that decides: the one within the task."""
    if record is None:
        return "not given"
    nulls = {null.stratum: null for null in record.nulls}
    null = nulls.get("task", nulls["all"])
    return f"{record.value:.3f} (p {_p(null)})"
