"""From the records of all units to what they come to: every number of tables and page."""

from collections.abc import Iterator, Sequence

import numpy as np

from premotor.comparison_records import (
    Comparison,
    Curve,
    Gradient,
    Provenance,
    TaskLevel,
    UnitCost,
)
from premotor.evaluate.acting.success import SIMULATOR
from premotor.experiments.comparison.crossing import crossed
from premotor.experiments.comparison.outcomes import ALL, MEASURED, Measured, curves_of
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.experiments.comparison.reading import ComparisonRecords, UnitRecords
from premotor.measure.procedure import (
    MIRROR_CONTROLS,
    ClaimRule,
    ClaimVerdict,
    MirrorVerdict,
    cannot_show,
    claim_verdict,
    mirror_verdicts,
)
from premotor.measure.seeds import ArmLevel, ArmOutcome, SeedContrast, arm_level, seed_contrast
from premotor.progress import Progress, no_progress


def summarize(records: ComparisonRecords, progress: Progress = no_progress) -> Comparison:
    """What a comparison comes to so far.

    Args:
        records: Of any of its units; what is missing is named.
        progress: Told how far the slow parts are.
    """
    plan, tables = records.plan, _Tables(records)
    verdict, aligned = tables.verdict, crossed(records, progress)
    return Comparison(
        name=plan.name,
        counted=plan.counted,
        split=plan.judged_split,
        tasks=plan.task_names,
        arms=plan.compared,
        answers={name: plan.arm(name).answers for name in plan.compared},
        baseline=plan.baseline,
        claim=plan.claim,
        seeds_planned=tuple(plan.seeds_in(plan.claim)),
        steps=plan.steps_of(plan.claim)[-1],
        judged_steps=plan.steps_of(plan.claim),
        episodes=plan.episodes,
        smallest_effect=plan.smallest_effect,
        outcomes=tables.outcomes,
        verdict=verdict,
        mirror=tables.mirror(verdict),
        cannot=(*tables.cannot, *filter(None, [aligned.why_not])),
        levels=tables.levels,
        by_task=tables.by_task,
        contrasts=tables.contrasts,
        curves=tuple(_curves(records.units)),
        gradients=tuple(_gradients(records)),
        alignment=aligned.curves,
        cost=tuple(_cost(unit) for unit in records.units if unit.begun),
        missing=tuple(str(u.unit) for u in records.units if u.record is None),
        provenance=_provenance(records),
    )


def verdict_of(records: ComparisonRecords) -> ClaimVerdict | None:
    """What may be said of the co-primary outcomes so far; None before both arms have a run."""
    return _Tables(records).verdict


class _Tables:
    """Levels and contrasts of everything that was measured."""

    def __init__(self, records: ComparisonRecords) -> None:
        plan = records.plan
        self._plan, self._records = plan, records
        self._arms = {
            (name, measured.outcome.name): found
            for measured in MEASURED
            for name in plan.compared
            if (found := _arm_outcome(records, name, measured)) is not None
        }
        self.outcomes = tuple(
            m.outcome for m in MEASURED if any(m.outcome.name == name for _, name in self._arms)
        )
        self.levels: tuple[ArmLevel, ...] = tuple(
            arm_level(name, arm, tuple(plan.seeds_in(arm.arm)))
            for (_, name), arm in self._arms.items()
        )
        others = [name for name in plan.compared if name not in (plan.claim, plan.baseline)]
        pairs = [(name, plan.baseline) for name in plan.compared if name != plan.baseline]
        pairs += [(plan.claim, name) for name in others]
        found = (self._contrast(o.name, *pair) for o in self.outcomes for pair in pairs)
        self.contrasts: tuple[SeedContrast, ...] = tuple(c for c in found if c is not None)

    @property
    def by_task(self) -> tuple[TaskLevel, ...]:
        """Every arm on every task."""
        return tuple(
            TaskLevel(arm=arm.arm, outcome=name, task=task, values=tuple(values))
            for (_, name), arm in self._arms.items()
            for task, values in _task_means(arm, self._plan).items()
            if task != ALL
        )

    def _contrast(self, outcome: str, ours: str, theirs: str) -> SeedContrast | None:
        first, second = self._arms.get((ours, outcome)), self._arms.get((theirs, outcome))
        if first is None or second is None:
            return None
        seeds = sorted(set(self._plan.seeds_in(ours)) & set(self._plan.seeds_in(theirs)))
        arms = (_only(first, seeds), _only(second, seeds))
        return seed_contrast(outcome, *arms, seeds, np.random.default_rng(0))

    @property
    def _rule(self) -> ClaimRule:
        plan = self._plan
        return ClaimRule(
            seeds=tuple(plan.seeds_in(plan.claim)),
            look=plan.look,
            smallest_effect=plan.smallest_effect,
        )

    @property
    def _primary(self) -> list[SeedContrast]:
        plan, names = self._plan, [o.name for o in self.outcomes if o.role == "primary"]
        pair = (plan.claim, plan.baseline)
        return [c for c in self.contrasts if (c.ours, c.theirs) == pair and c.outcome in names]

    @property
    def verdict(self) -> ClaimVerdict | None:
        """Of the co-primary outcomes; None before any run of both arms was whole."""
        return claim_verdict(self._rule, self._primary) if self._primary else None

    def mirror(self, verdict: ClaimVerdict | None) -> tuple[MirrorVerdict, ...]:
        """Whether an effect may be called one of the mirror."""
        if verdict is None:
            return ()
        own = [c for c in self.contrasts if c.ours == verdict.ours]
        return mirror_verdicts(verdict, [c for c in own if c.theirs in MIRROR_CONTROLS])

    @property
    def cannot(self) -> tuple[str, ...]:
        """What cannot be shown, a sentence each."""
        return cannot_show(self._rule, self._primary) if self._primary else ()


