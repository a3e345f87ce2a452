"""`premotor import-policy FILE --layout arp --out DIR`: weights of a released policy, as ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from premotor.checkpoint import from_yaml, save_policy
from premotor.errors import DataError
from premotor.execute.config import ExecuteConfig
from premotor.importer import completed, import_policy


def _sizes(path: Path | None) -> ExecuteConfig | None:
    if path is None:
        return None
    try:
        return from_yaml(ExecuteConfig, path.read_text(), str(path))
    except OSError as error:
        raise DataError(f"--sizes {path} cannot be read: {error}") from error


def command(argv: Sequence[str]) -> int:
    """Run `premotor import-policy`."""

    def convert(
        file: tyro.conf.Positional[Path],
        out: Path,
        layout: Literal["arp", "arp-plus", "mvt"] = "arp",
        sizes: Path | None = None,
        drop: tuple[str, ...] = (),
        seed: int = 0,
    ) -> int:
        """Read a released checkpoint, strictly, and write it as a policy of ours.

        Args:
            file: The checkpoint, a torch pickle or safetensors; nothing is downloaded.
            out: Folder to write policy.safetensors and policy.yaml into.
            layout: Whole policies (arp, arp-plus), or the two trunks alone (mvt).
            sizes: A policy.yaml with the sizes, where they are not the released ones.
            drop: Beginnings of keys to leave out knowingly.
            seed: Of what the file does not hold and is to be trained (layout mvt).
        """
        imported = import_policy(file, layout, _sizes(sizes), drop)
        weights = completed(imported, seed)
        save_policy(out, imported.config, weights)
        console = Console()
        for note in imported.notes:
            console.print(f"- {note}", markup=False, highlight=False, soft_wrap=True)
        count = sum(v.numel() for v in imported.weights.values())
        said = f"{count:,} parameters of {file} are in {out}; it sees with our corrected rig"
        console.print(said, markup=False, highlight=False, soft_wrap=True)
        return 0

    return tyro.cli(convert, prog="premotor import-policy", args=list(argv))
