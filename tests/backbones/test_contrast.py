import math

import pytest
import torch

from premotor.backbones.contrast import info_nce, info_nce_shared, unit


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return unit(torch.randn(6, 4, generator=generator)), unit(
        torch.randn(6, 4, generator=generator)
    )


def test_indistinguishable_rows_cost_the_log_of_their_number():
    same = torch.ones(5, 3) / math.sqrt(3.0)
    assert info_nce(same, same, 0.05).item() == pytest.approx(math.log(5), abs=1e-5)


def test_two_orthogonal_pairs_by_hand():
    rows = torch.eye(2)
    expected = math.log(1.0 + math.exp(-1.0 / 0.5))
    assert info_nce(rows, rows, 0.5).item() == pytest.approx(expected, abs=1e-6)


def test_the_sides_can_be_swapped(rows):
    a, b = rows
    torch.testing.assert_close(info_nce(a, b, 0.1), info_nce(b, a, 0.1))


def test_swapped_partners_cost_more_than_true_ones():
    rows = torch.eye(3)
    assert info_nce(rows, rows.roll(1, 0), 0.1) > info_nce(rows, rows, 0.1) + 9.0


def test_unique_ids_change_nothing(rows):
    a, b = rows
    torch.testing.assert_close(info_nce_shared(a, b, torch.arange(6), 0.1), info_nce(a, b, 0.1))


def test_shared_ids_do_not_push_equal_texts_apart():
    text = torch.eye(2)[[0, 0, 1]]
    video = torch.eye(2)[[0, 0, 1]].requires_grad_()
    loss = info_nce_shared(video, text, torch.tensor([7, 7, 8]), 0.1)
    loss.backward()
    assert video.grad is not None
    assert video.grad.abs().max() < 1e-3
    assert loss.item() == pytest.approx(math.log(2) * 2 / 3, abs=1e-3)  # entropy of the targets


def test_logits_stay_in_float32_under_bfloat16_autocast(rows):
    a, b = rows
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = info_nce(a, b, 0.05)
    assert lowered.dtype == torch.float32
    assert lowered == info_nce(a, b, 0.05)


def test_float64_is_kept(rows):
    a, b = rows
    assert info_nce(a.double(), b.double(), 0.05).dtype == torch.float64
