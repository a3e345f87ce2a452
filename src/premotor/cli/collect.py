"""`premotor collect`: demonstrations onto disk."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from premotor.demonstrate.collect import CollectConfig, TaskReport, collect


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class CollectArguments:
    """Record the expert's demonstrations into `OUT/SPLIT`."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional]  # names, see `premotor tasks`
    episodes: int = 100  # per task; they go round the variations
    seed: int = 0  # another value gives other episodes
    split: str = "train"  # train, val or test; they share no seed
    out: Path = Path("data")  # the data set
    resume: bool = False  # make what is missing or damaged
    overwrite: bool = False  # throw away what is there
    workers: int = _cores()  # processes


class Rate(ProgressColumn):
    """Episodes per minute."""

    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("-- /min", style="progress.data.speed")
        return Text(f"{60 * task.speed:.1f} /min", style="progress.data.speed")


def progress_bar(console: Console) -> Progress:
    """A bar with rate and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=120,
    )


def command(argv: list[str]) -> int:
    """Run `premotor collect`."""
    arguments = tyro.cli(CollectArguments, prog="premotor collect", args=argv)
    config = CollectConfig(**vars(arguments))
    console = Console(stderr=True)
    with progress_bar(console) as bar:
        line = bar.add_task(f"{config.folder}", total=None)

        def show(done: int, total: int) -> None:
            bar.update(line, completed=done, total=total)

        reports = collect(config, show)
    Console().print(report_table(reports))
    print(f"{config.folder}: {sum(r.episodes for r in reports)} episodes")
    return 0


def report_table(reports: tuple[TaskReport, ...]) -> Table:
    """Expert success with the rejection rate beside it, one line per task."""
    table = Table(
        "task", "episodes", "variations", "expert success", "layouts rejected", "keyframes", "rows"
    )
    for report in reports:
        table.add_row(
            report.task,
            str(report.episodes),
            str(report.variations),
            f"{100 * report.expert_success:.1f} % of {report.runs}",
            f"{100 * report.rejection_rate:.1f} % of {report.placements}",
            f"{report.mean_keyframes:.2f}",
            f"{report.mean_rows:.0f}",
        )
    return table
