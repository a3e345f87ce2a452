"""The records of a data set's episodes: one file of lines; in version 0.1.0, one file each."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from premotor.campaign import Ledger
from premotor.codec import Excerpt
from premotor.errors import DataError
from premotor.folders import VIDEO_KEY, SplitFolder
from premotor.records import read_json
from premotor.store.checks import check_record
from premotor.store.images import MAX_SIDE
from premotor.store.layout import FPS, LEROBOT, REMEDY, EpisodeInfo, check_files

_MAX_EPISODES = 10_000_000


@dataclass(frozen=True)
class LeRobotFeature(Excerpt):
    """What is read of a feature."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class LeRobotInfo(Excerpt):
    """What is read of LeRobot's `meta/info.json`."""

    codebase_version: str
    fps: float
    total_episodes: int
    total_frames: int
    features: dict[str, LeRobotFeature]

    def __post_init__(self) -> None:
        told = self.codebase_version, self.fps
        if told != (LEROBOT, FPS):
            raise ValueError(
                f"LeRobot's version and rows per second are {told[0]!r} and {told[1]}; expected "
                f"{LEROBOT!r} and {FPS}"
            )
        if not 1 <= self.total_episodes <= _MAX_EPISODES:
            raise ValueError(f"total_episodes is {self.total_episodes}; expected at least 1")
        shape = self.features[VIDEO_KEY].shape if VIDEO_KEY in self.features else ()
        if len(shape) != 3 or shape[2] != 3 or not all(1 <= n <= MAX_SIDE for n in shape):
            raise ValueError(f"{VIDEO_KEY} has shape {shape}; expected height, width and 3")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all images [px]."""
        height, width, _ = self.features[VIDEO_KEY].shape
        return height, width

    def check_rows(self, num_rows: int, folder: SplitFolder) -> None:
        """Refuse records that have other rows altogether.

        Raises:
            DataError: They have.
        """
        if num_rows != self.total_frames:
            raise DataError(
                f"{folder.info}: total_frames is {self.total_frames}, the records have {num_rows} "
                "rows; run the same `premotor collect` with --resume, which writes it anew"
            )


@dataclass(frozen=True)
class EpisodeLedger(Ledger[EpisodeInfo]):
    """The records of one split; where the file of lines is there, it alone counts."""

    former: Path

    @classmethod
    def of(cls, folder: SplitFolder) -> "EpisodeLedger":
        """The records of this split."""
        return cls(folder.records, EpisodeInfo, folder.former_records)

    def entries(self) -> Iterator[EpisodeInfo | DataError]:
        if self.path.exists():
            yield from super().entries()
            return
        for path in sorted(self.former.glob("*.json")):
            try:
                yield read_json(path, EpisodeInfo)
            except DataError as error:
                yield error

    def episodes(self, count: int) -> Iterator[EpisodeInfo | DataError]:
        """The records of the first episodes in order; where one is lacking, what is wrong."""
        entries = list(self.entries())
        if len(entries) > count:
            raise DataError(
                f"{self.path} has {len(entries)} records, meta/info.json says {count}; run the "
                "same `premotor collect` with --resume, which writes both anew"
            )
        found = {entry.index: entry for entry in entries if isinstance(entry, EpisodeInfo)}
        often = Counter(entry.index for entry in entries if isinstance(entry, EpisodeInfo))
        for index in range(count):
            if often[index] > 1:
                yield DataError(f"episode {index}: {often[index]} records are of it; {REMEDY}")
            elif index in found:
                yield self._checked(found[index])
            else:
                yield self._fault(index, entries)

    def _checked(self, info: EpisodeInfo) -> EpisodeInfo | DataError:
        try:
            check_record(info)
            check_files(SplitFolder(self.former.parent), info)
        except DataError as error:
            return DataError(f"{info}: its record in {self.path}: {error}; {REMEDY}")
        return info

    def _fault(self, index: int, entries: list[EpisodeInfo | DataError]) -> DataError:
        there = entries[index] if index < len(entries) else None  # a whole set is in order
        if isinstance(there, DataError):
            return DataError(f"episode {index}: not its record: {there}; {REMEDY}")
        return DataError(f"episode {index}: its record is missing from {self.path}; {REMEDY}")


def described(folder: SplitFolder) -> LeRobotInfo:
    """What a whole data set says of itself; `meta/info.json` is written last of all.

    Raises:
        DataError: There is no such data set, collecting did not finish, or the file is damaged.
    """
    path = folder.path
    if not path.is_dir():
        splits = [p.parent.name for p in sorted(path.parent.glob("*/keyframes"))]
        found = f"splits found in {path.parent}: {', '.join(splits) or 'none'}"
        raise DataError(f"no data set at {path}; {found}; make it with `premotor collect`")
    if not folder.info.is_file():
        raise DataError(
            f"{path} is unfinished ({len(EpisodeLedger.of(folder).read())} episodes so far); "
            "run the same `premotor collect` with --resume"
        )
    try:
        return read_json(folder.info, LeRobotInfo)
    except DataError as error:
        raise DataError(f"{error}; run `premotor collect` --resume") from error
