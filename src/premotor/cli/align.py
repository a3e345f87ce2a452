"""`premotor align U.npz E.npz`: what kind of alignment two models' features have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.progress import StageBars
from premotor.errors import DataError, OutputExists
from premotor.measure.sample import Features, Sample, pair_up
from premotor.measure.study import Condition, Controls, StudyConfig, study
from premotor.measure.verdict import verdict_on
from premotor.records import AlignmentRecord, Interval, NullRecord, StudyRecord, write_json

_WIDTH = 168  # [characters] of the table


@dataclass(frozen=True, kw_only=True)
class AlignCommand:
    """Measure how far two models' features of the same episodes align, and why.

    A feature file is an .npz with `features` (rows, width) and, where known, `task`, `variation`
    and `episode` (rows). Row i of all files is the same episode; rows of one episode are averaged.
    """

    features_u: Annotated[Path, tyro.conf.Positional]  # of the model that watches
    features_e: Annotated[Path, tyro.conf.Positional]  # of the model that acts
    groups: Path | None = None  # .npz with task, variation, episode, where the files have none
    blanked: Path | None = None  # features_e once more, with the instruction withheld
    elsewhere: Path | None = None  # features_u once more, seen by a camera that E does not have
    untrained_u: Path | None = None  # features_u of the same network before training
    untrained_e: Path | None = None
    pixels: Path | None = None  # stand-in for U without a network, as store/stand_ins.py makes it
    path: Path | None = None  # stand-in for E: the way of the end effector
    shared: bool = False  # both are in one space: measure retrieval and the bound too
    out: Path = Path("alignment.json")
    overwrite: bool = False  # replace a file that is there
    study: Annotated[StudyConfig, tyro.conf.arg(name="")] = field(default_factory=StudyConfig)


def command(argv: Sequence[str]) -> int:
    """Run `premotor align`."""
    wanted = tyro.cli(AlignCommand, prog="premotor align", args=list(argv))
    if wanted.out.exists() and not wanted.overwrite:
        raise OutputExists(f"{wanted.out} exists; replace it with --overwrite")
    sample, controls, rows = _read(wanted)
    condition = Condition(checkpoint="given", space="z" if wanted.shared else "raw")
    with StageBars() as bars:
        records = study(
            sample,
            controls,
            condition,
            wanted.study,
            lambda done, total: bars("measure", done, total) if not done % 20 else None,
        )
    found = verdict_on(records)
    record = StudyRecord(
        features_u=str(wanted.features_u),
        features_e=str(wanted.features_e),
        num_rows=len(sample),
        num_averaged=rows,
        verdict=found.kind,
        because=found.because,
        temperature=wanted.study.measure.temperature,
        measures=tuple(records),
    )
    write_json(wanted.out, record)
    show(record)
    print(f"{found.name}: {found.because}")
    print(f"{wanted.out}: {len(records)} numbers")
    return 0


def _read(wanted: AlignCommand) -> tuple[Sample, Controls, int]:
    """The sample, its controls, and the rows of the files.

    Raises:
        DataError: A file cannot be read, or its rows are not those of the others.
    """
    if (wanted.untrained_u is None) != (wanted.untrained_e is None):
        raise DataError("untrained features are compared in pairs; give both files or neither")
    u, e = Features.load(wanted.features_u), Features.load(wanted.features_e)
    if wanted.groups is not None:
        u = u.with_labels(wanted.groups)

    def pair(watched: Path | None, done: Path | None) -> Sample | None:
        """The same rows, with another file in place of one or both."""
        if watched is None and done is None:
            return None
        one = Features.load(watched).labeled_as(u) if watched else u
        return pair_up(one, Features.load(done).labeled_as(e) if done else e)

    sample = pair_up(u, e)
    blanked, elsewhere = pair(None, wanted.blanked), pair(wanted.elsewhere, None)
    untrained = pair(wanted.untrained_u, wanted.untrained_e)
    pixels, path = pair(wanted.pixels, None), pair(None, wanted.path)
    stand_ins = {"pixels": pixels and pixels.a, "path": path and path.b}
    controls = Controls(
        blanked=blanked and blanked.b,
        elsewhere=elsewhere and elsewhere.a,
        untrained=(untrained.a, untrained.b) if untrained else None,
        stand_ins={name: values for name, values in stand_ins.items() if values is not None},
    )
    return sample, controls, len(u.values)


def show(record: StudyRecord) -> None:
    """Print the numbers, each beside its controls."""
    console = Console(width=_WIDTH)
    table = Table(title=f"alignment over {record.num_rows} episodes")
    for column in (
        "measure",
        "value",
        "95 % interval",
        "chance",
        "p: all, task, variation",
        "words withheld",
        "another episode",
        "over untrained",
        "verdict",
    ):
        table.add_column(column)
    for number in record.measures:
        if (number.sides, number.instruction, number.episode) == ("u-e", "given", "same"):
            table.add_row(*_cells(number, record.measures))
    console.print(table)
    stand_ins = [r for r in record.measures if r.sides != "u-e" and r.episode == "same"]
    if stand_ins:
        console.print(_stand_ins(stand_ins))


def _cells(number: AlignmentRecord, records: Sequence[AlignmentRecord]) -> list[str]:
    own = [r for r in records if (r.measure, r.sides) == (number.measure, "u-e")]
    beside = {(r.instruction, r.episode): r for r in own}
    return [
        number.measure,
        f"{number.value:.3f}",
        _interval(number.interval),
        f"{'at most ' if number.measure == 'bound' else ''}{number.reference:.3f}",
        ", ".join(_p(null) for null in number.nulls),
        _control(beside.get(("blanked", "same"))),
        _control(beside.get(("given", "another"))),
        _interval(number.gain) if number.gain else "not given",
        verdict_on(own).kind,
    ]


def _stand_ins(records: Sequence[AlignmentRecord]) -> Table:
    table = Table(title="the same measures of what needs no network")
    for column in ("measure", "sides", "value", "p: all, task, variation"):
        table.add_column(column)
    for record in records:
        p_values = ", ".join(_p(null) for null in record.nulls)
        table.add_row(record.measure, record.sides, f"{record.value:.3f}", p_values)
    return table


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else "not measured"


def _p(null: NullRecord) -> str:
    return f"{null.p_value:.3f}" if null.permutations else "none to trade"


def _control(record: AlignmentRecord | None) -> str:
    """A control's number with the p-value that decides: the one within the task."""
    if record is None:
        return "not given"
    nulls = {null.stratum: null for null in record.nulls}
    null = nulls.get("task", nulls["all"])
    return f"{record.value:.3f} (p {_p(null)})"
