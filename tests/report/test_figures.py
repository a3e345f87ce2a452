"""Figures: the same bytes every time, and the same colors everywhere."""

import base64

import numpy as np
import pytest

from premotor.report.figures import (
    TASK_COLORS,
    Level,
    Series,
    clouds,
    panel,
    running_mean,
    thinned,
)


def draw() -> str:
    values = np.exp(-np.arange(100) / 30).tolist()
    line = Series(label="L", steps=list(range(100)), values=values, color="#000000", smooth=True)
    return panel("Loss", "[nat]", [line], [Level(label="chance", value=0.5)]).uri


def test_a_panel_is_an_svg_with_its_words_as_text():
    uri = draw()
    text = base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()
    assert text.startswith("<svg")
    assert "training step" in text
    assert "chance" in text


def test_the_step_axis_reaches_over_a_gap_to_the_last_step():
    line = Series(label="L", steps=[0, 100, 200], values=[1.0, np.nan, np.nan], color="#000000")
    uri = panel("R@1", "[%]", [line]).uri
    text = base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()
    assert ">200<" in text


def test_the_same_numbers_give_the_same_bytes():
    assert draw() == draw()


def test_the_running_mean_keeps_lines_straight_and_leaves_out_the_ends():
    line = np.linspace(3.0, 5.0, 500)
    mean = running_mean(line)
    assert mean[3:-3] == pytest.approx(line[3:-3])
    assert np.isnan(mean[[0, -1]]).all()


def test_thinning_leaves_at_most_what_was_asked():
    assert len(range(10_000)[thinned(10_000, 300)]) <= 300
    assert len(range(200)[thinned(200, 300)]) == 200


def test_clouds_hold_every_episode_once():
    points = np.linspace(0, 1, 12).reshape(6, 2)
    found = clouds(points, points, ["b", "a"] * 3)
    assert [c.task for c in found] == ["a", "b"]
    assert [c.color for c in found] == list(TASK_COLORS[:2])
    assert sum(c.watched.count("M") for c in found) == 6
    assert sum(c.threads.count("L") for c in found) == 6
