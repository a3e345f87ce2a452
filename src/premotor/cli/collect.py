"""`premotor collect`: demonstrations onto disk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor.claims import Claim
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.demonstrate.collect import CollectConfig, TaskReport, collect
from premotor.report.table import WIDTH, Column, Table, terminal
from premotor.worklist import Crew, available_cores


@dataclass(frozen=True)
class CollectArguments:
    """Record the expert's demonstrations into `OUT/SPLIT`."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional]  # "all", or names: `premotor tasks`
    episodes: int = 100  # per task; they go round the variations
    per_variation: int = 0
    """A task whose variations would have fewer episodes gets so many of each, as 3 where pairs go
    by instruction (of 60 variations of stack_blocks 20 have one of 100 episodes)"""
    seed: int = 0  # another value gives other episodes
    split: str = "train"  # train, val or test; they share no seed
    out: Path = Path("data")  # the data set
    claim: Annotated[Claim, tyro.conf.arg(name="")] = field(default_factory=Claim)
    crew: Annotated[Crew, tyro.conf.arg(name="")] = field(
        default_factory=lambda: Crew(workers=available_cores())
    )


def command(argv: list[str]) -> int:
    """Run `premotor collect`."""
    arguments = parsed(CollectArguments, "collect", argv)
    config = CollectConfig(**vars(arguments))
    with StageBars() as bars:
        reports = collect(config, bars)
    Console(width=WIDTH).print(terminal(report_table(reports)), "")
    print(f"{config.folder.path}: {sum(r.episodes for r in reports)} episodes")
    return 0


def report_table(reports: tuple[TaskReport, ...]) -> Table:
    """Expert success with the rejection rate beside it, one line per task."""
    return Table.of(
        "Demonstrations",
        reports,
        (
            (Column("task"), lambda r: r.task),
            (Column("episodes", "count"), lambda r: r.episodes),
            (Column("variations", "count"), lambda r: r.variations),
            (Column("success", "share", "of the expert's runs"), lambda r: r.expert_success),
            (Column("rejected", "share", "of the layouts drawn"), lambda r: r.rejection_rate),
            (Column("keyframes", "count", "mean of an episode"), lambda r: r.mean_keyframes),
            (Column("rows", "count", "mean of an episode"), lambda r: r.mean_rows),
        ),
    )
