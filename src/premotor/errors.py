"""Errors that say what came, what was expected and what to do.

Every error the package raises on purpose derives from `PremotorError`; the command line prints
its message without a traceback and exits with its `exit_code`.
"""

import difflib
from collections.abc import Iterable


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


class EmptyCloud(ObservationError):
    """No pixel of any camera lies inside the bounds of the policy's scene."""


class TrainingDiverged(PremotorError):
    """A loss term or gradient is not finite; the last good checkpoint is kept."""


class ProcessLost(PremotorError):
    """A training process was killed from outside, or ended without finishing its work."""
