"""What no setting of any command can be: not finite, negative, or beyond 64 bits."""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from premotor.errors import ConfigError

MOST = 2**63 - 1  # that files, torch and numpy hold as an integer


def check_numbers(config: Any) -> None:
    """Refuse numbers in a configuration, and in those it holds, that cannot be meant.

    Every number of ours counts, measures or seeds something, so that none is negative; only
    coordinates are, which come as tuples.

    Args:
        config: A dataclass.

    Raises:
        ConfigError: A number is not finite, is negative or has more than 64 bits.
    """
    if faults := "; ".join(_faults(config, "")):
        raise ConfigError(f"{faults}; give numbers that can be meant, or leave the options out")


def check_positive(config: Any, prefix: str, *names: str) -> None:
    """Refuse sizes below one.

    Args:
        config: A dataclass.
        prefix: Its own name, as "trunk".
        names: Of the fields that are sizes.

    Raises:
        ConfigError: One of them is below one.
    """
    for name in names:
        if not getattr(config, name) >= 1:
            raise ConfigError(f"{prefix}.{name} must be >= 1, got {getattr(config, name)}")


def _faults(value: Any, place: str) -> Iterator[str]:
    if is_dataclass(value):
        for field in fields(value):
            yield from _faults(getattr(value, field.name), f"{place}.{field.name}".lstrip("."))
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _faults(part, f"{place}.{name}")
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _fault(part, place, may_be_negative=True)
    else:
        yield from _fault(value, place, may_be_negative=False)


def _fault(value: Any, place: str, *, may_be_negative: bool) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        yield f"{place} must be finite, got {value}"
    elif abs(value) > MOST:
        came = f"{value:.4g}" if isinstance(value, float) else f"one of {value.bit_length()} bits"
        yield f"{place} must be below 2^63, got {came}"
    elif value < 0 and not may_be_negative:
        yield f"{place} must be >= 0, got {value}"
