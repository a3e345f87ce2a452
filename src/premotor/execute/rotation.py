"""Rotations as three circular numbers: extrinsic xyz Euler angles, counted in bins.

b: batch  r: rotation bins
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from premotor.geometry.rotations import GIMBAL_MARGIN


def exact_bins(quaternion: Float[Tensor, "b 4"], num_bins: int) -> Float[Tensor, "b 3"]:
    """Unrounded bins in [0, num_bins] of wxyz quaternions: (degrees + 180) / bin width.

    The torch twin of `geometry.rotations.euler_degrees`, with the same gimbal fix: a pitch within
    a degree of +-90 is +-90 and the third angle 0 (decisions D12).
    """
    w, x, y, z = (quaternion / quaternion.norm(dim=1, keepdim=True)).double().unbind(1)
    pitch = torch.rad2deg(torch.asin((2 * (w * y - x * z)).clamp(-1.0, 1.0)))
    pole = 90.0 - pitch.abs() < GIMBAL_MARGIN
    sign = torch.where(pole, pitch.sign(), torch.zeros_like(pitch))
    roll = torch.atan2(2 * (y * z + w * x), 1 - 2 * (x * x + y * y))
    roll_at_pole = torch.atan2(sign * 2 * (x * y - w * z), 1 - 2 * (x * x + z * z))
    yaw = torch.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))
    degrees = [
        torch.rad2deg(torch.where(pole, roll_at_pole, roll)),
        torch.where(pole, sign * 90.0, pitch),
        torch.where(pole, 0.0, torch.rad2deg(yaw)),
    ]
    return ((torch.stack(degrees, dim=1) + 180.0) / (360.0 / num_bins)).to(quaternion.dtype)


def nearest_bins(exact: Float[Tensor, "b 3"], num_bins: int) -> Int[Tensor, "b 3"]:
    """Rounded half to even; the last bin is the first."""
    return exact.round().long() % num_bins


def circular_labels(
    exact: Float[Tensor, "b 3"], num_bins: int, sigma: float
) -> Float[Tensor, "b 3 r"]:
    """Soft label around the exact angle on the circle of bins; one-hot where sigma is 0."""
    if sigma == 0.0:
        nearest = nearest_bins(exact, num_bins)
        return torch.nn.functional.one_hot(nearest, num_bins).to(exact.dtype)
    bins = torch.arange(num_bins, device=exact.device)
    distance = (bins - exact[..., None] + num_bins / 2) % num_bins - num_bins / 2
    return (-(distance**2) / (2 * sigma**2)).softmax(-1)


def add_noise(
    bins: Int[Tensor, "b 3"],
    num_bins: int,
    chances: tuple[float, ...],
    generator: torch.Generator | None,
) -> Int[Tensor, "b 3"]:
    """Shift each bin by -k..k with the given chances, around the circle."""
    weights = torch.tensor(chances)
    draw = torch.multinomial(weights, bins.numel(), replacement=True, generator=generator)
    return (bins + draw.view_as(bins).to(bins.device) - len(chances) // 2) % num_bins


def circular_mean(
    logits: Float[Tensor, "b 3 r"], best: Int[Tensor, "b 3"], window: int
) -> Float[Tensor, "b 3"]:
    """Mean of the bins within `window` around the best, weighted by probability."""
    num_bins = logits.shape[-1]
    steps = torch.arange(window, device=logits.device) - window // 2
    index = (best[..., None] + steps) % num_bins
    weights = logits.gather(2, index).softmax(-1)
    return (best + (weights * steps).sum(-1)) % num_bins
