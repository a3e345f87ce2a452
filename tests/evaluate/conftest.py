"""Run folders with untrained policies, to be evaluated; and a policy that never fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from premotor import checkpoint
from premotor.mirror import Mirror
from premotor.presets import train_preset
from premotor.records import RunManifest, write_json
from premotor.simulate.environment import Environment


def write_run(folder: Path, preset: str = "nano", steps: tuple[int, ...] = (0,)) -> Path:
    """Write a run whose checkpoints hold untrained weights, other ones for each step."""
    config = train_preset(preset).mirror
    for step in steps:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step)
            checkpoint.save(folder, step, Mirror(config))
    manifest = RunManifest(
        preset=preset,
        code_version="0",
        created="2026-11-23T19:00:00+00:00",
        command="",
        versions={},
        data="",
        data_fingerprint="",
        parameters={},
    )
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Writes a run: folder, preset, steps of the checkpoints."""
    return write_run


class Replay:
    """Acts out the expert's waypoints, blind to what it is shown."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.waypoints = None

    def act(self, observation, instruction):
        if self.waypoints is None:
            self.waypoints = self.environment.waypoints()
        return next(self.waypoints)


@pytest.fixture(scope="session")
def replay() -> type[Replay]:
    """An actor for an environment that has been made."""
    return Replay
