"""Projection, labels, look-up, lifting, rotation bins, cube, zoom and the rigid augmentation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden.stored import Stored
from premotor.batch import Executed, Target
from premotor.data.augment import move
from premotor.execute import released, rotation
from premotor.execute.config import ExecuteConfig, TokensConfig, ViewsConfig
from premotor.execute.decode import keyframes
from premotor.execute.policy import ExecuteOutput
from premotor.execute.virtual_views import (
    from_cube,
    gaussian_maps,
    lift,
    project,
    to_cube,
    to_pixels,
    whole_scene,
    zoomed_scene,
)

pytestmark = pytest.mark.golden
GEOMETRY = Stored("execution", "geometry")
close = GEOMETRY.close


@pytest.fixture(scope="module")
def tensors(golden):
    return GEOMETRY.tensors


@pytest.fixture(scope="module")
def config(golden):
    return GEOMETRY.sizes


@pytest.fixture(scope="module")
def views(config) -> ViewsConfig:
    bounds = config["scene_bounds"]
    return ViewsConfig(low=tuple(bounds[:3]), high=tuple(bounds[3:]), size=config["image"])


@pytest.fixture(scope="module")
def num_bins(config) -> int:
    return round(360 / config["rotation_resolution_deg"])


def wxyz(quaternion: torch.Tensor) -> torch.Tensor:
    return quaternion.roll(1, dims=-1)


def same_rotation(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Both, as q and -q are one rotation."""
    sides = torch.sign((ours * theirs).sum(1, keepdim=True))
    close(ours * sides, theirs)


def test_points_are_projected_with_the_released_pixel_offset(tensors, config):
    size = config["image"]
    pixels = to_pixels(project(tensors["project.points"]), size, released.pixel_offset(size))
    close(pixels, tensors["project.screen"])


def test_features_are_looked_up_by_inverse_distance(tensors):
    found = released.inverse_distance(tensors["lookup.map"], tensors["lookup.points_xy"][:, 0])
    close(found, tensors["lookup.values"][:, 0])


def test_heatmaps_are_lifted_by_a_two_by_two_mean_of_probabilities(tensors, config):
    cases = GEOMETRY.cases(r"(\w+)\.heatmaps")
    for case in cases:
        heat = tensors[f"{case}.heatmaps"].log()
        points = lift(released.votes(heat, config["image"]))
        close(points, tensors[f"{case}.points"])
    assert cases


def test_zooming_moves_points_and_back(tensors, config, views):
    views = replace(views, zoom=float(config["zoom"]))
    points, center = tensors["zoom.points"], tensors["zoom.centre"]
    placed = from_cube(points, views)[:, None]
    executed = Executed(placed, torch.zeros_like(placed), torch.zeros(len(points), 3))
    rig = released.rig(views.size)
    cloud = zoomed_scene(executed, center, replace(views, depth_behind=math.inf), rig)
    close(cloud.points, tensors["zoom.out"])
    back = center + cloud.points / views.zoom
    close(back, tensors["zoom.back"])


def test_rotation_bins_become_the_quaternions_of_the_reference(tensors, num_bins):
    bins = tensors["rot.bins"].long()
    count = len(bins)
    flat = torch.zeros(count, 3, 2, 2)
    output = ExecuteOutput(
        torch.zeros(count, 1),
        flat,
        flat,
        torch.zeros(count, 3, num_bins),
        torch.zeros(count, 2),
        torch.zeros(count, 2),
        torch.zeros(count, 3),
        position=torch.zeros(count, 3),
        rotation_bins=bins,
    )
    config = ExecuteConfig(tokens=TokensConfig(rotation_bins=num_bins))
    said = [k.end_effector.quaternion for k in keyframes(output, config)]
    same_rotation(torch.tensor(np.stack(said)), wxyz(tensors["rot.quat_back"]))


def test_target_heatmaps(tensors, config):
    maps = gaussian_maps(tensors["heatmap.points_xy"], config["image"], config.get("sigma", 1.5))
    close(maps, tensors["heatmap.maps"])


def test_rotation_bins(tensors, num_bins):
    exact = rotation.exact_bins(wxyz(tensors["rot.quat_xyzw"]), num_bins)
    assert torch.equal(rotation.nearest_bins(exact, num_bins).int(), tensors["rot.bins"])


def test_points_are_cropped_and_placed_in_the_cube(tensors, views):
    points = tensors["bounds.points"][None]
    executed = Executed(points, tensors["bounds.features"][None], torch.zeros(1, 3))
    cloud = whole_scene(executed, views)
    kept = tensors["bounds.kept"]
    close(cloud.points, to_cube(kept, views))
    close(cloud.colors, tensors["bounds.kept_features"])
    close(to_cube(kept, views), tensors["cube.points"])
    back = from_cube(tensors["cube.points"], views)
    close(back, tensors["cube.back"])


def test_the_rigid_augmentation(tensors, config):
    pose = tensors["aug.pose"]
    ones = torch.ones(len(pose), dtype=torch.long)
    target = Target(pose[:, :3], wxyz(pose[:, 3:]), ones, ones)
    points = tensors["aug.points"]
    executed = Executed(points, torch.zeros_like(points), torch.zeros(len(pose), 3))
    low, high = torch.tensor(config["scene_bounds"]).view(2, 3)
    reach = torch.tensor(config["aug_xyz_fraction"]) * (high - low)
    goal = target.position + tensors["aug.draw_translation"] * reach
    shift = torch.minimum(torch.maximum(goal, low), high) - target.position
    yaw = tensors["aug.draw_yaw"][:, 0] * math.radians(config["aug_rpy_deg"][2])
    moved, turned = move(executed, target, shift, yaw)
    close(moved.points, tensors["aug.out_points"])
    close(turned.position, tensors["aug.out_translation"])
    same_rotation(turned.quaternion, wxyz(tensors["aug.out_quat_xyzw"]))
