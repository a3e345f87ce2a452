import json
import multiprocessing
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from premotor.claims import Use
from premotor.errors import DataError, NoSpace
from premotor.folders import CacheFolder
from premotor.store import cache_build, caches, stamps
from premotor.store.cache import EpisodeCache
from premotor.store.caches import all_caches
from premotor.store.ledger import EpisodeLedger
from premotor.store.reader import DemoSet
from small_data import write_split

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def demos(tmp_path, make_demo):
    write_split(tmp_path / "data" / "train", map(make_demo, range(3)))
    return DemoSet.open(tmp_path / "data")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """The user's cache folder, which is empty at first."""
    monkeypatch.delenv("PREMOTOR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "premotor" / "data"


def said_otherwise(demos: DemoSet) -> DemoSet:
    """The data set on disk gets another text."""
    first, *rest = EpisodeLedger.of(demos.folder).read()
    lines = [json.dumps(json.loads(line)) for line in demos.folder.records.read_text().splitlines()]
    lines[0] = lines[0].replace(first.instructions[0], "do something else")
    demos.folder.records.write_text("\n".join(lines) + "\n")
    again = DemoSet.open(demos.folder.path.parent)
    assert again.episodes[1:] == tuple(rest)
    return again


def states(demos: DemoSet, *more: Path) -> list[str]:
    return [entry.stale for entry in all_caches([demos.folder.path.parent], *more)]


def test_a_cache_lies_in_the_data_set_where_that_can_be_written(demos, home):
    found = EpisodeCache.build_or_open(demos, num_frames=3)
    assert found.folder.parent == demos.folder.cache
    assert not home.exists()


def test_a_cache_lies_where_it_was_asked_for(demos, tmp_path, monkeypatch):
    chosen = EpisodeCache.build_or_open(demos, num_frames=3, cache_dir=tmp_path / "here")
    assert chosen.folder.parent.parent == tmp_path / "here"
    monkeypatch.setenv("PREMOTOR_CACHE", str(tmp_path / "there"))
    named = EpisodeCache.build_or_open(demos, num_frames=3)
    assert named.folder.parent.parent == tmp_path / "there" / "data"
    assert not demos.folder.cache.exists()
    assert chosen.folder.name == named.folder.name
    assert (chosen.frames == named.frames).all()


def test_a_data_set_that_cannot_be_written_has_its_cache_elsewhere(demos, home, monkeypatch):
    demos.folder.cache.write_text("in the way")
    found = EpisodeCache.build_or_open(demos, num_frames=3)
    assert found.folder.parent.parent == home
    shutil.rmtree(home)
    demos.folder.cache.unlink()
    allowed = os.access
    own = demos.folder.path
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) not in (own, own.parent) and allowed(path, mode)
    )
    found = EpisodeCache.build_or_open(demos, num_frames=3)
    assert found.folder.parent.parent == home
    assert not demos.folder.cache.exists()


def test_a_cache_that_is_there_is_read_where_nothing_can_be_written(demos, home, monkeypatch):
    built = EpisodeCache.build_or_open(demos, num_frames=3)
    CacheFolder(built.folder).stamps.unlink()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stamps, "write_json", refuse)
    assert EpisodeCache.build_or_open(demos, num_frames=3).folder == built.folder
    assert not home.exists()


def test_where_no_place_can_be_written_all_are_named(demos, tmp_path):
    demos.folder.cache.write_text("in the way")
    (tmp_path / "xdg").write_text("in the way")
    with pytest.raises(
        DataError, match=r"cannot be written in .*train/cache .* nor in .*xdg"
    ) as it:
        EpisodeCache.build_or_open(demos, num_frames=3)
    assert "--cache-dir" in str(it.value)


def test_unread_files_are_hashed_only_where_the_disk_tells_otherwise(demos, monkeypatch):
    cache = EpisodeCache.build_or_open(demos, num_frames=3)
    hashed: list[str] = []
    whole = stamps.file_info
    monkeypatch.setattr(stamps, "file_info", lambda *of: hashed.append(of[1]) or whole(*of))
    EpisodeCache.build_or_open(demos, num_frames=3)
    assert hashed == []
    os.utime(demos.folder.keyframes(1))
    os.utime(cache.folder / "steps.npy")
    for expected in (["steps.npy", "keyframes/episode_000001.parquet"], []):
        EpisodeCache.build_or_open(demos, num_frames=3)
        assert hashed == expected
        hashed.clear()


def test_other_texts_are_other_data(demos):
    before, cache = demos.fingerprint(), EpisodeCache.build_or_open(demos, num_frames=3)
    after = said_otherwise(demos)
    assert after.fingerprint() != before
    again = EpisodeCache.build_or_open(after, num_frames=3)
    assert again.folder != cache.folder
    assert again.episodes[0].instructions[0] == "do something else"


