"""Weights and state on disk: written whole or not at all, loaded strictly or not at all.

A run folder holds `checkpoints/step_000000/` (as training began) and the last two; in each are
`model.safetensors` (weights), `model.yaml` (MirrorConfig) and `state.pt` (what resuming needs
beside them: the optimizer's state and, where the weights are a running mean, those that it moves).
A policy alone is a folder with `policy.safetensors` and `policy.yaml` (ExecuteConfig), a recognizer
alone one with `recognizer.safetensors` and `recognizer.yaml` (UnderstandConfig).
"""

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from premotor.backbones.torch_files import read_torch
from premotor.backbones.weights import load_strictly
from premotor.codec import read_yaml, to_yaml
from premotor.errors import (
    CheckpointMismatch,
    ConfigError,
    DataError,
    OutputExists,
    naming,
)
from premotor.execute.config import ExecuteConfig
from premotor.execute.policy import Policy
from premotor.folders import RunFolder
from premotor.limits import check_file
from premotor.mirror import Mirror, MirrorConfig
from premotor.temporary import flush, held_folder, sweep_beside
from premotor.understand.config import UnderstandConfig
from premotor.understand.recognizer import Recognizer

Config = TypeVar("Config")
Model = TypeVar("Model", bound=nn.Module)
WEIGHTS, MODEL, STATE = "model.safetensors", "model.yaml", "state.pt"
_FEW = 10**6  # numbers that cost nothing
Half = Literal["policy", "recognizer"]  # of a mirror, stored alone
# What each is built by, from what, and its name as a part of the mirror.
_HALVES: dict[Half, tuple[Any, Any, str]] = {
    "policy": (Policy, ExecuteConfig, "execute"),
    "recognizer": (Recognizer, UnderstandConfig, "understand"),
}


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int  # updates done


@dataclass(frozen=True)
class StoredHalf:
    """One half of a mirror on disk, alone or in a checkpoint of a run."""

    part: str  # its name as a part of a mirror, "understand" or "execute"
    config: Any  # UnderstandConfig or ExecuteConfig
    weights: Path  # the file that holds them
    prefix: str  # of their names in that file
    step: int | None  # updates done in its run; None for a half alone

    def load_into(self, model: nn.Module) -> None:
        """Load the weights, strictly; errors are those of `load_weights`."""
        load_weights(model, self.weights, self.prefix)


@contextmanager
def _folder(final: Path) -> Iterator[Path]:
    """A folder to write into; it replaces `final` once all of it is on disk.

    Raises:
        SystemRefused: The system would not; what was there is there still.
    """
    with naming(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(final)
        with held_folder(final) as temporary:
            yield temporary
            for path in temporary.iterdir():
                flush(path)
            _take_place(temporary, final)
            flush(final.parent)


def _take_place(new: Path, final: Path) -> None:
    """Rename a folder; what has its place until then is whole to the last moment."""
    if not final.exists():
        new.rename(final)
        return
    with held_folder(final.with_name(f"{final.name}.before")) as before:
        final.rename(before)
        new.rename(final)


def _save_weights(model: nn.Module, path: Path) -> None:
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, path)


