"""Run folders with untrained policies, to be evaluated."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from premotor import checkpoint
from premotor.mirror import Mirror
from premotor.presets import train_preset
from premotor.records import RunManifest, write_json


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
