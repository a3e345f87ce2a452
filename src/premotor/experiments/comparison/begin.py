"""Begin a comparison, or take one up: the same plan, the same code, the same data, or nothing."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from premotor.claims import Claim
from premotor.codec import to_yaml
from premotor.errors import ConfigError
from premotor.experiments.comparison.checkout import check_committed, code_state
from premotor.experiments.comparison.data import check_planned, fingerprints_of, make_data
from premotor.experiments.comparison.plan import ComparisonPlan, differences, read_plan
from premotor.experiments.comparison.records import BegunRecord, CodeState
from premotor.experiments.comparison.setting import Setting
from premotor.folders import ComparisonFolder
from premotor.progress import Progress
from premotor.records import read_json, write_atomically, write_json
from premotor.represent import Source
from premotor.worklist import available_cores


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where everything of a comparison lies."""

    plan: Path  # the file
    records: ComparisonFolder
    work: Path
    data: Path
    cache: Path


def begin(
    places: Places, workers: int, command: str, progress: Progress, check: bool = True
) -> Setting:
    """Check everything, make the data that are missing, and hold the records to the plan.

    Another process that begins at the same time waits until this one has.

    Args:
        places: Where all lies.
        workers: Simulator processes of a unit.
        command: Command line that asked for it, for the records.
        progress: Told how far the data are.
        check: Whether a plan that counts has to be committed beside the code that runs; a process
            that another one started was checked.

    Raises:
        ConfigError: The plan, the code or the data are not those that the records were begun with,
            or the plan counts and is not committed.
        OutputExists: The records are no comparison's.
        DataError: Records or data are damaged.
    """
    plan, code = read_plan(places.plan), code_state()
    records = places.records
    if plan.counted and check:
        check_committed(places.plan, (records.path, places.work, places.data))
    records.check(Claim(resume=True))
    _check_begun(records, plan, code)
    records.path.mkdir(parents=True, exist_ok=True)
    with records.owned(math.inf):
        make_data(plan, places.data, available_cores(), progress)
        found = fingerprints_of(plan, Source(places.data, tasks=plan.task_names))
        check_planned(plan, found, places.data)
        _check_begun(records, plan, code)
        _check_data(records, found, places.data)
        if not records.beginning.is_file():
            _write(records, plan, code, found, command)
    return Setting(
        plan=plan,
        records=records,
        work=places.work.absolute(),
        data=places.data.absolute(),
        cache=places.cache.absolute(),
        begun=read_json(records.beginning, BegunRecord),
        workers=workers,
        progress=progress,
    )


def kept_plan(records: ComparisonFolder) -> ComparisonPlan:
    """The plan that a folder of records is held to.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return read_plan(records.plan)


def _write(
    records: ComparisonFolder,
    plan: ComparisonPlan,
    code: CodeState,
    data: dict[str, str],
    command: str,
) -> None:
    write_atomically(records.plan, to_yaml(plan).encode())
    write_atomically(records.path / ".gitignore", b".lock\n")
    begun = BegunRecord(
        plan=plan.digest,
        code=code,
        data=data,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
    )
    write_json(records.beginning, begun)  # last: with it the comparison has begun


def _check_begun(records: ComparisonFolder, plan: ComparisonPlan, code: CodeState) -> None:
    """Refuse to add to the records what another plan or another code makes."""
    if not records.beginning.is_file():
        return
    if found := differences(kept_plan(records), plan):
        lines = "\n  ".join(found)
        raise ConfigError(
            f"{records.path} was begun with another plan:\n  {lines}\n"
            "a plan is not changed once its first run has begun: take the kept one "
            f"({records.plan}), or begin another comparison with other --records"
        )
    begun = read_json(records.beginning, BegunRecord)
    if begun.code.source != code.source:
        raise ConfigError(
            f"{records.path} was begun with the code {begun.code.version} (files "
            f"{begun.code.source}), this is {code.version} (files {code.source}); run it from a "
            "copy of that code, "
            "`git worktree add --detach DIR COMMIT`, or begin another comparison with other "
            "--records"
        )


def _check_data(records: ComparisonFolder, found: dict[str, str], folder: Path) -> None:
    if not records.beginning.is_file():
        return
    begun = read_json(records.beginning, BegunRecord)
    wrong = [
        f"{split} was {begun.data.get(split)}, is {now}"
        for split, now in found.items()
        if begun.data.get(split) != now
    ]
    if wrong:
        raise ConfigError(
            f"{records.path} was begun with other data than those in {folder}: {'; '.join(wrong)}; "
            "name the --data that it was begun with, or begin another comparison"
        )
