"""`premotor collect`: demonstrations onto disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor.cli.progress import StageBars
from premotor.demonstrate.collect import CollectConfig, TaskReport, collect
from premotor.report.table import WIDTH, Column, Table, terminal
from premotor.worklist import RAY_HERE, Engine, available_cores


@dataclass(frozen=True)
class CollectArguments:
    """Record the expert's demonstrations into `OUT/SPLIT`."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional]  # "all", or names: `premotor tasks`
    episodes: int = 100  # per task; they go round the variations
    seed: int = 0  # another value gives other episodes
    split: str = "train"  # train, val or test; they share no seed
    out: Path = Path("data")  # the data set
    resume: bool = False  # make what is missing or damaged
    overwrite: bool = False  # throw away what is there
    workers: int = available_cores()  # episodes at a time, over all machines
    engine: Engine = "processes"  # "ray" needs the extra premotor[ray]
    ray_address: str = RAY_HERE
    """Ray on this machine (local; after a kill -9, `ray stop` ends what is left of it), or a
    cluster's address such as auto or head:6379. All machines of a cluster must see OUT in the same
    place (put it on shared storage) and need the same premotor, packages and GL; give --workers
    the cores of all of them."""


def command(argv: list[str]) -> int:
    """Run `premotor collect`."""
    arguments = tyro.cli(CollectArguments, prog="premotor collect", args=argv)
    config = CollectConfig(**vars(arguments))
    with StageBars() as bars:
        reports = collect(config, bars)
    Console(width=WIDTH).print(terminal(report_table(reports)), "")
    print(f"{config.folder}: {sum(r.episodes for r in reports)} episodes")
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
