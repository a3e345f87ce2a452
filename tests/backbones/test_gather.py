import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from premotor.backbones import gather
from premotor.understand.loss import video_text_loss, video_text_loss_shared

WORKER = Path(__file__).with_name("gather_worker.py")
WORLD = 2


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "video": torch.randn(8, 5, generator=generator),
        "text": torch.randn(8, 5, generator=generator),
        "ids": torch.tensor([0, 1, 2, 0, 3, 1, 4, 0]),
    }


def run_ranks(folder: Path, given: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    save_file(given, folder / "in.safetensors")
    commands = [
        [sys.executable, str(WORKER), str(r), str(WORLD), str(folder)] for r in range(WORLD)
    ]
    ranks = [subprocess.Popen(command) for command in commands]
    assert [rank.wait(timeout=120) for rank in ranks] == [0] * WORLD
    return [load_file(folder / f"out_{r}.safetensors") for r in range(WORLD)]


def test_mean_over_ranks_of_gradients_is_the_gradient_of_the_whole_batch(tmp_path, given):
    ranks = run_ranks(tmp_path, given)
    forms = {"none": ("none", "none.blockwise"), "shared": ("shared",)}
    for name, same in forms.items():
        video, text = given["video"].clone(), given["text"].clone()
        tau = torch.tensor(0.05)
        for leaf in (video, text, tau):
            leaf.requires_grad_()
        if name == "none":
            loss = video_text_loss(video, text, tau)
        else:
            loss = video_text_loss_shared(video, text, given["ids"], tau)
        loss.backward()
        for form in same:
            for key, expected in (("loss", loss.detach()), ("grad_temp", tau.grad)):
                mean = torch.stack([r[f"{form}.{key}"] for r in ranks]).mean(0)
                torch.testing.assert_close(mean, expected, rtol=1e-5, atol=1e-5)
            for key, leaf in (("grad_video", video), ("grad_text", text)):
                whole = torch.cat([r[f"{form}.{key}"] for r in ranks]) / WORLD
                torch.testing.assert_close(whole, leaf.grad, rtol=1e-4, atol=1e-6)


def test_gathering_is_the_identity_in_one_process(given):
    assert gather.world_size() == 1
    assert gather.gather(given["video"]) is given["video"]
    assert gather.gather_values(given["ids"]) is given["ids"]
    assert gather.partners(given["video"]).tolist() == list(range(8))
