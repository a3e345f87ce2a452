"""`premotor tasks`: what can be watched, collected and learned."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from premotor.claims import claim_file
from premotor.cli.contact_sheet import contact_sheet, pictured
from premotor.cli.options import parsed
from premotor.episode.identity import EpisodeId
from premotor.errors import ConfigError
from premotor.records import write_atomically
from premotor.simulate.tasks import TASKS


@dataclass(frozen=True)
class TasksArguments:
    """List the tasks with their variations and what is said for each."""

    json: bool = False  # machine-readable, on standard output
    sheet: Path | None = None  # PNG to draw: every task as it is staged, with what is said
    variation: int = 0  # pictured on the sheet; of fewer variations, the last
    seed: int = 0  # of the pictured episodes
    columns: int = 6  # of the sheet


@dataclass(frozen=True)
class VariationListing:
    """One variation of a task."""

    index: int
    instructions: tuple[str, ...]


@dataclass(frozen=True)
class TaskListing:
    """A task and all its variations."""

    name: str
    variations: tuple[VariationListing, ...]


def listing() -> tuple[TaskListing, ...]:
    """All tasks of the table with their variations."""
    return tuple(
        TaskListing(
            name,
            tuple(
                VariationListing(index, task.instructions(variation))
                for index, variation in enumerate(task.variations)
            ),
        )
        for name, task in TASKS.items()
    )


def command(argv: list[str]) -> int:
    """Run `premotor tasks`."""
    arguments = parsed(TasksArguments, "tasks", argv)
    if arguments.json and arguments.sheet is not None:
        raise ConfigError("--json lists and --sheet draws; give one of them")
    tasks = listing()
    if arguments.json:
        print(json.dumps({"tasks": [asdict(task) for task in tasks]}, indent=1))
        return 0
    if arguments.sheet is not None:
        _draw(arguments, arguments.sheet)
        return 0
    table = Table("task", "variation", "instruction (first of its paraphrases)", box=None)
    for task in tasks:
        for variation in task.variations:
            name = task.name if variation.index == 0 else ""
            table.add_row(name, str(variation.index), variation.instructions[0])
    Console().print(table)
    return 0


def _draw(arguments: TasksArguments, path: Path) -> None:
    """Draw the contact sheet; one that is there is replaced."""
    if path.suffix.lower() != ".png" or min(arguments.columns, arguments.variation + 1) < 1:
        raise ConfigError(
            f"need a .png, columns >= 1 and variation >= 0; got {path}, {arguments.columns}, "
            f"{arguments.variation}"
        )
    claim_file(path, overwrite=True)
    console = Console(stderr=True)
    cells = [
        pictured(
            EpisodeId(name, min(arguments.variation, len(task.variations) - 1), arguments.seed)
        )
        for name, task in track(TASKS.items(), "drawing", console=console, transient=True)
    ]
    data = io.BytesIO()
    contact_sheet(cells, arguments.columns).save(data, "PNG", optimize=True)
    write_atomically(path, data.getvalue())
    print(f"{path}: {len(cells)} tasks")
