"""A comparison by one call: data, trainings, judgements, tables and page, from a plan.

Everything that has a record is passed over, so that the same command goes on wherever it was
stopped. Several processes share the work: each takes the next unit that nobody is at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from premotor.comparison_records import Comparison
from premotor.errors import ConfigError, UnknownName
from premotor.experiments.comparison.begin import Places, begin
from premotor.experiments.comparison.beside import BesideJob, Helpers
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.experiments.comparison.reading import ComparisonRecords
from premotor.experiments.comparison.setting import Unit, units_of
from premotor.experiments.comparison.shared import keep_shared
from premotor.experiments.comparison.summary import summarize
from premotor.experiments.comparison.working import work
from premotor.folders import ComparisonFolder
from premotor.progress import Progress, no_progress
from premotor.records import write_atomically, write_json
from premotor.report.comparison.page import write_page
from premotor.report.comparison.words import markdown
from premotor.settings import check_numbers
from premotor.worklist import MOST_WORKERS


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Which plan, where all goes, and who works."""

    plan: Annotated[Path, tyro.conf.Positional]  # YAML file that says what is compared
    records: Path | None = None
    """Folder for what is kept: small, made to be committed. None: beside the plan, named as it."""
    work: Path | None = None
    """Folder for weights and caches. None: runs/compare/ and the plan's name."""
    data: Path | None = None
    """Folder of the demonstrations, which are made where they are missing. None: in --work."""
    cache_dir: Path | None = None
    """Where what training reads of the data is kept. None: in --work."""
    only: tuple[str, ...] = ()  # units to do, as arm or arm/seed; () = all
    beside: int = 1  # processes that each do units, in one thread
    workers: int = 1  # simulator processes of each of them
    dry_run: bool = False  # only say what there is to do, and about how long it takes
    read: bool = False  # only read the records, and write tables and page anew
    page: bool = True  # write compare.html too

    def __post_init__(self) -> None:
        if not 1 <= self.beside <= MOST_WORKERS or not 1 <= self.workers <= MOST_WORKERS:
            raise ConfigError(
                f"beside and workers must be 1 to {MOST_WORKERS}, got {self.beside}, {self.workers}"
            )
        if self.dry_run and self.read:
            raise ConfigError("--dry-run and --read are two things to do instead; give one")
        check_numbers(self)

    @property
    def places(self) -> Places:
        """Where all lies."""
        work = self.work or Path("runs/compare") / self.plan.stem
        return Places(
            plan=self.plan,
            records=ComparisonFolder(self.records or self.plan.with_suffix("")),
            work=work,
            data=self.data or work / "data",
            cache=self.cache_dir or work / "cache",
        )


def chosen_units(plan: ComparisonPlan, only: Sequence[str]) -> list[Unit]:
    """The units that were named, as arm or arm/seed; all of them without any name.

    Raises:
        UnknownName: An arm is not one of the plan.
        ConfigError: A seed is not one of the arm.
    """
    every, named = units_of(plan), set[Unit]()
    for text in only:
        arm, _, seed = text.partition("/")
        if arm not in plan.compared:
            raise UnknownName.of("arm of this plan", arm, plan.compared)
        own = [unit for unit in every if unit.arm == arm and seed in ("", str(unit.seed))]
        if not own:
            seeds = plan.seeds_in(arm)
            raise ConfigError(
                f"{text!r} is no unit: {arm} has the seeds {seeds.start} to {seeds.stop - 1}"
            )
        named.update(own)
    return [unit for unit in every if unit in named] if only else every


def compare(
    config: CompareConfig, command: str = "", progress: Progress = no_progress
) -> Comparison:
    """Make what is missing of a comparison, and write what it comes to.

    `compare.json`, `compare.md` and `compare.html` are written anew, of the units that are whole.

    Args:
        config: The plan, and where.
        command: Command line that asked for it, for the records.
        progress: Told how far all is.

    Raises:
        PremotorError: As `begin.begin`.
        Stopped: It was asked to stop; what is done is kept.
    """
    places = config.places
    if not config.read:
        setting = begin(places, config.workers, command, progress)
        units = chosen_units(setting.plan, config.only)
        keep_shared(setting)
        look = not config.only  # who names units has them done
        job = BesideJob(places=places, units=tuple(units), workers=config.workers, look=look)
        with Helpers(job, config.beside - 1):
            work(setting, units, look=look)
    return write(places.records, progress, page=config.page)


def write(records: ComparisonFolder, progress: Progress, *, page: bool) -> Comparison:
    """Write tables and page anew, from the records alone.

    Args:
        records: The folder.
        progress: Told how far the slow parts are.
        page: Whether the page is written too, which takes longest.

    Raises:
        DataError: There are no records, or some are damaged.
        ConfigError: They do not belong into one table.
    """
    found = summarize(ComparisonRecords.read(records), progress)
    with records.owned(math.inf):
        write_json(records.record, found)
        write_atomically(records.tables, markdown(found).encode())
        if page:
            write_page(found, records.path, records.page)
    return found
