from pathlib import Path

import pytest

from premotor.cli import main
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet
from small_data import write_split


@pytest.fixture
def caches(tmp_path, make_demo) -> tuple[Path, Path]:
    """A sound cache and a stale one of a data set."""
    write_split(tmp_path / "data" / "train", map(make_demo, range(2)))
    stale = EpisodeCache.build_or_open(DemoSet.open(tmp_path / "data"), num_frames=3).folder
    write_split(tmp_path / "data" / "train", map(make_demo, range(3)))
    sound = EpisodeCache.build_or_open(DemoSet.open(tmp_path / "data"), num_frames=3).folder
    return sound, stale


def test_caches_are_listed_with_what_they_are(caches, tmp_path, capsys):
    assert main.run(["cache", "--data", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    for cache in caches:
        assert cache.name in said
        assert cache.is_dir()
    for word in ("sound", "stale", "2 episodes", "3 episodes", "kB", "data set"):
        assert word in said


def test_only_stale_caches_are_pruned_unless_all_are_meant(caches, tmp_path, capsys):
    sound, stale = caches
    assert main.run(["cache", "--data", str(tmp_path / "data"), "--prune"]) == 0
    assert "removed 1, " in capsys.readouterr().out
    assert sound.is_dir()
    assert not stale.exists()
    assert main.run(["cache", "--data", str(tmp_path / "data"), "--prune", "--all"]) == 0
    assert not sound.exists()


def test_a_cache_in_use_is_kept_even_where_all_are_meant(caches, tmp_path, capsys):
    reader = EpisodeCache.build_or_open(DemoSet.open(tmp_path / "data"), num_frames=3)
    assert main.run(["cache", "--data", str(tmp_path / "data"), "--prune", "--all"]) == 0
    said = capsys.readouterr().out
    assert "removed 1, " in said
    assert "kept 1 in use" in said
    assert reader.folder.is_dir()


def test_nothing_to_list_is_said(tmp_path, capsys):
    assert main.run(["cache", "--cache-dir", str(tmp_path)]) == 0
    assert "no caches here" in capsys.readouterr().out
