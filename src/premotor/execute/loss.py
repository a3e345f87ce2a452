"""What the policy is trained on: seven terms of weight one (ARP; decisions D19).

Without a zoom stage the term "fine" is absent.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from premotor.batch import Target
from premotor.execute import rotation
from premotor.execute.config import ExecuteConfig
from premotor.execute.policy import ExecuteOutput
from premotor.execute.virtual_views import label_heatmaps, to_cube

TERMS = ("coarse", "fine", "rotation_x", "rotation_y", "rotation_z", "gripper", "collision")


@dataclass(frozen=True, eq=False)
class ExecuteLosses:
    """The terms by name [nat]."""

    terms: dict[str, Tensor]

    @property
    def total(self) -> Float[Tensor, ""]:
        """Their sum, L_e."""
        return torch.stack(list(self.terms.values())).sum()


def heatmap_loss(
    logits: Float[Tensor, "b v s s"], labels: Float[Tensor, "b v s s"]
) -> Float[Tensor, ""]:
    """Soft-label cross-entropy, -sum(t log softmax), mean over samples and views."""
    log_p = logits.flatten(2).log_softmax(2)
    return -(labels.flatten(2) * log_p).sum(2).mean()


def execute_losses(output: ExecuteOutput, target: Target, config: ExecuteConfig) -> ExecuteLosses:
    """L_e of a teacher-forced output.

    Args:
        output: Of `Policy.forward` with this target; its rig says where a pixel's index lies.
        target: The next keyframe, world frame.
        config: The policy's.
    """
    views, tokens = config.views, config.tokens
    point = to_cube(target.position, views)
    drawn = (views.size, config.heatmap.sigma, output.rig.offset)
    exact = rotation.exact_bins(target.quaternion, tokens.rotation_bins)
    turns = rotation.circular_labels(exact, tokens.rotation_bins, tokens.label_sigma)
    coarse = label_heatmaps(point, *drawn)
    terms = {"coarse": heatmap_loss(output.coarse.float(), coarse)}
    if output.fine is not None:
        zoomed = (point - output.zoom_center) * views.zoom
        fine = label_heatmaps(zoomed, *drawn)
        terms["fine"] = heatmap_loss(output.fine.float(), fine)
    for i, axis in enumerate("xyz"):
        terms[f"rotation_{axis}"] = F.cross_entropy(output.rotation[:, i].float(), turns[:, i])
    terms["gripper"] = F.cross_entropy(output.gripper.float(), target.gripper_open.long())
    terms["collision"] = F.cross_entropy(output.collision.float(), target.ignore_collisions.long())
    return ExecuteLosses(terms)
