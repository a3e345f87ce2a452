"""Where a demonstration comes from, so that it can be made again, or a difference explained."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_VERSION = "version."  # began the name of a package in version 0.1.0
_AS_TEXT: Mapping[str, Callable[[str], Any]] = {  # what was written as text then
    "attempt": int,
    "rejections": json.loads,
    "strict": {"True": True, "False": False}.__getitem__,
}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How an episode came about, and with which software; what is not known is empty."""

    attempt: int = 0  # which of the layouts drawn was accepted, from 0
    rejections: tuple[str, ...] = ()  # why those before it were not
    strict: bool = False  # the expert succeeded without a mishap
    versions: Mapping[str, str] = field(default_factory=dict[str, str])  # of packages, by name
    python: str = ""
    machine: str = ""  # architecture, as "x86_64"
    renderer: str = ""  # GL, as it calls itself
    meshes: str = ""  # hash of the arm's meshes

    @classmethod
    def of_before(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """As version 0.1.0 wrote it: text alone, a name for each package."""
        own = {name: value for name, value in raw.items() if not name.startswith(_VERSION)}
        if len(own) < len(raw):
            own["versions"] = {n.removeprefix(_VERSION): v for n, v in raw.items() if n not in own}
        for name, read in _AS_TEXT.items():
            if isinstance(own.get(name), str):
                with suppress(ValueError, KeyError):  # then its type is what is wrong with it
                    own[name] = read(own[name])
        return own
