"""Stored reference data as their descriptions tell of them: file, sizes, cases and tolerances.

A description is a JSON file; the arrays lie in the file that it names, else beside it.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(
    os.environ.get(
        "PREMOTOR_GOLDEN", Path(__file__).resolve().parents[2].parent / "shared" / "golden"
    )
)


@dataclass(frozen=True)
class Stored:
    """One description and its arrays."""

    room: str  # "execution" or "recognition"
    stem: str

    @cached_property
    def about(self) -> dict[str, Any]:
        """The description."""
        return json.loads((FOLDER / self.room / f"{self.stem}.json").read_text())

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All arrays, by name."""
        return load_file(FOLDER / self.room / self.about.get("file", f"{self.stem}.safetensors"))

    @property
    def sizes(self) -> dict[str, Any]:
        """What its network is configured to."""
        return self.about["config"]

    def close(self, actual: Tensor, expected: Tensor, part: str = "float32") -> None:
        """Compare by the tolerance of a part: `PART_rtol` or `PART_rel`, `PART_atol` or `PART_abs`.

        What is not told is 0.
        """
        told = self.about["tolerance"]
        rtol, atol = (
            next((told[n] for n in (f"{part}_{k}", f"{part}_{m}", k, m) if n in told), 0.0)
            for k, m in (("rtol", "rel"), ("atol", "abs"))
        )
        torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)

    def depth(self, pattern: str) -> int:
        """How many numbers stand in one place of the arrays' names, as in `blocks.(\\d+)`."""
        return len({m[1] for name in self.tensors if (m := re.search(pattern, name))})

    def cases(self, pattern: str) -> list[Any]:
        """What stands in the places of a pattern in the arrays' names, each once."""
        return cases_in(self.tensors, pattern)


def cases_in(names: Iterable[str], pattern: str) -> list[Any]:
    """What stands in the places of a pattern that a whole name matches."""
    found = [m.groups() for name in names if (m := re.fullmatch(pattern, name))]
    return list(dict.fromkeys(g[0] if len(g) == 1 else g for g in found))


def stems(room: str, pattern: str) -> list[str]:
    """The descriptions whose names begin so; a stand-in where there is none, which is skipped."""
    return sorted(path.stem for path in (FOLDER / room).glob(f"{pattern}.json")) or [pattern]
