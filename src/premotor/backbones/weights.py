"""Weights from files that a user points at: read without running their code, fitted strictly.

Nothing is fetched and nothing is dropped in silence: every key of a file is loaded, named by the
caller as not wanted, or listed in the refusal. Layouts are CLIP's (decisions D32).
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from premotor.backbones.torch_files import OwnProgram, read_torch
from premotor.errors import CheckpointMismatch, DataError
from premotor.limits import check_file, check_memory

FINGERPRINT = "sha256"  # last name of a buffer that tells which file frozen weights come from
# Where training checkpoints keep the weights, and what they put before every name.
WRAPPERS = ("model", "state_dict", "model_state", "model_state_dict", "module")
PREFIXES = ("module.", "_orig_mod.", "model.")
CONVERSION = (  # of a TorchScript archive that has to run its own code to be whole
    "python -c \"import torch; torch.save(torch.jit.load('{path}').state_dict(), 'weights.pt')\""
)
_SHARED = 4  # numbers per byte: tied weights share some, never all
_FORMATS = "safetensors, a torch file of plain tensors, or a TorchScript archive"


def read_weights(path: Path, field: str) -> dict[str, Tensor]:
    """All tensors of a safetensors file, a torch file, or a TorchScript archive (OpenAI's CLIP).

    The format is told by the content, not by the name; half precision becomes float32.

    Args:
        path: The file.
        field: The configuration field that points there, for messages.

    Raises:
        DataError: The file is missing, truncated, of another format or holds no plain tensors.
    """
    if not path.is_file():
        raise DataError(
            f"{path} is missing, to which {field} points; expected weights in CLIP's layout: "
            f"{_FORMATS}. Put a file there that you have from those who trained it (OpenAI's CLIP: "
            f"github.com/openai/CLIP), or change {field}, which a stored model has in its "
            "model.yaml; nothing is downloaded here"
        )
    tensors, _ = read_checkpoint(path, field)
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def content_of(path: Path) -> object:
    """What a file of weights holds, its format told by its content; no code of it is run.

    Raises:
        NotPlain, SafetensorError: It is damaged or would have to run code.
        DataError: It is no file, or does not fit into memory.
        OSError: It cannot be read.
    """
    check_file(path)
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{" and head[:2] != b"PK":  # safetensors: eight bytes of length, then JSON
        return load_file(path)
    return read_torch(path)


def read_checkpoint(path: Path, field: str = "") -> tuple[dict[str, Tensor], list[str]]:
    """All tensors of a checkpoint, and what had to be unwrapped to reach them.

    Args:
        path: The file.
        field: The configuration field that points there, if one does, for messages.

    Raises:
        DataError: The file cannot be read, or holds anything but tensors and plain values.
    """
    pointed = f" ({field})" if field else ""
    try:
        content = content_of(path)
    except Exception as error:  # zipfile, zlib, safetensors and others have their own
        reason = str(error).partition("\n")[0] or type(error).__name__
        remedy = "fetch it again, or let those who made it save the state dict alone"
        if isinstance(error, OwnProgram):
            remedy = f"if you trust it, {CONVERSION.format(path=path)}"
        raise DataError(
            f"{path}{pointed} cannot be read: {reason}; expected {_FORMATS}. A file that holds "
            f"more is not opened, it could run foreign code: {remedy}"
        ) from error
    weights, notes = _unwrapped(content, path)
    _check_sharing(weights, path)
    return weights, notes


def _check_sharing(weights: Mapping[str, Tensor], path: Path) -> None:
    """Refuse what would grow when it is copied."""
    total = sum(v.numel() for v in weights.values())
    if total > _SHARED * path.stat().st_size:
        raise DataError(
            f"{path} names {total:,} numbers, more than it has bytes: its tensors share their "
            "memory; let those who made it save clones"
        )
    check_memory(4 * total, str(path))


def _unwrapped(content: Any, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    notes: list[str] = []
    while isinstance(content, Mapping) and not all(isinstance(v, Tensor) for v in content.values()):
        inner = [k for k in WRAPPERS if isinstance(content.get(k), Mapping)]
        if len(inner) != 1:
            raise DataError(
                f"{path} is no state dict: at the top stand {sorted(map(str, content))[:12]}; "
                f"expected tensors, or one of {', '.join(WRAPPERS)} with tensors in it"
            )
        beside = sorted(str(k) for k in content if k != inner[0])
        notes.append(f"unwrapped {inner[0]!r}; left aside: {', '.join(beside) or 'nothing'}")
        content = content[inner[0]]
    if not isinstance(content, Mapping) or not content:
        raise DataError(f"{path} holds {type(content).__name__}, expected named tensors")
    weights = {str(k): v for k, v in content.items()}
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in weights)), None):
        weights = {k.removeprefix(prefix): v for k, v in weights.items()}
        notes.append(f"removed the prefix {prefix!r} of every key")
    return weights, notes


def left_out(
    weights: dict[str, Tensor], prefixes: Sequence[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights without those below some prefixes, and what is to be said about it.

    Raises:
        DataError: A prefix that no key has.
    """
    notes: list[str] = []
    for prefix in prefixes:
        count = sum(k.startswith(prefix) for k in weights)
        if not count:
            raise DataError(f"--drop {prefix!r} matches no key; keys begin {sorted(weights)[:5]}")
        weights = {k: v for k, v in weights.items() if not k.startswith(prefix)}
        notes.append(f"left out {count} keys below {prefix!r}, as asked")
    return weights, notes


def without(stored: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    """Weights without those named, by whole name or by a beginning that ends in a dot."""
    prefixes = tuple(name for name in names if name.endswith("."))
    return {k: v for k, v in stored.items() if k not in names and not k.startswith(prefixes)}


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_strictly(model: nn.Module, stored: Mapping[str, Tensor], source: str, remedy: str) -> None:
    """Load weights into a model if, and only if, every key and shape fits.

    Args:
        model: Takes the weights.
        stored: Weights by name.
        source: Where they come from, for the message.
        remedy: What to do if they do not fit.

    Raises:
        CheckpointMismatch: Every missing, extra, misshapen or changed key is listed; nothing was
            loaded.
    """
    if found := faults(model.state_dict(), stored):
        lines = "\n  ".join(found)
        raise CheckpointMismatch(
            f"{source} does not fit the model, nothing was loaded:\n  {lines}\n{remedy}"
        )
    model.load_state_dict(stored)


def faults(expected: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> list[str]:
    """What keeps stored weights from being a model's, one line per key."""
    missing = [f"missing {k} {tuple(expected[k].shape)}" for k in expected if k not in stored]
    extra = [f"extra {k} {tuple(stored[k].shape)}" for k in stored if k not in expected]
    common = [k for k in expected if k in stored]
    misshapen = [
        f"misshapen {k}: {tuple(stored[k].shape)} stored, {tuple(expected[k].shape)} expected"
        for k in common
        if stored[k].shape != expected[k].shape
    ]
    mistyped = [
        f"mistyped {k}: {stored[k].dtype} stored, {expected[k].dtype} expected"
        for k in common
        if stored[k].is_floating_point() != expected[k].is_floating_point()
    ]
    broken = [f"broken {k}: NaN or infinity in it" for k in common if not _finite(stored[k])]
    changed = [
        f"changed {k}: stored with frozen weights of sha256 {_hex(stored[k])}, the file given now "
        f"has {_hex(expected[k])}; give the former"
        for k in common
        if k.rpartition(".")[2] == FINGERPRINT and _hex(stored[k]) != _hex(expected[k])
    ]
    return missing + extra + misshapen + mistyped + broken + changed


def _finite(value: Tensor) -> bool:
    return value.is_meta or not value.is_floating_point() or bool(value.isfinite().all())


def _hex(fingerprint: Tensor) -> str:
    return bytes(fingerprint.flatten().tolist()).hex()
