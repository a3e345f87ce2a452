"""One pass over the points gives the pictures of the tensors' way, bit for bit."""

import math
from dataclasses import replace

import pytest
import torch

from premotor.batch import Executed
from premotor.execute import drawing, released
from premotor.execute.config import ViewsConfig
from premotor.execute.drawing import draw_whole, draw_zoomed
from premotor.execute.virtual_views import RIG, Rig, render, whole_scene, zoomed_scene

torch.set_num_threads(1)
VIEWS = ViewsConfig(size=24, stride=3, fine_radius=1.5)
BEHIND = Rig(eyes=(1.0, 0.5, 0.7), near=-math.inf, far=1.2, limit=0.6)  # negative depths, too


def table(size: int = 3, num_points: int = 4000, seed: int = 0) -> Executed:
    """Points in and around the bounds, many at equal depths, some missing, axis after axis."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(size, 3, num_points, generator=generator) * 1.2
    points += torch.tensor([-0.4, -0.6, 0.5])[:, None]
    points[:, 2, ::4] = 0.75  # a table: the first of equally near points wins
    points[:, :, -300:] = torch.nan
    colors = torch.rand(size, num_points, 3, generator=generator)
    return Executed(points.transpose(1, 2), colors, torch.zeros(size, 3))


def centers(size: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(size, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def as_drawn_by_tensors(executed: Executed, config: ViewsConfig, center=None, offset=0, rig=RIG):
    if center is None:
        cloud, radius = whole_scene(executed, config, offset), config.coarse_radius
    else:
        cloud, radius = zoomed_scene(executed, center, config, rig), config.fine_radius
    return render(cloud, config.size, radius, rig)


def check_same(drawn, expected) -> None:
    assert torch.equal(drawn[0], expected[0])
    assert torch.equal(drawn[1], expected[1])


@pytest.fixture
def one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tensors' way must not be taken."""
    for name in ("render", "whole_scene", "zoomed_scene"):
        monkeypatch.delattr(drawing, name)


@pytest.mark.usefixtures("one_pass")
@pytest.mark.parametrize("radius", [0.5, 1.0, 1.344, 1.5, 2.5])
@pytest.mark.parametrize("rig", [RIG, BEHIND])
def test_no_pixel_differs(radius: float, rig: Rig):
    config = replace(VIEWS, coarse_radius=radius, fine_radius=radius)
    executed, center = table(), centers(3)
    whole = draw_whole(executed, config, 2, rig)
    zoomed = draw_zoomed(executed, center, config, rig)
    check_same(whole, as_drawn_by_tensors(executed, config, offset=2, rig=rig))
    check_same(zoomed, as_drawn_by_tensors(executed, config, center, rig=rig))
    assert whole[1].float().mean() > 0.3
    assert zoomed[1].any()


@pytest.mark.usefixtures("one_pass")
def test_how_points_lie_in_memory_changes_nothing():
    executed = table()
    packed = replace(executed, points=executed.points.contiguous())
    check_same(draw_zoomed(packed, centers(3), VIEWS), draw_zoomed(executed, centers(3), VIEWS))
    check_same(draw_whole(packed, VIEWS, 1), draw_whole(executed, VIEWS, 1))


@pytest.mark.usefixtures("one_pass")
def test_a_scene_without_points_is_empty():
    nothing = Executed(torch.full((2, 5, 3), torch.nan), torch.ones(2, 5, 3), torch.zeros(2, 3))
    images, occupied = draw_whole(nothing, VIEWS)
    assert not occupied.any()
    assert torch.equal(images[..., 6], torch.full(occupied.shape, -1.0))
    assert not images[..., :6].any()


def test_other_habits_and_precisions_are_drawn_by_tensors():
    executed = table(size=1, num_points=800)
    rig = released.rig(VIEWS.size)
    check_same(
        draw_zoomed(executed, centers(1), VIEWS, rig),
        as_drawn_by_tensors(executed, VIEWS, centers(1), rig=rig),
    )
    double = replace(executed, points=executed.points.double(), colors=executed.colors.double())
    images, _ = draw_whole(double, VIEWS)
    assert images.dtype == torch.float64


@pytest.mark.gpu
def test_a_gpu_draws_by_tensors():
    executed = table(size=2)
    moved = Executed(executed.points.cuda(), executed.colors.cuda(), torch.zeros(2, 3).cuda())
    images, occupied = draw_zoomed(moved, centers(2).cuda(), VIEWS)
    mine, mine_occupied = draw_zoomed(executed, centers(2), VIEWS)
    assert (occupied.cpu() == mine_occupied).float().mean() > 0.999
    assert images.is_cuda
    assert images.shape == mine.shape
