"""Weights and state on disk: written whole or not at all, loaded strictly or not at all.

A run folder holds `checkpoints/step_000000/` (the untrained model) and the last two; in each are
`model.safetensors` (weights), `model.yaml` (MirrorConfig) and `state.pt` (optimizer, progress).
"""

import os
import shutil
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from premotor.backbones.weights import load_strictly
from premotor.errors import ConfigError, DataError
from premotor.mirror import Mirror, MirrorConfig

Config = TypeVar("Config")
_SEQUENCE = "tag:yaml.org,2002:seq"
WEIGHTS, MODEL, STATE = "model.safetensors", "model.yaml", "state.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int  # updates done


class _Dumper(yaml.SafeDumper):
    """YAML with lists on one line."""


_Dumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence(_SEQUENCE, items, flow_style=True)
)


def to_yaml(config: Any) -> str:
    """A configuration dataclass as YAML, fields in their order."""
    return yaml.dump(_plain(asdict(config)), Dumper=_Dumper, sort_keys=False, width=100)


def from_yaml(kind: type[Config], text: str, source: str) -> Config:
    """Read a configuration written by `to_yaml`; fields that are not named keep their defaults.

    Args:
        kind: The dataclass to build.
        text: The YAML.
        source: Where the text comes from, for messages.

    Raises:
        ConfigError: The text is not YAML, or names fields `kind` does not have.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {error}") from error
    return _typed(kind, raw, source)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, Path):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _typed(kind: Any, raw: Any, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _dataclass(kind, raw, where)
    if origin in (types.UnionType, typing.Union):
        members = [m for m in args if m is not type(None)]
        return None if raw is None else _typed(members[0], raw, where)
    if origin is tuple:
        return _tuple(args, raw, where)
    if origin is dict:
        if not isinstance(raw, Mapping):
            raise ConfigError(f"{where}: expected names with values, got {raw!r}")
        return {_typed(args[0], k, where): _typed(args[1], v, where) for k, v in raw.items()}
    if origin is typing.Literal:
        if raw not in args:
            raise ConfigError(f"{where}: expected one of {list(args)}, got {raw!r}")
        return raw
    return _scalar(kind, raw, where)


def _tuple(args: tuple[Any, ...], raw: Any, where: str) -> tuple[Any, ...]:
    any_length = args[1:] == (...,)
    if not isinstance(raw, list) or not (any_length or len(raw) == len(args)):
        count = "" if any_length else f"{len(args)} "
        raise ConfigError(f"{where}: expected a list of {count}values, got {raw!r}")
    members = [args[0]] * len(raw) if any_length else args
    return tuple(_typed(m, r, where) for m, r in zip(members, raw, strict=True))


def _scalar(kind: Any, raw: Any, where: str) -> Any:
    if kind is float and not isinstance(raw, bool):
        try:
            return float(raw)  # YAML reads 2e-3 as a string
        except (TypeError, ValueError):
            raise ConfigError(f"{where}: expected a number, got {raw!r}") from None
    expected = str if kind is Path else kind
    if expected in (int, bool, str) and type(raw) is not expected:
        raise ConfigError(f"{where}: expected {expected.__name__}, got {raw!r}")
    return Path(str(raw)) if kind is Path else raw


def _dataclass(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: expected the fields of {kind.__name__}, got {raw!r}")
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(raw) - known):
        raise ConfigError(f"{where}: {kind.__name__} has no {unknown}; it has {sorted(known)}")
    hints = typing.get_type_hints(kind)
    return kind(**{k: _typed(hints[k], v, f"{where}: {k}") for k, v in raw.items()})


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def save(run: Path, step: int, model: Mirror, state: Mapping[str, Any] | None = None) -> Checkpoint:
    """Write a checkpoint under a temporary name, flush it to disk, rename it.

    Args:
        run: The run folder.
        step: Updates done.
        model: Its weights and configuration are written.
        state: What resuming needs beside the weights, for `torch.save`.
    """
    final = run / "checkpoints" / f"step_{step:06d}"
    temporary = final.with_name(f".{final.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, temporary / WEIGHTS)
    (temporary / MODEL).write_text(to_yaml(model.config))
    torch.save(dict(state or {}), temporary / STATE)
    for name in (WEIGHTS, MODEL, STATE):
        _flush(temporary / name)
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    directory = os.open(final.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
    return Checkpoint(final, step)


def checkpoints(run: Path) -> list[Checkpoint]:
    """The complete checkpoints of a run, oldest first."""
    found = [p for p in (run / "checkpoints").glob("step_*") if (p / STATE).is_file()]
    return sorted((Checkpoint(p, int(p.name[5:])) for p in found), key=lambda c: c.step)


def find(run: Path, step: int | None = None) -> Checkpoint:
    """The checkpoint after `step` updates, or the last one.

    Raises:
        DataError: There is none; the steps there are, are named.
    """
    known = checkpoints(run)
    wanted = [c for c in known if step is None or c.step == step]
    if not wanted:
        steps = ", ".join(str(c.step) for c in known) or "none"
        which = "no checkpoint" if step is None else f"no checkpoint of step {step}"
        raise DataError(f"{which} in {run}; steps there: {steps}; train with `premotor train`")
    return wanted[-1]


def prune(run: Path, keep: int) -> None:
    """Remove all but the last `keep` checkpoints and the untrained one, and what a crash left."""
    for checkpoint in [c for c in checkpoints(run) if c.step > 0][:-keep]:
        shutil.rmtree(checkpoint.path)
    for leftover in (run / "checkpoints").glob(".step_*"):
        shutil.rmtree(leftover, ignore_errors=True)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights into a model if, and only if, every key and shape fits.

    Raises:
        DataError: The file is missing, truncated or corrupted.
        CheckpointMismatch: Every key that does not fit is listed; nothing was loaded.
    """
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read as safetensors: {error}") from error
    remedy = "build the model from the model.yaml beside the weights, or train anew"
    load_strictly(model, stored, str(path), remedy)


def load_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """What was passed to `save` as state.

    Raises:
        DataError: The file is truncated or corrupted.
    """
    path = checkpoint.path / STATE
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(f"{path} cannot be read: {error}; remove {checkpoint.path}") from error


def load_mirror(run: Path, step: int | None = None) -> Mirror:
    """The joint network of a run, ready for measuring, after `step` updates or at its end.

    Raises:
        DataError: There is no such checkpoint.
    """
    checkpoint = find(run, step)
    path = checkpoint.path / MODEL
    model = Mirror(from_yaml(MirrorConfig, path.read_text(), str(path)))
    load_weights(model, checkpoint.path / WEIGHTS)
    return model.eval()
