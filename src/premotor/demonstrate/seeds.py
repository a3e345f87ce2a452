"""Which episodes a list of them holds: tasks in turn, variations in turn, seeds of a split.

No two splits share a seed, nor do two values of `seed`. The list goes round the tasks, so that a
longer one only adds to its end.
"""

import math
from collections.abc import Sequence

from premotor.episode.identity import EpisodeSlot
from premotor.errors import ConfigError, UnknownName
from premotor.settings import MOST
from premotor.simulate.environment import find_task
from premotor.simulate.tasks import STUDIES, TASKS

ALL = "all"  # in the place of names: every task of the benchmark
SPLITS = {"train": 0, "val": 10_000_000, "test": 20_000_000}  # first seed of each
SEED_BLOCK = 100_000  # seeds of one --seed value; 100 of them fill a split
RETRIES = 10  # seeds drawn for one episode before it is given up
RETRY_STRIDE = 100_000_000  # beyond all splits, so that a redrawn seed is nobody else's
_GENERATION = 10_000_000_000  # from one hundred --seed values to the next
MOST_SEED = 100 * (MOST // _GENERATION - 1)  # whose episodes' seeds are all below 2^63


def chosen_tasks(names: Sequence[str]) -> tuple[str, ...]:
    """The tasks (or studies) that were named; "all" stands for every task of the benchmark.

    Raises:
        UnknownName: There is no such task.
        ConfigError: No task, or one of them twice.
    """
    known = (ALL, *TASKS, *STUDIES)
    for name in names:
        if name not in known:
            raise UnknownName.of("task", name, known)
    tasks = [task for name in names for task in (TASKS if name == ALL else (name,))]
    if not tasks or len(set(tasks)) < len(tasks):
        raise ConfigError(f"name at least one task, each once; got {list(names)}")
    return tuple(tasks)


def episode_slots(
    tasks: Sequence[str],
    episodes: int,
    seed: int = 0,
    split: str = "train",
    per_variation: int = 0,
) -> list[EpisodeSlot]:
    """The episodes of a split, in the order of their numbers.

    Args:
        tasks: Names of tasks or studies.
        episodes: Per task; they go round its variations.
        seed: Another value gives other episodes.
        split: "train", "val" or "test".
        per_variation: A task whose variations would have fewer gets so many of each.

    Raises:
        UnknownName: There is no such task or split.
        ConfigError: More episodes than a split has seeds for, or a seed that no episode has.
    """
    if split not in SPLITS:
        raise UnknownName.of("split", split, SPLITS)
    if not 1 <= episodes <= SEED_BLOCK:
        raise ConfigError(f"episodes must be 1 to {SEED_BLOCK}, got {episodes}")
    variations = {task: len(find_task(task).variations) for task in tasks}
    counts = {task: max(episodes, per_variation * count) for task, count in variations.items()}
    if not 0 <= per_variation <= SEED_BLOCK or max(counts.values()) > SEED_BLOCK:
        raise ConfigError(
            f"per_variation must be >= 0 and leave every task at most {SEED_BLOCK} episodes, got "
            f"{per_variation} of {max(variations.values())} variations"
        )
    if seed < 0:
        raise ConfigError(f"seed must be >= 0, got {seed}")
    if seed > MOST_SEED:
        raise ConfigError(f"seed must be <= {MOST_SEED}, beyond which episodes have none; got more")
    generation, block = divmod(seed, 100)
    start = SPLITS[split] + block * SEED_BLOCK + generation * _GENERATION
    return [
        EpisodeSlot(
            task=task,
            variation=_variation(i, variations[task]),
            seeds=tuple(start + i + RETRY_STRIDE * k for k in range(RETRIES)),
        )
        for i in range(max(counts.values()))
        for task in tasks
        if i < counts[task]
    ]


def unseen_slots(tasks: Sequence[str], count: int, seed: int = 0) -> list[EpisodeSlot]:
    """The first `count` test episodes of each task, task by task.

    Their seeds are those that `premotor collect --split test` draws, which no training set has;
    here they do not depend on whether the expert succeeds.

    Raises:
        UnknownName: There is no such task.
        ConfigError: As `episode_slots`.
    """
    slots = episode_slots(tasks, count, seed, "test")
    return sorted(slots, key=lambda slot: tuple(tasks).index(slot.task))


def _variation(i: int, count: int) -> int:
    """Round the variations; where there are hundreds, neighbors alike, in wide strides."""
    stride = 1 if count <= 100 else round(0.618 * count)
    while math.gcd(stride, count) > 1:
        stride += 1
    return i * stride % count
