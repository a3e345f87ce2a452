"""What is written down about each episode of a data set, and whether its files are that still.

`DIR/<split>/` is a LeRobot v3 data set (`meta/`, `data/`, `videos/`); beside it stand

- `keyframes/episode_XXXXXX.parquet`: frame 0 and every keyframe, four cameras, lossless RGB-D;
- `states/episode_XXXXXX.parquet`: one row per 0.05 s in float64 with the simulator's state;
- `episodes.jsonl`: a record per episode, written once its files are there;
- `cache/`: what training reads, derived from the rest.

Which is where: `folders.SplitFolder`.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from premotor.episode.identity import OfEpisode
from premotor.episode.provenance import Provenance
from premotor.episode.turns import Turns
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.paths import check_inside

FPS = 20  # one row per 0.05 s
LEROBOT = "v3.0"  # version of its format
MAX_BYTES = 1 << 30  # of a file
REMEDY = (
    "run the same `premotor collect` with --resume to make the episode again, "
    "or pass --skip-bad to go on without it"
)


@dataclass(frozen=True)
class FileInfo:
    """A file of an episode as it was when written."""

    path: str  # relative to the folder of the split
    num_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        check_inside(self.path, "path of a file")

    @classmethod
    def of(cls, path: str, data: bytes) -> "FileInfo":
        """Describe what is about to be written."""
        return cls(path, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class ColorStats:
    """Sums over the pixels of an episode's video, per channel in [0, 1]."""

    mean: tuple[float, ...]
    square: tuple[float, ...]  # mean of squares
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class EpisodeInfo(OfEpisode):
    """What is known of an episode without reading its arrays."""

    index: int  # position of its unit in the work list
    instructions: tuple[str, ...]
    num_rows: int
    keyframe_steps: tuple[int, ...]
    failures: tuple[str, ...]  # seeds drawn before this one on which the expert failed, and why
    provenance: Provenance
    color: ColorStats
    files: tuple[FileInfo, ...]  # states, keyframes, video; LeRobot's rows once the set is whole
    turns: tuple[Turns | None, ...] = ()  # of each keyframe, where the expert says so of any

    def __str__(self) -> str:
        return f"episode {self.index} ({self.episode})"

    @property
    def content(self) -> str:
        """Hash of what was recorded, wherever in the work list the episode stands."""
        # LeRobot's rows carry the episode's number and derive from the other files.
        return hashlib.sha256("".join(f.sha256 for f in self.sources).encode()).hexdigest()

    @property
    def sources(self) -> tuple[FileInfo, ...]:
        """The files that were recorded: states, keyframes, video."""
        return tuple(f for f in self.files if not f.path.startswith("data/"))

    @property
    def digest(self) -> str:
        """Hash of all that training reads of the episode: its files, what is said, its rows."""
        said = [*vars(self.episode).values(), self.content, self.instructions]
        rows = [self.index, self.num_rows, self.keyframe_steps]
        rows += [str(turns) for turns in self.turns]
        return hashlib.sha256(json.dumps([*said, *rows]).encode()).hexdigest()[:32]


def check_files(folder: SplitFolder, info: EpisodeInfo) -> None:
    """Refuse a record of other files than an episode's own.

    Raises:
        DataError: One is missing, foreign, named twice or too large.
    """
    own = [f(info.index) for f in (folder.states, folder.keyframes, folder.video)]
    needed = {folder.relative(path) for path in own}
    names = [file.path for file in info.files]
    known = needed | {folder.relative(folder.data(info.index))}
    if not needed <= set(names) <= known or len(set(names)) < len(names):
        raise DataError(f"its files are {names}; expected {sorted(known)}, each once")
    for file in info.files:
        if not 0 < file.num_bytes <= MAX_BYTES:
            raise DataError(
                f"{file.path} is to have {file.num_bytes} bytes; expected 1 to {MAX_BYTES}"
            )


def check_sizes(folder: SplitFolder, info: EpisodeInfo) -> None:
    """Look whether an episode's files are there at full length.

    Raises:
        DataError: A file is missing, truncated or too long; it and the episode are named.
    """
    for file in info.files:
        path = folder.path / file.path
        found = path.stat().st_size if path.is_file() else None
        if found is None:
            raise DataError(f"{info}: {path} is missing; {REMEDY}")
        if found != file.num_bytes:
            raise DataError(
                f"{info}: {path} is truncated or corrupted: {found} bytes, "
                f"expected {file.num_bytes}; {REMEDY}"
            )


def read_checked(folder: SplitFolder, info: EpisodeInfo, path: Path) -> bytes:
    """The bytes of one of an episode's files, compared with the hash in its record.

    Raises:
        DataError: The file is missing or is not what was written; it and the episode are named.
    """
    name = folder.relative(path)
    expected = {f.path: f for f in info.files}.get(name)
    if expected is None:
        raise DataError(f"{info}: its record does not list {name}; {REMEDY}")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size == expected.num_bytes else b""
    except OSError as error:
        raise DataError(f"{info}: {path} cannot be read: {error}; {REMEDY}") from error
    if FileInfo.of(name, data) != expected:
        raise DataError(
            f"{info}: {path} is truncated or corrupted: {size} bytes that do not hash to "
            f"what was written ({expected.num_bytes} bytes); {REMEDY}"
        )
    return data


def check_contents(folder: SplitFolder, info: EpisodeInfo) -> None:
    """Compare every file of an episode with its hash.

    Raises:
        DataError: A file is not what was written; it and the episode are named.
    """
    for file in info.files:
        read_checked(folder, info, folder.path / file.path)


def fingerprint(infos: Iterable[EpisodeInfo]) -> str:
    """Hash of all that training reads of a set of episodes, in order."""
    return hashlib.sha256("".join(i.digest for i in infos).encode()).hexdigest()


def former_fingerprint(infos: Iterable[EpisodeInfo]) -> str:
    """The hash as version 0.1.0 made it: of the files alone, without what is said."""
    lines = (f"{i.index} {i.task} {i.variation} {i.seed} {i.content}\n" for i in infos)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
