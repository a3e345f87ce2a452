"""The page: complete, self-contained, honest about what is missing."""

import json
import re
import shutil

import pytest

import make
from pages import read
from premotor.errors import DataError
from premotor.presets import train_preset
from premotor.records import write_json, write_lines
from premotor.report.findings import all_sentences
from premotor.report.page import write_report
from premotor.report.table import shown


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write_report(make.run_folder(tmp_path_factory.mktemp("runs") / "full"))


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
        "premotor-mujoco",
        "Studies beside the benchmark's tasks",
        "Which instruction is being carried out?",
        "The same clips under two checkpoints",
        "trained against untrained",
        shown(make.naming_pair(30, 1, 60).difference, "points"),
        "Recognition by what the variations of a task vary",
        "Which task is taken for which",
        "open the middle drawer 8.5 20",
        "of the right task",
        "mirror alignment: it stands within the task, without words and with another episode",
        "words withheld",
        "debiased CKA",
        "pixels for u, e",
        "Joint t-SNE of 36 held-out episodes",
        "ran out of steps",
        "premotor train tiny --data data/three",
        "fingerprint 5f2c0c9d1e8a",
        f"pair_batch_size: {train_preset('tiny').pairing.pair_batch_size}",
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
    write_lines(tmp_path / "metrics.jsonl", [make.step()])
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


def test_a_run_of_the_first_version_says_how_alignment_is_measured_again(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=0, rows=0, films=False)
    evaluation = folder / "evaluation"
    (evaluation / "studies.json").unlink()
    write_json(evaluation / "alignment.json", [{"measure": "mutual_knn", "value": 0.5}])
    _, text = read(write_report(folder))
    assert "Alignment was measured by an earlier version" in text
    assert f"premotor evaluate {folder} --data DIR --resume" in text
    assert "Measures and nulls were not computed" not in text
    assert "mirror alignment" not in text


def test_a_run_whose_tower_collapsed_says_why_there_is_no_value_and_shows_a_dash(tmp_path):
    folder = make.run_folder(tmp_path / "run", kind="collapsed", films=False)
    page, text = read(write_report(folder))
    assert "alignment of an unknown kind" in text
    for sentence in all_sentences(make.studies("collapsed"), "trained"):
        assert sentence in text
    assert "look whether its model has collapsed" in text
    assert "partner found first in" not in text
    assert "The same under controls" not in text
    assert "step 0 task 4" in text  # as training began
    assert text.count("task \u2013 partner \u2013") == 5  # the pictures after it
    assert "nan" not in text.lower().split()
    assert "NaN" not in page


def test_names_and_instructions_are_escaped(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=10, rows=0, films=False)
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
