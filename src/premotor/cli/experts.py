"""`premotor experts`: how well the experts do, on seeds that no data set has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor.claims import Claim
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.demonstrate.survey import SurveyConfig, SurveyRecord, survey
from premotor.demonstrate.tally import TaskTally, remarks, tally, with_all
from premotor.records import Interval, write_atomically
from premotor.report.table import WIDTH, Column, Table, markdown, terminal
from premotor.simulate.tasks import ALL_TASKS
from premotor.worklist import Crew, available_cores


@dataclass(frozen=True)
class ExpertsArguments:
    """Survey the experts: success, replay of their keyframes, coverage, random actions."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ("all",)  # names: `premotor tasks`
    seeds: int = 100  # episodes per task; they go round the variations
    random: int = 0  # episodes of random actions per task
    out: Path = Path("experts")  # how every episode went, and the table experts.md
    claim: Annotated[Claim, tyro.conf.arg(name="")] = field(default_factory=Claim)
    crew: Annotated[Crew, tyro.conf.arg(name="")] = field(
        default_factory=lambda: Crew(workers=available_cores())
    )


def command(argv: list[str]) -> int:
    """Run `premotor experts`."""
    arguments = parsed(ExpertsArguments, "experts", argv)
    config = SurveyConfig(**vars(arguments))
    with StageBars() as bars:
        found = survey(config, bars)
    records = list(found.records.values())
    tallies = tally(records)
    write_atomically(config.folder.table, written(tallies, records).encode())
    console = Console(width=WIDTH)
    for table in survey_tables(with_all(tallies, records)):
        console.print(terminal(table), "")
    for line in remarks(tallies):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(f"{config.folder.table}: {len(records)} episodes")
    if found.broken:
        raise found.missing("episodes")
    return 0


def survey_tables(tallies: Sequence[TaskTally]) -> tuple[Table, Table]:
    """How the experts do; their keyframes, beside random actions."""
    covered = Column("covered", note="variations in which the expert succeeded")
    found = Column("found", "count", "mean number of keyframes where the expert succeeded")
    benchmark = Column("RLBench", "count", "mean of the benchmark's demonstrations")
    experts = Table.of(
        "The experts",
        tallies,
        (
            (Column("task"), lambda t: t.task),
            (covered, lambda t: f"{t.variations - len(t.uncovered)} of {t.variations}"),
            (Column("episodes", "count"), lambda t: t.expert.count),
            (Column("expert", "share"), lambda t: _known(t.expert)),
            (Column("strict", "share", "without a mishap"), lambda t: t.strict.value),
            (
                Column("rejected", "share", "of the layouts drawn"),
                lambda t: t.rejected / max(t.layouts, 1),
            ),
        ),
        "Embedded MuJoCo simulator, no RLBench numbers.",
    )
    keyframes = Table.of(
        "Keyframes and random actions",
        tallies,
        (
            (Column("task"), lambda t: t.task),
            (found, lambda t: t.keyframes),
            (benchmark, lambda t: _benchmark_keyframes(t.task)),
            (Column("replay", "share", "of the keyframes alone"), lambda t: _known(t.replay)),
            (Column("random", "share", "valid random actions"), lambda t: _known(t.random)),
            (Column("seconds", "number", "mean of an expert's episode"), lambda t: t.seconds),
        ),
    )
    return experts, keyframes


def _benchmark_keyframes(task: str) -> float | None:
    """None in the row over all tasks too."""
    return ALL_TASKS[task].benchmark_keyframes if task in ALL_TASKS else None


def _known(rate: Interval) -> Interval | None:
    return rate if rate.count else None


def written(tallies: Sequence[TaskTally], records: Sequence[SurveyRecord]) -> str:
    """The tables and their remarks, ready for the documentation."""
    versions = ", ".join(sorted({r.code_version for r in records}))
    tables = (markdown(table) for table in survey_tables(with_all(tallies, records)))
    lines = "".join(f"- {line}\n" for line in remarks(tallies))
    return "\n".join((f"premotor {versions}\n", *tables, lines))
