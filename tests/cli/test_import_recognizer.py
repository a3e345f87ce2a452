"""Both directions through the commands: a ViCLIP file in, the same file out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import foreign
from premotor import checkpoint
from premotor.cli import main
from premotor.errors import ConfigError, DataError, OutputExists

torch.set_num_threads(1)


def test_a_file_becomes_a_folder_and_the_folder_the_file(tmp_path: Path, capsys):
    sizes = tmp_path / "sizes.yaml"
    stored = foreign.recognizer(tmp_path / "in.pth", sizes)
    line = ["import-recognizer", str(tmp_path / "in.pth"), "--out", str(tmp_path / "own")]
    assert main.run([*line, "--sizes", str(sizes), "--activation", "gelu"]) == 0
    said = capsys.readouterr().out
    assert "unwrapped 'model'; left aside: epoch" in said
    assert "nonlinearity: gelu" in said
    assert "mean and deviation of the colors: imagenet" in said
    recognizer = checkpoint.load_recognizer(tmp_path / "own")
    assert recognizer.config.video.activation == "gelu"
    files = [tmp_path / "out.pth", tmp_path / "out.safetensors"]
    for out in files:
        assert main.run(["export-recognizer", str(tmp_path / "own"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "in ViCLIP's names" in said
    assert "these weights belong to a plain GELU" in said
    for back in (torch.load(files[0], weights_only=True)["model"], load_file(files[1])):
        assert back.keys() == stored.keys()
        assert all(torch.equal(back[k], v) for k, v in stored.items())
    with pytest.raises(OutputExists, match="remove it"):
        main.run(["export-recognizer", str(tmp_path / "own"), "--out", str(files[0])])


def test_unknown_endings_and_missing_sizes_are_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"must end in \.safetensors"):
        main.run(["export-recognizer", str(tmp_path), "--out", str(tmp_path / "x.bin")])
    with pytest.raises(DataError, match=r"--sizes .* cannot be read"):
        main.run(
            ["import-recognizer", "x", "--out", str(tmp_path / "o"), "--sizes", str(tmp_path / "n")]
        )
