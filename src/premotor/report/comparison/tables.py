"""A comparison as tables and sentences: the same on the page and in Markdown.

Shares are shown in percent, their differences in points, losses in nat. Intervals are t intervals
of 95 % over training seeds unless a table says otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from premotor.comparison_records import (
    AlignmentCurve,
    Comparison,
    Gradient,
    Kind,
    Outcome,
    UnitCost,
)
from premotor.measure.seeds import ArmLevel, SeedContrast
from premotor.records import Interval
from premotor.report.table import Amount, Cell, CellKind, Column, PValue, Table
from premotor.report.tables import words

MINUS = "\u2212"
_OVER_SEEDS = (
    "Means over training seeds with t intervals of 95 %; every task counts alike. No width means "
    "that the seeds agree, not certainty."
)
_SIDES = {
    "trained": "U and E of different seeds",
    "untrained": "untrained U and E",
    "pixels": "pixels of the clip in place of U",
    "text": "words of the instruction in place of U",
}


def tables(found: Comparison) -> dict[str, tuple[Table, ...]]:
    """All tables by the section they stand in; a section without numbers has none."""
    sections = {
        "claim": (claim_table(found),),
        "tasks": (forest_table(found),),
        "arms": (arms_table(found), levels_table(found), contrasts_table(found)),
        "spread": (spread_table(found),),
        "gradients": gradient_tables(found),
        "alignment": alignment_tables(found),
        "cost": (cost_table(found), broken_table(found)),
    }
    return {name: tuple(t for t in own if t.rows) for name, own in sections.items()}


def minus(found: Comparison, arm: str = "") -> str:
    """The primary contrast, or that of another arm, as "aligned - apart"."""
    return f"{arm or found.claim} {MINUS} {found.baseline}"


def primary(found: Comparison) -> tuple[Outcome, ...]:
    """The co-primary outcomes that were measured."""
    return tuple(o for o in found.outcomes if o.role == "primary")


def of_difference(kind: Kind) -> CellKind:
    """How a difference of such values is shown."""
    return "points" if kind == "share" else kind


def claim_table(found: Comparison) -> Table:
    """The primary contrast in each co-primary outcome, with what stands beside it."""
    corrected = {o.outcome: o.p_holm for o in found.verdict.outcomes} if found.verdict else {}

    def of(tells: Callable[[SeedContrast], Cell]) -> Callable[[Outcome], Cell]:
        def told(outcome: Outcome) -> Cell:
            contrast = found.contrast(found.claim, outcome.name)
            return None if contrast is None else tells(contrast)

        return told

    return Table.of(
        "The claim in numbers",
        primary(found),
        (
            (Column("outcome"), lambda o: o.words),
            (Column(found.baseline, "share"), lambda o: _mean(found.level(found.baseline, o.name))),
            (Column(found.claim, "share"), lambda o: _mean(found.level(found.claim, o.name))),
            (
                Column("difference", "points", f"{minus(found)}, paired by training seed"),
                of(lambda c: c.over_seeds.interval or c.over_seeds.mean),
            ),
            (Column("p", "p", "t test over seeds"), of(lambda c: c.over_seeds.p_value)),
            (
                Column("p, Holm", "p", "corrected for two outcomes; given once all seeds are in"),
                lambda o: corrected.get(o.name),
            ),
            (Column("p, signs", "p", "exact sign-flip test, beside it"), of(_sign_flip)),
            (
                Column("bootstrap", "points", "over seeds and episodes, beside it"),
                of(lambda c: c.bootstrap),
            ),
            (Column("seeds", "count"), of(lambda c: len(c.over_seeds.seeds))),
        ),
        note=_OVER_SEEDS,
    )


def _mean(level: ArmLevel | None) -> float | None:
    return None if level is None else level.mean


def _sign_flip(contrast: SeedContrast) -> Cell:
    flip = contrast.over_seeds.sign_flip
    return None if flip is None else PValue(flip.p_value, flip.least_p)


def forest_table(found: Comparison) -> Table:
    """Both outcomes by task: what the two arms reach, and their difference."""
    outcomes = primary(found)
    columns = [Column("task")]
    for outcome in outcomes:
        about = outcome.words.split(",")[0]
        columns += [
            Column(f"{about}, {found.baseline}", "share"),
            Column(f"{about}, {found.claim}", "share"),
            Column(f"{about}, difference", "points"),
        ]
    rows = [
        (words(task), *(cell for o in outcomes for cell in _of_task(found, o.name, task)))
        for task in found.tasks
    ]
    if len(found.tasks) > 1:
        mean = f"mean over {len(found.tasks)} tasks"
        rows.append((mean, *(cell for o in outcomes for cell in _of_all(found, o.name))))
    return Table(
        title=f"Task by task, {minus(found)}",
        columns=tuple(columns),
        rows=tuple(rows),
        totals=int(len(found.tasks) > 1),
        note=(
            "Paired over training seeds, t intervals of 95 % of one task each. Nothing is claimed "
            "of single tasks: among so many, some stand out by chance."
        ),
    )


def _of_task(found: Comparison, outcome: str, task: str) -> tuple[Cell, Cell, Cell]:
    contrast = found.contrast(found.claim, outcome)
    own = next((t for t in contrast.tasks if t.task == task), None) if contrast else None
    arms = (found.on_task(arm, outcome, task) for arm in (found.baseline, found.claim))
    theirs, ours = (None if level is None else level.mean for level in arms)
    return theirs, ours, None if own is None else own.interval or own.mean


def _of_all(found: Comparison, outcome: str) -> tuple[Cell, Cell, Cell]:
    contrast = found.contrast(found.claim, outcome)
    theirs, ours = (_mean(found.level(arm, outcome)) for arm in (found.baseline, found.claim))
    over = None if contrast is None else contrast.over_seeds
    return theirs, ours, None if over is None else over.interval or over.mean


def arms_table(found: Comparison) -> Table:
    """The co-primary outcomes of every arm, and its differences to the baseline."""
    columns: list[tuple[Column, Callable[[str], Cell]]] = [
        (Column("arm"), lambda arm: f"{arm}\n{found.answers.get(arm, '')}".strip()),
        (Column("seeds", "count"), lambda arm: _seeds(found, arm)),
    ]
    for outcome in primary(found):
        name, about = outcome.name, outcome.words.split(",")[0]
        columns += [
            (Column(about, outcome.kind), lambda arm, o=name: _value(found.level(arm, o))),
            (
                Column(f"{MINUS} {found.baseline}", of_difference(outcome.kind)),
                lambda arm, o=name: _difference(found.contrast(arm, o)),
            ),
        ]
    return Table.of("The two outcomes by arm", found.arms, columns, note=_OVER_SEEDS)


def _seeds(found: Comparison, arm: str) -> int:
    return max((len(level.seeds) for level in found.levels if level.arm == arm), default=0)


def _value(level: ArmLevel | None) -> Interval | float | None:
    return None if level is None else level.interval or level.mean


def _difference(contrast: SeedContrast | None) -> Interval | float | None:
    return None if contrast is None else contrast.over_seeds.interval or contrast.over_seeds.mean


def _others(found: Comparison) -> list[Outcome]:
    """Outcomes beside the co-primary ones, secondary ones first."""
    order = ("secondary", "exploratory")
    others = [o for o in found.outcomes if o.role in order]
    return sorted(others, key=lambda o: order.index(o.role))


def _named(outcome: Outcome) -> str:
    better = "" if outcome.higher_is_better else "\nlower is better"
    return f"{outcome.words}\n{outcome.role}{better}"


def levels_table(found: Comparison) -> Table:
    """Every secondary and exploratory outcome of every arm."""

    def told(arm: str) -> Callable[[Outcome], Cell]:
        return lambda o: _amount(_value(found.level(arm, o.name)), o.kind)

    return Table.of(
        "All other outcomes by arm",
        _others(found),
        (
            (Column("outcome"), _named),
            *((Column(arm, "number"), told(arm)) for arm in found.arms),
        ),
        note=_OVER_SEEDS,
    )


def contrasts_table(found: Comparison) -> Table:
    """Every secondary and exploratory outcome: each arm minus the baseline."""
    arms = [arm for arm in found.arms if arm != found.baseline]

    def told(arm: str) -> Callable[[Outcome], Cell]:
        return lambda o: _amount(_difference(found.contrast(arm, o.name)), of_difference(o.kind))

    return Table.of(
        f"All other outcomes, {MINUS} {found.baseline}",
        _others(found),
        (
            (Column("outcome"), _named),
            *((Column(arm, "number"), told(arm)) for arm in arms),
        ),
        note="Paired over training seeds. Secondary and exploratory: nothing is claimed of them.",
    )


def _amount(value: Interval | float | None, kind: CellKind) -> Cell:
    return None if value is None else Amount(value, kind)


def spread_table(found: Comparison) -> Table:
    """The co-primary outcomes of every run, seed by seed."""
    seeds = sorted({seed for level in found.levels for seed in level.seeds})
    rows = [
        (f"{outcome.words}\n{arm}", *_by_seed(level, outcome.kind, seeds))
        for outcome in primary(found)
        for arm in found.arms
        if (level := found.level(arm, outcome.name)) and level.seeds
    ]
    return Table(
        title="Seed by seed",
        columns=(
            Column("outcome"),
            *(Column(f"seed {seed}", "number") for seed in seeds),
            Column("SD", "number", "standard deviation between seeds, of shares in points"),
        ),
        rows=tuple(rows),
    )


def _by_seed(level: ArmLevel, kind: Kind, seeds: Sequence[int]) -> Iterator[Cell]:
    own = dict(zip(level.seeds, level.values, strict=True))
    yield from (_amount(own.get(seed), kind) for seed in seeds)
    sd = spread(level.values)
    yield None if sd is None else Amount(100.0 * sd if kind == "share" else sd, "number")


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation between seeds, divisor S - 1; None with fewer than two."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5


def gradient_tables(found: Comparison) -> tuple[Table, ...]:
    """How strongly alignment pulls at each part of the network, at every leg of an arm."""
    return tuple(
        _gradient_table(arm, [g for g in found.gradients if g.arm == arm])
        for arm in found.arms
        if any(g.arm == arm for g in found.gradients)
    )


def _gradient_table(arm: str, own: Sequence[Gradient]) -> Table:
    return Table.of(
        f"Gradients of {arm}",
        own,
        (
            (Column("part"), lambda g: words(g.part.replace("/", ", "))),
            (Column("up to step", "count"), lambda g: g.step),
            (Column("own", "number", "norm of the gradient of the own loss"), lambda g: g.own),
            (Column("align", "number", "norm of that of L_align, weighted"), lambda g: g.align),
            (Column("ratio", "number"), lambda g: g.align / g.own if g.own else None),
            (Column("cosine", "number", "between the two"), lambda g: g.cosine),
            (Column("applied", "number", "the ratio after clipping"), lambda g: g.applied),
            (Column("seeds", "count"), lambda g: g.seeds),
        ),
        note="Means over the paired steps of a leg of training and over seeds.",
    )


def alignment_tables(found: Comparison) -> tuple[Table, ...]:
    """Spontaneous alignment over training: a table per measure, a row per side and centering."""
    measures = dict.fromkeys((c.measure, c.pairs) for c in found.alignment)
    return tuple(
        _alignment_table([c for c in found.alignment if (c.measure, c.pairs) == key])
        for key in measures
    )


def _alignment_table(curves: Sequence[AlignmentCurve]) -> Table:
    first = curves[0]
    steps = sorted({point.step for curve in curves for point in curve.points})

    def at(step: int) -> Callable[[AlignmentCurve], Cell]:
        def told(curve: AlignmentCurve) -> Cell:
            point = next((p for p in curve.points if p.step == step), None)
            return None if point is None else point.interval or point.mean

        return told

    return Table.of(
        f"Alignment over training: {first.words}, pairs by {first.pairs}",
        curves,
        (
            (
                Column("sides"),
                lambda c: f"{_SIDES[c.side]}\n{'task means taken off' if c.centered else 'plain'}",
            ),
            *((Column(f"step {step:,}", first.kind), at(step)) for step in steps),
            (Column("chance", first.kind), lambda c: c.chance),
        ),
        note=(
            f"Arm {first.arm}: U of one training seed against E of another, both frozen; the two "
            "linear maps are fitted anew at each step, on other episodes."
        ),
    )


def cost_table(found: Comparison) -> Table:
    """Hours by arm, and over all."""
    arms = [arm for arm in found.arms if any(unit.arm == arm for unit in found.cost)]
    groups = [(arm, [unit for unit in found.cost if unit.arm == arm]) for arm in arms]
    several = len(groups) > 1
    groups += [("all arms", list(found.cost))] if several else []
    table = Table.of(
        "Hours by arm",
        groups,
        (
            (Column("arm"), lambda g: g[0]),
            (Column("runs", "count"), lambda g: len(g[1])),
            (Column("training [h]", "number"), lambda g: _hours(g[1], "train_seconds")),
            (Column("judging [h]", "number"), lambda g: _hours(g[1], "judge_seconds")),
            (Column("machines"), lambda g: "\n".join(dict.fromkeys(u.machine for u in g[1]))),
        ),
        note="Hours of the clock: a machine that did other work beside took longer.",
    )
    return replace(table, totals=int(several))


def _hours(units: Sequence[UnitCost], part: str) -> float:
    return sum(getattr(unit, part) for unit in units) / 3600.0


def broken_table(found: Comparison) -> Table:
    """Runs that gave no result: they are named and counted, never dropped."""
    broken = [(f"{unit.arm}, seed {unit.seed}", unit.fault) for unit in found.broken]
    waiting = [(name, "not finished") for name in found.missing]
    return Table(
        title="Runs without a result",
        columns=(Column("run"), Column("why")),
        rows=(*broken, *waiting),
    )