def _save_state(state: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as file:  # by a path, torch would not say what the system refused
        torch.save(dict(state), file)


def save(run: Path, step: int, model: Mirror, state: Mapping[str, Any] | None = None) -> Checkpoint:
    """Write a checkpoint under a temporary name, flush it to disk, rename it.

    Args:
        run: The run folder.
        step: Updates done.
        model: Its weights and configuration are written.
        state: What resuming needs beside the weights, for `torch.save`.
    """
    final = RunFolder(run).checkpoint(step)
    with _folder(final) as folder:
        _save_weights(model, folder / WEIGHTS)
        (folder / MODEL).write_text(to_yaml(model.config))
        _save_state(state or {}, folder / STATE)
    return Checkpoint(final, step)


def save_policy(folder: Path, policy: Policy) -> None:
    """Write a policy alone, for `load_policy`: whole or not at all.

    Raises:
        OutputExists: The folder is there already.
    """
    _save_alone(folder, policy, "policy")


def save_recognizer(folder: Path, recognizer: Recognizer) -> None:
    """Write a recognizer alone, for `load_recognizer`: whole or not at all.

    Raises:
        OutputExists: The folder is there already.
    """
    _save_alone(folder, recognizer, "recognizer")


def _save_alone(folder: Path, model: Policy | Recognizer, half: Half) -> None:
    if os.path.lexists(folder):
        raise OutputExists(f"{folder} exists; remove it or choose another place")
    with _folder(folder) as place:
        _save_weights(model, _weights_of(place, half))
        _config_of(place, half).write_text(to_yaml(model.config))


def _weights_of(folder: Path, half: Half) -> Path:
    return folder / f"{half}.safetensors"


def _config_of(folder: Path, half: Half) -> Path:
    return folder / f"{half}.yaml"


def checkpoints(run: Path) -> list[Checkpoint]:
    """The complete checkpoints of a run, oldest first."""
    found = [p for p in RunFolder(run).checkpoints.glob("step_*") if (p / STATE).is_file()]
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


def prune(run: Path, keep: int, every: int, steps: Sequence[int] = ()) -> None:
    """Remove all but the last `keep` checkpoints and the first one, and what a crash left.

    A checkpoint out of turn, as a stop leaves it, stays until there is a later one: a run that went
    on ends with the files of one that was never stopped.

    Args:
        run: The run folder.
        keep: How many; at least 1.
        every: Updates between two that are in turn.
        steps: Updates after which a checkpoint stays for good.
    """
    before = [c for c in checkpoints(run)[:-1] if c.step not in (0, *steps)]  # not the newest
    in_turn = [c for c in before if c.step % every == 0]
    kept = in_turn[max(0, len(in_turn) - keep + 1) :]
    for checkpoint in before:
        if checkpoint not in kept:
            shutil.rmtree(checkpoint.path)
    for leftover in RunFolder(run).checkpoints.glob(".step_*"):
        shutil.rmtree(leftover, ignore_errors=True)


def load_weights(model: nn.Module, path: Path, prefix: str = "") -> None:
    """Load weights into a model if, and only if, every key and shape fits.

    Args:
        model: What to load into.
        path: A safetensors file.
        prefix: Only weights whose names begin so are read, and their names end after it.

    Raises:
        DataError: The file is missing, truncated or corrupted.
        CheckpointMismatch: Every key that does not fit is listed; nothing was loaded.
    """
    try:
        stored = _read_weights(path, prefix)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read as safetensors: {error}") from error
    remedy = "build the model from the configuration beside the weights, or train anew"
    load_strictly(model, stored, str(path), remedy)


def _read_weights(path: Path, prefix: str) -> dict[str, Tensor]:
    check_file(path)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118, no dict
        return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def load_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """What was passed to `save` as state.

    Raises:
        DataError: The file is truncated or corrupted.
    """
    path = checkpoint.path / STATE
    try:
        state = read_torch(path)
    except Exception as error:  # zipfile and others have their own
        raise DataError(f"{path} cannot be read: {error}; remove {checkpoint.path}") from error
    if not isinstance(state, dict):
        raise DataError(f"{path} holds a {type(state).__name__}; remove {checkpoint.path}")
    return state


def _read_config(kind: type[Config], path: Path) -> Config:
    try:
        return read_yaml(kind, path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; it belongs beside the weights") from error


class _Budget(TorchDispatchMode):
    """Counts the numbers that are asked for, and refuses more than there can be weights for."""

    def __init__(self, most: int, weights: Path) -> None:
        super().__init__()
        self.left, self.weights = most, weights

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], list) and all(isinstance(n, int) for n in args[0]):
            self.left -= math.prod(args[0])
        if self.left < 0:
            raise CheckpointMismatch(
                f"the configuration beside {self.weights} describes a larger model than fits into "
                f"its {self.weights.stat().st_size:,} bytes; one of the two is of another model"
            )
        return func(*args, **(kwargs or {}))


