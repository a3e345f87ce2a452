"""Findings of alignment on a terminal."""

from collections.abc import Sequence

from rich.console import Console

from premotor.findings import Study
from premotor.report.findings import all_sentences, tables
from premotor.report.table import WIDTH, Table, terminal


def show_tables(found: Sequence[Table]) -> None:
    """Print tables, readable at 100 columns."""
    console = Console(width=WIDTH)
    for table in found:
        console.print(terminal(table), "")


def show_sentences(found: Sequence[str]) -> None:
    """Print sentences, each on lines of its own."""
    console = Console(width=WIDTH)
    for sentence in found:
        console.print(sentence, markup=False, highlight=False)


def show_studies(studies: Sequence[Study]) -> None:
    """Print the tables of each checkpoint, and after them what they say."""
    for checkpoint in dict.fromkeys(study.checkpoint for study in studies):
        show_tables(tables(studies, checkpoint))
        show_sentences([*all_sentences(studies, checkpoint), ""])
