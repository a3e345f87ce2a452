"""`premotor import-policy FILE --layout arp --text CLIP --out DIR`: a released policy, as ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from premotor.checkpoint import save_policy
from premotor.cli.options import parsed
from premotor.codec import read_yaml
from premotor.errors import DataError
from premotor.execute.config import ExecuteConfig
from premotor.importer import build, import_policy


@dataclass(frozen=True)
class ImportArguments:
    """Read a released checkpoint, strictly, and write it as a policy of ours."""

    file: tyro.conf.Positional[Path]  # torch file or safetensors; nothing is downloaded
    out: Path  # folder to write policy.safetensors and policy.yaml into
    layout: Literal["arp", "arp-plus", "mvt"] = "arp"  # mvt: the two trunks alone (RVT-2)
    text: Path | None = None  # CLIP RN50's weights: what reads the words is never in FILE
    sizes: Path | None = None  # a policy.yaml, where the sizes are not the released ones
    drop: tuple[str, ...] = ()  # beginnings of keys to leave out knowingly
    seed: int = 0  # of what FILE does not hold and is to be trained (mvt)


def _sizes(path: Path | None) -> ExecuteConfig | None:
    if path is None:
        return None
    try:
        return read_yaml(ExecuteConfig, path)
    except OSError as error:
        raise DataError(f"--sizes {path} cannot be read: {error}") from error


def command(argv: Sequence[str]) -> int:
    """Run `premotor import-policy`."""
    given = parsed(ImportArguments, "import-policy", argv)
    imported = import_policy(given.file, given.layout, _sizes(given.sizes), given.drop)
    policy = build(imported, given.text, given.seed)
    save_policy(given.out, policy)
    count = sum(v.numel() for v in imported.weights.values())
    reader = given.text or "a tower that is to be trained"
    lines = [
        f"{given.out}: {count:,} parameters of {given.file}",
        *imported.notes,
        f"the words are read by {reader}",
        "it looks at the scene with premotor's corrected views; "
        "importer.with_released_habits(policy) gives it those it was trained with",
    ]
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
