"""`premotor collect`: demonstrations onto disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.progress import StageBars
from premotor.demonstrate.collect import CollectConfig, TaskReport, collect
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
    Console().print(report_table(reports))
    print(f"{config.folder}: {sum(r.episodes for r in reports)} episodes")
    return 0


def report_table(reports: tuple[TaskReport, ...]) -> Table:
    """Expert success with the rejection rate beside it, one line per task."""
    heads = ("task", "episodes", "variations", "success", "rejected", "keyframes", "rows")
    table = Table(*heads, box=None)
    for report in reports:
        table.add_row(
            report.task,
            str(report.episodes),
            str(report.variations),
            f"{100 * report.expert_success:.1f} %",
            f"{100 * report.rejection_rate:.1f} %",
            f"{report.mean_keyframes:.2f}",
            f"{report.mean_rows:.0f}",
        )
    return table
