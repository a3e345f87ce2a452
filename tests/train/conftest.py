"""A made-up data set: colored dots on a plane, and a hand that goes to the one that is named."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from premotor.episode.clip import Clip
from premotor.episode.demo import Demo
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.episode.provenance import Provenance
from premotor.geometry.cameras import pinhole
from premotor.geometry.poses import Pose
from small_data import write_split

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220)}
TABLE = 0.75  # [m]


def _view(dots: np.ndarray, side: int, height: float) -> CameraView:
    """The plane from above, each dot a square of its color."""
    camera = np.eye(4)
    camera[:3, :3] = np.diag([1.0, -1.0, -1.0])
    camera[:3, 3] = [0.2, 0.0, height]
    rgb = np.full((side, side, 3), 120, dtype=np.uint8)
    intrinsics = pinhole(side, side, 50.0)
    for place, color in zip(dots, COLORS.values(), strict=True):
        x, y = place[0] - 0.2, -place[1]
        column = round(intrinsics[0, 0] * x / (height - TABLE) + intrinsics[0, 2])
        row = round(intrinsics[1, 1] * y / (height - TABLE) + intrinsics[1, 2])
        reach = max(1, side // 20)
        rgb[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = (
            color
        )
    return CameraView(rgb, np.full((side, side), height - TABLE, np.float32), intrinsics, camera)


def _row(step: int, pose: Pose, views: dict[str, CameraView]) -> Observation:
    return Observation(
        views=views,
        joint_positions=np.full(7, 0.1 * step),
        joint_velocities=np.zeros(7),
        finger_positions=np.array([0.04, 0.04]),
        end_effector=pose,
        gripper_open=True,
        ignore_collisions=step > 6,
        time=0.05 * step,
    )


def make_demo(seed: int, side: int) -> Demo:
    """Hover over the named dot, then touch it; keyframes at rows 5 and 9."""
    rng = np.random.default_rng(seed)
    variation = seed % len(COLORS)
    name = list(COLORS)[variation]
    dots = np.stack([rng.uniform(0.0, 0.35, 3), rng.uniform(-0.2, 0.2, 3)], axis=1)
    down = np.array([0.0, 1.0, 0.0, 0.0])
    hover, touch = (Pose.of(np.array([*dots[variation], TABLE + h]), down) for h in (0.1, 0.02))
    poses = [Pose.of(np.array([0.2, 0.0, 1.1]), down)] * 5 + [hover] * 4 + [touch]
    rows = []
    for step, pose in enumerate(poses):
        seen = step in (0, 5, 9)
        views = (
            {c: _view(dots, side, 1.5 + 0.05 * i) for i, c in enumerate(CAMERAS)} if seen else {}
        )
        rows.append(_row(step, pose, views))
    frame = _view(dots, side, 1.5).rgb
    frames = np.stack([np.roll(frame, step, axis=0) for step in range(len(poses))])
    return Demo(
        episode=EpisodeId("touch_dot", variation, seed),
        instructions=(f"push the {name} button", f"press the {name} one"),
        observations=tuple(rows),
        keyframes=(Keyframe(hover, True, False, 5), Keyframe(touch, True, True, 9)),
        states=np.zeros((len(poses), 3)),
        clip=Clip(frames, np.arange(len(poses)) / 20),
        provenance=Provenance(renderer="none"),
    )


def write_dots(folder: Path, train: int, val: int, side: int) -> Path:
    """Write a data set with splits train and val."""
    for split, count, base in (("train", train, 0), ("val", val, 1000)):
        write_split(folder / split, (make_demo(base + i, side) for i in range(count)))
    return folder


@pytest.fixture(scope="session")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 training and 6 held-out episodes, 32 x 32."""
    return write_dots(tmp_path_factory.mktemp("dots"), train=12, val=6, side=32)


@pytest.fixture
def write_data() -> Callable[[Path, int, int, int], Path]:
    """Writes a data set: folder, episodes in train, in val, image side."""
    return write_dots


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
