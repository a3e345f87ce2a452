"""Arrays from files: numpy's own come back, and no header is believed."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import crafted
from premotor import limits
from premotor.arrays import read_npy, read_npz
from premotor.errors import DataError

ARRAYS = {
    "floats": np.arange(12.0).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12, dtype=np.int16).reshape(3, 4)),
    "texts": np.array(["a", "bcd"]),
    "one": np.array(7, dtype=np.uint8),
    "none": np.zeros((0, 3), dtype=np.float32),
    "truths": np.array([True, False]),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(save, tmp_path: Path):
    save(tmp_path / "all.npz", **ARRAYS)
    found = read_npz(tmp_path / "all.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        np.save(tmp_path / "one.npy", array)
        np.testing.assert_array_equal(read_npy(tmp_path / "one.npy"), array)


def test_more_than_was_expected_is_refused_before_it_is_read(tmp_path: Path):
    with (tmp_path / "clip.npy").open("wb") as file:  # all there, and nearly all of it a hole
        file.write(crafted.npy((1 << 36,), "|u1"))
        file.truncate(file.tell() + (1 << 36))
    with pytest.raises(DataError, match=r"has 64\.0 GiB, expected at most"):
        read_npy(tmp_path / "clip.npy", most=1000)


def test_memory_is_asked_for_as_far_as_there_is_some(monkeypatch, tmp_path: Path):
    np.save(tmp_path / "one.npy", np.zeros(1000))
    monkeypatch.setattr(limits, "memory", lambda: 4000)
    with pytest.raises(DataError, match=r"takes 7\.9 kiB of memory, this machine has 3\.9 kiB"):
        read_npy(tmp_path / "one.npy")


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5),
    packed=st.booleans(),
    cut=st.integers(0, 60),
)
def test_whatever_is_changed_it_is_refused_or_small(changes, packed, cut, tmp_path: Path):
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **ARRAYS)
    content = bytearray(buffer.getvalue())
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path / "changed.npz"
    path.write_bytes(content[: len(content) - cut])
    found, words = crafted.outcome(lambda: read_npz(path), DataError)
    if found is None:
        assert "changed.npz" in words
    else:
        assert sum(array.nbytes for array in found.values()) <= len(content)
