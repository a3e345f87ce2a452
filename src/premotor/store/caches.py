"""Which caches of data sets there are, where they lie, and which of them nobody will read again."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from premotor.claims import Use, in_use, remove_unused
from premotor.errors import ConfigError, DataError
from premotor.folders import CacheFolder, SplitFolder, data_caches
from premotor.records import read_json
from premotor.store.layout import EpisodeInfo, FileInfo, fingerprint
from premotor.store.ledger import EpisodeLedger, described
from premotor.store.reader import DemoSet
from premotor.temporary import temporary

VERSION = 2  # of the arrays and of CacheRecord; raise it when they change
_FORMER = "offsets.npy"  # in a cache of version 0.1.0, which has no record

Corner = tuple[float, float, float]
Bounds = tuple[Corner, Corner]


@dataclass(frozen=True)
class Recipe:
    """What is kept of a set of episodes."""

    low: Corner  # of the scene, world frame [m]; points outside go
    high: Corner
    num_frames: int  # per episode

    def __post_init__(self) -> None:
        bounds = self.low, self.high
        if self.num_frames < 2 or not all(a < b for a, b in zip(*bounds, strict=True)):
            raise ConfigError(
                f"need num_frames >= 2 and low < high, got {self.num_frames}, {bounds}"
            )

    def key(self, episodes: Sequence[EpisodeInfo]) -> str:
        """Name of the cache: a hash of all that it is made of."""
        made_of = [VERSION, fingerprint(episodes), self.low, self.high, self.num_frames]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class CacheRecord:
    """What a cache was made of, and what its arrays are."""

    version: int
    split: str  # folder, absolute
    tasks: tuple[str, ...]  # the episodes are those of these alone; () = all there are
    skipped: int  # damaged episodes left out
    episodes: tuple[str, ...]  # `EpisodeInfo.digest` of each
    recipe: Recipe
    created: str  # ISO 8601, UTC
    arrays: tuple[FileInfo, ...]

    @classmethod
    def of(cls, demos: DemoSet, recipe: Recipe, arrays: Sequence[FileInfo]) -> "CacheRecord":
        """The record of what was made now."""
        return cls(
            version=VERSION,
            split=str(demos.folder.path.resolve()),
            tasks=demos.tasks,
            skipped=len(demos.skipped),
            episodes=tuple(info.digest for info in demos.episodes),
            recipe=recipe,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            arrays=tuple(arrays),
        )


@dataclass(frozen=True)
class CachePlaces:
    """Folders in which the caches of a split may lie.

    The one that was chosen (`--cache-dir`, or the environment variable PREMOTOR_CACHE) alone; else
    the data set itself and, where that cannot be written, the user's cache folder.
    """

    split: SplitFolder
    chosen: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of them, the best first."""
        shared = self.split.caches_in(self.chosen or data_caches())
        alone = self.chosen is not None or os.environ.get("PREMOTOR_CACHE")
        return (shared,) if alone else (self.split.cache, shared)

    def find(self, key: str) -> CacheFolder | None:
        """The cache of a key, where it is there."""
        there = (CacheFolder(folder / key) for folder in self.folders)
        return next((cache for cache in there if cache.record.is_file()), None)

    def begin(self, key: str) -> CacheFolder:
        """A folder under a temporary name to build a cache in; it is to be renamed to the key.

        Raises:
            DataError: None of the places can be written.
        """
        faults: list[str] = []
        for folder in self.folders:
            place = temporary(folder / key)
            try:
                _check_access(folder)
                place.mkdir(parents=True)
            except OSError as error:
                faults.append(f"{folder} ({error.strerror})")
            else:
                return CacheFolder(place)
        raise DataError(
            f"a cache of {self.split.path} cannot be written in {' nor in '.join(faults)}; "
            "name a folder for it with --cache-dir"
        )


