"""One table, shown alike on a terminal, in Markdown and on a page.

A `Table` holds plain values. How a value reads follows from its kind, and `shown` alone decides it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import rich.table
from markupsafe import Markup, escape
from rich import box
from rich.cells import cell_len
from rich.text import Text

from premotor.errors import ConfigError
from premotor.records import Interval

Item = TypeVar("Item")
CellKind = Literal["text", "share", "points", "nat", "number", "count", "rank", "p"]

ABSENT = "\u2013"  # what is not known
CHANCE = "chance"  # a column of this name is marked on the bars of its row
WIDTH = 100  # [characters] of a table on a terminal
_GAP = 2  # [characters] between two columns
_SHORT = 16  # [characters] of a line that needs no line of its own on a phone
_UNITS = {"points": "points", "nat": "nat"}  # of kinds whose values do not show it


@dataclass(frozen=True)
class PValue:
    """A p-value from permutations."""

    value: float
    least: float  # smallest one that could have come out: 1 / (1 + permutations)


@dataclass(frozen=True)
class Amount:
    """A value of another kind than its column; it shows its own unit."""

    value: float | int | Interval | PValue | None
    kind: CellKind


Cell: TypeAlias = Amount | Interval | PValue | str | float | int | None


@dataclass(frozen=True)
class Column:
    """What stands below one heading."""

    name: str
    kind: CellKind = "text"
    note: str = ""  # what the name has no room for; stands below the table
    color: str = ""  # of its bars on a page: execute, strict, observe, or quiet

    @property
    def heading(self) -> str:
        """The name, with the unit that the cells do not show."""
        unit = _UNITS.get(self.kind)
        return f"{self.name} [{unit}]" if unit else self.name


@dataclass(frozen=True, kw_only=True)
class Table:
    """Values in rows and columns, ready to be shown anywhere.

    A text may have several lines: the first says it, the others are small print. The first column
    names the row.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    totals: int = 0  # last rows that sum up those above
    dim: tuple[int, ...] = ()  # rows that only stand beside, for comparison

    def __post_init__(self) -> None:
        for place, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ConfigError(
                    f"row {place} of {self.title!r} has {len(row)} cells for "
                    f"{len(self.columns)} columns; give None for what is not known"
                )

    @classmethod
    def of(
        cls,
        title: str,
        items: Iterable[Item],
        columns: Sequence[tuple[Column, Callable[[Item], Cell]]],
        note: str = "",
    ) -> "Table":
        """A row for each item: what each column tells of it."""
        return cls(
            title=title,
            columns=tuple(column for column, _ in columns),
            rows=tuple(tuple(tells(item) for _, tells in columns) for item in items),
            note=note,
        )

    def sums_up(self, place: int) -> bool:
        """Whether this row is one of the totals."""
        return place >= len(self.rows) - self.totals

    @property
    def legend(self) -> str:
        """Its note and those of its columns."""
        notes = (f"{c.name[:1].upper()}{c.name[1:]}: {c.note}." for c in self.columns if c.note)
        return " ".join(part for part in (self.note, *notes) if part)


def percent(share: float) -> str:
    """A share as whole percent, with a decimal below 10 % and where it would round to all."""
    scaled = 100.0 * share
    if 99.5 <= scaled < 100.0:
        return f"{min(scaled, 99.94):.1f}\u00a0%"
    return f"{scaled:.0f}\u00a0%" if scaled >= 9.95 or scaled == 0.0 else f"{scaled:.1f}\u00a0%"


def shown(cell: Cell, kind: CellKind, between: str = " ") -> str:
    """How a cell of a column of this kind reads, wherever it stands.

    Args:
        cell: What to show.
        kind: Of its column.
        between: What stands between the value and its limits.
    """
    return between.join(part for part in _parts(cell, kind) if part)


def _parts(cell: Cell, kind: CellKind) -> tuple[str, str]:
    """The value and, in parentheses, its 95 % limits; "" where it has none."""
    if isinstance(cell, Amount):
        value, limits = _parts(cell.value, cell.kind)
        known = cell.kind in _UNITS and cell.value is not None
        return f"{value}\u00a0{_UNITS[cell.kind]}" if known else value, limits
    if isinstance(cell, Interval):
        low, high = _number(cell.low, kind).removesuffix("\u00a0%"), _number(cell.high, kind)
        return _number(cell.value, kind), f"({low} to {high})"
    if isinstance(cell, PValue):
        bound = "\u2264 " if cell.value <= cell.least * 1.001 else ""
        return f"{bound}{cell.value:.{3 if cell.value >= 0.001 else 4}f}", ""
    if cell is None:
        return ABSENT, ""
    return cell if isinstance(cell, str) else _number(float(cell), kind), ""


