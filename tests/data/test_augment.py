import math

import numpy as np
import pytest
import torch

from premotor.batch import Executed, MirrorBatch, Target
from premotor.data.augment import AugmentConfig, augment, move, multiply
from premotor.errors import ConfigError
from premotor.geometry import rotations

torch.set_num_threads(1)


def batch(size: int = 4) -> MirrorBatch:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(size, 50, 3, generator=generator) + torch.tensor([-0.3, -0.5, 0.6])
    points[:, -1] = torch.nan
    quaternion = torch.randn(size, 4, generator=generator)
    quaternion = quaternion / quaternion.norm(dim=1, keepdim=True)
    quaternion = torch.where(quaternion[:, :1] < 0, -quaternion, quaternion)
    ones = torch.ones(size, dtype=torch.long)
    target = Target(points[:, 0].clone(), quaternion, ones, ones)
    executed = Executed(points, torch.rand(size, 50, 3, generator=generator), torch.zeros(size, 3))
    return MirrorBatch(executed, torch.zeros(size, 8, dtype=torch.long), target)


def test_the_scene_as_seen_from_the_gripper_does_not_change():
    before = batch()
    after = augment(before, AugmentConfig(color=0.0), torch.Generator().manual_seed(1))
    assert before.target is not None
    assert after.target is not None
    for i in range(4):
        seen = []
        for state in (before, after):
            rotation = rotations.to_matrix(state.target.quaternion[i].double().numpy())
            points = state.executed.points[i, :-1] - state.target.position[i]
            seen.append(points.double().numpy() @ rotation)
        np.testing.assert_allclose(seen[0], seen[1], atol=1e-5)
        assert (after.executed.points - before.executed.points)[i, :-1].abs().max() > 0.005


def test_points_turn_by_the_transposed_rotation_about_the_target():
    target = Target(
        torch.tensor([[0.2, 0.1, 0.8]]),
        torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        torch.ones(1, dtype=torch.long),
        torch.ones(1, dtype=torch.long),
    )
    point = torch.tensor([[[0.3, 0.1, 0.9]]])  # 10 cm before the target and above it
    executed = Executed(point, torch.zeros(1, 1, 3), torch.zeros(1, 3))
    moved, turned = move(executed, target, torch.zeros(1, 3), torch.tensor([math.pi / 2]))
    torch.testing.assert_close(moved.points, torch.tensor([[[0.2, 0.0, 0.9]]]))
    root = math.sqrt(0.5)
    torch.testing.assert_close(turned.quaternion, torch.tensor([[root, 0.0, 0.0, -root]]))


def test_the_target_stays_inside_the_bounds_and_padding_stays_padding():
    config = AugmentConfig(shift=2.0)
    after = augment(batch(), config, torch.Generator().manual_seed(2))
    assert after.target is not None
    assert bool((after.target.position >= torch.tensor(config.low)).all())
    assert bool((after.target.position <= torch.tensor(config.high)).all())
    assert torch.isnan(after.executed.points[:, -1]).all()
    torch.testing.assert_close(after.target.quaternion.norm(dim=1), torch.ones(4))
    assert bool((after.target.quaternion[:, 0] >= 0).all())


def test_color_noise_is_bounded_and_one_seed_gives_one_batch():
    before = batch()
    one, two = (augment(before, AugmentConfig(), torch.Generator().manual_seed(3)) for _ in "ab")
    assert torch.equal(one.executed.colors, two.executed.colors)
    change = (one.executed.colors - before.executed.colors).abs().amax((1, 2))
    assert bool((change <= 0.05).all())
    assert change.max() > 0.005


def test_nothing_moves_where_nothing_is_asked():
    still = AugmentConfig(shift=0.0, yaw=0.0, color=0.0)
    before = batch()
    after = augment(before, still, torch.Generator())
    torch.testing.assert_close(after.executed.points, before.executed.points, equal_nan=True)
    torch.testing.assert_close(after.executed.colors, before.executed.colors)


def test_quaternion_products_equal_the_geometry_packages():
    a, b = torch.randn(2, 4, dtype=torch.float64)
    a, b = a / a.norm(), b / b.norm()
    expected = rotations.multiply(a.numpy(), b.numpy())
    np.testing.assert_allclose(multiply(a[None], b[None])[0].numpy(), expected, atol=1e-12)


def test_a_batch_without_target_and_a_negative_range_are_refused():
    without = MirrorBatch(batch().executed, torch.zeros(4, 8, dtype=torch.long))
    with pytest.raises(ConfigError, match="target"):
        augment(without, AugmentConfig())
    with pytest.raises(ConfigError, match="shift"):
        AugmentConfig(yaw=-1.0)
