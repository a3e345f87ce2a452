"""The splat renderer with the released habits against the reference, pixel by pixel.

The reference's soft renderer (`*.blend`) is not ours to reproduce.
"""

import json

import pytest
import torch
from safetensors.torch import load_file

from premotor.execute import released
from premotor.execute.virtual_views import Cloud, render

pytestmark = pytest.mark.golden


@pytest.mark.parametrize("case", ["inside", "zoomed", "dense", "wide_radius"])
def test_the_splat_equals_the_reference_in_every_pixel(golden, case):
    description = json.loads((golden / "execution" / "renderer.json").read_text())
    tensors = load_file(golden / "execution" / "renderer.safetensors")
    sizes, tolerance = description["config"], description["tolerance"]
    points, features = tensors[f"{case}.points"], tensors[f"{case}.features"]
    cloud = Cloud(points, features[:, 3:], torch.zeros(len(points), dtype=torch.long), 1)
    rig = released.rig(sizes["image"])
    close = {"rtol": tolerance["float32_rtol"], "atol": tolerance["float32_atol"]}
    torch.testing.assert_close(rig.normalize(cloud), features[:, :3], **close)
    radius = sizes["radius"][case] * sizes["image"] / 2  # [px]
    images, occupied = render(cloud, sizes["image"], radius, rig)
    torch.testing.assert_close(images, tensors[f"{case}.splat"], **close)
    assert torch.equal(occupied, tensors[f"{case}.splat_depth_before_centering"] >= 0)
