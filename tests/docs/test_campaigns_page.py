"""The campaign that docs/campaigns.md shows runs as it stands there, and goes on."""

import re
from pathlib import Path

from premotor.records import read_lines

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "campaigns.md").read_text()


def test_the_campaign_runs_as_shown_and_again(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    for _ in range(2):  # the second time all is there
        names: dict = {"__name__": "shown"}
        exec(compile(block, "campaigns.md", "exec"), names)
        assert [record.seed for record in names["records"]] == [0, 1, 2, 3]
    ledger = tmp_path / "runs" / "throws" / "throws.jsonl"
    assert list(read_lines(ledger, names["ThrowRecord"])) == names["records"]
