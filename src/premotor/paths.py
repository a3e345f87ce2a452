"""Paths that come out of files stay in their folder, and what is written is no link.

A record is data that somebody else may have made: a name in it must not reach what lies elsewhere.
"""

import errno
import os
from pathlib import Path, PurePosixPath

from premotor.errors import ConfigError, OutputExists


def check_name(name: str, what: str) -> None:
    """Refuse what is not the name of one file or folder.

    Raises:
        ConfigError: It is empty, a path, or means another folder.
    """
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise ConfigError(f"{what} must be a name without / or \\, got {name!r}")


def check_inside(path: str, what: str) -> None:
    """Refuse a path that does not stay below the folder it is relative to.

    Raises:
        ConfigError: It is empty, absolute, or leads up.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or any(c in path for c in "\\\0"):
        raise ConfigError(
            f"{what} must be a relative path that stays in its folder, got {path!r}; it is not "
            "followed"
        )


def not_linked(path: str, flags: int) -> int:
    """For `open(..., opener=not_linked)`: a file itself, never what a link points to.

    Raises:
        OutputExists: A link stands there.
    """
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and Path(path).is_symlink():
            raise OutputExists(
                f"{path} is a symbolic link to {os.readlink(path)}, and nothing is written through "
                "links; remove it"
            ) from error
        raise
