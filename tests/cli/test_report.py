"""`premotor report` speaks plainly."""

import pytest

from premotor.cli.report import command
from premotor.errors import DataError
from premotor.records import StepRecord, write_lines


def test_the_command_prints_where_the_page_is(tmp_path, capsys):
    record = StepRecord(
        step=0,
        losses={"total": 1.0},
        grad_norm=1.0,
        learning_rate=1e-3,
        samples_per_second=1.0,
        data_seconds=0.0,
        step_seconds=1.0,
    )
    write_lines(tmp_path / "metrics.jsonl", [record])
    assert command([str(tmp_path)]) == 0
    assert str(tmp_path / "report.html") in capsys.readouterr().out
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_folder_that_is_no_run_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="premotor train --out"):
        command([str(tmp_path / "nowhere")])
