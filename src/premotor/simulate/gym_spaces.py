"""The spaces of the Gymnasium environments: what is seen, felt, told and done."""

import string
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import read_from_shared_memory

from premotor.episode.keyframe import ACTION_HIGH, ACTION_LOW
from premotor.errors import ConfigError, UnknownName
from premotor.simulate import arm
from premotor.simulate.rig import FAR, MOUNTS

# Bounds of the observation: wide, but nothing leaves them.
_REACH = 2.0  # [m] from the world's origin, farther than the arm can get
_JOINT_SLACK = 0.2  # [rad] that a soft joint limit can be pushed in
_FINGER_SLACK = 0.02  # [m] the same for the fingers, which squeeze
_MAX_SPEED = 100.0  # [rad/s] forty times the servos' limit
_MAX_DEPTH = FAR + 0.01  # [m] rounding included
_MAX_BODIES = 2**15
_MAX_TEXT = 256  # characters of an instruction
_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "


class Instruction(spaces.Text):
    """A text that stays true in the shared memory of `AsyncVectorEnv`.

    Gymnasium reads shared memory once, when the vector environment is made; for arrays that is a
    view of what comes later, but for its own Text it is the text of that moment, which is empty.
    """


class _Told(Sequence[str]):
    """The texts in a shared memory, as they are whenever one looks; a copy of it stays."""

    def __init__(self, space: Instruction, memory: Any, count: int) -> None:
        self._source = (space, memory, count)

    def __len__(self) -> int:
        return self._source[2]

    def __getitem__(self, index: Any) -> Any:
        return _READ_TEXT(*self._source)[index]

    def __deepcopy__(self, memo: object) -> tuple[str, ...]:
        return _READ_TEXT(*self._source)


_READ_TEXT: Any = read_from_shared_memory.dispatch(spaces.Text)


@read_from_shared_memory.register(Instruction)
def _told(space: Instruction, shared_memory: Any, n: int = 1) -> Any:
    return _Told(space, shared_memory, n)


def check_camera(camera: str) -> None:
    """Refuse cameras that the rig does not have.

    Raises:
        UnknownName: There is none of this name.
    """
    if not isinstance(camera, str) or camera not in MOUNTS:
        raise UnknownName.of("camera", str(camera), MOUNTS)


def check_cameras(cameras: Sequence[str]) -> None:
    """Refuse what is no list of cameras.

    Raises:
        ConfigError: It is no list of names.
        UnknownName: A name in it is no camera's.
    """
    if isinstance(cameras, str) or not isinstance(cameras, Iterable):
        raise ConfigError(f"cameras must be a list of names, got {cameras!r}; try ['front']")
    for camera in cameras:
        check_camera(camera)


def action_space() -> spaces.Space[Any]:
    """The benchmark's 9 numbers: where the target may be, a quaternion, two switches."""
    low = np.concatenate([ACTION_LOW, [-1.0] * 4, [0.0, 0.0]])
    high = np.concatenate([ACTION_HIGH, [1.0] * 4, [1.0, 1.0]])
    return spaces.Box(low, high, dtype=np.float64)


def observation_space(
    cameras: Sequence[str], size: Sequence[int], masks: bool
) -> spaces.Space[Any]:
    """What `cameras` of a size (width, height [px]) show, and what the robot feels and is told."""
    joints = (arm.JOINT_LOW - _JOINT_SLACK, arm.JOINT_HIGH + _JOINT_SLACK)
    reach = np.array([_REACH] * 3 + [1.0] * 4)
    fingers = (-_FINGER_SLACK, arm.FINGER_TRAVEL + _FINGER_SLACK)
    parts: dict[str, spaces.Space[Any]] = {
        "joint_positions": spaces.Box(*joints, dtype=np.float64),
        "joint_velocities": spaces.Box(-_MAX_SPEED, _MAX_SPEED, (7,), np.float64),
        "gripper_open": spaces.Box(0.0, 1.0, (1,), np.float32),
        "gripper_pose": spaces.Box(-reach, reach, dtype=np.float64),
        "gripper_joint_positions": spaces.Box(*fingers, (2,), np.float64),
        "instruction": Instruction(_MAX_TEXT, charset=_CHARACTERS),
    }
    width, height = size
    for camera in cameras:
        parts |= {
            f"{camera}_rgb": spaces.Box(0, 255, (height, width, 3), np.uint8),
            f"{camera}_depth": spaces.Box(0.0, _MAX_DEPTH, (height, width), np.float32),
            f"{camera}_intrinsics": spaces.Box(0.0, 1e5, (3, 3), np.float64),
            f"{camera}_world_from_camera": spaces.Box(-5.0, 5.0, (4, 4), np.float64),
        }
        if masks:
            parts[f"{camera}_mask"] = spaces.Box(0, _MAX_BODIES, (height, width), np.int32)
    return spaces.Dict(parts)
