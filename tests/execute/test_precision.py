"""Under bfloat16 autocast what decides where to go stays float32; compiled, all stays."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from make import well_grounded
from premotor import presets
from premotor.batch import Executed, Target
from premotor.execute.config import ExecuteConfig, TokensConfig, TrunkConfig, ViewsConfig
from premotor.execute.loss import execute_losses
from premotor.execute.policy import ExecuteOutput, Policy
from premotor.execute.virtual_views import lift, look_up

torch.set_num_threads(1)
WORKER = Path(__file__).with_name("compile_worker.py")
NANO = replace(presets.train_preset("nano").mirror.execute, count_to=0)
PATCHIFY = ExecuteConfig(
    views=ViewsConfig(size=16),
    trunk=TrunkConfig(patch=4, embed_dim=16, width=32, heads=2, per_view_depth=1, joint_depth=1),
    tokens=TokensConfig(heads=2, cross_depth=1, self_depth=1, mlp_ratio=2),
    text=NANO.text,
)
GROUNDED = well_grounded(NANO)
EACH = pytest.mark.parametrize(
    "config", [NANO, PATCHIFY, GROUNDED], ids=["convolutional", "patchify", "grounded"]
)


def batch(size: int = 2) -> tuple[Executed, torch.Tensor, Target]:
    """Points of a table; a corner of it, another in each sample, is where to go."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(size, 600, 3, generator=generator) * torch.tensor([0.6, 0.6, 0.002])
    points += torch.tensor([-0.1, -0.3, 0.75])
    colors, state = (torch.rand(*s, generator=generator) for s in ((size, 600, 3), (size, 3)))
    executed = Executed(points, colors, state)
    ones = torch.ones(size, dtype=torch.long)
    quaternion = torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(size, 1)
    words = torch.randint(1, 400, (size, NANO.text.context), generator=generator)
    return executed, words, Target(points[:, 0].clone(), quaternion, ones, ones)


def said(policy: Policy, target: Target | None, autocast: bool) -> ExecuteOutput:
    executed, words, _ = batch()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        return policy(executed, words, target, torch.Generator().manual_seed(0))


@EACH
def test_logits_losses_and_positions_stay_float32_under_autocast(config):
    torch.manual_seed(0)
    policy = Policy(config).eval()
    target = batch()[2]
    taught, exact = said(policy, target, True), said(policy, target, False)
    with torch.autocast("cpu", torch.bfloat16):
        losses = execute_losses(taught, target, config)
    floats = (taught.coarse, taught.fine, taught.rotation, taught.gripper, taught.e, losses.total)
    assert {x.dtype for x in floats} == {torch.float32}
    torch.testing.assert_close(
        losses.total, execute_losses(exact, target, config).total, rtol=0.02, atol=0.0
    )
    losses.total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in policy.parameters())
    with torch.no_grad():
        free = said(policy, None, True)
    assert free.position is not None
    assert free.position.dtype == free.zoom_center.dtype == torch.float32


def test_lifting_and_look_up_are_float32_for_bfloat16_maps():
    scores = torch.randn(2, 3, 6, 6).bfloat16()
    assert torch.equal(lift(scores, 3), lift(scores.float(), 3))
    points = torch.rand(2, 3)
    features = torch.randn(2, 3, 4, 5, 5).bfloat16()
    assert torch.equal(look_up(features, points), look_up(features.float(), points))


@pytest.mark.slow
def test_heatmaps_of_a_policy_that_has_learned_peak_at_the_same_pixels_in_bfloat16():
    torch.manual_seed(0)
    policy = Policy(NANO)
    executed, words, target = batch()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(80):
        losses = execute_losses(policy(executed, words, target, generator), target, NANO)
        losses.total.backward()
        optimizer.step()
        optimizer.zero_grad()
    policy.eval()
    with torch.no_grad():
        half, full = said(policy, target, True), said(policy, target, False)
    for a, b in ((half.coarse, full.coarse), (half.fine, full.fine)):
        assert torch.equal(a.flatten(2).argmax(2), b.flatten(2).argmax(2))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler, g++")
def test_a_compiled_policy_has_the_loss_and_the_gradient_of_an_eager_one(tmp_path: Path):
    # In a process of its own: torch cannot compile the checks of shapes that tests run with.
    result = tmp_path / "result.json"
    subprocess.run([sys.executable, str(WORKER), str(result)], check=True, timeout=500)
    for (loss, norm), (compiled_loss, compiled_norm) in json.loads(result.read_text()):
        assert compiled_loss == pytest.approx(loss, rel=1e-5)
        assert compiled_norm == pytest.approx(norm, rel=1e-3)
