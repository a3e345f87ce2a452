"""Both directions through the commands: a ViCLIP file in, the same file out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from premotor import checkpoint
from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig
from premotor.cli import main
from premotor.codec import to_yaml
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.understand.config import UnderstandConfig
from premotor.understand.layouts import viclip_weights
from premotor.understand.recognizer import Recognizer

torch.set_num_threads(1)
SMALL = UnderstandConfig(
    video=VideoTransformerConfig(
        px=16, patch=8, num_frames=4, width=32, layers=1, heads=2, embed_dim=16
    ),
    text=TextConfig(context=8, vocab_size=40, width=32, layers=1, heads=2, embed_dim=16),
)


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    (tmp_path / "sizes.yaml").write_text(to_yaml(SMALL))
    return tmp_path / "sizes.yaml"


def test_a_file_becomes_a_folder_and_the_folder_the_file(tmp_path: Path, sizes: Path, capsys):
    stored = viclip_weights(Recognizer(SMALL))
    torch.save({"model": stored, "epoch": 9}, tmp_path / "in.pth")
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
