"""`premotor align U.npz E.npz`: what kind of alignment two models' features have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from premotor.cli.numbers import show_numbers
from premotor.cli.progress import StageBars
from premotor.errors import DataError, OutputExists
from premotor.measure.sample import Features, Sample, pair_up
from premotor.measure.study import Condition, Controls, StudyConfig, study
from premotor.measure.verdict import verdict_on
from premotor.records import StudyRecord, write_json

_TOLD_EVERY = 20  # draws between two moves of the bar


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

        def on_progress(done: int, total: int) -> None:
            if done % _TOLD_EVERY == 0 or done == total:
                bars("measure", done, total)

        records = study(sample, controls, condition, wanted.study, on_progress)
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
    show_numbers(records, f"alignment over {len(sample)} episodes")
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
    stand_ins = {"pixels": pixels.a if pixels else None, "path": path.b if path else None}
    controls = Controls(
        blanked=blanked.b if blanked else None,
        elsewhere=elsewhere.a if elsewhere else None,
        untrained=(untrained.a, untrained.b) if untrained else None,
        stand_ins={name: values for name, values in stand_ins.items() if values is not None},
    )
    return sample, controls, len(u.values)
