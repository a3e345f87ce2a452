"""Files of torch, with the tensors in them, read without running what they bring along.

A file is a pickle that describes tensors, and the numbers beside: in a zip archive (torch.save
since 1.6; TorchScript too), or one after the other (torch.save before). Every size is compared with
what the file holds before memory is asked for. Of a TorchScript archive the weights are taken
by the path of their attributes; the program in it stays where it is.
"""

import io
import math
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from premotor.backbones.pickles import ORDERED, Call, Made, Name, NotPlain, Persistent, decode
from premotor.limits import MIB, check_archive, check_file, check_memory

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of files before torch 1.6
_PICKLE = 16 * MIB  # [bytes] that the description of the tensors may have
_DEPTH = 64  # containers or modules in each other
_NAMES = 100_000  # weights of one model
_UTILS = "torch._utils"
_TENSOR = {Name(_UTILS, "_rebuild_tensor"), Name(_UTILS, "_rebuild_tensor_v2")}
_PARAMETER = Name(_UTILS, "_rebuild_parameter")
_SIZE = Name("torch", "Size")
_LISTS = {Name("torch.jit._pickle", f"build_{k}list") for k in ("int", "double", "bool", "tensor")}
_TYPED = Name("torch.jit._pickle", "restore_type_tag")
_PASSED_ON = {_PARAMETER, _SIZE, _TYPED, *_LISTS}  # calls that give back their first argument
_BYTES = Name("_codecs", "encode")  # how protocol 2 writes bytes
_SCRIPT = "__torch__"
_CLASS = re.compile(
    r"^class (\w+)\(Module\):\n  __parameters__ = \[(.*)\]\n  __buffers__ = \[(.*)\]$", re.MULTILINE
)


class OwnProgram(NotPlain):
    """A TorchScript archive that only its own program can read."""


def read_torch(path: Path) -> Any:
    """What a torch file holds: tensors on the CPU, in plain containers.

    Of a TorchScript archive: its parameters and buffers by name, as its `state_dict()` has them.

    Raises:
        NotPlain: It is no such file, is damaged, or would have to run code.
        DataError: It unpacks to more than memory.
        OSError: It cannot be read.
    """
    size = check_file(path)
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive, path)
    if start[:1] == b"\x80":
        return _read_sequence(path, size)
    raise NotPlain("neither a zip archive nor a pickle")


def _known(name: Name) -> bool:
    storage = name.module == "torch" and name.name in DTYPES
    return storage or name in {ORDERED, _BYTES, *_TENSOR, *_PASSED_ON}


def _known_or_script(name: Name) -> bool:
    return _known(name) or name.module.split(".")[0] == _SCRIPT


@dataclass(eq=False)
class _Storages:
    """Where the numbers of a file are, each read once."""

    read: Callable[[str, int], Tensor]  # key and size [bytes] to bytes
    kept: dict[str, Tensor] = field(default_factory=dict)

    def get(self, persistent: Any) -> Tensor:
        """The numbers that a persistent id names, in a row."""
        key, dtype, count = described(persistent)
        if key not in self.kept:
            self.kept[key] = self.read(key, count * dtype.itemsize).view(dtype)
        found = self.kept[key]
        if found.dtype != dtype or len(found) != count:
            raise NotPlain(f"storage {key!r} is described in two ways")
        return found


def described(persistent: Any) -> tuple[str, torch.dtype, int]:
    """Key, type and count of a storage, from the persistent id that names it."""
    key = persistent.key if isinstance(persistent, Persistent) else None
    if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
        raise NotPlain("a tensor without a storage")
    _, kind, name, _, count, *view = key
    if not isinstance(kind, Name) or kind.name not in DTYPES or not isinstance(name, str):
        raise NotPlain("a storage of an unknown type")
    if not _counts((count,)) or view not in ([], [None]):
        raise NotPlain(f"storage {name!r} of {count} entries, or a view of another")
    return name, DTYPES[kind.name], count


def _counts(values: Any) -> bool:
    return isinstance(values, tuple) and all(type(v) is int and 0 <= v < 2**62 for v in values)


# --------------------------------------------------------------------------------- both formats


