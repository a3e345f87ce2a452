"""Errors that say what came, what was expected and what to do.

Every error the package raises on purpose derives from `PremotorError`; the command line prints
its message without a traceback and exits with its `exit_code`.
"""

import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ELSEWHERE = "choose another place"
_ROOM = (
    "free some space or choose another disk, then run it again (with --resume where work was under "
    "way: what was there is whole)"
)
_FEWER = "raise `ulimit -n`, or give fewer --workers"
_REFUSALS: dict[int, tuple[str, str]] = {  # by errno: what it means here, what to do
    errno.ENOSPC: ("the disk is full", _ROOM),
    errno.EDQUOT: ("your quota on this disk is used up", _ROOM),
    errno.EFBIG: ("no file may grow so large here (`ulimit -f`)", _ROOM),
    errno.EIO: ("the disk failed", _ROOM),
    errno.EROFS: ("the disk may only be read", _ELSEWHERE),
    errno.EACCES: ("there is no permission", f"{_ELSEWHERE}, or change who may (`ls -ld`)"),
    errno.EPERM: ("it is not permitted", f"{_ELSEWHERE}, or change who may (`ls -ld`, `lsattr`)"),
    errno.ENOTDIR: ("a part of this path is a file, a folder was expected", _ELSEWHERE),
    errno.EISDIR: ("it is a folder, a file was expected", "name a file"),
    errno.EEXIST: ("a file or a link to nothing is there already", f"remove it or {_ELSEWHERE}"),
    errno.ENOTEMPTY: ("a folder that is not empty is there", f"remove it or {_ELSEWHERE}"),
    errno.ENOENT: ("there is no such file or folder", "look whether the path is right"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.ELOOP: ("links lead round in a circle", _ELSEWHERE),
    errno.EMFILE: ("too many files are open", _FEWER),
    errno.ENFILE: ("too many files are open", _FEWER),
    errno.ENOMEM: ("there is not enough memory", "give fewer --workers or --processes"),
    errno.ENOLCK: ("this file system has no locks", f"{_ELSEWHERE}, on a local disk"),
    errno.EOPNOTSUPP: ("this file system cannot do that", f"{_ELSEWHERE}, on a local disk"),
    errno.ESTALE: ("the network disk has lost it", "mount it again, then run again"),
}


class PremotorError(Exception):
    """Anything the user can mend; the message says how."""

    exit_code = 1


class ConfigError(PremotorError, ValueError):
    """A configuration value that cannot be meant."""

    exit_code = 2


class UnknownName(ConfigError):
    """A name that is not in the table of names it was looked up in."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownName":
        """Build the error, offering the nearest of the `known` names."""
        names = list(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
        return cls(f"unknown {kind} {name!r}; {hint}{len(names)} known: {', '.join(names)}")


class SystemRefused(PremotorError, OSError):
    """The system would not read or write: the disk is full, a permission is lacking, ..."""

    @classmethod
    def of(cls, error: OSError, path: Path | str | None = None) -> "SystemRefused":
        """Build the error.

        Args:
            error: What the system said.
            path: What was being read or written, where the error does not know it, or knows but
                the temporary name.
        """
        if isinstance(error, cls):
            return error
        place = error.filename or path or "a file that was read or written"
        if path is not None and ".tmp" in str(place):
            place = path
        said = error.strerror or str(error) or type(error).__name__
        known = _REFUSALS.get(error.errno or 0)
        meaning, remedy = known or ("the system refused it", "mend that and run it again")
        refused = cls(f"{_printed(place)}: {meaning} ({said}); {remedy}")
        refused.errno = error.errno  # for those who know a better remedy
        return refused


def _printed(place: object) -> str:
    """A path as it can be printed, on one line and not endless."""
    text = os.fsdecode(place) if isinstance(place, bytes) else str(place)
    text = text.encode(errors="backslashreplace").decode()
    text = text.replace("\n", "\\n")
    return text if len(text) <= 200 else f"{text[:100]}...{text[-80:]}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever the system refuses in this context is told with the name of this file.

    Writers of other packages raise errors of their own (torch a RuntimeError, safetensors one that
    quotes the system), which hold what the system said.

    Raises:
        SystemRefused: The system refused something.
    """
    try:
        yield
    except SystemRefused:
        raise
    except Exception as error:
        refusal = _refusal_in(error)
        if refusal is None:
            raise
        raise SystemRefused.of(refusal, path) from error


def _refusal_in(error: BaseException | None) -> OSError | None:
    """What the system said, as it lies in or behind an error."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        if quoted := re.search(r"\(os error (\d+)\)", str(error)):
            number = int(quoted[1])
            return OSError(number, os.strerror(number))
        if isinstance(error, PremotorError):
            return None
        error = error.__cause__ or error.__context__
    return None


class NoVariation(ConfigError):
    """All rows of a side are the same, so that nothing can be measured of it."""


class TextTooLong(ConfigError):
    """A text of more tokens than the text tower reads."""


class RenderingError(PremotorError):
    """No GL, or frames that are black or empty."""


class PlacementFailed(PremotorError):
    """No admissible layout was found for a task, variation and seed.

    Attributes:
        rejections: Why each layout that was drawn is not admissible.
    """

    def __init__(self, message: str, rejections: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.rejections = tuple(rejections)


class MotionFailed(PremotorError):
    """No path to a target pose; the episode ends, as the benchmark has it."""


class DemonstrationFailed(PremotorError):
    """The expert did not succeed on a task, variation and seed.

    Attributes:
        reason: What stood in the way, without the episode's name.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class EpisodesMissing(PremotorError):
    """Episodes that broke or lost their worker; the others are kept."""


class DataError(PremotorError):
    """A file on disk that is truncated, corrupted or of another layout."""


class NoSpace(PremotorError):
    """A disk that has too little room for what is to be written."""


class OutputExists(PremotorError):
    """The output is already there; resume, overwrite or choose another place."""

    exit_code = 2


class CheckpointMismatch(PremotorError):
    """Weights that do not fit the model: all missing, extra and misshapen keys are listed."""


class ObservationError(PremotorError):
    """What a policy is shown cannot be acted on; the children say in which way."""


class WrongCameras(ObservationError):
    """Views of other cameras than the policy's."""


class WrongImage(ObservationError):
    """An image whose size or type is not the policy's."""


class BadDepth(ObservationError):
    """Depth that is empty, not finite, not positive or not in meters."""


class BadPose(ObservationError):
    """A pose or a finger that is not finite, or an orientation that is no rotation."""


class UncountedSteps(ObservationError):
    """Nobody says how many key poses were done, which the policy asks for."""


class EmptyCloud(ObservationError):
    """No pixel of any camera lies inside the bounds of the policy's scene."""


class TrainingDiverged(PremotorError):
    """A loss term or gradient is not finite; the last good checkpoint is kept."""


class ProcessLost(PremotorError):
    """A training process was killed from outside, or ended without finishing its work."""
