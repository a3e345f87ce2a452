"""The records of a data set's episodes: one file of lines; in version 0.1.0, one file each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from premotor.campaign import Ledger
from premotor.codec import Excerpt
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.records import read_json
from premotor.store.layout import REMEDY, EpisodeInfo


@dataclass(frozen=True)
class LeRobotInfo(Excerpt):
    """What is read of LeRobot's `meta/info.json`."""

    total_episodes: int


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
        found = {entry.index: entry for entry in entries if isinstance(entry, EpisodeInfo)}
        for index in range(count):
            yield found.get(index) or self._fault(index, entries)

    def _fault(self, index: int, entries: list[EpisodeInfo | DataError]) -> DataError:
        there = entries[index] if index < len(entries) else None  # a whole set is in order
        if isinstance(there, DataError):
            return DataError(f"episode {index}: not its record: {there}; {REMEDY}")
        return DataError(f"episode {index}: its record is missing from {self.path}; {REMEDY}")


def finished_episodes(folder: SplitFolder) -> int:
    """How many episodes a data set holds; `meta/info.json` is written last of all.

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
        return read_json(folder.info, LeRobotInfo).total_episodes
    except DataError as error:
        raise DataError(f"{error}; run `premotor collect` --resume") from error
