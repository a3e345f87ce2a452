"""Training-only changes of a batch that leave the action's meaning alone (decisions D47).

The scene is turned about the target and shifted, and the target with it; colors flicker.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from premotor.backbones.draws import LEVELS, random_bits
from premotor.batch import Executed, MirrorBatch, Target
from premotor.episode.observation import SCENE_HIGH, SCENE_LOW
from premotor.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far a scene is moved."""

    low: tuple[float, float, float] = SCENE_LOW  # [m] scene bounds: targets stay inside
    high: tuple[float, float, float] = SCENE_HIGH  # [m]
    shift: float = 0.125  # largest shift per axis, as a share of the bounds' side
    yaw: float = 45.0  # [deg] largest turn about the vertical through the target
    color: float = 0.05  # largest amplitude of the color noise

    def __post_init__(self) -> None:
        if min(self.shift, self.yaw, self.color) < 0.0:
            values = (self.shift, self.yaw, self.color)
            raise ConfigError(f"augment.shift, yaw and color must be >= 0, got {values}")


def multiply(a: Float[Tensor, "b 4"], b: Float[Tensor, "b 4"]) -> Float[Tensor, "b 4"]:
    """Unit quaternion (wxyz, w >= 0) of the rotation `a` after `b`."""
    aw, av, bw, bv = a[:, :1], a[:, 1:], b[:, :1], b[:, 1:]
    w = aw * bw - (av * bv).sum(1, keepdim=True)
    v = aw * bv + bw * av + torch.linalg.cross(av, bv)
    product = torch.cat([w, v], dim=1)
    product = product / product.norm(dim=1, keepdim=True)
    return torch.where(product[:, :1] < 0, -product, product)


def _about_z(yaw: Float[Tensor, " b"]) -> tuple[Float[Tensor, "b 3 3"], Float[Tensor, "b 4"]]:
    """Rotation matrix and quaternion (wxyz) of a turn by `yaw` [rad]."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    c, s = yaw.cos(), yaw.sin()
    matrix = torch.stack([c, -s, zero, s, c, zero, zero, zero, one], dim=1).view(-1, 3, 3)
    return matrix, torch.stack([(yaw / 2).cos(), zero, zero, (yaw / 2).sin()], dim=1)


def move(
    executed: Executed,
    target: Target,
    shift: Float[Tensor, "b 3"],
    yaw: Float[Tensor, " b"],
) -> tuple[Executed, Target]:
    """Turn the scene by -yaw [rad] about the target and shift it [m].

    With R the rotation by yaw about z and c the target: p' = R^T (p - c) + c + shift for points,
    c + shift and R^T R_t for the target (ARP).
    """
    matrix, quaternion = _about_z(yaw)
    center = target.position + shift
    offset = center - (target.position[:, None] @ matrix).squeeze(1)
    # One axis after the other in memory: so every pass over the points is a stream of floats.
    axes = executed.points.transpose(1, 2).contiguous()  # (b, 3, n)
    points = torch.baddbmm(offset[:, :, None], matrix.transpose(1, 2), axes).transpose(1, 2)
    inverse = quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0])
    turned = replace(target, position=center, quaternion=multiply(inverse, target.quaternion))
    return replace(executed, points=points), turned


def augment(
    batch: MirrorBatch, config: AugmentConfig, generator: torch.Generator | None = None
) -> MirrorBatch:
    """Move each sample's scene and target together, and add noise to the colors.

    The watched side is left as it is: its clips show the scene as it was.

    Raises:
        ConfigError: The batch has no target to turn about.
    """
    target = batch.target
    if target is None:
        raise ConfigError("augmentation turns the scene about its target; this batch has none")
    size = len(target.position)
    low, high = (target.position.new_tensor(bound) for bound in (config.low, config.high))
    draw = 2.0 * torch.rand(size, 5, generator=generator).to(target.position) - 1.0
    goal = target.position + draw[:, :3] * config.shift * (high - low)
    shift = torch.minimum(torch.maximum(goal, low), high) - target.position
    yaw = torch.deg2rad(config.yaw * draw[:, 3])
    executed, moved = move(batch.executed, target, shift, yaw)
    amplitude = config.color * (draw[:, 4].abs())[:, None, None]  # |U(-1, 1)| is U(0, 1)
    bits = random_bits(executed.colors.shape, generator, executed.colors.device)
    noise = bits.to(executed.colors)
    colors = noise.mul_(amplitude * (2.0 / LEVELS)).add_(executed.colors)
    return replace(batch, executed=replace(executed, colors=colors), target=moved)
