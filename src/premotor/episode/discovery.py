"""Keyframe discovery, exactly as PerAct and ARP have it (docs/conventions.md, Keyframes)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

STOPPING_DELTA = 0.1  # [rad/s] a joint slower than this rests
REST_COUNTER = 4  # frames after a stop in which no other stop counts


def _stopped(
    i: int,
    velocities: Float[np.ndarray, "t 7"],
    gripper_open: Sequence[bool],
) -> bool:
    # Indices i-1 and i-2 wrap around at the start of the list: the reference does so too.
    g = gripper_open
    if i >= len(g) - 2:
        return False
    same = g[i] == g[i + 1] and g[i] == g[i - 1] and g[i - 2] == g[i - 1]
    return bool(same and (np.abs(velocities[i]) <= STOPPING_DELTA).all())


def discover_keyframes(
    joint_velocities: Float[np.ndarray, "t 7"], gripper_open: Sequence[bool]
) -> list[int]:
    """Frames at which the gripper changed, the arm stopped, or the episode ended.

    Args:
        joint_velocities: Velocity of each joint at each frame [rad/s].
        gripper_open: Gripper state at each frame.

    Returns:
        Ascending frame indices; frame 0 is never among them.
    """
    last = len(gripper_open) - 1
    keyframes: list[int] = []
    previous = gripper_open[0]
    rest = 0
    for i in range(len(gripper_open)):
        stopped = rest <= 0 and _stopped(i, joint_velocities, gripper_open)
        rest = REST_COUNTER if stopped else rest - 1
        if i != 0 and (gripper_open[i] != previous or i == last or stopped):
            keyframes.append(i)
        previous = gripper_open[i]
    if len(keyframes) > 1 and keyframes[-1] - keyframes[-2] == 1:
        del keyframes[-2]
    return keyframes
