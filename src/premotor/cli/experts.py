"""`premotor experts`: how well the experts do, on seeds that no data set has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.progress import StageBars
from premotor.demonstrate.survey import TABLE, SurveyConfig, survey
from premotor.demonstrate.tally import HEADS, TaskTally, markdown, remarks, tally, with_all
from premotor.errors import EpisodesMissing
from premotor.records import write_atomically
from premotor.worklist import RAY_HERE, Engine, available_cores

_WIDTH = 170  # [characters] of the table


@dataclass(frozen=True)
class ExpertsArguments:
    """Survey the experts: success, replay of their keyframes, coverage, random actions."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ("all",)  # names: `premotor tasks`
    seeds: int = 100  # episodes per task; they go round the variations
    random: int = 0  # episodes of random actions per task
    out: Path = Path("experts")  # one file per episode, and the table experts.md
    resume: bool = False  # keep the episodes that are there and do the rest
    workers: int = available_cores()  # episodes at a time, over all machines
    engine: Engine = "processes"  # "ray" needs the extra premotor[ray]
    ray_address: str = RAY_HERE
    """Of a cluster whose machines all see OUT in the same place and have the same premotor and
    packages; give --workers the cores of all of them."""


def command(argv: list[str]) -> int:
    """Run `premotor experts`."""
    arguments = tyro.cli(ExpertsArguments, prog="premotor experts", args=argv)
    config = SurveyConfig(**vars(arguments))
    with StageBars() as bars:
        found = survey(config, bars)
    tallies = tally(found.records)
    write_atomically(config.out / TABLE, markdown(tallies, found.records).encode())
    console = Console(width=_WIDTH)
    console.print(_table(with_all(tallies, found.records)))
    for line in remarks(tallies):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(f"{config.out / TABLE}: {len(found.records)} episodes")
    if found.broken:
        raise EpisodesMissing(
            f"{len(found.broken)} episodes broke or lost their worker; mend that and run again "
            f"with --resume: {'; '.join(found.broken)}"
        )
    return 0


def _table(tallies: list[TaskTally]) -> Table:
    table = Table(*HEADS, box=None)
    table.columns[0].no_wrap = True  # what is narrow gives way, not the names
    for row in tallies:
        table.add_row(*row.cells())
    return table