def _number(value: float, kind: CellKind) -> str:
    if kind == "share":
        text = percent(value)
    elif kind == "points":
        scaled = 100.0 * value
        text = f"{scaled:+z.{0 if abs(scaled) >= 9.95 or scaled == 0.0 else 1}f}"
        text = text.lstrip("+") if float(text) == 0.0 else text
    elif kind == "p":
        text = f"{value:.3f}" if value >= 0.001 else "< 0.001"
    elif kind in ("count", "rank"):
        text = f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"
    else:
        text = f"{value:z.2f}"
    return text.replace("-", "\u2212")


def markdown(table: Table) -> str:
    """The table for a Markdown page, its title before it and its notes after it."""
    lines = [
        [column.heading for column in table.columns],
        ["---" if column.kind == "text" else "---:" for column in table.columns],
        *([shown(cell, kind) for cell, kind in _with_kinds(row, table)] for row in table.rows),
    ]
    body = "\n".join("| " + " | ".join(_in_one_line(t) for t in line) + " |" for line in lines)
    title = f"**{table.title}**" if table.title else ""
    return "\n\n".join(part for part in (title, body, table.legend) if part) + "\n"


def _in_one_line(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _with_kinds(row: Sequence[Cell], table: Table) -> Iterator[tuple[Cell, CellKind]]:
    return ((cell, column.kind) for cell, column in zip(row, table.columns, strict=True))


def terminal(table: Table, width: int = WIDTH) -> rich.table.Table:
    """The table for a terminal so many characters wide: all of every cell, on several lines.

    Limits go below their values where the rows are too long else.
    """
    space = width - _GAP * (len(table.columns) - 1)
    for between in (" ", "\n"):
        cells = [
            [shown(cell, kind, between) for cell, kind in _with_kinds(row, table)]
            for row in table.rows
        ]
        texts = [
            (column.heading, *(row[place] for row in cells))
            for place, column in enumerate(table.columns)
        ]
        if sum(_longest(column, "\n") for column in texts) <= space:
            break
    built = rich.table.Table(
        title=Text(table.title),
        caption=Text(table.legend),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # and one for what stands between the columns
        leading=int(any("\n" in row[0] for row in cells)),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        min_width=min(width, max(map(cell_len, (table.title, table.legend)))),
    )
    for column, taken in zip(table.columns, _widths(table, texts, space), strict=True):
        side = "left" if column.kind == "text" else "right"
        built.add_column(Text(column.heading), width=taken, justify=side, overflow="fold")
    for place, row in enumerate(cells):
        name, *others = row
        first, *small = name.split("\n")
        named = Text(first, style="bold").append("".join(f"\n{s}" for s in small), "not bold dim")
        style = "dim" if place in table.dim else "italic" if table.sums_up(place) else ""
        built.add_row(named, *(Text(text) for text in others), style=style)
    return built


def _longest(texts: Sequence[str], separator: str | None) -> int:
    """[characters] of the longest part of any of the texts."""
    return max(cell_len(part) for text in texts for part in (text.split(separator) or [""]))


def _widths(table: Table, texts: Sequence[Sequence[str]], space: int) -> list[int]:
    """[characters] of each column: words and numbers stay whole as long as there is room."""
    wanted = [_longest(column, "\n") for column in texts]
    widths = [
        _longest(column, None)
        if kind == "text"
        else max(_longest(column[:1], None), _longest(("", *column[1:]), "\n"))
        for kind, column in zip((column.kind for column in table.columns), texts, strict=True)
    ]
    places = range(len(widths))
    while sum(widths) > space:
        widths[max(places, key=lambda i: widths[i])] -= 1
    while sum(widths) < space and any(widths[i] < wanted[i] for i in places):
        widths[max(places, key=lambda i: wanted[i] / widths[i])] += 1
    return widths


def html(table: Table, folded: bool = False) -> Markup:
    """The table for a page, with the classes of page.css.

    Shares with an interval have a bar, on which the row's chance is marked (`CHANCE`). On a phone
    each row becomes a block (`stack`) and each cell says whose it is (`data-label`).

    Args:
        table: What to show.
        folded: Whether only its title is seen until it is opened.
    """
    head = Markup("").join(
        Markup('<th class="{}">{}</th>').format(_side(place, table), column.heading)
        for place, column in enumerate(table.columns)
    )
    body = Markup("\n").join(_html_row(place, table) for place in range(len(table.rows)))
    small = Markup('\n<p class="small">{}</p>').format(table.legend) if table.legend else ""
    shell = Markup(
        '<div class="scroll"><table class="stack"><thead><tr>{}</tr></thead><tbody>\n{}\n'
        "</tbody></table></div>{}"
    ).format(head, body, small)
    if folded:
        fold = '<details class="block"><summary>{}</summary>\n{}</details>'
        return Markup(fold).format(table.title, shell)
    return Markup('<h3 class="sub">{}</h3>\n{}').format(table.title, shell)


def _side(place: int, table: Table) -> str:
    """Class of a column: what it holds, and whether a phone gives it a line of its own."""
    kind = table.columns[place].kind
    if kind == "text":
        longest = _longest([shown(row[place], kind) for row in table.rows], "\n")
        return "whole" if place == 0 or longest > _SHORT else "short"
    limits = any(isinstance(_bare(row[place], kind)[0], Interval) for row in table.rows)
    return "rate" if limits else "num"


def _html_row(place: int, table: Table) -> Markup:
    row, chance = table.rows[place], _chance(table.rows[place], table)
    first, *small = shown(row[0], table.columns[0].kind).split("\n")
    example = Markup('<div class="example">{}</div>')
    cells = [
        Markup('<td class="whole"><div class="name">{}</div>{}</td>').format(
            first, Markup("").join(example.format(line) for line in small)
        )
    ]
    for index in range(1, len(row)):
        column = table.columns[index]
        cells.append(
            Markup('<td class="{}" data-label="{}">{}</td>').format(
                _side(index, table), column.heading, _html_cell(row[index], column, chance)
            )
        )
    role = "total" if table.sums_up(place) else "dim" if place in table.dim else "row"
    return Markup('<tr class="{}">{}</tr>').format(role, Markup("").join(cells))


def _chance(row: Sequence[Cell], table: Table) -> float | None:
    """The share that the bars of a row mark."""
    for cell, column in zip(row, table.columns, strict=True):
        value, kind = _bare(cell, column.kind)
        if column.name == CHANCE and kind == "share" and isinstance(value, float):
            return value
    return None


def _bare(cell: Cell, kind: CellKind) -> tuple[Cell, CellKind]:
    """A cell without its wrapper, and its own kind."""
    return (cell.value, cell.kind) if isinstance(cell, Amount) else (cell, kind)


def _html_cell(cell: Cell, column: Column, chance: float | None) -> Markup:
    text, limits = _parts(cell, column.kind)
    value, kind = _bare(cell, column.kind)
    if value is None:
        return Markup('<span class="none">{}</span>').format(text)
    if isinstance(value, PValue):
        strength = (value.value < 0.05) + (value.value < 0.01)
        return Markup('<span class="z{}">{}</span>').format(strength, text)
    if not isinstance(value, Interval):
        return Markup("<br>").join(escape(line) for line in text.split("\n"))
    told = Markup('<span class="big">{}</span> <span class="unit">{}</span>').format(text, limits)
    return told + _bar(value, column.color or "quiet", chance) if kind == "share" else told


def _bar(rate: Interval, color: str, chance: float | None) -> Markup:
    """A share as a point on the way from 0 to 1, on its interval."""
    mark = '<i class="chance" style="left:{:.1f}%"></i>'
    return Markup(
        '<div class="range c-{}" aria-hidden="true">'
        '<i class="band" style="left:{:.1f}%;width:{:.1f}%"></i>{}'
        '<i class="at" style="left:{:.1f}%"></i></div>'
    ).format(
        color,
        100 * rate.low,
        100 * (rate.high - rate.low),
        "" if chance is None else Markup(mark).format(100 * chance),
        100 * rate.value,
    )
