import math

import pytest
import torch
import torch.nn.functional as F

from premotor.align.loss import info_nce
from premotor.measure.retrieval import information_bound


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z_u, z_e = (torch.randn(7, 5, generator=generator) for _ in range(2))
    return F.normalize(z_u, dim=1), F.normalize(z_e, dim=1)


def test_watching_and_doing_are_interchangeable(pair):
    z_u, z_e = pair
    torch.testing.assert_close(info_nce(z_u, z_e, 0.05), info_nce(z_e, z_u, 0.05))


def test_a_rotation_of_the_shared_space_changes_nothing(pair):
    z_u, z_e = pair
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(
        info_nce(z_u @ rotation, z_e @ rotation, 0.05), info_nce(z_u, z_e, 0.05)
    )


def test_two_actions_by_hand():
    z_u, z_e = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    s = (z_u @ z_e.T / 0.5).tolist()
    rows = [math.log(math.exp(s[i][0]) + math.exp(s[i][1])) - s[i][i] for i in (0, 1)]
    columns = [math.log(math.exp(s[0][j]) + math.exp(s[1][j])) - s[j][j] for j in (0, 1)]
    expected = (sum(rows) / 2 + sum(columns) / 2) / 2
    assert info_nce(z_u, z_e, 0.5).item() == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_rows_that_are_all_alike_is_the_log_of_their_number():
    same = torch.ones(16, 4) / 2.0
    assert info_nce(same, same, 0.05).item() == pytest.approx(math.log(16), abs=1e-5)


def test_perfect_partners_leave_no_loss():
    assert info_nce(torch.eye(16), torch.eye(16), 0.05).item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_what_is_certified_is_the_log_of_the_rows_less_the_loss(pair, temperature):
    z_u, z_e = (F.normalize(x.double(), dim=1) for x in pair)
    certified = math.log(len(z_u)) - info_nce(z_u, z_e, temperature).item()
    measured = information_bound(z_u.numpy(), z_e.numpy(), temperature)
    assert measured == pytest.approx(certified, rel=1e-9)
