"""Tables as Parquet: opened only where they are what is expected, read as checked arrays.

t: rows  w: numbers of a column in each row
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from premotor.errors import DataError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # LeRobot's image feature
MAX_WIDTH = 65536  # numbers of a column in one row
MAX_BYTES = 1 << 30  # of a table unpacked, or of a file


@dataclass(frozen=True)
class Column:
    """Type of a column, and the least and the greatest number that it may hold."""

    kind: pa.DataType | None  # None: float64, any number of them, as many in each row
    low: float = 0.0
    high: float = 0.0

    def fits(self, kind: pa.DataType) -> bool:
        """Whether a column of this type is what is expected."""
        if self.kind is not None:
            return kind == self.kind
        some = pa.types.is_fixed_size_list(kind) and 1 <= kind.list_size <= MAX_WIDTH
        return some and kind.value_type == pa.float64()


Columns = Mapping[str, Column]


def vector(width: int, reach: float, kind: pa.DataType | None = None) -> Column:
    """A column of so many numbers, none farther than `reach` from 0."""
    return Column(pa.list_(kind or pa.float64(), width), -reach, reach)


def read(data: bytes, columns: Columns, num_rows: int) -> pa.Table:
    """Some columns of a table, none of which is unpacked before all look as expected.

    Args:
        data: The Parquet file.
        columns: What is read; others are passed over.
        num_rows: How many rows there must be.

    Raises:
        DataError: A column is missing or of another type, rows are missing or too many, or the
            table would be too large.
        ArrowException: It is no Parquet file, or a damaged one.
    """
    file = pq.ParquetFile(pa.BufferReader(data))
    check_schema(file.schema_arrow, columns)
    if file.metadata.num_rows != num_rows:
        raise DataError(f"the table has {file.metadata.num_rows} rows, expected {num_rows}")
    groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups)
    if not 0 <= size <= MAX_BYTES:
        raise DataError(f"the table unpacks to {size} bytes, expected at most {MAX_BYTES}")
    table = file.read(columns=list(columns), use_threads=False)
    if len(table) != num_rows:
        raise DataError(f"the table holds {len(table)} rows, its head says {num_rows}")
    return table


def check_schema(schema: pa.Schema, columns: Columns) -> None:
    """Refuse a table that lacks a column, or has one of another type.

    Raises:
        DataError: The column is named.
    """
    for name, column in columns.items():
        kinds = [field.type for field in schema if field.name == name]
        if len(kinds) != 1:
            raise DataError(f"there are {len(kinds)} columns {name!r}, expected one")
        if not column.fits(kinds[0]):
            wanted = column.kind or f"fixed_size_list<double>[1 to {MAX_WIDTH}]"
            raise DataError(f"column {name!r} is {kinds[0]}, expected {wanted}")


def numbers(table: pa.Table, name: str, column: Column) -> np.ndarray:
    """A column as an array (t, w), or (t,) where a row has a single value.

    Raises:
        DataError: A value is missing, not finite or out of range; row and column are named.
    """
    values = table.column(name).combine_chunks()
    if values.null_count:
        raise DataError(f"row {_first_null(values)} of column {name!r} is null; expected a value")
    if pa.types.is_fixed_size_list(values.type):
        flat = values.flatten()
        if flat.null_count:
            row = _first_null(flat) // values.type.list_size
            raise DataError(f"row {row} of column {name!r} holds null; expected numbers")
        found = flat.to_numpy().reshape(len(values), -1)
    else:
        found = values.to_numpy(zero_copy_only=False)
    if found.dtype != bool:
        check_range(name, found, column.low, column.high)
    return found


def _first_null(values: pa.Array) -> int:
    return values.is_null().to_pylist().index(True)


def check_range(name: str, values: np.ndarray, low: float, high: float) -> None:
    """Refuse numbers that are not finite or not in a range.

    Raises:
        DataError: The first such number, its row and its place in it are named.
    """
    good = (values >= low) & (values <= high)  # NaN is neither
    if not good.all():
        row, *rest = np.argwhere(~good)[0].tolist()
        place = f", number {rest[0]}" if rest else ""
        raise DataError(
            f"row {row}{place} of column {name!r} is {values[(row, *rest)]:.6g}; expected "
            f"{low:.6g} to {high:.6g}"
        )
