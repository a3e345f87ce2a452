"""Rows that can be measured: paired, finite, in float64, and not all the same.

Every public measure begins here, so all of them refuse the same things in the same words.
"""

import numpy as np
from jaxtyping import Float, Int, Real

from premotor.errors import ConfigError, NoVariation

_LEAST_SPREAD = 1e-10  # of the norm that is left after centering, against the norm before
NAMES = ("the first side", "the second side")


def paired(
    a: Real[np.ndarray, "n p"], b: Real[np.ndarray, "m q"], least: int = 2
) -> tuple[Float[np.ndarray, "n p"], Float[np.ndarray, "m q"]]:
    """Both sides in float64, each scaled by a power of two to entries of about 1.

    No measure here hangs on the scale of a side, and a power of two changes no digit; so sides of
    1e-200 or 1e200 do not end in zeros or infinities.

    Args:
        a: One row per episode.
        b: The same episodes in the same order.
        least: Rows that the measure needs.

    Raises:
        ConfigError: The rows do not pair up, are too few, or hold NaN or infinity.
        NoVariation: All rows of a side are the same.
    """
    if len(a) != len(b):
        raise ConfigError(f"row i of both must be one episode, got {len(a)} and {len(b)} rows")
    if len(a) < least:
        raise ConfigError(f"got {len(a)} rows, need at least {least}; measure on more episodes")
    return varied(a, NAMES[0]), varied(b, NAMES[1])


def varied(x: Real[np.ndarray, "n d"], name: str) -> Float[np.ndarray, "n d"]:
    """One side in float64 and scaled, as by `paired`.

    Raises:
        ConfigError: It holds NaN or infinity, or has no columns.
        NoVariation: All its rows are the same, up to the rounding of its type.
    """
    if x.shape[1] == 0:
        raise ConfigError(f"{name} has no columns; give features of at least one")
    if not np.isfinite(x).all():
        raise ConfigError(f"{name} holds NaN or infinity; look at the model it comes from")
    rounding = float(np.finfo(x.dtype).eps) / 2.0 if x.dtype.kind == "f" else 0.0
    values = x.astype(np.float64)
    values = np.ldexp(values, -int(np.frexp(np.abs(values).max(initial=0.0))[1]))
    if not _varies(values, rounding):
        raise NoVariation(
            f"all {len(x)} rows of {name} are the same; nothing can align with a side that does "
            "not vary: look whether its model has collapsed, or name another array"
        )
    return values


def _varies(values: Float[np.ndarray, "n d"], rounding: float = 0.0) -> bool:
    """Whether some column varies by more than its rounding: large ones do not hide small ones."""
    spread, size = (np.linalg.norm(x, axis=0) for x in (centered(values), values))
    beyond = bool(np.any(spread > rounding * size))
    return beyond and float(np.linalg.norm(spread)) > _LEAST_SPREAD * float(np.linalg.norm(size))


def unit_rows(x: Real[np.ndarray, "n d"], name: str = "the rows") -> Float[np.ndarray, "n d"]:
    """Rows scaled to length 1, in float64; a row of zeros stays zero.

    Raises:
        ConfigError: NaN or infinity.
        NoVariation: All rows point the same way, so that no cosine tells any two apart.
    """
    unit = scaled_rows(varied(x, name))
    if not _varies(unit):
        raise NoVariation(
            f"all {len(x)} rows of {name} point the same way; no cosine tells them apart"
        )
    return unit


def scaled_rows(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Rows scaled to length 1, whatever they are; a row of zeros stays zero."""
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm > 0.0, norm, 1.0)


def num_repeated(x: Real[np.ndarray, "n d"]) -> int:
    """Rows that equal an earlier one."""
    return len(x) - len(np.unique(x, axis=0))


def centered(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Columns with mean 0."""
    return x - x.mean(axis=0)


def group_means(
    x: Real[np.ndarray, "n d"], groups: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "g d"]:
    """Mean of the rows of each group, which are numbered from 0."""
    sizes = np.bincount(groups)
    sums = np.zeros((len(sizes), x.shape[1]))
    np.add.at(sums, groups, x.astype(np.float64))
    return sums / sizes[:, None]


def codes(*labels: tuple[str, ...] | list[str]) -> Int[np.ndarray, " n"]:
    """One integer per distinct combination of labels, in the order of first appearance.

    Labels are compared one by one and never joined: ("a/b", "c") is not ("a", "b/c").
    """
    known: dict[tuple[str, ...], int] = {}
    found = [known.setdefault(key, len(known)) for key in zip(*labels, strict=True)]
    return np.array(found, dtype=np.int64)
