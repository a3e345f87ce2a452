"""`premotor experts`: how well the experts do, on seeds that no data set has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.progress import StageBars
from premotor.demonstrate.survey import SurveyConfig, survey
from premotor.demonstrate.tally import HEADS, TaskTally, markdown, remarks, tally
from premotor.errors import DemonstrationFailed
from premotor.records import write_atomically
from premotor.worklist import RAY_HERE, Engine, available_cores

TABLE = "experts.md"
_WIDTH = 145  # [characters] of the table


@dataclass(frozen=True)
class ExpertsArguments:
    """Survey the experts: success, replay of their keyframes, coverage, random actions."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ("all",)  # names: `premotor tasks`
    seeds: int = 100  # episodes per task; they go round the variations
    random: int = 0  # episodes of random actions per task
    out: Path = Path("experts")  # one file per episode, and the table experts.md
    resume: bool = False  # keep the episodes that are there and do the rest
    workers: int = available_cores()  # processes
    engine: Engine = "processes"  # "ray" needs the extra premotor[ray]
    ray_address: str = RAY_HERE  # of a cluster whose machines all see OUT in the same place


def command(argv: list[str]) -> int:
    """Run `premotor experts`."""
    arguments = tyro.cli(ExpertsArguments, prog="premotor experts", args=argv)
    config = SurveyConfig(**vars(arguments))
    with StageBars() as bars:
        found = survey(config, lambda done, total: bars("experts", done, total))
    tallies = tally(found.records)
    write_atomically(config.out / TABLE, markdown(tallies, found.records).encode())
    console = Console(width=_WIDTH)
    console.print(_table(tallies))
    for line in remarks(tallies):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(f"{config.out / TABLE}: {len(found.records)} episodes")
    if found.broken:
        raise DemonstrationFailed(
            f"{len(found.broken)} episodes broke; mend that and --resume: {'; '.join(found.broken)}"
        )
    return 0


def _table(tallies: list[TaskTally]) -> Table:
    table = Table(*HEADS, box=None)
    table.columns[0].no_wrap = True  # what is narrow gives way, not the names
    for row in tallies:
        table.add_row(*row.cells())
    return table
