"""Both stages decide where to go: every cell of the zoomed cube scored by itself."""

import itertools
from dataclasses import replace

import pytest
import torch

from execute.test_policy import NANO, batch
from execute.test_prompts import bilinear
from premotor.execute import released
from premotor.execute.policy import Policy
from premotor.execute.virtual_views import zoomed_scores

torch.set_num_threads(1)
SIZE, ZOOM = 6, 4.0
CENTERS = torch.tensor([[0.1, -0.3, 0.2], [0.95, -0.98, 0.9]])  # the second looks over the border


def planes(point: list[float]) -> list[tuple[float, float]]:
    x, y, z = point
    return [(x, -y), (y, -z), (-x, -z)]


def plain_zoomed(scores: torch.Tensor, center: list[float], offset: float) -> torch.Tensor:
    """(v, s, s) of one sample."""
    size, found = scores.shape[-1], torch.zeros_like(scores)
    for view, (x, y) in enumerate(planes(center)):
        image = scores[view].tolist()
        for row, column in itertools.product(range(size), repeat=2):
            at = [
                middle + ((index + offset) * 2 / size - 1) / ZOOM
                for middle, index in ((x, column), (y, row))
            ]
            there = [(value + 1) * size / 2 - offset for value in at]
            found[view, row, column] = bilinear(image, *there)
    return found


@pytest.mark.parametrize("offset", [0.5, released.pixel_offset(SIZE)], ids=["ours", "released"])
def test_the_coarse_scores_are_read_at_the_places_of_the_zoomed_pixels(offset):
    torch.manual_seed(0)
    scores = torch.randn(2, 3, SIZE, SIZE)
    found = zoomed_scores(scores, CENTERS, ZOOM, offset)
    expected = [plain_zoomed(s, c, offset) for s, c in zip(scores, CENTERS.tolist(), strict=True)]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-5, rtol=1e-5)


def test_outside_the_scene_a_pixel_scores_as_its_neighbor_inside():
    torch.manual_seed(0)
    scores = torch.randn(1, 3, SIZE, SIZE)
    found = zoomed_scores(scores, torch.tensor([[1.0, 0.0, 0.0]]), ZOOM, 0.5)
    assert torch.isfinite(found).all()
    top = found[0, 0]  # its columns run along x, and half of them lie beyond 1
    assert torch.equal(top[:, SIZE // 2 :], top[:, -1:].expand(-1, SIZE // 2))
    assert found.min() >= scores.min()
    assert found.max() <= scores.max()


def test_a_pixel_of_no_zoom_keeps_its_score():
    scores = torch.randn(2, 3, SIZE, SIZE)
    torch.testing.assert_close(zoomed_scores(scores, torch.zeros(2, 3), 1.0, 0.5), scores)


def decided(weight: float) -> tuple[Policy, object]:
    torch.manual_seed(0)
    heatmap = replace(NANO.heatmap, mean_window=1, coarse_weight=weight)
    policy = Policy(replace(NANO, heatmap=heatmap)).eval()
    executed, words, _ = batch()
    with torch.no_grad():
        return policy, policy(executed, words)


def log_softmax(image: torch.Tensor) -> list[list[float]]:
    values = image.double()
    return (values - values.exp().sum().log()).tolist()


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_best_cell_of_both_stages_together_is_chosen(weight):
    policy, said = decided(weight)
    views, size = policy.config.views, policy.config.views.size
    low, high = torch.tensor(views.low), torch.tensor(views.high)
    scale = 2.0 / float((high - low).max())
    for i, center in enumerate(said.zoom_center.tolist()):
        coarse, fine = (
            torch.tensor([log_softmax(heat[i, v]) for v in range(3)])
            for heat in (said.coarse, said.fine)
        )
        score = (fine + weight * plain_zoomed(coarse, center, 0.5)).tolist()
        best, where = -1e9, None
        for cell in itertools.product(range(size), repeat=3):
            point = [(index + 0.5) * 2 / size - 1 for index in cell]
            pixels = [[round((p + 1) * size / 2 - 0.5) for p in plane] for plane in planes(point)]
            total = sum(score[v][row][column] for v, (column, row) in enumerate(pixels))
            if total > best:
                best, where = total, point
        cube = torch.tensor(center) + torch.tensor(where) / views.zoom
        torch.testing.assert_close(said.position[i], cube / scale + (low + high) / 2)


def test_alone_the_zoomed_stage_decides_by_its_own_logits():
    _, alone = decided(0.0)
    assert torch.equal(alone.deciding, alone.fine)
    _, both = decided(1.0)
    assert torch.equal(both.fine, alone.fine)
    assert not torch.equal(both.deciding, alone.fine)


def test_enormous_logits_stay_finite_and_a_certain_coarse_stage_wins_over_a_flat_one():
    policy, _ = decided(1.0)
    for head, factor in zip(policy.heads, (1e5, 0.0), strict=True):
        head.register_forward_hook(
            lambda *given, f=factor: replace(given[-1], heat=f * given[-1].heat)
        )
    executed, words, _ = batch()
    with torch.no_grad():
        said = policy(executed, words)
    assert said.coarse.abs().max() > 1e4
    assert torch.isfinite(said.deciding).all()
    certain = said.coarse.flatten(2).log_softmax(2).view_as(said.coarse)
    alone = zoomed_scores(certain, said.zoom_center, policy.config.views.zoom, 0.5)
    assert torch.equal(said.deciding.flatten(2).argmax(2), alone.flatten(2).argmax(2))
