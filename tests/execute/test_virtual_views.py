import itertools

import pytest
import torch

from premotor.batch import Executed
from premotor.execute.config import ViewsConfig
from premotor.execute.virtual_views import (
    COLUMN_AXIS,
    COLUMN_SIGN,
    DEPTH_AXIS,
    ROW_AXIS,
    ROW_SIGN,
    Cloud,
    from_cube,
    label_heatmaps,
    lift,
    look_up,
    project,
    render,
    to_cube,
    to_pixels,
    whole_scene,
    zoomed_scene,
)

torch.set_num_threads(1)
VIEWS = ViewsConfig(size=12)


def random_cloud(num_points: int, batch_size: int, seed: int) -> Cloud:
    generator = torch.Generator().manual_seed(seed)
    points = 2.4 * torch.rand(num_points, 3, generator=generator) - 1.2
    colors = torch.rand(num_points, 3, generator=generator)
    sample = torch.randint(batch_size, (num_points,), generator=generator).sort().values
    return Cloud(points, colors, sample, batch_size)


NOTHING = (10**9, -1)


def nearest_points(cloud: Cloud, size: int) -> dict:
    """(depth step, index) of the winner of each (image, row, column)."""
    best = {}
    for index, (point, sample) in enumerate(zip(cloud.points, cloud.sample, strict=True)):
        for view in range(3):
            column = (point[COLUMN_AXIS[view]] * COLUMN_SIGN[view] + 1.0) * (size / 2)
            row = (point[ROW_AXIS[view]] * ROW_SIGN[view] + 1.0) * (size / 2)
            depth = 1.0 - point[DEPTH_AXIS[view]]
            if 0 <= column < size and 0 <= row < size and depth >= 0:
                place = (int(sample) * 3 + view, int(row), int(column))
                best[place] = min(best.get(place, NOTHING), (int(depth * 1000), index))
    return best


def winner(best: dict, place: tuple[int, int, int], radius: float) -> tuple[int, int]:
    """The pixel's own point or a nearer one that spreads to it."""
    image, row, column = place
    here = best.get(place, NOTHING)
    for dr, dc in itertools.product(range(-2, 3), repeat=2):
        near = best.get((image, row + dr, column + dc), NOTHING)
        if 0 < dr * dr + dc * dc < radius**2 and near[0] > 0:
            here = min(here, near)
    return here


def slow_render(cloud: Cloud, size: int, radius: float) -> torch.Tensor:
    """One point and one pixel at a time, straight from the rules."""
    best = nearest_points(cloud, size)
    image = torch.zeros(3 * cloud.batch_size, size, size, 7)
    image[..., 6] = -1.0
    for i in range(3 * cloud.batch_size):
        depths = {}
        for row, column in itertools.product(range(size), repeat=2):
            here = winner(best, (i, row, column), radius)
            if here != NOTHING:
                image[i, row, column, :3] = cloud.points[here[1]]
                image[i, row, column, 3:6] = cloud.colors[here[1]]
                depths[row, column] = here[0] / 1000
        mean = sum(depths.values()) / max(len(depths), 1)
        for (row, column), depth in depths.items():
            image[i, row, column, 6] = depth - mean
    return image


@pytest.mark.parametrize("radius", [0.5, 1.344, 1.5])
def test_splatting_equals_a_loop_over_points_and_pixels(radius):
    cloud = random_cloud(150, 2, seed=3)
    image, occupied = render(cloud, 8, radius)
    expected = slow_render(cloud, 8, radius)
    torch.testing.assert_close(image, expected, atol=1e-5, rtol=0)
    assert torch.equal(occupied, expected[..., 6] != -1.0)


@pytest.mark.parametrize("radius", [1.5, 2.5])
def test_clouds_too_large_for_short_keys_are_drawn_alike(radius):
    cloud = random_cloud(20_000, 2, seed=3)
    inside = cloud.points.abs().amax(1) < 0.8  # the borders of the pictures are empty
    small = Cloud(cloud.points[inside], cloud.colors[inside], cloud.sample[inside], 2)
    outside = torch.full((1, 3), -1000.0)  # so deep that keys need 64 bits, and in no view
    large = Cloud(
        torch.cat([small.points, outside]),
        torch.cat([small.colors, torch.ones(1, 3)]),
        torch.cat([small.sample, torch.ones(1, dtype=torch.long)]),
        2,
    )
    for few, many in zip(render(small, 16, radius), render(large, 16, radius), strict=True):
        assert torch.equal(few, many)


def test_an_empty_cloud_gives_empty_pictures_without_nan():
    nothing = torch.zeros(0, 3)
    image, occupied = render(Cloud(nothing, nothing, torch.zeros(0, dtype=torch.long), 2), 8, 1.3)
    assert image.shape == (6, 8, 8, 7)
    assert not occupied.any()
    assert torch.equal(image[..., 6], torch.full((6, 8, 8), -1.0))