def _check_access(folder: Path) -> None:
    """Refuse a folder that the system says cannot be written, before anything is made."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(there, os.W_OK):
        raise PermissionError(0, "may not be written", str(there))


def used(cache: CacheFolder) -> Use | None:
    """Begin to use a cache, so that nobody removes it; None where it is gone, or has no lock."""
    if not cache.lock.exists() and os.access(cache.path, os.W_OK):
        cache.lock.touch()
    return Use.of(cache.lock)


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """A cache that was found."""

    cache: CacheFolder
    split: str  # folder of the episodes, "" where nothing says
    record: CacheRecord | None
    stale: str  # why nobody will read it again; "" where somebody may

    @cached_property
    def num_bytes(self) -> int:
        """What removing it gives back."""
        return sum(path.stat().st_size for path in self.cache.path.glob("*"))

    @property
    def age(self) -> float:
        """Since it was made [s]."""
        made = self.cache.path.stat().st_mtime
        if self.record is not None:
            made = datetime.fromisoformat(self.record.created).timestamp()
        return datetime.now(UTC).timestamp() - made

    @property
    def in_use(self) -> bool:
        """Whether somebody is reading it, or building it."""
        return in_use(self.cache.lock)

    def remove(self) -> bool:
        """Remove it unless it is in use; whether it was done.

        Raises:
            DataError: The disk does not allow it.
        """
        try:
            return remove_unused(self.cache.path, self.cache.lock)
        except OSError as error:
            raise DataError(f"{self.cache.path} cannot be removed: {error.strerror}") from error


def listed(folder: Path, split: SplitFolder | None = None) -> list[CacheEntry]:
    """The caches in a folder that `CachePlaces` gives, oldest first.

    Args:
        folder: Where caches of one split lie.
        split: That split, where it is known; else each cache says.
    """
    found: list[CacheEntry] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        cache = CacheFolder(path)
        own = cache.record.is_file() or (path / _FORMER).is_file()
        unfinished = path.name[0] == "." and path.suffix == ".tmp"
        if path.is_dir() and (own or unfinished):
            found.append(_entry(cache, split, unfinished))
    return sorted(found, key=lambda entry: -entry.age)


def _entry(cache: CacheFolder, split: SplitFolder | None, unfinished: bool) -> CacheEntry:
    try:
        record = read_json(cache.record, CacheRecord)
    except DataError:
        record = None
    where = split or (SplitFolder(Path(record.split)) if record else None)
    stale = "unfinished" if unfinished else "of an earlier version"
    if not unfinished and record and record.version == VERSION and where:
        stale = _outdated(record, where)
    return CacheEntry(
        cache=cache, split=str(where.path) if where else "", record=record, stale=stale
    )


def _outdated(record: CacheRecord, split: SplitFolder) -> str:
    """Why a data set is no longer what a cache was made of."""
    if not split.path.is_dir():
        return "its data set is gone"
    try:
        there = list(EpisodeLedger.of(split).episodes(described(split).total_episodes))
    except DataError:
        return ""  # nobody knows yet
    infos = [info for info in there if isinstance(info, EpisodeInfo)]
    now = [i.digest for i in infos if not record.tasks or i.task in record.tasks]
    same = set(record.episodes) <= set(now) if record.skipped else list(record.episodes) == now
    return "" if same else "its data set has changed"


def splits_of(data: Path) -> list[SplitFolder]:
    """The splits of a data set.

    Raises:
        DataError: There are none.
    """
    marks = ("keyframes", "cache", "worklist.json")
    found = [p for p in sorted(data.glob("*")) if any((p / mark).exists() for mark in marks)]
    if not found:
        raise DataError(f"no data set at {data}; name a folder made by `premotor collect`")
    return [SplitFolder(path) for path in found]


def all_caches(data: Sequence[Path], cache_dir: Path | None = None) -> Iterator[CacheEntry]:
    """The caches of some data sets, wherever they lie; without any, all in the shared folder.

    Args:
        data: Folders of data sets.
        cache_dir: The shared folder; None: the user's.

    Raises:
        DataError: One of the data sets is not there.
    """
    shared = cache_dir or data_caches()
    for split in [split for folder in data for split in splits_of(folder)]:
        yield from listed(split.cache, split)
        yield from listed(split.caches_in(shared), split)
    if not data and shared.is_dir():
        for folder in sorted(shared.iterdir()):
            yield from listed(folder)
