"""`premotor export-recognizer RUN --out FILE`: a recognizer's weights in ViCLIP's names."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from safetensors.torch import save

from premotor.checkpoint import load_recognizer
from premotor.claims import claim_file
from premotor.cli.options import parsed
from premotor.errors import ConfigError, OutputExists
from premotor.records import write_atomically
from premotor.understand.layouts import viclip_differences, viclip_weights

TORCH_FILES = (".pth", ".pt")


@dataclass(frozen=True)
class ExportArguments:
    """Write the weights of a recognizer as a file that ViCLIP's own code can load."""

    folder: tyro.conf.Positional[Path]  # a run, or what `premotor import-recognizer` wrote
    out: Path  # .safetensors, or .pth with the weights under "model", as they were released
    step: int | None = None  # checkpoint of a run, by updates done; the last one if left out


def command(argv: Sequence[str]) -> int:
    """Run `premotor export-recognizer`."""
    given = parsed(ExportArguments, "export-recognizer", argv)
    kind = given.out.suffix
    if kind not in (".safetensors", *TORCH_FILES):
        raise ConfigError(f"--out {given.out} must end in .safetensors, .pth or .pt")
    if os.path.lexists(given.out):
        raise OutputExists(f"{given.out} exists; remove it or choose another name")
    claim_file(given.out, overwrite=False)
    recognizer = load_recognizer(given.folder, given.step)
    weights = viclip_weights(recognizer)
    if kind in TORCH_FILES:
        buffer = io.BytesIO()
        torch.save({"model": weights}, buffer)
        content = buffer.getvalue()
    else:
        content = save(weights)
    write_atomically(given.out, content)
    count = sum(v.numel() for v in weights.values())
    said = f"{given.out}: {count:,} parameters in ViCLIP's names"
    for line in (said, *viclip_differences(recognizer.config)):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
