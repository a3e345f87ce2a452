"""The map from the paper to the code names only what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = re.findall(r"`([\w/]+\.py):(\w*)`", (ROOT / "docs" / "paper_map.md").read_text())


def test_the_map_has_entries():
    assert len(ENTRIES) > 15


@pytest.mark.parametrize(("file", "name"), ENTRIES)
def test_every_named_function_exists(file, name):
    text = (ROOT / "src" / "premotor" / file).read_text()
    assert re.search(rf"^(def|class) {name}", text, re.MULTILINE), f"{file} has no {name!r}"
