"""Where things lie in a data set, and what is written down about each episode.

`DIR/<split>/` is a LeRobot v3 data set (`meta/`, `data/`, `videos/`); beside it stand

- `keyframes/episode_XXXXXX.parquet`: frame 0 and every keyframe, four cameras, lossless RGB-D;
- `states/episode_XXXXXX.parquet`: one row per 0.05 s in float64 with the simulator's state;
- `episodes/episode_XXXXXX.json`: the episode's record, written last: it marks it complete;
- `cache/`: what training reads, derived from the rest.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from premotor.codec import Excerpt, to_json
from premotor.episode.identity import OfEpisode
from premotor.errors import DataError
from premotor.records import read_json

FPS = 20  # one row per 0.05 s
CHUNK_SIZE = 1000  # episodes per folder, as LeRobot has it
VIDEO_CAMERA = "front"
VIDEO_KEY = f"observation.images.{VIDEO_CAMERA}"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
INFO_PATH = "meta/info.json"


@dataclass(frozen=True)
class FileInfo:
    """A file of an episode as it was when written."""

    path: str  # relative to the folder of the split
    num_bytes: int
    sha256: str

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
    provenance: Mapping[str, str]
    color: ColorStats
    files: tuple[FileInfo, ...]  # states, keyframes, video; LeRobot's rows once the set is whole

    def __str__(self) -> str:
        return f"episode {self.index} ({self.episode})"

    @property
    def content(self) -> str:
        """Hash of what was recorded, wherever in the work list the episode stands."""
        # LeRobot's rows carry the episode's number and derive from the other files.
        own = (f.sha256 for f in self.files if not f.path.startswith("data/"))
        return hashlib.sha256("".join(own).encode()).hexdigest()


@dataclass(frozen=True)
class LeRobotInfo(Excerpt):
    """What is read of LeRobot's `meta/info.json`."""

    total_episodes: int


def _place(index: int) -> dict[str, int]:
    return {"chunk_index": index // CHUNK_SIZE, "file_index": index % CHUNK_SIZE}


def data_path(index: int) -> str:
    """LeRobot's rows of an episode."""
    return DATA_PATH.format(**_place(index))


def video_path(index: int) -> str:
    """The front camera's video of an episode."""
    return VIDEO_PATH.format(video_key=VIDEO_KEY, **_place(index))


def keyframes_path(index: int) -> str:
    """RGB-D views of frame 0 and of the keyframes of an episode."""
    return f"keyframes/episode_{index:06d}.parquet"


def states_path(index: int) -> str:
    """Exact rows and simulator states of an episode."""
    return f"states/episode_{index:06d}.parquet"


def record_path(index: int) -> str:
    """The episode's record."""
    return f"episodes/episode_{index:06d}.json"


def record_bytes(info: EpisodeInfo) -> bytes:
    """An episode's record as JSON."""
    return to_json(info, indent=1, sort_keys=True).encode()


def read_record(folder: Path, index: int) -> EpisodeInfo:
    """Read an episode's record.

    Raises:
        DataError: The record is missing or cut off, or belongs to another episode.
    """
    path = folder / record_path(index)
    if not path.is_file():
        raise DataError(f"episode {index}: {path} is missing; {REMEDY}")
    try:
        info = read_json(path, EpisodeInfo)
    except DataError as error:
        raise DataError(f"episode {index}: not its record: {error}; {REMEDY}") from error
    if info.index != index:
        raise DataError(f"episode {index}: {path} is the record of episode {info.index}; {REMEDY}")
    return info


REMEDY = (
    "run the same `premotor collect` with --resume to make the episode again, "
    "or pass --skip-bad to go on without it"
)


def check_sizes(folder: Path, info: EpisodeInfo) -> None:
    """Look whether an episode's files are there at full length.

    Raises:
        DataError: A file is missing, truncated or too long; it and the episode are named.
    """
    for file in info.files:
        path = folder / file.path
        found = path.stat().st_size if path.is_file() else None
        if found is None:
            raise DataError(f"{info}: {path} is missing; {REMEDY}")
        if found != file.num_bytes:
            raise DataError(
                f"{info}: {path} is truncated or corrupted: {found} bytes, "
                f"expected {file.num_bytes}; {REMEDY}"
            )


def read_checked(folder: Path, info: EpisodeInfo, relative: str) -> bytes:
    """The bytes of one of an episode's files, compared with the hash in its record.

    Raises:
        DataError: The file is missing or is not what was written; it and the episode are named.
    """
    path = folder / relative
    expected = {f.path: f for f in info.files}.get(relative)
    if expected is None:
        raise DataError(f"{info}: its record does not list {relative}; {REMEDY}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{info}: {path} cannot be read: {error}; {REMEDY}") from error
    if FileInfo.of(relative, data) != expected:
        raise DataError(
            f"{info}: {path} is truncated or corrupted: {len(data)} bytes that do not hash to "
            f"what was written ({expected.num_bytes} bytes); {REMEDY}"
        )
    return data


def check_contents(folder: Path, info: EpisodeInfo) -> None:
    """Compare every file of an episode with its hash.

    Raises:
        DataError: A file is not what was written; it and the episode are named.
    """
    for file in info.files:
        read_checked(folder, info, file.path)


def finished_episodes(folder: Path) -> int:
    """How many episodes a data set holds; `meta/info.json` is written last of all.

    Raises:
        DataError: There is no such data set, collecting did not finish, or the file is damaged.
    """
    path = folder / INFO_PATH
    if not folder.is_dir():
        splits = [p.parent.name for p in sorted(folder.parent.glob("*/episodes"))]
        found = f"splits found in {folder.parent}: {', '.join(splits) or 'none'}"
        raise DataError(f"no data set at {folder}; {found}; make it with `premotor collect`")
    if not path.is_file():
        raise DataError(
            f"{folder} is unfinished ({len(recorded_indices(folder))} episodes so far); "
            "run the same `premotor collect` with --resume"
        )
    try:
        return read_json(path, LeRobotInfo).total_episodes
    except DataError as error:
        raise DataError(f"{error}; run `premotor collect` --resume") from error


def recorded_indices(folder: Path) -> list[int]:
    """Numbers of the episodes that have a record, ascending."""
    return sorted(int(p.stem.removeprefix("episode_")) for p in folder.glob("episodes/*.json"))


def fingerprint(infos: Iterable[EpisodeInfo]) -> str:
    """Hash of the contents of a set of episodes, in order."""
    lines = (f"{i.index} {i.task} {i.variation} {i.seed} {i.content}\n" for i in infos)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
