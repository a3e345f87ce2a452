"""`premotor watch`: the expert's episode as a video."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track

from premotor.claims import claim_file
from premotor.cli.options import parsed
from premotor.demonstrate.expert import film, record
from premotor.episode.identity import EpisodeId
from premotor.errors import ConfigError
from premotor.limits import check_memory
from premotor.records import write_atomically
from premotor.simulate.environment import Environment
from premotor.simulate.rig import check_size
from premotor.store import video
from premotor.store.layout import FPS

_QUALITY = 20  # x264 constant rate factor; noise-free pictures need no better


@dataclass(frozen=True)
class WatchArguments:
    """Film the expert doing a task."""

    task: tyro.conf.Positional[str]  # name, see `premotor tasks`
    variation: int = 0
    seed: int = 0  # places the props
    out: Path = Path("watch.mp4")
    camera: str = "hero"  # hero, front, left_shoulder, right_shoulder, overhead or wrist
    width: int = 640  # [px]
    height: int = 480  # [px]
    shadows: bool = True  # 6 times slower at 640 x 480, and worth it
    overwrite: bool = False  # replace a file that is there


def command(argv: list[str]) -> int:
    """Run `premotor watch`."""
    arguments = parsed(WatchArguments, "watch", argv)
    size = (arguments.width, arguments.height)
    check_size(size)
    if min(size) < 16 or arguments.width % 2 or arguments.height % 2:
        raise ConfigError(
            f"width and height must be even and >= 16, got {arguments.width} x {arguments.height}"
        )
    claim_file(arguments.out, arguments.overwrite)
    console = Console(stderr=True)
    env = Environment()
    recording = record(env, EpisodeId(arguments.task, arguments.variation, arguments.seed))
    # Twice: the pictures, and all of them in one array for the encoder.
    check_memory(2 * 3 * math.prod(size) * len(recording.rows), f"a film of {size} px")
    pictures = film(env, recording, arguments.camera, size, arguments.shadows)
    frames = list(
        track(pictures, "filming", total=len(recording.rows), console=console, transient=True)
    )
    data = video.encode(np.stack(frames), FPS, quality=_QUALITY, preset="medium")
    write_atomically(arguments.out, data)
    seconds = len(frames) / FPS
    print(
        f"{env.instructions[0]}: {seconds:.1f} s, {len(recording.keyframes)} keyframes, "
        f"{arguments.out}"
    )
    return 0
