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
        ({"temperature": 0.0}, "try 0.1"),
        ({"weight": -1.0}, "0 is the baseline"),
        ({"latent_dim": 0}, "try None"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        AlignConfig(**wrong)


@pytest.mark.parametrize(
    ("moves", "reached"),
    [("both", (True, True)), ("policy", (False, True)), ("recognizer", (True, False))],
)
def test_a_tower_that_is_not_to_be_moved_gets_no_gradient_and_its_map_does(moves, reached):
    torch.manual_seed(0)
    maps = Projections(AlignConfig(latent_dim=6, moves=moves), 6, 10)
    u, e = torch.randn(4, 6, requires_grad=True), torch.randn(4, 10, requires_grad=True)
    aligned = maps(u, e)
    info_nce(aligned.z_u, aligned.z_e, 0.1).backward()
    assert tuple(side.grad is not None for side in (u, e)) == reached
    assert all(p.grad is not None for p in maps.parameters())


def test_codes_of_instructions_are_unit_vectors_that_learn():
    maps = Projections(AlignConfig(latent_dim=6, num_labels=5), 6, 10)
    u, e = torch.randn(3, 6), torch.randn(3, 10)
    assert maps(u, e).codes is None
    codes = maps(u, e, torch.tensor([4, 1, 4])).codes
    assert codes is not None
    assert torch.equal(codes[0], codes[2])
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(3))
    info_nce(maps(u, e).z_u, codes, 0.1).backward()
    assert maps.codes.grad is not None
    assert maps.codes.grad.any(dim=1).tolist() == [False, True, False, False, True]
    with pytest.raises(ConfigError, match=r"set align\.num_labels to their number"):
        Projections(AlignConfig(latent_dim=6), 6, 10)(u, e, torch.tensor([0, 1, 2]))


def test_codes_are_drawn_by_a_generator_of_their_own():
    states = []
    for labels in (0, 7):
        torch.manual_seed(3)
        weights = dict(
            Projections(AlignConfig(latent_dim=6, num_labels=labels), 6, 10).state_dict()
        )
        codes = weights.pop("codes", None)
        states.append((weights, torch.rand(4), codes))
    (plain, after, _), (coded, after_too, codes) = states
    assert all(torch.equal(plain[k], coded[k]) for k in plain)
    assert torch.equal(after, after_too)
    torch.manual_seed(4)
    other = Projections(AlignConfig(latent_dim=6, num_labels=7), 6, 10).codes
    assert codes is not None
    assert not torch.equal(codes, other)
