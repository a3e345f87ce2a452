import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from premotor.cli import contact_sheet as sheets
from premotor.cli.contact_sheet import Cell, contact_sheet
from premotor.cli.tasks import command
from premotor.errors import ConfigError
from premotor.simulate.tasks import TASKS


def test_the_listing_has_every_variation_with_its_words(capsys):
    assert command(["--json"]) == 0
    tasks = {t["name"]: t["variations"] for t in json.loads(capsys.readouterr().out)["tasks"]}
    assert {name: len(v) for name, v in tasks.items()} == {
        name: len(task.variations) for name, task in TASKS.items()
    }
    for variations in tasks.values():
        assert [v["index"] for v in variations] == list(range(len(variations)))
        assert all(len(v["instructions"]) >= 4 for v in variations)


def test_the_table_names_each_task_once(capsys):
    assert command([]) == 0
    assert capsys.readouterr().out.count("open_drawer") == 1


def test_listing_tasks_needs_no_torch():
    code = (
        "import sys\nfrom premotor.cli.tasks import command\ncommand(['--json'])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.sim
@pytest.mark.slow
def test_the_sheet_shows_every_task(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("premotor.cli.tasks.TASKS", dict(list(TASKS.items())[:2]))
    path = tmp_path / "sheet.png"
    assert command(["--sheet", str(path), "--columns", "1"]) == 0
    assert "2 tasks" in capsys.readouterr().out
    picture = np.asarray(Image.open(path))
    half = len(picture) // 2
    assert picture.shape[1] < 1.2 * sheets.WIDTH
    for part in (picture[:half], picture[half:]):
        assert part[20:350].std() > 20
    assert not np.array_equal(picture[:half], picture[half : 2 * half])


def test_cells_fill_a_grid_row_by_row_and_long_words_are_cut():
    cells = [
        Cell(f"task_{i}", "say " * 100, np.full((sheets.HEIGHT, sheets.WIDTH, 3), i, np.uint8))
        for i in range(5)
    ]
    sheet = np.asarray(contact_sheet(cells, 3))
    top = [sheet[100, 200 + (sheets.WIDTH + 20) * k, 0] for k in range(3)]
    below = [sheet[100 + sheets.HEIGHT + 86, 200 + (sheets.WIDTH + 20) * k, 0] for k in range(3)]
    assert (top, below) == ([0, 1, 2], [3, 4, 255])
    gap = sheet[sheets.HEIGHT + 20 : sheets.HEIGHT + 86, sheets.WIDTH + 20 : sheets.WIDTH + 40]
    assert (gap == 255).all()  # no words between the columns


def test_a_sheet_and_json_are_two_things_to_ask_for(tmp_path, capsys):
    with pytest.raises(ConfigError, match="give one of them"):
        command(["--json", "--sheet", str(tmp_path / "sheet.png")])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [["x.jpg"], ["x.png", "--columns", "0"]])
def test_a_sheet_that_cannot_be_meant_is_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=r"need a \.png"):
        command(["--sheet", str(tmp_path / wrong[0]), *wrong[1:]])
