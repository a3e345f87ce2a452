"""Labels, rotation bins, cube placement and the rigid augmentation against the reference."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from premotor.batch import Executed, Target
from premotor.data.augment import move
from premotor.execute import rotation
from premotor.execute.config import ViewsConfig
from premotor.execute.virtual_views import from_cube, gaussian_maps, to_cube, whole_scene

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
