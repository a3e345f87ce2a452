"""`premotor cache`: what training keeps of data sets, and what of it can go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from premotor.cli.findings import show_tables
from premotor.errors import ConfigError
from premotor.report.table import Column, Table
from premotor.store.cache_build import in_words
from premotor.store.caches import CacheEntry, all_caches

_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))  # [s]


@dataclass(frozen=True, kw_only=True)
class CacheCommand:
    """List the caches that training reads, and remove those that nobody will read again."""

    data: tuple[Path, ...] = ()
    """Data sets, whose caches are listed wherever they lie; without, all that lie in the folder
    that data sets share."""
    cache_dir: Path | None = None  # that folder; without, $PREMOTOR_CACHE/data or ~/.cache/...
    prune: bool = False  # remove the stale ones; never one that is in use
    all: bool = False  # with --prune: remove all of the data sets that are named


def command(argv: Sequence[str]) -> int:
    """Run `premotor cache`."""
    wanted = tyro.cli(CacheCommand, prog="premotor cache", args=list(argv))
    if wanted.all and not (wanted.prune and wanted.data):
        raise ConfigError(
            "--all removes sound caches too: give it with --prune and the data sets, --data DIR"
        )
    entries = list(all_caches(wanted.data, wanted.cache_dir))
    if not entries:
        print("no caches here; those within a data set are listed with --data DIR")
        return 0
    show_tables([_table(entries)])
    if wanted.prune:
        _prune([entry for entry in entries if wanted.all or entry.stale])
    return 0


def _table(entries: Sequence[CacheEntry]) -> Table:
    return Table.of(
        "Caches of data sets",
        entries,
        (
            (Column("cache"), lambda entry: f"{entry.cache.path.name}\n{entry.cache.path.parent}"),
            (Column("data set"), lambda entry: _data_set(entry)),
            (Column("size"), lambda entry: in_words(entry.num_bytes)),
            (Column("age"), lambda entry: _age(entry.age)),
            (Column("state"), _state),
        ),
    )


def _data_set(entry: CacheEntry) -> str:
    if entry.record is None:
        return entry.split or "not known"
    tasks = ", ".join(entry.record.tasks) or "all tasks"
    return f"{entry.split}\n{len(entry.record.episodes)} episodes, {tasks}"


def _state(entry: CacheEntry) -> str:
    said = f"stale: {entry.stale}" if entry.stale else "sound"
    return f"{said}, in use" if entry.in_use else said


def _age(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def _prune(doomed: Sequence[CacheEntry]) -> None:
    sizes = {entry.cache.path: entry.num_bytes for entry in doomed}
    gone = [entry.cache.path for entry in doomed if entry.remove()]
    kept = len(doomed) - len(gone)
    rest = f"; kept {kept} in use" if kept else ""
    print(f"removed {len(gone)}, {in_words(sum(sizes[path] for path in gone))}{rest}")
