"""`premotor import-recognizer FILE --layout viclip-b16 --out DIR`: released weights, as ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from premotor.backbones.hub import local_file
from premotor.checkpoint import save_recognizer
from premotor.cli.options import parsed
from premotor.codec import read_yaml
from premotor.errors import DataError
from premotor.understand.config import UnderstandConfig
from premotor.understand.layouts import Fitting, build, import_recognizer
from premotor.understand.untold import Told


@dataclass(frozen=True)
class ImportArguments:
    """Read a file of weights, strictly, and write it as a recognizer of ours."""

    file: tyro.conf.Positional[str]  # path; or hub:OWNER/REPOSITORY/FILE with the extra `hub`
    out: Path  # folder to write recognizer.safetensors and recognizer.yaml into
    layout: Literal["viclip-b16", "viclip-l14", "clip"] = "viclip-b16"
    sizes: Path | None = None  # a recognizer.yaml: other frames, pixels or words than the file's
    drop: tuple[str, ...] = ()  # beginnings of keys to leave out knowingly
    told: Annotated[Told, tyro.conf.arg(name="")] = field(default_factory=Told)
    fitting: Annotated[Fitting, tyro.conf.arg(name="")] = field(default_factory=Fitting)


def _sizes(path: Path | None) -> UnderstandConfig | None:
    if path is None:
        return None
    try:
        return read_yaml(UnderstandConfig, path)
    except OSError as error:
        raise DataError(f"--sizes {path} cannot be read: {error}") from error


def command(argv: Sequence[str]) -> int:
    """Run `premotor import-recognizer`."""
    given = parsed(ImportArguments, "import-recognizer", argv)
    file, sizes = local_file(given.file), _sizes(given.sizes)
    imported = import_recognizer(file, given.layout, sizes, given.fitting, given.drop, given.told)
    save_recognizer(given.out, build(imported))
    count = sum(v.numel() for v in imported.weights.values())
    for line in (f"{given.out}: {count:,} parameters of {given.file}", *imported.notes):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
