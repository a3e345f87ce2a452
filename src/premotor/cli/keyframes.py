"""`premotor keyframes RUN --data DIR`: where the policy would go from held-out observations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console

from premotor.cli.findings import show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.device import Device, chosen_device
from premotor.evaluate.acting.keyframes import measure_keyframes
from premotor.folders import RunFolder
from premotor.report.keyframes import keyframe_tables
from premotor.represent import Source
from premotor.worklist import available_cores


@dataclass(frozen=True, kw_only=True)
class KeyframesCommand:
    """How often the next key pose is where the expert's is, on episodes a run has not seen.

    No roll-outs: the policy decodes from each of the expert's true observations, all in less than a
    minute. Shares by task with what is wrong, and of the decisive keyframes, at which the words
    choose one of several things. Measured anew each time.
    """

    run: Annotated[Path, tyro.conf.Positional]  # folder made by `premotor train`
    source: Annotated[Source, tyro.conf.arg(name="")]
    split: str = "val"  # whose keyframes are held out
    step: int | None = None  # which checkpoint, by updates done; None = the last one
    device: Device = "auto"  # "auto": the GPU where there is one


def command(argv: Sequence[str]) -> int:
    """Run `premotor keyframes`."""
    wanted = parsed(KeyframesCommand, "keyframes", argv)
    torch.set_num_threads(available_cores())
    device = chosen_device(wanted.device)
    with StageBars() as bars:
        records = measure_keyframes(
            wanted.run, wanted.source, wanted.split, bars, step=wanted.step, device=device
        )
    show_tables(keyframe_tables(records))
    line = f"after {records[0].step} updates; written: {RunFolder(wanted.run).keyframes}"
    Console(stderr=True).print(line, soft_wrap=True)
    return 0
