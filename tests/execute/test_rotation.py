import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from premotor.execute import rotation
from premotor.geometry import rotations


def random_quaternions(n: int) -> np.ndarray:
    xyzw = Rotation.random(n, random_state=0).as_quat()
    return rotations.canonical(rotations.from_xyzw(xyzw))


def test_the_bins_are_those_of_the_angles_of_the_geometry_package():
    quaternions = random_quaternions(200)
    bins = rotation.nearest_bins(rotation.exact_bins(torch.from_numpy(quaternions), 72), 72)
    degrees = np.stack([rotations.euler_degrees(q) for q in quaternions])
    assert np.array_equal(bins.numpy(), np.round((degrees + 180.0) / 5.0).astype(int) % 72)


def test_the_middle_of_the_bins_is_near_the_rotation():
    quaternions = random_quaternions(200)
    bins = rotation.nearest_bins(rotation.exact_bins(torch.from_numpy(quaternions), 72), 72)
    middles = Rotation.from_euler("xyz", bins.numpy() * 5.0 - 180.0, degrees=True)
    turn = (middles.inv() * Rotation.from_quat(rotations.to_xyzw(quaternions))).magnitude()
    assert turn.max() < np.radians(3 * 2.5)  # three axes, each at most half a bin off


def test_bins_wrap_at_a_full_turn():
    almost = torch.from_numpy(rotations.about_z(np.radians(179.0)))[None]
    exact = rotation.exact_bins(almost, 72)
    torch.testing.assert_close(exact[0, 2].item(), 71.8)
    assert rotation.nearest_bins(exact, 72)[0, 2] == 0  # 180 deg is -180


@pytest.mark.parametrize("pitch", [89.5, -89.5, 90.0, -90.0])
def test_the_gimbal_fix_is_that_of_the_geometry_package(pitch):
    xyzw = Rotation.from_euler("xyz", [33.0, pitch, 21.0], degrees=True).as_quat()
    quaternion = rotations.canonical(rotations.from_xyzw(xyzw))
    exact = rotation.exact_bins(torch.from_numpy(quaternion)[None], 72)[0].numpy()
    degrees = rotations.euler_degrees(quaternion)
    np.testing.assert_allclose(exact * 5.0 - 180.0, degrees, atol=1e-4)


def test_a_smooth_label_peaks_at_the_exact_angle_across_the_seam():
    labels = rotation.circular_labels(torch.tensor([[71.8, 0.2, 36.5]]), 72, 1.0)
    assert labels.argmax(-1).tolist()[0][:2] == [0, 0]
    torch.testing.assert_close(labels[0, 2, 36], labels[0, 2, 37])
    torch.testing.assert_close(labels.sum(-1), torch.ones(1, 3))


def test_without_smoothing_labels_are_one_hot():
    labels = rotation.circular_labels(torch.tensor([[71.8, 0.2, 36.6]]), 72, 0.0)
    assert labels.argmax(-1).tolist() == [[0, 0, 37]]
    assert labels.max() == 1.0


def test_the_circular_mean_undoes_the_smooth_label_to_a_tenth_of_a_bin():
    exact = torch.tensor([[71.8, 0.3, 36.5]])
    logits = rotation.circular_labels(exact, 72, 1.0).log()
    mean = rotation.circular_mean(logits, logits.argmax(-1), 5)
    distance = (mean - exact + 36.0) % 72.0 - 36.0
    assert distance.abs().max() < 0.15


def test_input_noise_is_symmetric_and_wraps():
    bins = torch.zeros(4000, 3, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    noisy = rotation.add_noise(bins, 72, (0.1, 0.2, 0.4, 0.2, 0.1), generator)
    shares = [(noisy == k).float().mean().item() for k in (70, 71, 0, 1, 2)]
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.4, 0.2, 0.1], atol=0.02)
