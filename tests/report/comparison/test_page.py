"""The page of a comparison: complete, self-contained, small, honest about what is missing."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import comparisons
from pages import read
from premotor.report.comparison.page import write_page

TASKS = comparisons.TASKS[:3]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    found = comparisons.comparison(tasks=TASKS)
    comparisons.records(folder, found, episodes=6)
    return write_page(found, folder, folder / "compare.html")


def test_it_needs_no_other_file(path):
    page, _ = read(path)
    assert "{{" not in page
    assert "{%" not in page
    outside = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(https?:|//)", page)
    assert outside == []


def test_the_claim_stands_before_all_else_and_then_what_it_cannot_show(path):
    _, text = read(path)
    order = ["aligned minus apart", "points", "What it cannot show", "Arms side by side"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_episode_and_every_iteration_is_in_the_map(path):
    page, _ = read(path)
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', page)[1])
    assert data["steps"] == list(comparisons.STEPS)
    assert len(data["episodes"]) == 18
    assert [space["name"] for space in data["spaces"]] == ["u", "e", "e_without_words", "z"]
    assert sum(episode["scene"] != "" for episode in data["episodes"]) == 6
    assert data["spaces"][0]["notes"][-1][0].startswith("nearest neighbor has the same instr")


def test_films_and_clips_are_in_it_once_and_the_parting_is_marked(path):
    page, text = read(path)
    found = re.findall(r'type="text/plain" id="media-([\w-]+)"', page)
    assert len(found) == len(set(found)) == 6 * 3
    assert "First differs at key pose 2: 5.0 cm apart." in text
    assert "Key poses alike to the end." in text


def test_what_was_not_kept_is_said_to_be_missing(tmp_path):
    found = comparisons.comparison(tasks=TASKS)
    bare = replace(
        found, levels=(), by_task=(), contrasts=(), curves=(), gradients=(), alignment=(), cost=(),
        verdict=None, mirror=(), cannot=(),
    )  # fmt: skip
    _, text = read(write_page(bare, tmp_path, tmp_path / "compare.html"))
    for said in ("not measured yet", "No map", "No roll-out was filmed", "No gradients"):
        assert said in text


def test_a_name_with_marks_is_shown_as_text(tmp_path):
    found = comparisons.comparison(tasks=TASKS, name="<script>alert(1)</script>")
    page, text = read(write_page(found, tmp_path, tmp_path / "compare.html"))
    assert "<script>alert(1)" not in page
    assert "alert(1)" in text


@pytest.mark.rehearsal
def test_all_tasks_with_both_arms_stay_below_25_mb(tmp_path):
    found = comparisons.comparison()
    large = [np.random.default_rng(i).bytes(250_000) for i in range(5)]
    comparisons.records(tmp_path, found, videos=large)
    path = write_page(found, tmp_path, tmp_path / "compare.html")
    assert 10e6 < path.stat().st_size < 25e6
    assert "videos stayed out" in path.read_text()
