"""Where the units of a comparison are done, and by what: the same for all of them."""

from dataclasses import dataclass
from pathlib import Path

from premotor.demonstrate.seeds import episode_slots
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.experiments.comparison.records import BegunRecord
from premotor.folders import ComparedUnitFolder, ComparisonFolder, RunFolder
from premotor.progress import Progress, no_progress
from premotor.represent import Source


@dataclass(frozen=True)
class Unit:
    """One arm with one seed."""

    arm: str
    seed: int

    def __str__(self) -> str:
        return f"{self.arm}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The plan, where its records and its work lie, and what it was begun with."""

    plan: ComparisonPlan
    records: ComparisonFolder
    work: Path  # weights, caches and traces; can be thrown away when all is done
    data: Path  # folder of the data set
    cache: Path  # where what training reads of it is kept
    begun: BegunRecord
    workers: int = 1  # simulator processes of a unit
    progress: Progress = no_progress

    @property
    def source(self) -> Source:
        """What every unit learns from and is judged on."""
        return Source(self.data, tasks=self.plan.task_names, cache_dir=self.cache)

    def folder(self, unit: Unit) -> ComparedUnitFolder:
        """The records of a unit."""
        return self.records.unit(unit.arm, unit.seed)

    def run(self, unit: Unit) -> RunFolder:
        """The training of a unit."""
        return RunFolder(self.work / "units" / unit.arm / f"seed_{unit.seed}" / "run")

    def traces(self, unit: Unit) -> Path:
        """What the films of a unit are drawn from."""
        return self.run(unit).path.parent / "traces"

    def told(self, unit: Unit) -> Progress:
        """Progress that names the unit."""

        def tell(stage: str, done: int, total: int, remark: str) -> None:
            self.progress(stage, done, total, f"{unit}: {remark}" if remark else str(unit))

        return tell

    @property
    def slots(self) -> tuple[EpisodeSlot, ...]:
        """The unseen episodes that every policy acts in, task by task."""
        plan = self.plan
        if not plan.episodes:
            return ()
        tasks = plan.task_names
        found = episode_slots(tasks, plan.episodes, plan.data.seed, plan.judged_split)
        return tuple(sorted(found, key=lambda slot: tasks.index(slot.task)))

    @property
    def filmed(self) -> tuple[EpisodeSlot, ...]:
        """Those of them that are filmed, the same ones of every unit: the first of each task."""
        by_task: dict[str, list[EpisodeSlot]] = {}
        for slot in self.slots:
            by_task.setdefault(slot.task, []).append(slot)
        return tuple(s for own in by_task.values() for s in own[: self.plan.films])

    def shown(self, unit: Unit) -> bool:
        """Whether a unit is of a seed whose roll-outs and features are there to be looked at."""
        return unit.seed < self.plan.first_seed + self.plan.film_seeds

    def films_of(self, unit: Unit) -> frozenset[EpisodeId]:
        """The episodes that are filmed of a unit, whichever of the candidates they become."""
        if not self.shown(unit):
            return frozenset()
        return frozenset(episode for slot in self.filmed for episode in slot.candidates)


def units_of(plan: ComparisonPlan) -> list[Unit]:
    """All units, every arm of a seed before the next seed."""
    seeds = range(plan.first_seed, plan.first_seed + plan.seeds)
    return [
        Unit(arm, seed) for seed in seeds for arm in plan.compared if seed in plan.seeds_in(arm)
    ]
