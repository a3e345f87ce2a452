"""The probe finds what is linear in both sides, and nothing where there is nothing."""

from dataclasses import replace

import pytest
import torch

from premotor.align.config import AlignConfig
from premotor.align.fit import FitConfig, _SameGroup, fit_projections
from premotor.errors import ConfigError
from premotor.measure.retrieval import information_bound

CONFIG = FitConfig(align=AlignConfig(latent_dim=8), steps=150, batch_size=64)


def views(shared: float, count: int = 240) -> tuple[torch.Tensor, torch.Tensor]:
    """Two models' features of the same actions, of different width, offset and scale."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randn(count, 4, generator=generator)
    other = torch.randn(count, 4, generator=generator)
    mixed = shared * action + (1.0 - shared) * other
    u = 100.0 + 30.0 * action @ torch.randn(4, 12, generator=generator)
    return u, 1e-3 * mixed @ torch.randn(4, 9, generator=generator)


def bound(maps, u, e) -> float:
    aligned = maps(u, e)
    return information_bound(aligned.z_u.numpy(), aligned.z_e.numpy(), 0.05)


def test_rows_never_seen_are_matched_where_both_sides_know_the_action():
    u, e = views(1.0)
    maps = fit_projections(u[:160], e[:160], CONFIG, seed=0)
    assert bound(maps, u[160:], e[160:]) > 2.0


def test_unrelated_sides_give_no_information():
    u, e = views(0.0)
    maps = fit_projections(u[:160], e[:160], CONFIG, seed=0)
    assert bound(maps, u[160:], e[160:]) < 0.2


def test_a_seed_gives_the_same_maps_whatever_ran_before():
    u, e = views(1.0, 48)
    quick = FitConfig(steps=12, batch_size=16)
    one = fit_projections(u, e, quick, seed=3)
    torch.rand(7)
    two = fit_projections(u, e, quick, seed=3)
    three = fit_projections(u, e, quick, seed=4)
    assert torch.equal(one.from_u.weight, two.from_u.weight)
    assert not torch.equal(one.from_u.weight, three.from_u.weight)


def test_the_features_stay_frozen_and_the_maps_come_back_at_rest():
    u, e = (x.requires_grad_() for x in views(1.0, 48))
    maps = fit_projections(u, e, FitConfig(steps=3), seed=0)
    assert u.grad is None
    assert not any(p.requires_grad for p in maps.parameters())
    assert not maps.training


def test_rows_that_cannot_be_fitted_are_refused():
    u, e = views(1.0, 48)
    with pytest.raises(ConfigError, match="48 and 47 rows"):
        fit_projections(u, e[:47], CONFIG, seed=0)
    with pytest.raises(ConfigError, match="NaN"):
        fit_projections(u, torch.full_like(e, torch.nan), CONFIG, seed=0)
    with pytest.raises(ConfigError, match=r"try 0\.2"):
        FitConfig(held_out=0.9)
    with pytest.raises(ConfigError, match="batch_size >= 2"):
        FitConfig(batch_size=1)


def grouped(groups: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """u and e share their group's action and the single row's scene."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randn(int(groups.max()) + 1, 4, generator=generator)[groups]
    scene = torch.randn(len(groups), 4, generator=generator)
    both = torch.cat([action, scene], dim=1)
    u = both @ torch.randn(8, 12, generator=generator)
    return u, both @ torch.randn(8, 9, generator=generator)


def test_partners_by_group_teach_what_the_group_shares_and_not_the_scene():
    groups, rank = torch.arange(360) // 6, torch.arange(360) % 6
    u, e = grouped(groups)
    config = replace(CONFIG, learning_rate=1e-2)
    known, one, other = rank < 4, rank == 4, rank == 5
    alike = fit_projections(u[known], e[known], config, 0, groups[known])
    same = fit_projections(u[known], e[known], config, 0)
    assert bound(alike, u[one], e[other]) > 2.0
    assert bound(same, u[one], e[other]) < 0.0
    assert bound(same, u[one], e[one]) > bound(alike, u[one], e[one])


def test_a_batch_has_two_different_rows_of_each_of_some_groups_and_none_held_out():
    groups = torch.tensor([3, 1, 3, 1, 3, 7] + [g for g in range(20, 30) for _ in range(3)])
    generator = torch.Generator().manual_seed(0)
    partners = _SameGroup.of(groups, FitConfig(), generator)
    held = set(zip(*(side.tolist() for side in partners.held_out), strict=True))
    deciding = {int(groups[row]) for row, _ in held}
    assert len(deciding) == len(held) == 4
    assert 7 not in groups[partners.learned]  # it is alone
    met: set[tuple[int, int]] = set()
    for _ in range(300):
        u, e = partners.draw(6, generator)
        assert torch.equal(groups[u], groups[e])
        assert (u != e).all()
        assert len(set(groups[u].tolist())) == len(u) == 6
        met |= set(zip(u.tolist(), e.tolist(), strict=True))
    assert {(e, u) for u, e in held} <= met
    assert not {u for u, _ in met} & {u for u, _ in held}
    assert not {e for _, e in met} & {e for _, e in held}
    free = set(groups[partners.learned].tolist()) - deciding
    counts = [int((groups == g).sum()) for g in free]
    assert len(met) == 4 + sum(n * (n - 1) for n in counts)  # every two rows, both ways


def test_too_few_groups_of_two_are_refused():
    u, e = views(1.0, 48)
    with pytest.raises(ConfigError, match="got 7 groups of two rows or more, need at least 8"):
        fit_projections(u, e, FitConfig(), seed=0, groups=torch.arange(48) % 41)
