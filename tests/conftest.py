"""A small made-up demonstration: no simulator, but everything a recorded one has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from premotor.episode.clip import Clip
from premotor.episode.demo import Demo
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.episode.provenance import Provenance
from premotor.geometry.cameras import pinhole
from premotor.geometry.poses import Pose
from small_data import write_split

SIDE = 32


def _view(rng: np.random.Generator, height: float) -> CameraView:
    camera = np.eye(4)
    camera[:3, :3] = np.diag([1.0, -1.0, -1.0])  # looking straight down
    camera[:3, 3] = [0.2, 0.0, height]
    depth = (height - 0.75 - 0.1 * rng.random((SIDE, SIDE))).astype(np.float32)
    rgb = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return CameraView(rgb, depth, pinhole(SIDE, SIDE, 40.0), camera)


def _row(rng: np.random.Generator, step: int, seen: bool) -> Observation:
    return Observation(
        views={c: _view(rng, 1.7 + 0.1 * i) for i, c in enumerate(CAMERAS)} if seen else {},
        joint_positions=rng.normal(size=7),
        joint_velocities=rng.normal(size=7),
        finger_positions=rng.uniform(0, 0.04, 2),
        end_effector=Pose.of(rng.uniform(0.6, 0.7, 3), rng.normal(size=4)),
        gripper_open=bool(rng.integers(2)),
        ignore_collisions=bool(rng.integers(2)),
        time=0.05 * step,
    )


def _demo(
    seed: int = 0,
    task: str = "push_buttons",
    variation: int | None = None,
    steps: tuple[int, ...] = (4, 9, 13),
) -> Demo:
    rng = np.random.default_rng(seed)
    length = steps[-1] + 1
    rows = tuple(_row(rng, i, i in (0, *steps)) for i in range(length))
    ramp = np.linspace(0, 200, length)[:, None, None, None] + np.arange(SIDE)[:, None]
    frames = np.broadcast_to(ramp, (length, SIDE, SIDE, 3)).astype(np.uint8)
    place = seed % 3 * SIDE // 3  # a dark bar, which tells the variations apart, and a scene
    frames[:, :, place : place + SIDE // 3] //= 2
    cells = np.random.default_rng([seed, 1]).integers(0, 200, (2, 8, 1))
    frames[:, : SIDE // 4] = np.kron(cells, np.ones((4, 4, 1)))
    return Demo(
        episode=EpisodeId(task, seed % 3 if variation is None else variation, seed),
        instructions=(f"push the button number {seed % 3}", "press it"),
        observations=rows,
        keyframes=tuple(
            Keyframe(rows[s].end_effector, rows[s].gripper_open, rows[s].ignore_collisions, s)
            for s in steps
        ),
        states=rng.normal(size=(length, 11)),
        clip=Clip(frames, np.arange(length) / 20),
        provenance=Provenance(attempt=seed % 3, renderer="none", versions={"mujoco": "0"}),
    )


@pytest.fixture(scope="session")
def make_demo() -> Callable[..., Demo]:
    """A demo of a seed; arguments: seed, task, variation, steps of the keyframes."""
    return _demo


def _write_data(folder: Path, **splits: range) -> Path:
    """Demos of these seeds, by split."""
    for split, seeds in splits.items():
        write_split(folder / split, map(_demo, seeds))
    return folder


@pytest.fixture(scope="session")
def made_up_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of such demos: 6 to train on, 4 held out."""
    return _write_data(tmp_path_factory.mktemp("made_up"), train=range(6), val=range(100, 104))


@pytest.fixture(scope="session")
def enough_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that maps can be fitted and alignment measured: 18 to train on, 9 held out.

    Three variations of push_buttons, in turn.
    """
    return _write_data(tmp_path_factory.mktemp("enough"), train=range(18), test=range(100, 109))
