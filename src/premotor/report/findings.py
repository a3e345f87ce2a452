"""Findings of alignment in words and tables, the same wherever they are shown."""

from collections.abc import Sequence

from premotor.findings import SIDES, Control, Finding, LayerStudy, Null, Reading, Study
from premotor.measure.sides import CONTROLS
from premotor.measure.verdict import KINDS, stands
from premotor.report.table import ABSENT, Amount, Cell, CellKind, Column, PValue, Table, shown

SPACES = {"raw": "u and e", "z": "z_u and z_e"}
UNIT_KINDS: dict[str, CellKind] = {
    "share": "share",
    "nat": "nat",
    "rank": "rank",
    "score": "number",
}
_STRATA = ("all", "task", "variation")
_WITHIN = {
    "all": "over all episodes",
    "task": "within the task",
    "variation": "within the variation",
}
_IN_PARENTHESES = "In parentheses the p within the task, or over all rows without tasks."
_CONTROLS = {"blanked": "words withheld", "another": "another episode", "both": "both"}
_STAND_INS = {
    "pixels-e": "pixels for u, e",
    "u-path": "u, the hand's path for e",
    "pixels-path": "pixels and path",
}


def headline(studies: Sequence[Study], checkpoint: str) -> Study | None:
    """The study that a page speaks of: of the shared space where it was measured, else of u, e."""
    own = [s for s in studies if (s.checkpoint, s.sides) == (checkpoint, SIDES)]
    return next((s for space in ("z", "raw") for s in own if s.space == space), None)


def verdict_line(study: Study) -> str:
    """The verdict and its reason: the same words wherever it stands."""
    assert study.verdict is not None
    return f"{kind_of(study)}: {study.verdict.because}."


def kind_of(study: Study) -> str:
    """The kind of alignment in a few words."""
    assert study.verdict is not None
    return KINDS[study.verdict.kind].partition(":")[0]


def _named(study: Study) -> str:
    return f"{SPACES[study.space]}, {study.checkpoint}"


def sentences(study: Study) -> tuple[str, ...]:
    """The verdict, what its words mean, how far it goes, and what was not measured."""
    if study.verdict is None:
        return ()
    what = f"{SPACES[study.space]} over {study.num_rows:,} episodes"
    meaning = KINDS[study.verdict.kind].partition(": ")[2]
    found = [
        f"{what}: {verdict_line(study)}",
        f"{_capital(kind_of(study))} means: {meaning}.",
    ]
    found += _on_variations(study)
    for count, side in zip(study.repeated, ("u", "e"), strict=True):
        if count:
            found.append(
                f"{count:,} of {study.num_rows:,} rows of {side} equal an earlier one; rows that "
                "are equally near share the places that they contest."
            )
    absent: dict[str, list[str]] = {}
    for finding in study.findings:
        if finding.own.absent not in ("", study.verdict.because):
            absent.setdefault(finding.own.absent, []).append(finding.label)
    found += [f"Not measured: {', '.join(names)}: {why}." for why, names in absent.items()]
    return (*found, *(f"{_capital(remark)}." for remark in study.remarks))


def all_sentences(studies: Sequence[Study], checkpoint: str) -> tuple[str, ...]:
    """What is said of either space of one checkpoint, what goes for both of them once."""
    own = [s for s in studies if (s.checkpoint, s.sides) == (checkpoint, SIDES)]
    return tuple(dict.fromkeys(line for study in own for line in sentences(study)))


def _on_variations(study: Study) -> list[str]:
    """Whether single episodes of a variation are told apart, by the measures of the verdict."""
    outcome = stands(study.findings, "variation")
    if outcome.stands is None or study.verdict is None or study.verdict.kind == "none":
        return []
    found = (
        "the watched episode still matches its own execution"
        if outcome.stands
        else "the watched episode is not told from the others"
    )
    return [f"Among episodes of the very same variation {found} (p = {outcome.p:.3f})."]


