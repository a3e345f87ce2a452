"""Torch's files, read without torch's reader: the same values, whatever bytes come nothing else."""

import io
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from corpus import crafted
from premotor.backbones.pickles import NotPlain, Persistent, decode
from premotor.backbones.torch_files import OwnProgram, read_torch
from premotor.backbones.weights import read_checkpoint
from premotor.errors import DataError

KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]
KINDS += [torch.int16, torch.int8, torch.uint8, torch.bool]
PLAIN = str | bytes | int | float | bool | None | list | tuple | dict | Persistent
quickly = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def same(found: object, expected: object) -> bool:
    """Whether two values are alike, tensors and the order of names included."""
    if isinstance(expected, Tensor):
        alike = isinstance(found, Tensor) and found.dtype == expected.dtype
        return alike and found.shape == expected.shape and torch.equal(found, expected)
    if isinstance(expected, dict):
        pairs = zip(found.values(), expected.values(), strict=True)
        return list(found) == list(expected) and all(same(a, b) for a, b in pairs)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected and type(found) is type(expected)


@pytest.mark.parametrize("in_archive", [True, False])
def test_it_holds_what_was_saved(in_archive, tmp_path: Path):
    draw = torch.Generator().manual_seed(0)
    square = torch.randn(6, 6, generator=draw)
    content = {
        "kinds": [torch.randint(0, 2, (2, 3), generator=draw).to(kind) for kind in KINDS],
        "views": (square.T, square[1::2, ::3], square[0], torch.zeros(0, 3), torch.tensor(7)),
        "state": OrderedDict(nn.Linear(3, 2).state_dict()),
        "parameter": nn.Parameter(square.clone()),
        "plain": {1: None, "a": [True, -(2**70), 1.5, "ä" * 300, b"bytes", (), {}]},
        "size": torch.Size([3, 4]),
    }
    path = tmp_path / "file.pt"
    torch.save(content, path, _use_new_zipfile_serialization=in_archive)
    expected = torch.load(path, weights_only=True)
    expected["parameter"] = expected["parameter"].data
    expected["size"] = list(expected["size"])
    found = read_torch(path)
    found["size"] = list(found["size"])
    assert same(found, expected)
    views = found["views"]
    assert views[0].untyped_storage().data_ptr() == views[2].untyped_storage().data_ptr()


class Inner(nn.Module):
    """A part with a buffer, one that is not kept, and an attribute that is no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor([3]))
        self.mask = torch.ones(2, 2)
        self.sizes = [1, 2]
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.mask.sum()


class Outer(nn.Module):
    """Parts in each other, one of them under two names, in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.one = Inner()
        self.other = self.one
        self.rows = nn.Sequential(Inner(), nn.ReLU(), nn.LayerNorm(2)).half()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) * self.scale


@pytest.mark.parametrize("make", [torch.jit.script, lambda m: torch.jit.trace(m, torch.ones(1, 2))])
def test_a_program_gives_the_weights_that_its_state_dict_has(make, tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = make(Outer())
        torch.jit.save(program, tmp_path / "p.pt")
        expected = torch.jit.load(tmp_path / "p.pt").state_dict()
    found = read_torch(tmp_path / "p.pt")
    assert found.keys() == expected.keys()
    assert all(same(found[name], value) for name, value in expected.items())


def test_a_program_that_would_write_files_is_not_run_though_torch_would(tmp_path: Path):
    path = crafted.scripted_payload(tmp_path / "p.pt", tmp_path / "executed")
    with pytest.raises(OwnProgram, match="a function of its own"):
        read_torch(path)
    with pytest.raises(DataError, match=r"if you trust it, python -c .*torch\.jit\.load"):
        read_checkpoint(path)
    assert not (tmp_path / "executed").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(path)
    assert (tmp_path / "executed").exists()  # so the file above does harm where it is let


def _saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "script":
            torch.jit.save(torch.jit.script(Inner()), buffer)
        else:
            content = {"w": torch.arange(6.0).view(2, 3), "n": [1, {"a": torch.ones(2)}]}
            torch.save(content, buffer, _use_new_zipfile_serialization=kind == "archive")
    return buffer.getvalue()


SAVED = {kind: _saved(kind) for kind in ("archive", "legacy", "script")}


@quickly
@given(kind=st.sampled_from(sorted(SAVED)), data=st.data())
def test_whatever_is_changed_it_is_refused_or_read_and_nothing_else(kind, data, tmp_path: Path):
    content = bytearray(SAVED[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    path = tmp_path / "changed.pt"
    path.write_bytes(content)
    found, words = crafted.outcome(lambda: read_checkpoint(path)[0], DataError)
    if found is None:
        assert str(path) in words
    else:
        assert sum(w.numel() for w in found.values()) < len(content)


@quickly
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6))
def test_a_description_that_was_changed_is_refused_or_described_as_small(changes, tmp_path: Path):
    with zipfile.ZipFile(io.BytesIO(SAVED["archive"])) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    name = next(n for n in entries if n.endswith("data.pkl"))
    content = bytearray(entries[name])
    for place, value in changes:
        content[place % len(content)] = value
    path = crafted.zipped(tmp_path / "changed.pt", entries | {name: bytes(content)})
    found, words = crafted.outcome(lambda: read_checkpoint(path)[0], DataError)
    if found is None:
        assert str(path) in words
    else:
        assert sum(w.numel() for w in found.values()) <= 8


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_no_pickle_or_a_plain_value(content: bytes):
    found, words = crafted.outcome(lambda: decode(io.BytesIO(content), lambda _: False), NotPlain)
    assert words or isinstance(found, PLAIN)
