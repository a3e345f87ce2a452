"""Many units of work, one record of each: what collecting, judging and every experiment are.

A campaign does what has no record yet, wherever there are processes for it, and keeps each record
in one file as it comes; so it may be stopped at any time, by SIGKILL too, and taken up again.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from premotor.codec import from_json, restore
from premotor.errors import (
    DataError,
    DemonstrationFailed,
    EpisodesMissing,
    PlacementFailed,
    PremotorError,
    SystemRefused,
    naming,
)
from premotor.limits import read_bytes
from premotor.paths import not_linked
from premotor.progress import Progress, no_progress
from premotor.records import append_line, write_lines
from premotor.stopping import Stopped
from premotor.worklist import Crew, Done, WorkerCrashed, run_units

_log = logging.getLogger(__name__)

Unit = TypeVar("Unit", bound=Hashable)
Record = TypeVar("Record")
NAMED = 10  # units quoted in an error; the log has them all
_REMEDIES: Mapping[str, tuple[type[Exception], ...]] = {  # first match
    "could not be made, choose another --seed": (DemonstrationFailed, PlacementFailed),
    "lost their worker, run again with --resume (and fewer --workers)": (WorkerCrashed,),
    "broke, mend that and run again with --resume": (Exception,),
}


@dataclass(frozen=True)
class Ledger(Generic[Record]):
    """The one file of a campaign's records: JSON lines, each on disk before the next is written."""

    path: Path
    kind: type[Record]

    def read(self) -> list[Record]:
        """The records in the file, none where there is none.

        A line that is not a record is told to the log; what it was the record of will be done
        again.
        """
        records: list[Record] = []
        for entry in self.entries():
            if isinstance(entry, DataError):
                _log.warning("passed over, and done again: %s", entry)
            else:
                records.append(entry)
        return records

    def entries(self) -> Iterator[Record | DataError]:
        """What each line of the file is: a record, or why it is none.

        A last line without its end was cut off by a crash and does not count.
        """
        lines = read_bytes(self.path).splitlines(keepends=True) if self.path.exists() else []
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            source = f"{self.path}:{number}"
            try:
                yield restore(self.kind, from_json(line, source), source)
            except DataError as error:
                yield error

    @contextlib.contextmanager
    def appending(self, kept: Sequence[Record]) -> Iterator[Callable[[Record], None]]:
        """Begin with these records; what the context gives adds one, flushed to disk."""
        write_lines(self.path, kept)
        with open(self.path, "ab", buffering=0, opener=not_linked) as file:

            def append(record: Record) -> None:
                with naming(self.path):
                    append_line(file, record)
                    os.fsync(file.fileno())

            yield append


@dataclass(frozen=True)
class Results(Generic[Unit, Record]):
    """What a campaign came to."""

    records: Mapping[Unit, Record]  # in the order of the units
    broken: Mapping[Unit, Exception]  # units without a record, and why

    def insist(self, what: str) -> list[Record]:
        """All records, where no unit broke.

        Args:
            what: The units in words, as "episodes".

        Raises:
            DemonstrationFailed: Some unit can never be made as it is.
            EpisodesMissing: Some lost their worker or broke. What is done is kept either way.
        """
        if self.broken:
            raise self.missing(what)
        return list(self.records.values())

    def missing(self, what: str) -> PremotorError:
        """What to raise where units broke: each kind of error has its remedy."""
        total = len(self.records) + len(self.broken)
        kinds: dict[str, list[str]] = {}
        for unit, error in self.broken.items():
            remedy = next(text for text, kind in _REMEDIES.items() if isinstance(error, kind))
            kinds.setdefault(remedy, []).append(f"{unit}: {_told(error)}")
        message = "; ".join(
            f"{len(kinds[remedy])} of {total} {what} {remedy}: {_quoted(kinds[remedy])}"
            for remedy in _REMEDIES
            if remedy in kinds
        )
        hopeless = any(isinstance(error, DemonstrationFailed) for error in self.broken.values())
        return DemonstrationFailed(message) if hopeless else EpisodesMissing(message)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, PremotorError) else f"{type(error).__name__}: {error}"


def _quoted(texts: Sequence[str]) -> str:
    more = [f"and {len(texts) - NAMED} more, see the log"] if len(texts) > NAMED else []
    return "; ".join([*texts[:NAMED], *more])


def _always(_unit: object, _record: object) -> bool:
    return True


def _no_more(_results: object) -> Sequence[Any]:
    return ()


def _no_remark(_results: object) -> str:
    return ""