def tables(studies: Sequence[Study], checkpoint: str) -> tuple[Table, ...]:
    """Every table of one checkpoint: numbers, controls and stand-ins of each space."""
    own = [s for s in studies if s.checkpoint == checkpoint and s.findings]
    found: list[Table] = []
    for space in ("z", "raw"):
        for study in (s for s in own if (s.space, s.sides) == (space, SIDES)):
            found.append(numbers(study))
            if _has_controls(study):
                found.append(controls(study))
            if any(finding.by_rows for finding in study.findings):
                found.append(by_rows(study))
    if stand_ins := [s for s in own if s.sides != SIDES]:
        found.append(_stand_ins(stand_ins))
    return tuple(found)


def _has_controls(study: Study) -> bool:
    """Whether anything was measured with something taken away."""
    return any(
        f.own.value is not None and (f.centered is not None or f.controls) for f in study.findings
    )


def numbers(study: Study) -> Table:
    """Each measure with what it is compared with and its nulls."""
    columns = (
        Column("measure"),
        Column("value", "number"),
        Column("compare with"),
        Column("untrained", "number"),
        Column("gain", "number", "over the networks before training, on the same episodes"),
        Column("score", "number", "0 where partners are shuffled, 1 at the best possible"),
        Column("p, all", "p"),
        Column("p, task", "p"),
        Column("p, variation", "p"),
    )
    rows = [_number_row(finding) for finding in study.findings]
    known = [i for i in range(len(columns)) if any(row[i] is not None for row in rows)]
    return Table(
        title=f"Alignment of {_named(study)}, {study.num_rows:,} episodes",
        columns=tuple(columns[i] for i in known),
        rows=tuple(tuple(row[i] for i in known) for row in rows),
        note="95 % intervals in parentheses, of these episodes and tasks and of one training each. "
        "p: partners are shuffled over all rows, within the task, within the variation.",
    )


def _number_row(finding: Finding) -> tuple[Cell, ...]:
    kind = UNIT_KINDS[finding.unit]
    reference = finding.reference
    compared = ABSENT
    if reference is not None:
        compared = f"{reference.kind} {shown(Amount(reference.value, kind), kind)}"
    return (
        finding.label,
        Amount(finding.interval or finding.own.value, kind),
        compared,
        None if finding.untrained is None else Amount(finding.untrained, kind),
        None if finding.gain is None else Amount(finding.gain, _points(kind)),
        finding.calibrated,
        *(_p(finding.own.null(stratum)) for stratum in _STRATA),
    )


def _points(kind: CellKind) -> CellKind:
    return "points" if kind == "share" else kind


def _p(null: Null | None) -> Cell:
    return None if null is None else PValue(null.p, null.least)


def controls(study: Study) -> Table:
    """Each measure with each task's mean taken off, and under each control."""
    known = list(dict.fromkeys((c.name, c.refitted) for f in study.findings for c in f.controls))
    centered = any(finding.centered is not None for finding in study.findings)
    rows = [
        (
            finding.label,
            _read(finding.own, finding),
            *([_read(finding.centered, finding)] if centered else []),
            *(_read(_of(finding, name, new), finding) for name, new in known),
        )
        for finding in study.findings
    ]
    heads = ["measure", "as it is", *(["task means off"] if centered else [])]
    heads += [_CONTROLS[name] + (", maps anew" if new else "") for name, new in known]
    return Table(
        title=f"The same under controls, {_named(study)}",
        columns=tuple(Column(head) for head in heads),
        rows=tuple(rows),
        note=" ".join([_IN_PARENTHESES, *_on_controls(study, centered)]),
    )


def _on_controls(study: Study, centered: bool) -> list[str]:
    """What the columns mean, and which of them decide nothing."""
    found = [control for finding in study.findings for control in finding.controls]
    told = ["Task means off: each task's mean is taken off both sides."] if centered else []
    names = dict.fromkeys(control.name for control in found)
    if names:
        told.append(_capital("; ".join(f"{_CONTROLS[n]}: {CONTROLS[n]}" for n in names)) + ".")
    if any(control.refitted for control in found):
        told.append(
            "Maps anew: fitted without what the control takes away, so that what falls under the "
            "other maps alone was unfamiliar and not missing."
        )
    void = sorted({control.void for control in found if control.void})
    return told + [f"{_capital(reason)}: that control decides nothing." for reason in void]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _of(finding: Finding, name: str, refitted: bool) -> Reading | None:
    own: list[Control] = [c for c in finding.controls if (c.name, c.refitted) == (name, refitted)]
    return own[0].reading if own else None


