"""One table in three renderings that say the same."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from premotor.errors import ConfigError
from premotor.measure.intervals import wilson
from premotor.records import Interval
from premotor.report.table import (
    Amount,
    Column,
    PValue,
    Table,
    html,
    markdown,
    percent,
    shown,
    terminal,
)

GAIN = Interval(value=0.48, low=-0.031, high=0.6, count=60)
TABLE = Table(
    title="Named [rightly] | or not",
    columns=(
        Column("question", note="asked of every clip"),
        Column("clips", "count"),
        Column("chance", "share"),
        Column("clip", "share", color="observe"),
        Column("difference", "points"),
        Column("p", "p"),
        Column("bound", "nat"),
        Column("what else"),
    ),
    rows=(
        (
            "task\n<b>push | pull</b>",
            1234,
            0.25,
            wilson(45, 60),
            GAIN,
            PValue(0.005, 0.005),
            1.5,
            "",
        ),
        ("text", None, None, None, Amount(-0.2, "nat"), 3e-8, -0.001, "[bold]\nmore"),
        ("both", 2.5, 0.25, wilson(1, 60), Amount(GAIN, "points"), 0.2, 2.0, "not measured"),
    ),
    note="Measured on 1,234 clips.",
    totals=1,
    dim=(1,),
)


def lines_of(table: Table, width: int = 100) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(terminal(table, width))
    return console.file.getvalue().splitlines()


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.labels += [value for name, value in attrs if name == "data-label"]

    def handle_data(self, data):
        self.found.append(data)


def words_of(text: str) -> list[str]:
    return sorted(re.sub(r"[|─]|\*\*|:?---:?", " ", text.replace("\\|", "|")).split())


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (None, "share", "\u2013"),
        ("as it is", "share", "as it is"),
        (0.5, "share", "50\u00a0%"),
        (0.034, "share", "3.4\u00a0%"),
        (0.48, "points", "+48"),
        (-0.034, "points", "\u22123.4"),
        (-0.0001, "points", "0.0"),
        (0.0, "points", "0"),
        (-0.001, "number", "0.00"),
        (-1.5, "nat", "\u22121.50"),
        (1234567, "count", "1,234,567"),
        (8.5, "count", "8.5"),
        (3.0, "rank", "3"),
        (0.0344, "p", "0.034"),
        (3e-8, "p", "< 0.001"),
        (PValue(1 / 1000, 1 / 1000), "p", "≤ 0.001"),
        (PValue(1 / 2001, 1 / 2001), "p", "≤ 0.0005"),
        (PValue(0.2, 0.001), "p", "0.200"),
        (Amount(0.5, "share"), "number", "50\u00a0%"),
        (Amount(-0.5, "nat"), "share", "\u22120.50\u00a0nat"),
        (Amount(None, "nat"), "share", "\u2013"),
        (Amount(GAIN, "points"), "share", "+48\u00a0points (\u22123.1 to +60)"),
        (GAIN, "points", "+48 (\u22123.1 to +60)"),
        (wilson(15, 20), "share", "75\u00a0% (53 to 89\u00a0%)"),
        (
            Interval(value=-0.5, low=-1.0, high=0.25, count=9),
            "nat",
            "\u22120.50 (\u22121.00 to 0.25)",
        ),
    ],
)
def test_how_a_value_reads_follows_from_its_kind(cell, kind, text):
    assert shown(cell, kind) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        *((0.0, "0"), (0.00001, "0.0"), (0.034, "3.4"), (0.0999, "10"), (0.5, "50"), (1.0, "100")),
        *((0.994, "99"), (0.999, "99.9"), (0.99999, "99.9")),
    ],
)
def test_a_share_is_whole_percent_but_where_that_would_say_none_or_all(share, text):
    assert percent(share) == f"{text}\u00a0%"


def test_the_three_renderings_show_the_same_words():
    page = Texts()
    page.feed(str(html(TABLE)))
    on_page = words_of(" ".join(page.found))
    on_terminal = words_of("\n".join(lines_of(TABLE, 160)))
    assert on_terminal == on_page
    assert words_of(markdown(TABLE).replace("<br>", " ")) == on_page
    told = [
        shown(c, column.kind)
        for row in TABLE.rows
        for c, column in zip(row, TABLE.columns, strict=True)
    ]
    told += [TABLE.title, TABLE.legend, *(column.heading for column in TABLE.columns)]
    assert words_of(" ".join(told)) == on_page


@pytest.mark.parametrize("width", [100, 60])
def test_nothing_is_cut_off_on_a_narrow_terminal(width):
    lines = lines_of(TABLE, width)
    assert max(map(len, lines)) <= width
    assert "\u2026" not in "".join(lines)
    letters = "".join("".join(words_of("\n".join(lines_of(TABLE, 160)))))
    assert sorted("".join(words_of("\n".join(lines)))) == sorted(letters)


def test_limits_stand_below_their_value_where_a_row_would_be_too_long():
    rates = (wilson(15, 20),) * 5
    table = Table(
        title="",
        columns=(Column("task"), *(Column(f"rate {i}", "share") for i in range(5))),
        rows=(("a task of some words", *rates),),
    )
    assert any(line.count("(53 to 89\u00a0%)") == 5 for line in lines_of(table))
    assert not any("75\u00a0% (53" in line for line in lines_of(table))
    assert any(line.count("75\u00a0% (53 to 89\u00a0%)") == 5 for line in lines_of(table, 150))


def test_markdown_has_one_line_a_row_and_escapes_what_would_end_a_cell():
    head, rule, *rows = [line for line in markdown(TABLE).splitlines() if line.startswith("| ")]
    assert head.startswith("| question | clips | chance | clip | difference [points] |")
    assert rule.startswith("| --- | ---: |")
    assert len(rows) == 3
    assert "task<br><b>push \\| pull</b> | 1,234 |" in rows[0]


def test_a_page_escapes_marks_chance_and_labels_its_cells():
    page = str(html(TABLE))
    assert "&lt;b&gt;push | pull&lt;/b&gt;" in page
    assert page.count('<div class="range c-observe"') == 2
    assert page.count('<i class="chance" style="left:25.0%"></i>') == 2
    assert '<i class="at" style="left:75.0%"></i>' in page
    assert '<span class="z2">≤ 0.005</span>' in page
    assert [re.findall(r'<tr class="(\w+)"', page)] == [["row", "dim", "total"]]
    texts = Texts()
    texts.feed(page)
    assert texts.labels == [column.heading for column in TABLE.columns[1:]] * 3


def test_cells_with_limits_and_short_texts_need_no_line_of_their_own_on_a_phone():
    table = Table(
        title="",
        columns=(Column("m"), Column("value", "number"), Column("n", "count"), *map(Column, "st")),
        rows=(
            ("R@1", Amount(wilson(15, 20), "share"), 20, "chance 1.0\u00a0%", "a text of words"),
            ("log B", Amount(GAIN, "nat"), 20, "0.75\n(0.001)", "and one that is much longer"),
        ),
    )
    page = str(html(table))
    assert re.findall(r'<td class="(\w+)"', page) == ["whole", "rate", "num", "short", "whole"] * 2
    assert page.count('class="range') == 1  # a bar of the share alone


def test_a_folded_table_shows_its_title_alone():
    assert str(html(TABLE, folded=True)).startswith(
        '<details class="block"><summary>Named [rightly]'
    )


def test_a_row_of_too_few_cells_is_refused():
    with pytest.raises(ConfigError, match="row 0 of 'rates' has 1 cells for 2 columns"):
        Table(title="rates", columns=(Column("a"), Column("b")), rows=(("x",),))