def _arm_outcome(records: ComparisonRecords, arm: str, measured: Measured) -> ArmOutcome | None:
    """One outcome of the whole units of an arm; None where none of them has it."""
    units = records.of(arm)
    if not measured.meant(records.plan.arm(arm).judged):
        return None
    found = {u.unit.seed: measured.take(u) for u in units if u.whole}
    if not any(found.values()):
        return None
    return ArmOutcome(
        arm=arm,
        runs={seed: answers for seed, answers in found.items() if answers},
        broken={u.unit.seed: u.fault for u in units if u.fault},
    )


def _only(arm: ArmOutcome, seeds: Sequence[int]) -> ArmOutcome:
    """The same of these seeds alone."""
    return ArmOutcome(
        arm=arm.arm,
        runs={seed: answers for seed, answers in arm.runs.items() if seed in seeds},
        broken={seed: why for seed, why in arm.broken.items() if seed in seeds},
    )


def _task_means(arm: ArmOutcome, plan: ComparisonPlan) -> dict[str, list[float]]:
    """By task: the mean of each seed, in their order."""
    seeds = [seed for seed in plan.seeds_in(arm.arm) if seed in arm.runs]
    return {
        task: [float(np.mean(list(arm.runs[seed][task].values()))) for seed in seeds]
        for task in arm.runs[seeds[0]]
    }


def _curves(units: Sequence[UnitRecords]) -> Iterator[Curve]:
    """What was followed over training, of unfinished and broken units too."""
    for unit in units:
        told: dict[str, dict[int, float]] = {}
        for leg in unit.legs:
            losses = {f"losses.{name}": value for name, value in leg.losses.items()}
            for name, value in (curves_of(leg.held_out) | losses).items():
                told.setdefault(name, {})[leg.step] = value
        for name, by_step in told.items():
            yield Curve(
                arm=unit.unit.arm,
                seed=unit.unit.seed,
                measure=name,
                steps=tuple(by_step),
                values=tuple(by_step.values()),
            )


def _gradients(records: ComparisonRecords) -> Iterator[Gradient]:
    """By arm, leg and part of the network: means over the seeds that have it."""
    for arm in records.plan.compared:
        legs = [leg for unit in records.of(arm) for leg in unit.legs]
        for step in sorted({leg.step for leg in legs}):
            own = [leg.gradients for leg in legs if leg.step == step and leg.gradients]
            parts = dict.fromkeys(key.rpartition("/")[0] for told in own for key in told)
            for part in parts:
                align = _mean_of(own, f"{part}/align")
                if align is not None:
                    yield Gradient(
                        arm=arm,
                        part=part,
                        step=step,
                        own=_mean_of(own, f"{part}/own"),
                        align=align,
                        cosine=_mean_of(own, f"{part}/cosine"),
                        applied=_mean_of(own, f"{part}/ratio"),
                        seeds=sum(f"{part}/align" in told for told in own),
                    )


def _mean_of(told: Sequence[dict[str, float]], name: str) -> float | None:
    """Over the seeds that have it."""
    values = [each[name] for each in told if name in each]
    return float(np.mean(values)) if values else None


def _cost(unit: UnitRecords) -> UnitCost:
    record = unit.record
    return UnitCost(
        arm=unit.unit.arm,
        seed=unit.unit.seed,
        train_seconds=sum(leg.train_seconds for leg in unit.legs),
        judge_seconds=sum(leg.judge_seconds for leg in unit.legs)
        + (record.rollout_seconds if record else 0.0),
        machine=record.machine if record else "",
        ended=record.ended if record else "",
        fault=unit.fault,
    )


def _provenance(records: ComparisonRecords) -> Provenance:
    told: dict[str, list[str]] = {}
    for unit in records.units:
        for package, version in (unit.record.versions if unit.record else {}).items():
            if version not in told.setdefault(package, []):
                told[package].append(version)
    return Provenance(
        plan=records.folder.plan.read_text(),
        plan_digest=records.begun.plan,
        code_version=records.begun.code.version,
        commands=(records.begun.command,),
        versions={package: ", ".join(versions) for package, versions in told.items()},
        fingerprints=records.begun.data,
        simulator=SIMULATOR,
    )
