from pathlib import Path

import pytest
import torch

import foreign
from premotor import checkpoint
from premotor.cli import main
from premotor.errors import DataError

torch.set_num_threads(1)


def test_a_checkpoint_becomes_a_policy_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, clip, sizes = (tmp_path / name for name in ("arp.pth", "clip.safetensors", "sizes.yaml"))
    own = foreign.policy(file, sizes)
    foreign.words(clip)
    line = ["import-policy", str(file), "--out", str(tmp_path / "out"), "--sizes", str(sizes)]
    assert main.run([*line, "--text", str(clip)]) == 0
    stored = checkpoint.load_policy(tmp_path / "out").state_dict()
    assert all(torch.equal(stored[k], v) for k, v in own.items())
    said = capsys.readouterr().out
    assert "unwrapped 'model'; left aside: epoch" in said
    assert "text tower is not in the file" in said
    assert f"the words are read by {clip}" in said


def test_a_missing_file_of_sizes_is_named(tmp_path: Path):
    line = ["import-policy", "x", "--out", str(tmp_path / "out"), "--sizes", str(tmp_path / "no")]
    with pytest.raises(DataError, match=r"--sizes .* cannot be read"):
        main.run(line)
