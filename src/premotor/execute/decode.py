"""From the policy's output to keyframes the robot can be sent to."""

import numpy as np
from scipy.spatial.transform import Rotation

from premotor.episode.keyframe import Keyframe
from premotor.errors import ConfigError
from premotor.execute import rotation
from premotor.execute.config import ExecuteConfig
from premotor.execute.policy import ExecuteOutput
from premotor.geometry import rotations
from premotor.geometry.poses import Pose


def keyframes(output: ExecuteOutput, config: ExecuteConfig) -> list[Keyframe]:
    """One keyframe per sample, in the world frame.

    With `tokens.mean_window` > 1 the angles are circular means around the decoded bins, finer
    than a bin (decisions D18).

    Raises:
        ConfigError: The output was teacher-forced and holds no decoded position.
    """
    if output.position is None or output.rotation_bins is None:
        raise ConfigError("a teacher-forced output has no decoded keyframe; call without target")
    logits, window = output.rotation.float(), config.tokens.mean_window
    bins = rotation.circular_mean(logits, output.rotation_bins, window).cpu().numpy()
    degrees = bins * (360.0 / config.tokens.rotation_bins) - 180.0
    quaternions = rotations.from_xyzw(Rotation.from_euler("xyz", degrees, degrees=True).as_quat())
    positions = output.position.double().cpu().numpy()
    opened = output.gripper.argmax(1).cpu().numpy().astype(bool)
    ignored = output.collision.argmax(1).cpu().numpy().astype(bool)
    return [
        Keyframe(Pose.of(p, q), bool(g), bool(c))
        for p, q, g, c in zip(np.asarray(positions), quaternions, opened, ignored, strict=True)
    ]
