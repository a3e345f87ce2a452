"""The page: complete, self-contained, honest about what is missing."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from premotor.errors import DataError
from premotor.records import StepRecord, write_lines
from premotor.report.page import write_report

VOID = {"meta", "link", "img", "input", "br", "col"}


class Balance(HTMLParser):
    """Fails on tags that are not closed in order; collects the visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)


def read(path) -> tuple[str, str]:
    page = path.read_text()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    return page, " ".join(" ".join(parser.text).split())


@pytest.fixture(scope="module")
def full(make_run, tmp_path_factory):
    return write_report(make_run(tmp_path_factory.mktemp("runs") / "full", steps=120))


def test_the_page_needs_no_other_file(full):
    page, _ = read(full)
    assert "{{" not in page
    assert "{%" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", page)


def test_the_page_shows_what_was_measured(full):
    _, text = read(full)
    for phrase in (
        "push buttons",
        "These are not RLBench numbers",
        "premotor embedded (MuJoCo 3.3.7)",
        "Studies beside the benchmark's tasks",
        "Which instruction is being carried out?",
        "The same clips under two checkpoints",
        "trained against untrained",
        "+48 (+33 to +60)",
        "Recognition by what the variations of a task vary",
        "Which task is taken for which",
        "open the middle drawer 8.5 20",
        "of the right task",
        "words withheld from E",
        "debiased CKA",
        "Joint t-SNE of 36 held-out episodes",
        "ran out of steps",
        "premotor train tiny --data data/three",
        "fingerprint 5f2c0c9d1e8a",
        "pair_batch_size: 16",
    ):
        assert phrase in text
    assert "was not measured" not in text


def test_the_points_of_every_step_are_on_the_page(full):
    page, _ = read(full)
    raw = re.search(r'id="points">(.*?)</script>', page, re.DOTALL).group(1)
    data = json.loads(raw)
    assert len(data["frames"]) == 6
    assert all(len(f["points"]) == len(data["tasks"]) == 36 for f in data["frames"])


def test_a_run_that_only_trained_says_what_is_not_measured(tmp_path):
    record = StepRecord(
        step=0,
        losses={"total": 1.0, "execute": 1.0},
        grad_norm=1.0,
        learning_rate=1e-3,
        samples_per_second=1.0,
        data_seconds=0.0,
        step_seconds=1.0,
    )
    write_lines(tmp_path / "metrics.jsonl", [record])
    page, text = read(write_report(tmp_path))
    for phrase in (
        "Success was not measured",
        "Recognition was not measured",
        "Measures and nulls were not computed",
        "No roll-out was filmed",
        "has no manifest",
    ):
        assert phrase in text
    assert text.count("not measured") >= 6  # four headline numbers and two sections
    assert "100\u00a0%" not in text
    assert 'id="points"' not in page


def test_names_and_instructions_are_escaped(make_run, tmp_path):
    folder = make_run(tmp_path / "run", steps=10, rows=12, films=False)
    (folder / "config.yaml").write_text("preset: <script>alert(1)</script>\n")
    page, _ = read(write_report(folder))
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_film_whose_picture_is_damaged_is_named(full, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(full.parent, folder)
    (folder / "evaluation" / "films" / "open_drawer_success.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="open_drawer_success"):
        write_report(folder)


def test_a_second_report_of_the_same_run_has_the_same_bytes(full):
    before = full.read_bytes()
    assert write_report(full.parent).read_bytes() == before
