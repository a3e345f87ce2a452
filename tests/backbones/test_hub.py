"""Files by name: never reached without being asked, never without the extra."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from premotor.backbones.hub import local_file
from premotor.errors import ConfigError, DataError


def hub(found) -> ModuleType:
    module = ModuleType("huggingface_hub")
    module.hf_hub_download = found
    return module


def test_a_path_stays_a_path(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert local_file("weights/hub/ViCLIP.pth") == Path("weights/hub/ViCLIP.pth")


def test_a_name_becomes_the_local_copy(monkeypatch):
    asked = []

    def found(repository: str, name: str) -> str:
        asked.append((repository, name))
        return "/cache/file"

    monkeypatch.setitem(sys.modules, "huggingface_hub", hub(found))
    assert local_file("hub:somebody/model/folder/file.pth") == Path("/cache/file")
    assert asked == [("somebody/model", "folder/file.pth")]


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"premotor\[hub\]"):
        local_file("hub:a/b/c.pth")


def test_what_is_no_name_and_what_is_not_there_are_told_apart(monkeypatch):
    def lost(repository: str, name: str) -> str:
        raise OSError(f"404 for {repository} {name}")

    monkeypatch.setitem(sys.modules, "huggingface_hub", hub(lost))
    with pytest.raises(ConfigError, match="OWNER/REPOSITORY/FILE"):
        local_file("hub:model.pth")
    with pytest.raises(DataError, match="cannot be fetched: 404 for a/b c"):
        local_file("hub:a/b/c")
