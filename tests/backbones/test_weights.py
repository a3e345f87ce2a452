"""Weights from files: every format that users have, and what is refused."""

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from premotor.backbones.weights import (
    FINGERPRINT,
    faults,
    file_sha256,
    load_strictly,
    read_weights,
    without,
)
from premotor.errors import CheckpointMismatch, DataError

STORED = {
    "scale": torch.tensor([1.5, -0.25], dtype=torch.float16),
    "steps": torch.tensor(7, dtype=torch.int64),
}


class Scripted(nn.Module):
    """What OpenAI publishes: a program with its weights, in half precision."""

    scale: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, value in STORED.items():
            self.register_buffer(name, value.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


def write(kind: str, path: Path) -> Path:
    if kind == "safetensors":
        save_file(STORED, path)
    elif kind == "scripted":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(Scripted()).save(path)
    else:
        stored = {"wrapped": {"model": STORED, "epoch": 3}}.get(kind, STORED)
        torch.save(stored, path, _use_new_zipfile_serialization=kind != "legacy")
    return path


@pytest.mark.parametrize("kind", ["safetensors", "torch", "legacy", "wrapped", "scripted"])
def test_a_file_is_read_by_its_content_in_single_precision(kind: str, tmp_path: Path):
    found = read_weights(write(kind, tmp_path / "anything.bin"), "some.field")
    assert set(found) == {"scale", "steps"}
    assert found["scale"].dtype == torch.float32
    assert found["scale"].tolist() == [1.5, -0.25]
    assert found["steps"].item() == 7


def test_a_missing_file_is_named_with_the_field_and_where_one_gets_it(tmp_path: Path):
    path = tmp_path / "RN50.pt"
    with pytest.raises(DataError) as caught:
        read_weights(path, "frozen_text.weights")
    for part in (f"{path} is missing", "frozen_text.weights", "openai/CLIP", "nothing is download"):
        assert part in str(caught.value)


@pytest.mark.parametrize("kind", ["safetensors", "torch", "legacy", "scripted"])
def test_a_truncated_file_is_named(kind: str, tmp_path: Path):
    path = write(kind, tmp_path / "cut.pt")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"cut\.pt \(some\.field\) cannot be read"):
        read_weights(path, "some.field")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_another_file_is_named_with_the_formats_that_are_read(content: bytes, tmp_path: Path):
    path = tmp_path / "page.pt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"page\.pt .* cannot be read: .*safetensors"):
        read_weights(path, "some.field")


def test_what_runs_code_when_it_is_read_is_refused(tmp_path: Path):
    torch.save({"weight": STORED["scale"], "code": nn.Linear(1, 1)}, tmp_path / "code.pt")
    with pytest.raises(DataError, match="cannot be read"):
        read_weights(tmp_path / "code.pt", "some.field")


@pytest.mark.parametrize(
    ("stored", "message"),
    [({"scale": STORED["scale"], "epoch": 3}, "epoch"), ([1, 2], "list"), ({}, "dict")],
)
def test_what_is_no_weights_is_named(stored: object, message: str, tmp_path: Path):
    torch.save(stored, tmp_path / "odd.pt")
    with pytest.raises(DataError, match=message):
        read_weights(tmp_path / "odd.pt", "some.field")


def test_names_and_beginnings_are_left_aside_and_nothing_else():
    names = ("visual.proj", "visual", "logit_scale", "logit_scale_2", "ln.visual.bias")
    stored = {name: torch.zeros(1) for name in names}
    assert set(without(stored, ("visual.", "logit_scale"))) == set(names[1:2] + names[3:])
    assert without(stored, ()) == stored


def test_every_fault_is_in_one_message_and_nothing_is_loaded():
    model, before = nn.Linear(2, 3), nn.Linear(2, 3)
    before.load_state_dict(model.state_dict())
    stored = {"weight": torch.zeros(3, 4), "stranger": torch.zeros(5)}
    with pytest.raises(CheckpointMismatch) as caught:
        load_strictly(model, stored, "here.pt", "try another")
    lines = str(caught.value).splitlines()
    assert "here.pt" in lines[0]
    assert "nothing was loaded" in lines[0]
    assert lines[1:] == [
        "  missing bias (3,)",
        "  extra stranger (5,)",
        "  misshapen weight: (3, 4) stored, (3, 2) expected",
        "try another",
    ]
    assert torch.equal(model.weight, before.weight)


def test_a_fingerprint_of_another_file_is_a_fault(tmp_path: Path):
    prints = []
    for text in ("a", "b"):
        (tmp_path / text).write_text(text)
        digest = file_sha256(tmp_path / text)
        prints.append({f"x.{FINGERPRINT}": torch.tensor(list(bytes.fromhex(digest)))})
    assert faults(prints[0], prints[0]) == []
    (said,) = faults(prints[0], prints[1])
    assert all(file_sha256(tmp_path / text) in said for text in ("a", "b"))
