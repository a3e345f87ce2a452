"""Points of one fixed map: what moves has moved in the representation."""

import sys

import numpy as np
import pytest

import comparisons
from premotor.errors import DataError
from premotor.folders import ComparisonFolder
from premotor.measure.features import Features, save_layers
from premotor.report.comparison import points

TASKS = comparisons.TASKS[:3]
ARMS = ("apart", "aligned")


def rows(seed: int = 0, count: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 4.0 * np.eye(3, 8)[np.arange(count) % 3] + rng.normal(size=(count, 8))


def turn(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))[0]


def without_opentsne(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)


def test_a_picture_that_is_only_turned_lies_where_it_lay(monkeypatch):
    without_opentsne(monkeypatch)
    own = rows()
    placed, told = points.place([own @ turn(1), own @ turn(2), own], last=1)
    assert told == points.WITHOUT_OPENTSNE
    assert np.allclose(placed[0], placed[2], atol=1e-3)
    assert np.allclose(placed[1], placed[2], atol=1e-3)


@pytest.mark.parametrize("installed", [True, False])
def test_rows_of_an_earlier_picture_are_placed_among_those_like_them(installed, monkeypatch):
    if installed:
        pytest.importorskip("openTSNE")
    else:
        without_opentsne(monkeypatch)
    placed, told = points.place([rows(0) + 0.3 * rows(1), rows(0)], last=1)
    assert told == (points.WITH_OPENTSNE if installed else points.WITHOUT_OPENTSNE)
    assert placed.shape == (2, 30, 2)
    assert placed.min() >= 0.0
    assert placed.max() <= 1.0
    kinds = np.arange(30) % 3
    apart = np.linalg.norm(placed[0][:, None] - placed[1][None], axis=-1)
    assert (kinds[apart.argmin(axis=1)] == kinds).mean() > 0.9


def test_the_map_is_the_same_every_time():
    pytest.importorskip("openTSNE")
    pictures = [rows(1), rows(0)]
    assert np.array_equal(points.place(pictures, 1)[0], points.place(pictures, 1)[0])


def kept(folder, **changes):
    found = comparisons.comparison(tasks=TASKS, **changes)
    comparisons.records(folder, found, episodes=10, films=0)
    return ComparisonFolder(folder)


def test_both_arms_are_read_with_maps_fitted_anew_on_other_episodes(tmp_path):
    found = points.read_features(kept(tmp_path), ARMS, 0, comparisons.STEPS)
    assert found.steps == comparisons.STEPS
    assert len(found.episodes) == 30
    assert {"u", "e", "z_u", "z_e", "z_u_anew", "z_e_anew"} <= found.layers.keys()
    z = found.layers["z_u_anew"][2][1]
    assert np.allclose(np.linalg.norm(z, axis=1), 1.0, atol=1e-5)


def test_steps_that_one_arm_did_not_keep_are_left_out(tmp_path):
    folder = kept(tmp_path)
    folder.unit("aligned", 0).features(850).unlink()
    assert points.read_features(folder, ARMS, 0, comparisons.STEPS).steps == (0, 13600)
    for step in (0, 13600):
        folder.unit("aligned", 0).features(step).unlink()
    assert points.read_features(folder, ARMS, 0, comparisons.STEPS) is None


def test_features_of_other_episodes_are_refused_by_name(tmp_path):
    folder = kept(tmp_path)
    path = folder.unit("aligned", 0).features(850)
    own = Features.load(path)
    other = {**own.labels, "episode": tuple(reversed(own.labels["episode"]))}
    save_layers(path, own.layers, other)
    with pytest.raises(DataError, match=r"step_000850\.npz holds other episodes"):
        points.read_features(folder, ARMS, 0, comparisons.STEPS)


def test_a_tower_that_says_the_same_of_everything_has_its_picture_too(tmp_path):
    folder = kept(tmp_path)
    for path in (folder.unit("apart", 0).features(0), folder.unit("apart", 0).fit_features(0)):
        own = Features.load(path)
        flat = {**own.layers, "u": np.zeros_like(own.layers["u"])}
        save_layers(path, flat, own.labels)
    found = points.read_features(folder, ARMS, 0, comparisons.STEPS)
    drawn = {picture.space.name: picture.places for picture in points.pictures(found)}
    assert {"u", "z_anew"} <= drawn.keys()
    assert all(np.isfinite(places).all() for places in drawn.values())