def _nothing(_record: object) -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Campaign(Generic[Unit, Record]):
    """How units of one kind are done, and where their records are kept."""

    stage: str  # what is being done, for whoever shows progress, as "roll out"
    work: Callable[[Unit], Record]  # importable by name: any process may call it
    ledger: Ledger[Record]
    keys: Callable[[Unit], Sequence[Hashable]]  # of the records that may be a unit's, best first
    key_of: Callable[[Record], Hashable]
    holds: Callable[[Unit, Record], bool] = _always  # whether a record that is there still stands
    fatal: tuple[type[Exception], ...] = ()  # errors after which no unit can go on
    on_record: Callable[[Record], None] = _nothing  # told of each record, once it is on disk
    crew: Crew = field(default_factory=Crew)
    progress: Progress = no_progress

    def known(self, units: Sequence[Unit]) -> dict[Unit, Record]:
        """The records of those units that are done already, the last one of each."""
        return self._matched(units, self.ledger.read())

    def _matched(self, units: Sequence[Unit], there: Sequence[Record]) -> dict[Unit, Record]:
        found = {self.key_of(record): record for record in there}
        known = {}
        for unit in units:
            own = (found[key] for key in self.keys(unit) if key in found)
            record = next((record for record in own if self.holds(unit, record)), None)
            if record is not None:
                known[unit] = record
        return known

    def run(
        self,
        units: Sequence[Unit],
        more: Callable[[Results[Unit, Record]], Sequence[Unit]] = _no_more,
        remark: Callable[[Results[Unit, Record]], str] = _no_remark,
    ) -> Results[Unit, Record]:
        """Do all units that have no record yet.

        Args:
            units: What to do, each once.
            more: Asked when all are done: what else is to be done, seeing how they came out.
            remark: What else progress has to say of how they come out.

        Raises:
            Stopped: It was asked to stop; what was under way is done, and its records are kept.
            SystemRefused: The disk is full or the like; no other unit would fare better.
        """
        there = self.ledger.read()
        told = _Told(self.stage, remark, self.progress)
        pending, every = list(units), list(units)
        kept = list({self.key_of(record): record for record in there}.values())
        try:
            with self.ledger.appending(kept) as append:
                while pending:
                    self._do(pending, there, told, append)
                    pending = list(more(told.results(every)))
                    every += pending
        except Stopped as stop:
            done = f"{len(told.records)} of {told.total} done"
            raise Stopped(f"{self.stage}: stopped, {done}; go on with --resume") from stop
        return told.results(every)

    def _do(
        self,
        units: Sequence[Unit],
        there: Sequence[Record],
        told: "_Told[Unit, Record]",
        append: Callable[[Record], None],
    ) -> None:
        """Do what is not done of some units, and tell of it."""
        known = self._matched(units, there)
        for record in known.values():
            self.on_record(record)
        told.begin(known, len(units))

        def on_done(done: Done[Unit, Record]) -> None:
            if isinstance(done.error, (SystemRefused, *self.fatal)):
                raise done.error
            if done.error is None:
                record = done.unwrap()
                append(record)
                self.on_record(record)
            told.end(done)

        run_units(self.work, [unit for unit in units if unit not in known], self.crew, on_done)


class _Told(Generic[Unit, Record]):
    """How far a campaign is, and who is told."""

    def __init__(
        self, stage: str, remark: Callable[[Results[Unit, Record]], str], progress: Progress
    ) -> None:
        self.records: dict[Unit, Record] = {}
        self.broken: dict[Unit, Exception] = {}
        self.total = 0
        self._stage, self._remark, self._progress = stage, remark, progress

    def begin(self, known: Mapping[Unit, Record], count: int) -> None:
        """More units, some of them done before."""
        self.records |= known
        self.total += count
        self._tell()

    def end(self, done: Done[Unit, Record]) -> None:
        """A unit has ended."""
        if done.error is None:
            self.records[done.unit] = done.unwrap()
        else:
            self.broken[done.unit] = done.error
            expected = isinstance(done.error, PremotorError)
            trace = None if expected else done.error
            _log.error("%s: %s", done.unit, _told(done.error), exc_info=trace)
        self._tell()

    def _tell(self) -> None:
        said = [self._remark(Results(self.records, self.broken))]
        said += [f"{len(self.broken)} broken"] if self.broken else []
        done = len(self.records) + len(self.broken)
        self._progress(self._stage, done, self.total, ", ".join(filter(None, said)))

    def results(self, order: Sequence[Unit]) -> Results[Unit, Record]:
        """What there is, in the order of the units."""
        return Results(
            {unit: self.records[unit] for unit in order if unit in self.records},
            {unit: self.broken[unit] for unit in order if unit in self.broken},
        )
