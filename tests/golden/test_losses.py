import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from golden.stored import Stored
from premotor.align.config import AlignConfig
from premotor.align.loss import info_nce
from premotor.align.projections import Projections
from premotor.measure.retrieval import information_bound
from premotor.understand.classes import VariationTexts, class_scores, class_set
from premotor.understand.loss import video_text_loss, video_text_loss_shared

pytestmark = pytest.mark.golden

LOSSES = Stored("recognition", "losses")
WORKER = Path(__file__).parents[1] / "backbones" / "gather_worker.py"


@pytest.fixture(scope="module")
def losses(golden: Path) -> dict[str, torch.Tensor]:
    return LOSSES.tensors


def test_video_text_loss_and_its_gradients_equal_the_reference(losses):
    cases = LOSSES.cases(r"vtc\.(\w+)\.t([\d.]+)\.loss")
    for ids, temperature in cases:
        check_video_text(losses, ids, temperature)
    assert cases


def check_video_text(losses: dict[str, torch.Tensor], ids: str, temperature: str) -> None:
    video, text = (losses[f"in.{side}"].clone().requires_grad_() for side in ("video", "text"))
    tau = torch.tensor(float(temperature), requires_grad=True)
    if ids == "none":
        loss = video_text_loss(video, text, tau)
    else:
        loss = video_text_loss_shared(video, text, losses[f"in.idx_{ids}"], tau)
    loss.backward()
    case = f"vtc.{ids}.t{temperature}"
    LOSSES.close(loss.detach(), losses[f"{case}.loss"])
    for name, leaf in (("video", video), ("text", text), ("temp", tau)):
        LOSSES.close(leaf.grad, losses[f"{case}.grad_{name}"])


def test_alignment_loss_and_its_gradients_equal_the_reference(losses):
    cases = LOSSES.cases(r"align\.t([\d.]+)\.loss")
    for temperature in cases:
        check_alignment(losses, temperature)
    assert cases


def check_alignment(losses: dict[str, torch.Tensor], temperature: str) -> None:
    u, e = (losses[f"align.in.{side}"].clone().requires_grad_() for side in "ue")
    maps = Projections(
        AlignConfig(latent_dim=len(losses["align.in.T_u.weight"])), u.shape[1], e.shape[1]
    ).double()
    linear = {"T_u": maps.from_u, "T_e": maps.from_e}
    for name, layer in linear.items():
        layer.load_state_dict({k: losses[f"align.in.{name}.{k}"] for k in ("weight", "bias")})
    aligned = maps(u, e)
    loss = info_nce(aligned.z_u, aligned.z_e, float(temperature))
    loss.backward()
    case = f"align.t{temperature}"
    rel = LOSSES.about["tolerance"]["align_float64_rel"]
    close = {"rtol": rel, "atol": rel / 1000}  # of values of about 1
    torch.testing.assert_close(loss.detach(), losses[f"{case}.loss"], **close)
    for z, key in ((aligned.z_u, "z_u"), (aligned.z_e, "z_e")):  # stored before normalization
        torch.testing.assert_close(z.detach(), F.normalize(losses[f"{case}.{key}"], dim=1), **close)
    torch.testing.assert_close(u.grad, losses[f"{case}.grad_u"], **close)
    torch.testing.assert_close(e.grad, losses[f"{case}.grad_e"], **close)
    for name, layer in linear.items():
        for k in ("weight", "bias"):
            found = getattr(layer, k).grad
            torch.testing.assert_close(found, losses[f"{case}.grad_{name}.{k}"], **close)
    bound = information_bound(
        *(z.detach().numpy() for z in (aligned.z_u, aligned.z_e)), float(temperature)
    )
    assert bound == pytest.approx(losses[f"{case}.mi_lower_bound"].item(), rel=rel)


def test_zero_shot_scores_equal_the_reference(losses):
    prompts = losses["in.class_prompts"]  # (classes, prompts, width)
    rows = [
        VariationTexts("task", c, tuple(f"{c} {p}" for p in range(prompts.shape[1])))
        for c in range(len(prompts))
    ]
    classes = class_set("variation", rows)
    scores = class_scores(losses["in.video"], prompts.flatten(0, 1), classes)
    LOSSES.close(scores, losses["zeroshot.sim"])
    assert torch.equal(scores.argmax(1), losses["zeroshot.pred"])


def test_two_ranks_reproduce_the_whole_batch_of_the_reference(golden, tmp_path):
    stored = Stored("recognition", "losses_dist")
    given, world = stored.tensors, stored.about["world"]
    inputs = {"video": given["in.video"], "text": given["in.text"], "ids": given["in.idx"]}
    save_file(inputs, tmp_path / "in.safetensors")
    commands = [[sys.executable, WORKER, str(r), str(world), tmp_path] for r in range(world)]
    ranks = [subprocess.Popen(command) for command in commands]
    assert [rank.wait(timeout=120) for rank in ranks] == [0] * world
    outs = [load_file(tmp_path / f"out_{r}.safetensors") for r in range(world)]
    for name in ("none", "shared", "none.blockwise"):
        case = f"whole.vtc.{name.removesuffix('.blockwise')}"
        for k in ("loss", "grad_temp"):
            mean = torch.stack([out[f"{name}.{k}"] for out in outs]).mean(0)
            stored.close(mean, given[f"{case}.{k}"])
        for k in ("grad_video", "grad_text"):
            whole = torch.cat([out[f"{name}.{k}"] for out in outs]) / world
            stored.close(whole, given[f"{case}.{k}"])
