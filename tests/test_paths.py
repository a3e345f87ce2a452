"""Names from files stay in their folder, and nothing is written through a link."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import make
from corpus import crafted
from premotor.claims import OutputFolder
from premotor.errors import ConfigError, OutputExists
from premotor.folders import RunFolder
from premotor.paths import check_inside, check_name, not_linked
from premotor.records import write_atomically
from premotor.train.run import append_step

PARTS = st.sampled_from(["..", ".", "", "a", "b c", "\\", "/", "\0", "x/y"])


@settings(deadline=None, derandomize=True)
@given(st.lists(PARTS, max_size=6).map("/".join))
def test_a_path_that_passes_stays_inside(path: str):
    _, words = crafted.outcome(lambda: check_inside(path, "path"), ConfigError)
    if words:
        assert repr(path) in words
    else:
        whole = (Path("/set") / path).resolve()
        assert whole.is_relative_to("/set")


@settings(deadline=None, derandomize=True)
@given(st.lists(PARTS, max_size=3).map("".join))
def test_a_name_that_passes_is_one_name(name: str):
    _, words = crafted.outcome(lambda: check_name(name, "name"), ConfigError)
    if words:
        assert repr(name) in words
    else:
        assert (Path("/set") / name).parent == Path("/set")


def test_a_lock_that_is_a_link_keeps_what_it_points_to(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    folder = OutputFolder(tmp_path / "out")
    with folder.owned():
        pass
    (folder.path / ".lock").unlink()
    (folder.path / ".lock").symlink_to(outside)
    with pytest.raises(OutputExists, match=r"symbolic link to .*outside"), folder.owned():
        pass
    assert outside.read_text() == "precious"


def test_metrics_are_not_added_to_through_a_link(tmp_path: Path):
    (tmp_path / "outside").write_text("")
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "outside")
    with pytest.raises(OutputExists, match="nothing is written through links"):
        append_step(RunFolder(tmp_path), make.step())
    assert (tmp_path / "outside").read_text() == ""


def test_a_file_takes_the_place_of_a_link_and_leaves_what_it_points_to(tmp_path: Path):
    outside, path = tmp_path / "outside", tmp_path / "report.html"
    outside.write_text("precious")
    path.symlink_to(outside)
    write_atomically(path, b"new")
    assert (path.read_bytes(), path.is_symlink()) == (b"new", False)
    assert outside.read_text() == "precious"


def test_leftovers_that_are_links_are_removed_alone(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    folder = OutputFolder(tmp_path / "out")
    folder.path.mkdir()
    (folder.path / ".x.tmp").symlink_to(outside)
    folder.sweep()
    assert not (folder.path / ".x.tmp").is_symlink()
    assert (outside / "file").exists()


def test_a_file_that_is_no_link_is_opened(tmp_path: Path):
    with open(tmp_path / "a", "a", opener=not_linked) as file:
        file.write("x")
    assert (tmp_path / "a").read_text() == "x"
