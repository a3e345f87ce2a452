"""The blockwise loss is the plain one, with its gradients, and holds no square matrix."""

import pytest
import torch

from premotor.backbones import blockwise
from premotor.backbones.blockwise import info_nce_blockwise
from premotor.backbones.contrast import info_nce, unit


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blockwise, "BLOCK", 5)  # several blocks, the last one cut


def graded(loss, dtype=torch.float32, temperature=0.05):
    """Value of a loss of 13 pairs and its gradients to both sides and the temperature."""
    generator = torch.Generator().manual_seed(1)
    a, b = (unit(torch.randn(13, 6, generator=generator)).to(dtype) for _ in range(2))
    tau = torch.tensor(temperature, dtype=dtype)
    leaves = [x.requires_grad_() for x in (a, b, tau)]
    value = loss(*leaves)
    value.backward()
    return value.detach(), [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.5])
def test_the_loss_and_its_gradients_are_the_plain_ones_up_to_rounding(temperature):
    value, gradients = graded(info_nce_blockwise, temperature=temperature)
    plain, expected = graded(info_nce, temperature=temperature)
    torch.testing.assert_close(value, plain, rtol=2e-6, atol=1e-5 * 0.05 / temperature)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-5)


def test_in_double_precision_they_are_equal():
    value, gradients = graded(info_nce_blockwise, torch.float64)
    plain, expected = graded(info_nce, torch.float64)
    torch.testing.assert_close(value, plain, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-12)


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(7, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    tau = torch.tensor(0.4, dtype=torch.float64)
    leaves = [x.requires_grad_() for x in (a, b, tau)]
    assert torch.autograd.gradcheck(info_nce_blockwise, leaves)


def test_logits_stay_in_float32_under_bfloat16_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered, _ = graded(info_nce_blockwise)
    plain, _ = graded(info_nce_blockwise)
    assert lowered.dtype == torch.float32
    assert lowered == plain


def test_float16_rows_are_contrasted_in_float32():
    value, gradients = graded(info_nce_blockwise, torch.bfloat16)
    assert value.dtype == torch.float32
    assert gradients[0].dtype == torch.bfloat16


def test_no_block_is_kept_for_the_backward_pass():
    kept = []
    a, b = (unit(torch.randn(64, 4)).requires_grad_() for _ in range(2))
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        info_nce_blockwise(a, b, 0.05)
    assert max(kept) <= 64 * 4
