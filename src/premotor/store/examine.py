"""A whole data set looked through: every record, every file's hash, everything in every file."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from premotor.episode.benchmark import VARIATIONS
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.progress import Progress, no_progress
from premotor.store.layout import EpisodeInfo
from premotor.store.ledger import EpisodeLedger, described
from premotor.store.reader import DemoSet, check_episode


@dataclass(frozen=True)
class SplitExamination:
    """What was found in one split of a data set."""

    split: str
    episodes: int  # it is said to hold
    sound: int  # of which all is as it has to be
    faults: tuple[str, ...]  # each names episode, file, what came, what was expected, the remedy
    remarks: tuple[str, ...] = ()  # what training does not mind


def splits_of(path: Path) -> list[SplitFolder]:
    """The splits of a data set; the folder may be a split itself.

    Raises:
        DataError: There is none.
    """
    places = [path, *sorted(path.iterdir())] if path.is_dir() else []
    found = [SplitFolder(place) for place in places if _is_split(SplitFolder(place))]
    if not found:
        raise DataError(f"no data set at {path}; make it with `premotor collect`")
    return found


def _is_split(folder: SplitFolder) -> bool:
    marks = (folder.plan, folder.info, folder.records, folder.former_records)
    return any(mark.exists() for mark in marks)


def examine_split(folder: SplitFolder, progress: Progress = no_progress) -> SplitExamination:
    """Look through one split; what is wrong is told, not raised.

    Args:
        folder: Where it lies.
        progress: Told of each episode.
    """
    try:
        about = described(folder)
        entries = list(EpisodeLedger.of(folder).episodes(about.total_episodes))
    except DataError as error:
        return SplitExamination(folder.name, 0, 0, (str(error),))
    faults: list[str] = []
    infos: list[EpisodeInfo] = []
    remarks: Counter[str] = Counter()
    for number, entry in enumerate(entries, 1):
        try:
            if isinstance(entry, DataError):
                raise entry
            infos.append(entry)
            check_episode(folder, entry, about.size)
            remarks.update(_remarks(DemoSet(folder, (entry,), about.size)))
        except DataError as error:
            faults.append(str(error))
        progress(f"look through {folder.name}", number, len(entries), "")
    sound = len(entries) - len(faults)
    faults += _told(lambda: about.check_rows(sum(i.num_rows for i in infos), folder))
    counted = tuple(f"{count} episodes: {text}" for text, count in remarks.items())
    return SplitExamination(folder.name, len(entries), sound, tuple(faults), counted)


def _told(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except DataError as error:
        return [str(error)]
    return []


def _remarks(alone: DemoSet) -> Iterator[str]:
    task = alone.episodes[0].task
    if task not in VARIATIONS:
        yield f"{task!r} is no task of ours; it can be trained on, not acted in"
    if not all(keyframe.legal for keyframe in alone.keyframes(0)):
        yield "a keyframe lies outside the box of targets (decisions D67); training takes it as is"
