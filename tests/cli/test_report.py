"""`premotor report` speaks plainly."""

import pytest

import make
from premotor.cli.report import command
from premotor.errors import DataError
from premotor.records import write_lines


def test_the_command_prints_where_the_page_is(tmp_path, capsys):
    write_lines(tmp_path / "metrics.jsonl", [make.step()])
    assert command([str(tmp_path)]) == 0
    assert str(tmp_path / "report.html") in capsys.readouterr().out
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_folder_that_is_no_run_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="premotor train --out"):
        command([str(tmp_path / "nowhere")])