def _read(reading: Reading | None, finding: Finding) -> str:
    """A value and the p that decides."""
    if reading is None or reading.value is None:
        return ABSENT
    kind = UNIT_KINDS[finding.unit]
    value = shown(Amount(reading.value, kind), kind)
    null = reading.deciding
    if null is None:
        return value
    return f"{value}\n({shown(PValue(null.p, null.least), 'p')})"


def by_rows(study: Study) -> Table:
    """Measures that fade as rows are added, on fewer of them."""
    fading = [finding for finding in study.findings if finding.by_rows]
    sizes = sorted({level.num_rows for finding in fading for level in finding.by_rows})
    return Table(
        title=f"On fewer episodes, {_named(study)}",
        columns=(
            Column("measure"),
            *(Column(f"{size:,} episodes") for size in (*sizes, study.num_rows)),
        ),
        rows=tuple(_level_row(finding, sizes) for finding in fading),
        note="These measures fade as rows are added, chance (in parentheses) with them: compare "
        "them at equal numbers of rows, or by their score.",
    )


def _level_row(finding: Finding, sizes: Sequence[int]) -> tuple[Cell, ...]:
    kind = UNIT_KINDS[finding.unit]
    levels = {level.num_rows: (level.value, level.chance) for level in finding.by_rows}
    known: list[tuple[float | None, float | None]]
    known = [levels.get(size, (None, None)) for size in sizes]
    chance = finding.reference
    known.append((finding.own.value, chance.value if chance and chance.kind == "chance" else None))
    return finding.label, *(_level(value, chance, kind) for value, chance in known)


def _level(value: float | None, chance: float | None, kind: CellKind) -> str:
    there = f" ({shown(Amount(chance, kind), kind)})" if chance is not None else ""
    return shown(Amount(value, kind), kind) + there


def _stand_ins(studies: Sequence[Study]) -> Table:
    """The same measures of what needs no network: what anything learned has to be more than."""
    names = dict.fromkeys(f.label for s in studies for f in s.findings)
    found = {(s.sides, f.label): f for s in studies for f in s.findings}
    rows = [
        (
            name,
            *(
                _read(finding.own, finding) if (finding := found.get((s.sides, name))) else ABSENT
                for s in studies
            ),
        )
        for name in names
    ]
    return Table(
        title="The same measures of what needs no network",
        columns=(Column("measure"), *(Column(_STAND_INS.get(s.sides, s.sides)) for s in studies)),
        rows=tuple(rows),
        note=_IN_PARENTHESES,
    )


def layer_table(study: LayerStudy) -> Table:
    """A measure of every pair of layers; the best is told against the best of shuffled partners."""
    columns = list(dict.fromkeys(pair.layer_e for pair in study.pairs))
    found = {(pair.layer_u, pair.layer_e): pair for pair in study.pairs}
    best = study.best
    p = "; ".join(
        f"{_WITHIN[null.stratum]} {shown(PValue(null.p, null.least), 'p')}" for null in study.nulls
    )
    return Table(
        title=f"{study.label} of every pair of layers, {study.num_rows:,} episodes",
        columns=(Column("layer of U"), *(Column(f"E: {name or 'features'}") for name in columns)),
        rows=tuple(
            (
                one or "features",
                *(_layer_cell(found[one, two].value, found[one, two].score) for two in columns),
            )
            for one in dict.fromkeys(pair.layer_u for pair in study.pairs)
        ),
        note=(
            "In parentheses the score, 0 where partners are shuffled and 1 at the best possible. "
            f"The best pair is U {best.layer_u or 'features'}, E {best.layer_e or 'features'}; "
            f"against the best pair of shuffled partners p: {p}. It was chosen among "
            f"{len(study.pairs)}, which these p allow for."
        ),
    )


def _layer_cell(value: float | None, score: float | None) -> str:
    return ABSENT if value is None else f"{shown(value, 'number')} ({shown(score, 'number')})"