def test_the_size_is_told_before_and_is_about_right(demos, tmp_path):
    told: list[str] = []
    found = EpisodeCache.build_or_open(
        demos, progress=lambda *said: told.append(said[3]), cache_dir=tmp_path / "c"
    )
    size = sum(path.stat().st_size for path in found.folder.glob("*.npy"))
    number, unit = told[0].removeprefix("about ").split()[:2]
    assert float(number) * {"kB": 1e3, "MB": 1e6}[unit] == pytest.approx(size, rel=0.1)
    assert f"in {found.folder.parent}, " in told[0]
    assert told[0].endswith(" free")


def test_what_cannot_fit_is_refused_before_it_is_built(demos, monkeypatch):
    monkeypatch.setattr(cache_build.shutil, "disk_usage", lambda _: Usage(10, 0, 1000))
    with pytest.raises(NoSpace, match=r"takes about .*kB, and .* has 1.0 kB free; .*--cache-dir"):
        EpisodeCache.build_or_open(demos)
    assert list(demos.folder.cache.iterdir()) == []


def test_a_disk_that_fills_up_is_told_in_one_line(demos, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_build.Growing, "add", full)
    with pytest.raises(NoSpace, match=r"no space left for the cache in .*train/cache; free some"):
        EpisodeCache.build_or_open(demos)
    assert list(demos.folder.cache.iterdir()) == []


def test_stale_caches_are_told_when_another_is_built(demos, caplog):
    EpisodeCache.build_or_open(demos, num_frames=3)
    EpisodeCache.build_or_open(demos, num_frames=4)
    assert "stale" not in caplog.text
    EpisodeCache.build_or_open(said_otherwise(demos), num_frames=3)
    assert "2 stale cache(s) of this data set take " in caplog.text
    assert f"`premotor cache --data {demos.folder.path.parent} --prune`" in caplog.text


def test_a_choice_of_tasks_is_not_stale_until_its_episodes_change(demos, tmp_path, make_demo):
    tasks = [
        replace(make_demo(i), episode=replace(make_demo(i).episode, task=t))
        for i, t in enumerate(("tap", "jar"))
    ]
    write_split(tmp_path / "two" / "train", tasks)
    both = DemoSet.open(tmp_path / "two")
    EpisodeCache.build_or_open(both.only(["jar"]), num_frames=3)
    EpisodeCache.build_or_open(both, num_frames=3)
    assert states(both) == ["", ""]
    said_otherwise(both)  # an episode of the other task
    assert sorted(states(both)) == ["", "its data set has changed"]


def test_what_nobody_will_read_again_is_stale(demos, tmp_path):
    shared = tmp_path / "shared"
    cache = EpisodeCache.build_or_open(demos, num_frames=3, cache_dir=shared)
    of_before = demos.folder.cache / "0123456789abcdef"
    of_before.mkdir(parents=True)
    (of_before / "offsets.npy").touch()
    (demos.folder.cache / ".0123.host.7.ab.tmp").mkdir()
    (demos.folder.cache / "thesis").mkdir()  # not ours
    assert sorted(states(demos, shared)) == ["", "of an earlier version", "unfinished"]
    shutil.rmtree(demos.folder.path)
    (entry,) = all_caches([], shared)
    assert (entry.cache.path, entry.stale) == (cache.folder, "its data set is gone")
    assert entry.remove() is False  # this process reads it
    del cache
    assert entry.remove() is True
    assert list(all_caches([], shared)) == []


def _read(folder: Path, ready, done) -> None:
    use = Use.of(folder / ".lock")
    ready.set()
    done.wait(30)
    assert use is not None


def test_a_cache_that_another_process_reads_is_kept(demos):
    folder = EpisodeCache.build_or_open(demos, num_frames=3).folder
    (entry,) = all_caches([demos.folder.path.parent])
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_read, args=(folder, ready, done))
    other.start()
    assert ready.wait(30)
    assert entry.in_use
    assert entry.remove() is False
    assert folder.is_dir()
    done.set()
    other.join()
    assert other.exitcode == 0
    assert entry.remove() is True
    assert not folder.exists()


def test_a_reader_finds_no_cache_that_was_removed_meanwhile(demos, monkeypatch):
    built = EpisodeCache.build_or_open(demos, num_frames=3).folder
    used = caches.used

    def removed_first(cache: CacheFolder) -> Use | None:
        shutil.rmtree(cache.path)
        monkeypatch.undo()
        return used(cache)

    monkeypatch.setattr("premotor.store.cache.used", removed_first)
    again = EpisodeCache.build_or_open(demos, num_frames=3)
    assert again.folder == built
    assert again.use is not None
