"""The terminal, the page and Markdown say the same of alignment, in the same words and cells."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import make
from premotor.cli import evaluate, findings
from premotor.evaluate.judge import Judgement
from premotor.findings import Study
from premotor.measure.verdict import KINDS
from premotor.report import probe
from premotor.report.findings import all_sentences, kind_of, tables, verdict_line
from premotor.report.page import render
from premotor.report.run import read_run
from premotor.report.table import Table, shown

Cells = list[list[str]]  # by row, every space and line break one blank


class Page(HTMLParser):
    """Cells of the tables of a page by title, and all of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tables: dict[str, Cells] = {}
        self.titles = [""]
        self.inside = ""

    def handle_starttag(self, tag, attrs):
        if tag in ("h3", "summary"):
            self.inside = "title"
            self.titles.append("")
        elif tag == "tbody":
            self.tables[self.titles[-1]] = []
        elif tag == "tr":
            self.tables.get(self.titles[-1], []).append([])
        elif tag == "td":
            self.inside = "cell"
            self.tables[self.titles[-1]][-1].append("")

    def handle_data(self, data):
        self.text.append(data)
        if self.inside == "title":
            self.titles[-1] += data
        elif self.inside == "cell":
            row = self.tables[self.titles[-1]][-1]
            row[-1] = blanks(f"{row[-1]} {data}")

    def handle_endtag(self, tag):
        if tag in ("h3", "summary", "td"):
            self.inside = ""


def blanks(text: str) -> str:
    return " ".join(text.split())


def wanted(table: Table) -> Cells:
    kinds = [column.kind for column in table.columns]
    return [[blanks(shown(c, k)) for c, k in zip(row, kinds, strict=True)] for row in table.rows]


def on_page(studies_of: str, folder: Path) -> Page:
    run = make.run_folder(folder, kind=studies_of, steps=0, rows=0, films=False)
    page = Page()
    page.feed(render(read_run(run)))
    return page


def in_markdown(text: str, title: str) -> Cells:
    """Rows of the table below a title."""
    _, below = text.split(f"**{title}**")
    lines = [line for line in below.strip().split("\n\n")[0].splitlines() if line[0] == "|"]
    rows = [re.split(r"(?<!\\)\|", line.strip("| ")) for line in lines[2:]]
    return [[blanks(cell.replace("<br>", " ")) for cell in row] for row in rows]


def letters(*texts: str) -> str:
    """What is said, however it is folded."""
    return "".join(sorted("".join("".join(texts).split()).replace("\u2500", "")))


def on_terminal(said: str, table: Table) -> str:
    """All that stands from the title of a table to the blank line after it."""
    blocks = re.split(r"\n\s*\n", said)
    lines = [block for block in blocks if blanks(block).startswith(blanks(table.title))]
    assert len(lines) == 1, table.title
    return lines[0]


@pytest.mark.parametrize("kind", make.KINDS)
def test_terminal_page_and_markdown_give_the_same_verdict_sentences_and_cells(
    kind, tmp_path, capsys
):
    studies = make.studies(kind)
    page = on_page(kind, tmp_path / "run")
    evaluate.show(Judgement((), alignment=studies))
    said = capsys.readouterr().out
    markdown = probe.markdown(make.probe_record(kind))
    places = [blanks(text) for text in (" ".join(page.text), said, markdown)]

    line = verdict_line(make.study(kind))
    assert line.startswith(f"{kind_of(make.study(kind))}: ")
    sentences = all_sentences(studies, "trained")
    assert any(line in sentence for sentence in sentences)
    for place in places:
        assert all(blanks(sentence) in place for sentence in sentences)

    shown_tables = tables(studies, "trained")
    assert len(shown_tables) >= 3
    for table in shown_tables:
        assert page.tables[table.title] == wanted(table)
        assert in_markdown(markdown, table.title) == wanted(table)
        cells = [cell for row in wanted(table) for cell in row]
        heads = [column.heading for column in table.columns]
        told = letters(table.title, table.legend, *heads, *cells)
        assert letters(on_terminal(said, table)) == told


@pytest.mark.parametrize("kind", make.KINDS)
def test_the_page_is_headed_by_the_kind_that_the_verdict_names(kind, tmp_path):
    page = on_page(kind, tmp_path / "run")
    study = make.study(kind)
    name = KINDS[study.verdict.kind].partition(":")[0]
    assert page.text.count(name) == 1  # the number on top
    assert name[0].upper() + name[1:] in page.text  # the title of its section


def test_verdicts_of_the_made_up_kinds_are_those_kinds():
    given = {kind: make.study(kind).verdict.kind for kind in make.KINDS}
    assert given == {kind: kind for kind in make.KINDS} | {"collapsed": "unresolved"}


def test_nothing_is_wider_than_a_hundred_characters(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    for kind in make.KINDS:
        findings.show_studies(make.studies(kind))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\u2026" not in "".join(lines)


def test_checkpoints_stand_apart_each_with_its_sentences_after_its_tables(capsys):
    studies: tuple[Study, ...] = make.studies()
    findings.show_studies(studies)
    said = blanks(capsys.readouterr().out)
    places = [
        said.index(blanks(text))
        for checkpoint in ("untrained", "trained")
        for text in (
            tables(studies, checkpoint)[0].title,
            *all_sentences(studies, checkpoint)[:1],
        )
    ]
    assert places == sorted(places)