def _built(kind: Callable[[Any], Model], config: Any, weights: Path) -> Model:
    """A model as its configuration has it, if it is no larger than its file of weights.

    Raises:
        CheckpointMismatch: It would take more memory than weights of that size fill.
        DataError: There is no such file.
    """
    if not weights.is_file():
        raise DataError(f"{weights} is missing; it belongs beside its configuration")
    policy = getattr(config, "execute", config)
    frozen = policy.frozen_text.weights if isinstance(policy, ExecuteConfig) else None
    beside = frozen.stat().st_size if frozen is not None and frozen.is_file() else 0
    with _Budget(_FEW + weights.stat().st_size + 2 * beside, weights):  # a number takes 4 bytes
        return kind(config)


def load_mirror(run: Path, step: int | None = None) -> Mirror:
    """The joint network of a run, ready for measuring, after `step` updates or at its end.

    Raises:
        DataError: There is no such checkpoint.
    """
    checkpoint = find(run, step)
    weights = checkpoint.path / WEIGHTS
    model = _built(Mirror, _read_config(MirrorConfig, checkpoint.path / MODEL), weights)
    load_weights(model, weights)
    return model.eval()


def load_policy(path: Path, step: int | None = None) -> Policy:
    """A policy, ready for acting, from a run folder or one that `save_policy` wrote.

    Args:
        path: The folder. Of a run only the weights of the policy are read.
        step: Which checkpoint of a run, by updates done; the last one if left out.

    Raises:
        DataError: There is no such checkpoint, or it is damaged.
        CheckpointMismatch: The weights do not fit the configuration beside them.
        ConfigError: A step of a policy alone, which has none.
    """
    return _load_half(path, step, "policy")


def load_recognizer(path: Path, step: int | None = None) -> Recognizer:
    """A recognizer, ready for naming, from a run folder or one that `save_recognizer` wrote.

    Args and errors are those of `load_policy`.
    """
    return _load_half(path, step, "recognizer")


def _load_half(path: Path, step: int | None, half: Half) -> Any:
    stored = find_half(path, half, step)
    model = _built(_HALVES[half][0], stored.config, stored.weights)
    stored.load_into(model)
    return model.eval()


def find_half(path: Path, half: Half, step: int | None = None) -> StoredHalf:
    """One half of a mirror, from a folder that holds it alone or from a run; nothing is loaded yet.

    Args and errors are those of `load_policy`.
    """
    _, kind, part = _HALVES[half]
    if _is_alone(path, step, half):
        config = _read_config(kind, _config_of(path, half))
        return StoredHalf(part, config, _weights_of(path, half), "", None)
    checkpoint = find(path, step)
    whole = _read_config(MirrorConfig, checkpoint.path / MODEL)
    weights = checkpoint.path / WEIGHTS
    return StoredHalf(part, getattr(whole, part), weights, f"{part}.", checkpoint.step)


def _is_alone(path: Path, step: int | None, half: Half) -> bool:
    """Whether a folder holds one half of a mirror alone; if neither that nor a run, it is refused.

    Raises:
        ConfigError: A step of a half alone, which has none.
        DataError: Nothing is there.
    """
    names = _weights_of(path, half), _config_of(path, half)
    alone = any(name.exists() for name in names)
    if alone and step is not None:
        raise ConfigError(f"{path} holds a {half} alone, which has no step {step}; leave it out")
    if not alone and not checkpoints(path):
        files = " and ".join(name.name for name in names)
        raise DataError(
            f"no {half} in {path}: neither checkpoints of a run nor {files}; name a folder that "
            f"`premotor train`, `premotor import-{half}` or `save_{half}` made"
        )
    return alone
