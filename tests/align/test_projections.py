import pytest
import torch

from premotor.align.config import AlignConfig, resolve_latent_dim
from premotor.align.loss import info_nce
from premotor.align.projections import Projections
from premotor.errors import ConfigError


@pytest.mark.parametrize(
    ("u_dim", "e_dim", "latent_dim"),
    [(768, 384, 384), (1024, 1024, 512), (100, 90, 64), (32, 48, 32)],
)
def test_the_shared_space_is_as_wide_as_the_narrower_side_allows(u_dim, e_dim, latent_dim):
    assert resolve_latent_dim(AlignConfig(), u_dim, e_dim) == latent_dim
    assert resolve_latent_dim(AlignConfig(latent_dim=7), u_dim, e_dim) == 7


def test_projections_have_unit_norm_and_are_linear_up_to_it():
    torch.manual_seed(0)
    maps = Projections(AlignConfig(latent_dim=8), 6, 10)
    u, e = torch.randn(4, 6), torch.randn(4, 10)
    aligned = maps(u, e)
    torch.testing.assert_close(aligned.z_u.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(aligned.z_e.norm(dim=1), torch.ones(4))
    plain = u @ maps.from_u.weight.T + maps.from_u.bias
    torch.testing.assert_close(aligned.z_u * plain.norm(dim=1, keepdim=True), plain)


def test_two_linear_views_of_the_same_actions_can_be_aligned():
    torch.manual_seed(0)
    action = torch.randn(32, 6)
    u, e = action @ torch.randn(6, 12), action @ torch.randn(6, 9)
    maps = Projections(AlignConfig(latent_dim=6), 12, 9)
    optimizer = torch.optim.Adam(maps.parameters(), lr=0.02)
    losses = []
    for _ in range(150):
        aligned = maps(u, e)
        loss = info_nce(aligned.z_u, aligned.z_e, 0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 3.0
    assert losses[-1] < 0.3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 0.0}, "try 0.05"),
        ({"weight": -1.0}, "0 is the baseline"),
        ({"latent_dim": 0}, "try None"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        AlignConfig(**wrong)
