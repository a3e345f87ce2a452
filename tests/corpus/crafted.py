"""Files of weights and arrays as only bad intentions, or a broken disk, make them."""

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FLOATS = b"\0" * 16  # the numbers of four float32
PLACEHOLDER = "where-the-payload-goes"


@dataclass(frozen=True)
class Storage:
    """Numbers that a pickle says to lie beside it."""

    key: str = "0"
    count: int = 4


@dataclass(frozen=True)
class Described:
    """A tensor that a pickle describes."""

    storage: Storage = Storage()
    size: tuple[int, ...] = (4,)
    stride: tuple[int, ...] = (1,)
    offset: int = 0


class _Pickler(pickle.Pickler):
    """Writes descriptions as torch does."""

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            return "storage", torch.FloatStorage, obj.key, "cpu", obj.count
        return None

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Described):
            return NotImplemented
        rest = obj.offset, obj.size, obj.stride, False, OrderedDict()
        return torch._utils._rebuild_tensor_v2, (obj.storage, *rest)


def pickled(content: object) -> bytes:
    """A description of some content."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue()


def archive(path: Path, content: object, **more: bytes) -> Path:
    """A file of torch: its description (bytes as they are), and what else lies in it.

    Args:
        path: The file.
        content: What is described.
        more: Entries; `data_0` stands for `data/0`.
    """
    data = content if isinstance(content, bytes) else pickled(content)
    entries = {"data.pkl": data, "data/0": FLOATS, "version": b"3\n"}
    entries |= {name.replace("_", "/", 1): part for name, part in more.items()}
    return zipped(path, {f"archive/{name}": part for name, part in entries.items()})


def zipped(path: Path, entries: Mapping[str, bytes], packed: bool = False) -> Path:
    """An archive of these entries."""
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, part in entries.items():
            file.writestr(name, part)
    return path


def legacy(path: Path, content: object, counts: Mapping[str, int], numbers: bytes = FLOATS) -> Path:
    """A file of torch before 1.6."""
    parts = [pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    parts += [pickled(content), pickle.dumps(list(counts), protocol=2)]
    parts += [struct.pack("<q", count) + numbers for count in counts.values()]
    path.write_bytes(b"".join(parts))
    return path


class Runs:
    """What Python's own pickles can do when they are read."""

    def __init__(self, payload: Path) -> None:
        self.payload = payload

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self.payload)!r}, 'w').close()",)


class Setter(nn.Module):
    """What a TorchScript archive can do when it is read."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        torch.save(state[0], "where-the-payload-goes")
        self.weight = state[0]
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def scripted_payload(path: Path, payload: Path) -> Path:
    """An archive whose program writes `payload` when torch.jit.load restores it."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Setter()), buffer)
    with zipfile.ZipFile(buffer) as made:
        entries = {name: made.read(name) for name in made.namelist()}
    program = next(name for name in entries if name.endswith(".py"))
    entries[program] = entries[program].replace(PLACEHOLDER.encode(), str(payload).encode())
    return zipped(path, entries)


PROGRAM = b'class M(Module):\n  __parameters__ = ["w", ]\n  __buffers__ = []\n  w : Tensor\n'
_MODULE = b"c__torch__\nM\n)\x81"  # an object of that class; its state follows


def scripted(path: Path, state: bytes, program: bytes = PROGRAM) -> Path:
    """A TorchScript archive of one class M, whose module gets a state of raw opcodes."""
    more = {"constants.pkl": b"\x80\x02).", "code/__torch__.py": program}
    entries = {"data.pkl": b"\x80\x02" + _MODULE + state + b"b.", "data/0": FLOATS} | more
    return zipped(path, {f"archive/{name}": part for name, part in entries.items()})


def in_itself() -> bytes:
    """State of a module that has itself as an attribute."""
    return b"q\x00}X\x01\x00\x00\x00ah\x00s"


def doubled(levels: int) -> bytes:
    """State of modules each of which has the next one twice: 2**levels paths."""
    state = b"}"
    for _ in range(levels):
        inner = _MODULE + state + b"b"
        state = b"}(X\x01\x00\x00\x00a" + inner + b"q\x01X\x01\x00\x00\x00bh\x01u"
    return state


def safetensors(path: Path, header: object, numbers: bytes = FLOATS) -> Path:
    """A safetensors file with any header (bytes as they are)."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


def one_tensor(**changes: object) -> dict[str, object]:
    """Header of a file with one tensor."""
    return {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes}


def npy(shape: object, dtype: str = "<f8", numbers: bytes = b"") -> bytes:
    """An .npy whose header says what it likes."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + numbers


def npz(path: Path, features: bytes, **more: bytes) -> Path:
    """An .npz of raw entries."""
    entries = {"features.npy": features}
    return zipped(path, entries | {f"{name}.npy": part for name, part in more.items()})


def zeros(path: Path, num_bytes: int, name: str, head: bytes = b"") -> Path:
    """An archive with one entry of so many zeros behind a head, packed: a thousandth of it."""
    block = bytes(1 << 20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open(name, "w", force_zip64=True) as entry,
    ):
        entry.write(head)
        for _ in range(num_bytes >> 20):
            entry.write(block)
    return path


def promised(path: Path, size: int) -> Path:
    """Let the table of an archive say that its first entry unpacks to `size` (below 4 GiB)."""
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(mark) + place
        data[start : start + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


def rows(count: int = 12) -> np.ndarray:
    """Features that nothing is wrong with."""
    return np.random.default_rng(0).normal(size=(count, 3))


def outcome(read: Callable[[], Any], refusal: type[Exception]) -> tuple[Any, str]:
    """What was read, or None and the words of the refusal."""
    try:
        return read(), ""
    except refusal as error:
        return None, str(error)