def test_the_nearest_point_hides_the_one_behind_it():
    points = torch.tensor([[0.05, 0.05, -0.5], [0.05, 0.05, 0.5]])
    colors = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    cloud = Cloud(points, colors, torch.zeros(2, dtype=torch.long), 1)
    image, _ = render(cloud, 8, 0.5)
    column, row = to_pixels(project(points[:1]), 8)[0, 0].round().long().tolist()
    assert image[0, row, column, 3:6].tolist() == [0.0, 1.0, 0.0]


def test_padding_and_points_outside_the_bounds_are_dropped():
    center = torch.tensor([0.2, 0.0, 1.1])
    nan = torch.full((3,), torch.nan)
    points = torch.stack([center, nan, center + 0.49, center + 0.51, center - 0.49])[None]
    executed = Executed(points, torch.rand(1, 5, 3), torch.zeros(1, 3))
    cloud = whole_scene(executed, VIEWS)
    torch.testing.assert_close(cloud.points, torch.tensor([[0.0] * 3, [0.98] * 3, [-0.98] * 3]))
    assert len(zoomed_scene(executed, torch.zeros(1, 3), VIEWS).points) == 1


def test_the_zoomed_window_also_shows_what_lies_behind_it():
    below = torch.tensor([0.2, 0.0, 1.1 - 0.2])  # 1.6 half-sides of the window below its center
    executed = Executed(below[None, None], torch.rand(1, 1, 3), torch.zeros(1, 3))
    deep = zoomed_scene(executed, torch.zeros(1, 3), VIEWS)
    shallow = zoomed_scene(executed, torch.zeros(1, 3), ViewsConfig(size=12, depth_behind=0.0))
    assert len(deep.points) == 1
    assert len(shallow.points) == 0


def test_every_stride_th_point_is_drawn():
    points = torch.full((2, 10, 3), 0.9)
    points[..., :2] = 0.1
    executed = Executed(points, torch.rand(2, 10, 3), torch.zeros(2, 3))
    views = ViewsConfig(size=12, stride=3)
    assert len(whole_scene(executed, views, 0).points) == 8
    assert len(whole_scene(executed, views, 1).points) == 6


def test_the_cube_map_and_its_inverse_cancel():
    points = torch.rand(7, 3) + torch.tensor([-0.3, -0.5, 0.6])
    cube = to_cube(points, VIEWS)
    assert cube.abs().max() <= 1.0
    torch.testing.assert_close(from_cube(cube, VIEWS), points)


def test_views_look_from_top_and_two_sides():
    plane = project(torch.tensor([[0.1, 0.2, 0.3]]))[0]
    expected = torch.tensor([[0.1, -0.2], [0.2, -0.3], [-0.1, -0.3]])
    torch.testing.assert_close(plane, expected)


def test_labels_peak_at_the_projected_point_and_sum_to_one():
    point = torch.tensor([[0.25, -0.5, 0.4]])
    label = label_heatmaps(point, 24, 1.5)
    torch.testing.assert_close(label.sum((2, 3)), torch.ones(1, 3), atol=1e-5, rtol=0)
    for view in range(3):
        peak = label[0, view].argmax().item()
        column, row = to_pixels(project(point), 24)[0, view].tolist()
        assert abs(peak // 24 - row) <= 0.5
        assert abs(peak % 24 - column) <= 0.5


def test_a_label_far_outside_the_picture_is_no_label():
    assert label_heatmaps(torch.tensor([[3.0, 3.0, 3.0]]), 24, 1.5).sum() == 0.0


def test_separable_lifting_equals_scoring_every_cell():
    size = 7
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 3, size, size, generator=generator)
    centers = (torch.arange(size) + 0.5) * (2 / size) - 1.0
    grid = torch.cartesian_prod(centers, centers, centers)  # (s^3, 3)
    pixels = to_pixels(project(grid), size).round().long()  # (s^3, v, 2)
    views = torch.arange(3)
    brute = torch.stack([s[views, pixels[..., 1], pixels[..., 0]].sum(1) for s in scores])
    torch.testing.assert_close(lift(scores), grid[brute.argmax(1)])


def test_labels_lift_back_to_their_point():
    points = torch.tensor([[0.31, -0.52, 0.07], [-0.93, 0.9, 0.95]])
    scores = label_heatmaps(points, 48, 1.5).clamp(min=1e-9).log()
    assert (lift(scores) - points).abs().max() <= 1.01 / 48
    assert (lift(scores, window=5)[0] - points[0]).abs().max() <= 0.1 / 48


def test_looking_up_is_linear_between_cell_centers_and_clamped_outside():
    ramp = torch.linspace(-1 + 1 / 6, 1 - 1 / 6, 6)
    features = ramp.expand(1, 3, 1, 6, 6)  # value = column coordinate of the cell's center
    point = torch.tensor([[0.3, -0.1, 0.2]])
    expected = project(point)[..., 0]
    torch.testing.assert_close(look_up(features, point)[..., 0], expected)
    beyond = look_up(features, torch.tensor([[2.0, 2.0, 2.0]]))[0, :, 0]
    torch.testing.assert_close(beyond, torch.tensor([1.0, 1.0, -1.0]) * ramp[-1])
