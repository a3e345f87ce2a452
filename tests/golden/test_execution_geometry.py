"""Projection, labels, look-up, lifting, rotation bins, cube, zoom and the rigid augmentation."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from premotor.batch import Executed, Target
from premotor.data.augment import move
from premotor.execute import released, rotation
from premotor.execute.config import ExecuteConfig, ViewsConfig
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
ATOL = 2e-5


@pytest.fixture(scope="module")
def tensors(golden):
    return load_file(golden / "execution" / "geometry.safetensors")


@pytest.fixture(scope="module")
def config(golden):
    return json.loads((golden / "execution" / "geometry.json").read_text())["config"]


def wxyz(quaternion: torch.Tensor) -> torch.Tensor:
    return quaternion.roll(1, dims=-1)


def test_points_are_projected_with_the_released_pixel_offset(tensors, config):
    size = config["image"]
    pixels = to_pixels(project(tensors["project.points"]), size, released.pixel_offset(size))
    torch.testing.assert_close(pixels, tensors["project.screen"], atol=ATOL, rtol=1e-4)


def test_features_are_looked_up_by_inverse_distance(tensors):
    found = released.inverse_distance(tensors["lookup.map"], tensors["lookup.points_xy"][:, 0])
    torch.testing.assert_close(found, tensors["lookup.values"][:, 0], atol=ATOL, rtol=1e-4)


@pytest.mark.parametrize("case", ["lift", "lift_consistent"])
def test_heatmaps_are_lifted_by_a_two_by_two_mean_of_probabilities(tensors, config, case):
    heat = tensors[f"{case}.heatmaps"].log()
    points = lift(released.votes(heat, config["image"]))
    torch.testing.assert_close(points, tensors[f"{case}.points"], atol=ATOL, rtol=1e-4)


def test_zooming_moves_points_and_back(tensors, config):
    views = ViewsConfig(size=16, zoom=float(config["zoom"]))
    points, center = tensors["zoom.points"], tensors["zoom.centre"]
    executed = Executed(from_cube(points, views)[:, None], torch.zeros(3, 1, 3), torch.zeros(3, 3))
    cloud = zoomed_scene(executed, center, replace(views, depth_behind=math.inf), released.rig(16))
    torch.testing.assert_close(cloud.points, tensors["zoom.out"], atol=ATOL, rtol=1e-4)
    back = center + cloud.points / views.zoom
    torch.testing.assert_close(back, tensors["zoom.back"], atol=ATOL, rtol=1e-4)


def test_rotation_bins_become_the_quaternions_of_the_reference(tensors):
    bins = tensors["rot.bins"].long()
    count = len(bins)
    flat = torch.zeros(count, 3, 2, 2)
    output = ExecuteOutput(
        torch.zeros(count, 1),
        flat,
        flat,
        torch.zeros(count, 3, 72),
        torch.zeros(count, 2),
        torch.zeros(count, 2),
        torch.zeros(count, 3),
        position=torch.zeros(count, 3),
        rotation_bins=bins,
    )
    said = [k.end_effector.quaternion for k in keyframes(output, ExecuteConfig())]
    agreement = (torch.tensor(np.stack(said)) * wxyz(tensors["rot.quat_back"])).sum(1).abs()
    torch.testing.assert_close(agreement, torch.ones(count).double(), atol=1e-7, rtol=0)


def test_target_heatmaps(tensors, config):
    maps = gaussian_maps(tensors["heatmap.points_xy"], config["image"], 1.5)
    torch.testing.assert_close(maps, tensors["heatmap.maps"], atol=ATOL, rtol=1e-4)


def test_rotation_bins(tensors):
    exact = rotation.exact_bins(wxyz(tensors["rot.quat_xyzw"]), 72)
    assert torch.equal(rotation.nearest_bins(exact, 72).int(), tensors["rot.bins"])


def test_points_are_cropped_and_placed_in_the_cube(tensors):
    points = tensors["bounds.points"][None]
    executed = Executed(points, tensors["bounds.features"][None], torch.zeros(1, 3))
    cloud = whole_scene(executed, ViewsConfig(size=16))
    kept = tensors["bounds.kept"]
    torch.testing.assert_close(cloud.points, to_cube(kept, ViewsConfig()), atol=ATOL, rtol=1e-4)
    torch.testing.assert_close(cloud.colors, tensors["bounds.kept_features"])
    torch.testing.assert_close(to_cube(kept, ViewsConfig()), tensors["cube.points"])
    back = from_cube(tensors["cube.points"], ViewsConfig())
    torch.testing.assert_close(back, tensors["cube.back"], atol=ATOL, rtol=1e-4)


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
    torch.testing.assert_close(moved.points, tensors["aug.out_points"], atol=ATOL, rtol=1e-4)
    torch.testing.assert_close(
        turned.position, tensors["aug.out_translation"], atol=ATOL, rtol=1e-4
    )
    agreement = (turned.quaternion * wxyz(tensors["aug.out_quat_xyzw"])).sum(1).abs()
    torch.testing.assert_close(agreement, torch.ones(len(pose)), atol=1e-5, rtol=0)
