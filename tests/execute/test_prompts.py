"""Patches of the up-sampler's first map: read in loops, added to the point prompts alone."""

import math
from dataclasses import replace

import pytest
import torch

from execute.test_policy import NANO, ONE_STAGE, batch
from make import well_grounded
from premotor.execute.policy import Policy
from premotor.execute.prompts import Patches
from premotor.execute.virtual_views import look_around, look_up, project, to_cube

torch.set_num_threads(1)
PATCHED = replace(NANO, tokens=replace(NANO.tokens, patch=3))
ONCE = replace(ONE_STAGE, tokens=PATCHED.tokens)


def bilinear(image: list[list[float]], column: float, row: float) -> float:
    """Between cell centers, clamped at the borders."""
    last = len(image) - 1
    column, row = min(max(column, 0.0), last), min(max(row, 0.0), last)
    left, upper = math.floor(column), math.floor(row)
    right, lower = min(left + 1, last), min(upper + 1, last)
    a, b = column - left, row - upper
    above = (1 - a) * image[upper][left] + a * image[upper][right]
    below = (1 - a) * image[lower][left] + a * image[lower][right]
    return (1 - b) * above + b * below


def plain_patch(maps: torch.Tensor, point: torch.Tensor, side: int) -> torch.Tensor:
    """(v, c, side, side) of one sample."""
    grid = maps.shape[-1]
    planes = [
        (float(point[0]), -float(point[1])),
        (float(point[1]), -float(point[2])),
        (-float(point[0]), -float(point[2])),
    ]
    found = torch.zeros(*maps.shape[:2], side, side)
    for view, (x, y) in enumerate(planes):
        column, row = ((value + 1) * grid / 2 - 0.5 for value in (x, y))
        for channel, image in enumerate(maps[view].tolist()):
            for i in range(side):
                for j in range(side):
                    place = (column + j - side // 2, row + i - side // 2)
                    found[view, channel, i, j] = bilinear(image, *place)
    return found


@pytest.mark.parametrize("side", [1, 3, 5])
def test_a_patch_is_read_cell_by_cell_and_clamped_at_the_borders(side):
    torch.manual_seed(0)
    maps = torch.randn(4, 3, 2, 6, 6)
    points = torch.tensor([[0.1, -0.33, 0.7], [0.98, -0.97, 0.9], [0, 0, 0], [1.4, -2.0, 1.1]])
    found = look_around(maps, points, side)
    expected = torch.stack([plain_patch(*pair, side) for pair in zip(maps, points, strict=True)])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    middle = found[..., side // 2, side // 2]
    torch.testing.assert_close(middle, look_up(maps, points), atol=1e-6, rtol=1e-6)


def test_a_map_and_a_point_moved_by_a_cell_show_the_same_patch():
    torch.manual_seed(0)
    maps, point = torch.randn(1, 3, 2, 8, 8), torch.tensor([[0.1, 0.05, -0.1]])
    moved = point + torch.tensor([[0.25, 0.0, 0.0]])  # one of eight cells
    columns = project(moved - point)[0, :, 0].mul(4).round().int().tolist()
    assert columns == [1, 0, -1]
    shifted = torch.stack([maps[0, v].roll(c, 2) for v, c in enumerate(columns)])[None]
    torch.testing.assert_close(
        look_around(shifted, moved, 3), look_around(maps, point, 3), atol=1e-5, rtol=1e-5
    )


def test_gradients_reach_maps_and_weights():
    torch.manual_seed(0)
    patches = Patches(PATCHED).double()
    maps = [torch.randn(1, 3, 16, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    points = [torch.tensor([[0.2, -0.9, 0.4]], dtype=torch.float64)] * 2

    def gained(*maps: torch.Tensor) -> torch.Tensor:
        return patches(maps, points)

    assert torch.autograd.gradcheck(gained, maps)
    gained(*maps).sum().backward()
    seen = sum(float(linear.weight.grad.abs().sum()) for linear in patches.linears)
    plain = sum(
        abs(float(plain_patch(m[0].detach().float(), p[0], 3)[:, c, i, j].sum()))
        for m, p in zip(maps, points, strict=True)
        for c in range(16)
        for i in range(3)
        for j in range(3)
    )
    assert seen == pytest.approx(16 * plain, rel=1e-4)  # a row of each of 16 numbers of a prompt


class Watch:
    """Prompts that the action head got, and the maps they could be read from."""

    def __init__(self, policy: Policy) -> None:
        self.prompts, self.maps = [], []
        for head in policy.heads:
            head.register_forward_hook(lambda *given: self.maps.append(given[-1].merged))
        actions = policy.tokens.actions

        def watched(prompts: torch.Tensor, values: torch.Tensor):
            self.prompts.append(prompts)
            return actions(prompts, values)

        policy.tokens.actions = watched


def pair(config) -> tuple[Policy, Policy]:
    """A policy that sees patches and one of the same weights that does not."""
    torch.manual_seed(0)
    seeing = Policy(config).eval()
    blind = Policy(replace(config, tokens=replace(config.tokens, patch=0))).eval()
    extra = blind.load_state_dict(seeing.state_dict(), strict=False)
    assert extra.missing_keys == []
    assert {name.split(".")[0] for name in extra.unexpected_keys} == {"patches"}
    return seeing, blind


@pytest.mark.parametrize("taught", [True, False], ids=["taught", "acting"])
@pytest.mark.parametrize("config", [PATCHED, ONCE], ids=["zoomed", "one stage"])
def test_point_prompts_gain_what_each_stage_shows_around_the_point(config, taught):
    seeing, blind = pair(config)
    watch, plain = Watch(seeing), Watch(blind)
    executed, words, target = batch()
    with torch.no_grad():
        said, without = (p(executed, words, target if taught else None) for p in (seeing, blind))
    place = target.position if taught else said.position
    whole = to_cube(place, config.views)
    points = [whole, (whole - said.zoom_center) * config.last_zoom][: config.stages]
    gained = torch.zeros(2, 3, 16)
    for linear, maps, point in zip(seeing.patches.linears, watch.maps, points, strict=True):
        for i in range(2):
            near = plain_patch(maps[3 * i : 3 * i + 3], point[i], 3)
            gained[i] += near.flatten(1) @ linear.weight.detach().T + linear.bias.detach()
    difference = watch.prompts[0] - plain.prompts[0]
    torch.testing.assert_close(difference[:, :3], gained, atol=1e-4, rtol=1e-4)
    assert not difference[:, 3:].any()
    assert not torch.equal(said.rotation, without.rotation)


@pytest.mark.parametrize("source", ["fine_max", "prompts"])
def test_e_is_the_same_tensor_with_and_without_patches(source):
    seeing, blind = pair(replace(PATCHED, e_source=source))
    executed, words, target = batch()
    with torch.no_grad():
        assert torch.equal(seeing(executed, words, target).e, blind(executed, words, target).e)
        assert torch.equal(seeing(executed, words).e, blind(executed, words).e)


def test_every_weight_of_a_well_grounded_policy_learns():
    torch.manual_seed(0)
    policy = Policy(well_grounded(NANO))
    executed, words, target = batch()
    output = policy(executed, words, target, torch.Generator().manual_seed(0))
    (output.rotation.sum() + output.coarse.std() + output.fine.std()).backward()
    there = {name for name, p in policy.named_parameters() if p.grad is not None and p.grad.any()}
    assert {f"patches.linears.{i}.weight" for i in range(2)} <= there
    assert {f"trunks.{i}.stem.match.color.0.weight" for i in range(2)} <= there
