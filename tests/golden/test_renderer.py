"""The splat renderer with the released habits against the reference, pixel by pixel.

The reference's soft renderer (`*.blend`) is not ours to reproduce.
"""

import pytest
import torch

from golden.stored import Stored
from premotor.execute import released
from premotor.execute.virtual_views import Cloud, render

pytestmark = pytest.mark.golden


def test_the_splat_equals_the_reference_in_every_pixel(golden):
    stored = Stored("execution", "renderer")
    cases = stored.cases(r"(\w+)\.splat")
    for case in cases:
        check_splat(stored, case)
    assert cases


def check_splat(stored: Stored, case: str) -> None:
    tensors, sizes = stored.tensors, stored.sizes
    points, features = tensors[f"{case}.points"], tensors[f"{case}.features"]
    cloud = Cloud(points, features[:, 3:], torch.zeros(len(points), dtype=torch.long), 1)
    rig = released.rig(sizes["image"])
    stored.close(rig.normalize(cloud), features[:, :3])
    radius = sizes["radius"][case] * sizes["image"] / 2  # [px]
    images, occupied = render(cloud, sizes["image"], radius, rig)
    stored.close(images, tensors[f"{case}.splat"])
    assert torch.equal(occupied, tensors[f"{case}.splat_depth_before_centering"] >= 0)
