"""Ways to change a data set so that every hash still fits: what was recorded is what is wrong."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from premotor.folders import SplitFolder
from premotor.store.layout import FileInfo

Table = Callable[[pa.Table], pa.Table]
EPISODE = 1  # the one that is changed


def record(
    data: Path,
    change: Callable[[dict[str, Any]], object],
    split: str = "train",
    index: int = EPISODE,
) -> None:
    """Change what stands about an episode."""
    folder = SplitFolder(data / split)
    lines = [json.loads(line) for line in folder.records.read_text().splitlines()]
    change(lines[EPISODE])
    folder.records.write_text("".join(json.dumps(line) + "\n" for line in lines))


def told(data: Path, **changes: Any) -> None:
    """Change what LeRobot's description says of the split train."""
    path = SplitFolder(data / "train").info
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def replaced(data: Path, path: Path, content: bytes, split: str = "train") -> None:
    """Put other bytes in the place of a file, and their hash into the record."""
    name = SplitFolder(data / split).relative(path)
    path.write_bytes(content)

    def rehash(line: dict[str, Any]) -> None:
        others = [file for file in line["files"] if file["path"] != name]
        line["files"] = [*others, asdict(FileInfo.of(name, content))]

    record(data, rehash, split)


def _changed(data: Path, path: Path, change: Table, split: str) -> None:
    buffer = io.BytesIO()
    pq.write_table(change(pq.read_table(path)), buffer)
    replaced(data, path, buffer.getvalue(), split)


def states(data: Path, change: Table, split: str = "train") -> None:
    """Change the table of all rows."""
    _changed(data, SplitFolder(data / split).states(EPISODE), change, split)


def keyframes(data: Path, change: Table, split: str = "train") -> None:
    """Change the table of row 0 and the keyframes."""
    _changed(data, SplitFolder(data / split).keyframes(EPISODE), change, split)


def video(data: Path, change: Callable[[bytes], bytes], split: str = "train") -> None:
    """Change the video."""
    path = SplitFolder(data / split).video(EPISODE)
    replaced(data, path, change(path.read_bytes()), split)


def cell(name: str, row: int, place: int | None, value: Any) -> Table:
    """Another value in one cell of a table, or in one place of a cell that holds several."""

    def change(table: pa.Table) -> pa.Table:
        rows = table.column(name).to_pylist()
        if place is None:
            rows[row] = value
        else:
            rows[row] = [value if i == place else old for i, old in enumerate(rows[row])]
        kind = table.schema.field(name).type
        return table.set_column(table.column_names.index(name), name, pa.array(rows, kind))

    return change


def column(name: str, values: pa.Array) -> Table:
    """Another column in the place of one."""
    return lambda table: table.set_column(table.column_names.index(name), name, values)


def png(width: int, height: int, bits: int, color: int, pixels: bytes = b"") -> bytes:
    """A PNG with any header at all."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
