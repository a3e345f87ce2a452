from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from premotor import checkpoint
from premotor.backbones.text import TextConfig, TextTower
from premotor.cli import main
from premotor.codec import to_yaml
from premotor.errors import DataError
from premotor.execute.config import ExecuteConfig, TokensConfig, TrunkConfig, ViewsConfig
from premotor.execute.policy import Policy
from premotor.importer import policy_modules, their_name

torch.set_num_threads(1)
SMALL = ExecuteConfig(
    views=ViewsConfig(size=16),
    trunk=TrunkConfig(patch=4, embed_dim=16, width=32, heads=2, per_view_depth=1, joint_depth=1),
    tokens=TokensConfig(heads=2, cross_depth=1, self_depth=1),
    text=TextConfig(context=6, vocab_size=50, width=64, layers=1, heads=1, embed_dim=8),
)


def test_a_checkpoint_becomes_a_policy_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    policy, modules = Policy(SMALL), policy_modules(SMALL)
    own = {k: v for k, v in policy.state_dict().items() if not k.startswith("text.")}
    file, clip, sizes = (tmp_path / name for name in ("arp.pth", "clip.safetensors", "sizes.yaml"))
    torch.save({"model": {their_name(k, modules): v for k, v in own.items()}, "epoch": 80}, file)
    save_file(TextTower(SMALL.text).state_dict(), clip)
    sizes.write_text(to_yaml(SMALL))
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
