"""`premotor tasks`: what can be watched, collected and learned."""

import json
from dataclasses import asdict, dataclass

import tyro
from rich.console import Console
from rich.table import Table

from premotor.simulate.tasks import TASKS


@dataclass(frozen=True)
class TasksArguments:
    """List the tasks with their variations and what is said for each."""

    json: bool = False  # machine-readable, on standard output


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
    arguments = tyro.cli(TasksArguments, prog="premotor tasks", args=argv)
    tasks = listing()
    if arguments.json:
        print(json.dumps({"tasks": [asdict(task) for task in tasks]}, indent=1))
        return 0
    table = Table("task", "variation", "instruction (first of its paraphrases)", box=None)
    for task in tasks:
        for variation in task.variations:
            name = task.name if variation.index == 0 else ""
            table.add_row(name, str(variation.index), variation.instructions[0])
    Console().print(table)
    return 0