def _read_archive(archive: zipfile.ZipFile, path: Path) -> Any:
    check_archive(archive, path, most=1 << 62)
    entries = {entry.filename: entry for entry in archive.infolist()}
    roots = [name.split("/")[0] for name in entries if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(roots) != 1:
        raise NotPlain("a zip archive without a data.pkl of torch")
    root = roots[0]
    order = f"{root}/byteorder"
    if order in entries and archive.read(order)[:6] != b"little":
        raise NotPlain("numbers of the other byte order")

    def read(key: str, size: int) -> Tensor:
        entry = entries.get(f"{root}/data/{key}")
        if entry is None or entry.file_size != size:
            there = "is missing" if entry is None else f"has {entry.file_size:,} bytes"
            raise NotPlain(f"storage {key!r} {there}, {size:,} are promised")
        with archive.open(entry) as file:
            return _bytes(file, size)

    scripted = f"{root}/constants.pkl" in entries
    description = entries[f"{root}/data.pkl"]
    if description.file_size > _PICKLE:
        raise NotPlain(f"its data.pkl has {description.file_size:,} bytes")
    data = io.BytesIO(archive.read(description))
    content = decode(data, _known_or_script if scripted else _known)
    if scripted:
        content = dict(_weights(content, _Classes(archive, root)))
    return _Builder(_Storages(read)).build(content)


def _read_sequence(path: Path, size: int) -> Any:
    """A file of torch before 1.6: five pickles, then the numbers, each led by their count."""
    with path.open("rb") as file:
        head = io.BytesIO(file.read(_PICKLE))
        magic, protocol, _system, content, keys = (decode(head, _known) for _ in range(5))
        if (magic, protocol) != (_MAGIC, _PROTOCOL) or not isinstance(keys, list):
            raise NotPlain("a pickle that is not torch's")
        places, place = dict[str, tuple[int, int]](), head.tell()
        widths = {name: dtype.itemsize for name, dtype, _ in _storages_in(content)}
        for key in keys:
            file.seek(place)
            raw = file.read(8)
            if not isinstance(key, str) or key not in widths or len(raw) < 8:
                raise NotPlain("numbers that no tensor describes, or none where some are")
            (count,) = struct.unpack("<q", raw)
            length = count * widths[key]
            if not 0 <= length <= size - place - 8:
                raise NotPlain(f"storage {key!r} promises {length:,} bytes that are not there")
            places[key] = (place + 8, length)
            place += 8 + length

        def read(key: str, length: int) -> Tensor:
            if places.get(key, (0, -1))[1] != length:
                raise NotPlain(f"storage {key!r} is not of {length:,} bytes, as is promised")
            file.seek(places[key][0])
            return _bytes(file, length)

        return _Builder(_Storages(read)).build(content)


def _bytes(file: Any, size: int) -> Tensor:
    """The next so many bytes of an open file."""
    check_memory(size, "a storage of it")
    found = torch.empty(size, dtype=torch.uint8)
    room, place = found.numpy().data, 0
    while place < size:
        count = file.readinto(room[place : place + 16 * MIB])
        if not count:
            raise NotPlain(f"ends after {place:,} of {size:,} bytes of a storage")
        place += count
    return found


def _storages_in(content: Any) -> Iterator[tuple[str, torch.dtype, int]]:
    """All storages that a value describes."""
    seen, waiting = set[int](), [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Persistent):
            yield described(value)
        elif isinstance(value, Call):
            waiting.append(value.arguments)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


@dataclass(eq=False)
class _Builder:
    """Makes tensors of what describes them, each container once."""

    storages: _Storages
    made: dict[int, Any] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)

    def build(self, value: Any, depth: int = 0) -> Any:
        """A value with tensors in the place of their descriptions."""
        if not isinstance(value, dict | list | tuple | Call | Persistent | Made | Name):
            return value
        if id(value) in self.made:
            return self.made[id(value)]
        if id(value) in self.under_way:
            raise NotPlain("a value that contains itself")
        if depth > _DEPTH:
            raise NotPlain(f"nested more than {_DEPTH} levels deep")
        self.under_way.add(id(value))
        self.made[id(value)] = found = self._of(value, depth + 1)
        self.under_way.discard(id(value))
        return found

    def _of(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {k: self.build(v, depth) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.build(v, depth) for v in value)
        if not isinstance(value, Call) or not value.arguments:
            raise NotPlain("an object that is no tensor")
        if value.function in _PASSED_ON:
            return self.build(value.arguments[0], depth)
        if value.function == _BYTES and isinstance(value.arguments[0], str):
            return value.arguments[0].encode("latin-1", errors="replace")
        return self._tensor(value)

    def _tensor(self, call: Call) -> Tensor:
        if call.function not in _TENSOR or len(call.arguments) < 4:
            raise NotPlain(f"{call.function} with {len(call.arguments)} arguments")
        persistent, offset, size, stride = call.arguments[:4]
        if not (_counts((offset,)) and _counts(size) and _counts(stride)):
            raise NotPlain("a tensor whose sizes are no counts")
        storage = self.storages.get(persistent)
        count = math.prod(size)
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if count and (count > len(storage) or last >= len(storage)):
            raise NotPlain(f"a tensor of shape {size} in a storage of {len(storage):,} entries")
        return storage.as_strided(size, stride, offset) if count else storage.new_empty(size)


# ---------------------------------------------------------------------------------- TorchScript


@dataclass(eq=False)
class _Classes:
    """Which attributes of a scripted class are weights, from the text of its program."""

    archive: zipfile.ZipFile
    root: str
    known: dict[Name, frozenset[str]] = field(default_factory=dict)

    def weights_of(self, kind: Name) -> frozenset[str]:
        """Names of parameters and buffers.

        Raises:
            OwnProgram: The archive does not tell.
        """
        if kind not in self.known:
            self._read(kind.module)
        if kind not in self.known:
            raise OwnProgram(f"a program that does not tell which attributes of {kind} are weights")
        return self.known[kind]

    def _read(self, module: str) -> None:
        name = f"{self.root}/code/{module.replace('.', '/')}.py"
        if name not in self.archive.namelist():
            return
        text = self.archive.read(name).decode(errors="replace")
        for kind, *lists in _CLASS.findall(text):
            names = frozenset(re.findall(r'"([^"]+)"', ",".join(lists)))
            self.known[Name(module, kind)] = names


def _weights(root: Any, classes: _Classes) -> Iterator[tuple[str, Any]]:
    """Every parameter and buffer of a scripted module, by the path of its attributes."""
    if not isinstance(root, Made):
        raise OwnProgram("a TorchScript archive without a module")
    told, waiting = 0, [("", root, frozenset[int]())]
    while waiting:
        prefix, module, above = waiting.pop()
        if id(module) in above or len(above) > _DEPTH:
            raise OwnProgram("a module that contains itself, or too many in each other")
        if not isinstance(module.state, Mapping):
            raise OwnProgram(
                f"{module.kind} is restored by a function of its own (__setstate__), which is not "
                "run"
            )
        own = classes.weights_of(module.kind)
        for name, value in module.state.items():
            if isinstance(value, Made):
                waiting.append((f"{prefix}{name}.", value, above | {id(module)}))
            elif name in own and value is not None:
                yield f"{prefix}{name}", value
            told += 1
            if told > _NAMES:
                raise OwnProgram(f"a program of more than {_NAMES:,} attributes")
