"""The demonstrations of a comparison: made by their seeds where they are missing, and checked.

The same seeds give the same bytes on machines alike, so that a plan names its data by fingerprints
and the data need not travel.
"""

from collections import Counter
from pathlib import Path

from premotor.claims import Claim
from premotor.demonstrate.collect import CollectConfig, DataPlan, collect
from premotor.errors import ConfigError
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.folders import SplitFolder
from premotor.progress import Progress
from premotor.represent import Source
from premotor.store.reader import DemoSet
from premotor.worklist import Crew


def missing_splits(plan: ComparisonPlan, folder: Path) -> list[str]:
    """The splits that are not there, or not whole."""
    return [split for split in plan.splits if not SplitFolder(folder / split).info.is_file()]


def make_data(plan: ComparisonPlan, folder: Path, workers: int, progress: Progress) -> None:
    """Collect what is missing; what was begun is gone on with.

    Raises:
        PremotorError: As `demonstrate.collect.collect`.
    """
    for split in missing_splits(plan, folder):
        collect(
            CollectConfig(
                tasks=plan.task_names,
                episodes=plan.data.episodes[split],
                per_variation=plan.data.per_variation if split == "train" else 0,
                seed=plan.data.seed,
                split=split,
                out=folder,
                claim=Claim(resume=True),
                crew=Crew(workers=workers),
            ),
            progress,
        )


def fingerprints_of(plan: ComparisonPlan, source: Source) -> dict[str, str]:
    """What the data are, by split.

    Raises:
        ConfigError: They are not as many as planned.
        DataError: They are missing or damaged.
    """
    return {split: _fingerprint(plan, source.open(split), split) for split in plan.splits}


def check_planned(plan: ComparisonPlan, found: dict[str, str], folder: Path) -> None:
    """Refuse data that are not those of the plan, and a plan that counts and names none.

    Raises:
        ConfigError: It names both fingerprints, or those to write into the plan.
    """
    planned = plan.data.fingerprints
    wrong = [
        f"{split} is {found[split]}, planned {planned[split]}"
        for split in found.keys() & planned.keys()
        if found[split] != planned[split]
    ]
    if wrong:
        raise ConfigError(
            f"the data in {folder} are not those of the plan: {'; '.join(sorted(wrong))}; other "
            "versions of the simulator or the renderer, or another machine, give other bytes: take "
            "the data that the plan was written with, or write a plan for these"
        )
    if plan.counted and not planned:
        lines = "\n".join(f"    {split}: {text}" for split, text in found.items())
        raise ConfigError(
            "a plan that counts names its data; write into it and commit:\n"
            f"data:\n  fingerprints:\n{lines}"
        )


def _fingerprint(plan: ComparisonPlan, demos: DemoSet, split: str) -> str:
    least = plan.data.per_variation if split == "train" else 0
    wanted = DataPlan(
        plan.task_names, plan.data.episodes[split], plan.data.seed, split, per_variation=least
    )
    planned = Counter(slot.task for slot in wanted.slots())
    found = Counter(info.task for info in demos.episodes)
    other = [
        f"{task}: {found[task]}, planned {count}"
        for task, count in planned.items()
        if found[task] != count
    ]
    if other:
        raise ConfigError(
            f"{demos.folder.path} holds other numbers of episodes than planned "
            f"({'; '.join(other)}); name another --data, which is made where it is not there"
        )
    return demos.fingerprint()
