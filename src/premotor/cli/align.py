"""`premotor align U.npz E.npz`: what kind of alignment two models' features have."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor.claims import claim_file
from premotor.cli.findings import show_studies, show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.errors import ConfigError, DataError
from premotor.findings import AlignRecord
from premotor.measure.catalog import BY_NAME
from premotor.measure.features import Features, agreed_labels, by_episode, pair_up
from premotor.measure.layers import Layers, layer_study
from premotor.measure.plan import StudyConfig
from premotor.measure.retrieval import rank_type
from premotor.measure.sides import Sides, controls_of, stand_ins_of
from premotor.measure.study import study
from premotor.measure.verdict import HEADLINE
from premotor.records import write_json
from premotor.report.findings import layer_table

_MANY = 10_000  # rows that are worth a warning


@dataclass(frozen=True, kw_only=True)
class AlignCommand:
    """Measure how far two models' features of the same episodes align, and why.

    A feature file is an .npz with `features` (rows, width) and, where known, `task`, `variation`,
    `episode` and `instruction` (rows). Row i of all files is the same episode; rows of one episode
    are averaged.
    A file may hold several layers, as `features_3` and `features_last`: then every layer is
    measured against every layer of the other file, and the best pair is told against chance over
    all pairs.
    """

    features_u: Annotated[Path, tyro.conf.Positional]  # of the model that watches
    features_e: Annotated[Path, tyro.conf.Positional]  # of the model that acts
    groups: Path | None = None  # .npz with task, variation, episode, where the files have none
    blanked: Path | None = None  # features_e once more, with the instruction withheld
    other_camera: Path | None = None  # features_u once more, seen by a camera that E does not have
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
    wanted = parsed(AlignCommand, "align", argv)
    claim_file(wanted.out, wanted.overwrite)
    u, e = Features.load(wanted.features_u), Features.load(wanted.features_e)
    if wanted.groups is not None:
        u = u.with_labels(wanted.groups)
    record = AlignRecord(
        features_u=str(wanted.features_u),
        features_e=str(wanted.features_e),
        num_averaged=len(u),
        temperature=wanted.study.measure.temperature,
    )
    if max(len(u.layers), len(e.layers)) > 1:
        record = _layers(record, u, e, wanted)
    else:
        record = _one_pair(record, u, e, wanted)
    write_json(wanted.out, record)
    print(f"{wanted.out}: written")
    return 0


def _one_pair(record: AlignRecord, u: Features, e: Features, wanted: AlignCommand) -> AlignRecord:
    """One layer against one, with everything it is held against.

    Raises:
        ConfigError: A measure was asked for that two spaces do not have.
    """
    sides = _read(u, e, wanted)
    of_one_space = [name for name in wanted.study.only if BY_NAME[name].one_space]
    if of_one_space and not wanted.shared:
        raise ConfigError(
            f"{', '.join(of_one_space)} compare rows of u with rows of e; where both are in one "
            "space, add --shared, else leave them out of --only"
        )
    _warn(len(sides), wanted.shared)
    with StageBars() as bars:
        studies = study(
            sides,
            wanted.study,
            checkpoint="given",
            space="z" if wanted.shared else "raw",
            progress=bars,
        )
    show_studies(studies)
    return replace(record, studies=studies)


def _warn(num_rows: int, shared: bool) -> None:
    """Say before it starts what a study of very many rows takes."""
    if num_rows < _MANY:
        return
    kept = 2 * rank_type(num_rows).itemsize * num_rows**2 / 2**30  # [GiB] of ranks both ways
    memory = f" and {kept:.1f} GiB of memory for the ranks alone" if shared else ""
    said = f"{num_rows:,} rows: this may take tens of minutes of one core{memory}; fewer take less"
    Console(stderr=True).print(said, highlight=False, soft_wrap=True)


def _layers(record: AlignRecord, u: Features, e: Features, wanted: AlignCommand) -> AlignRecord:
    """Every layer of one file against every layer of the other.

    Raises:
        ConfigError: Something was asked for that needs one layer a side.
    """
    asked = ("blanked", "other_camera", "untrained_u", "untrained_e", "pixels", "path")
    given = [name for name in asked if getattr(wanted, name) is not None]
    if given or wanted.shared:
        names = [f"--{name.replace('_', '-')}" for name in given] + ["--shared"] * wanted.shared
        raise ConfigError(
            f"{', '.join(names)} compare one layer a side, got {len(u.layers)} and "
            f"{len(e.layers)}; choose by the table of all layers, then save one a side"
        )
    labels = agreed_labels(u, e)
    averaged = [
        {name: by_episode(values, values[:, :1], labels) for name, values in side.layers.items()}
        for side in (u, e)
    ]
    rows = next(iter(averaged[0].values()))
    watched, done = ({name: s.u for name, s in side.items()} for side in averaged)
    layers = Layers(watched, done, rows)
    chosen = wanted.study.only or HEADLINE
    with StageBars() as bars:
        found = tuple(layer_study(layers, measure, wanted.study, bars) for measure in chosen)
    show_tables([layer_table(study) for study in found])
    return replace(record, layers=found)


def _read(u: Features, e: Features, wanted: AlignCommand) -> Sides:
    """Both sides with the controls, the untrained networks and the stand-ins that are given.

    Raises:
        DataError: A file cannot be read, or its rows are not those of the others.
    """
    if (wanted.untrained_u is None) != (wanted.untrained_e is None):
        raise DataError("untrained features are compared in pairs; give both files or neither")

    def pair(watched: Path | None, done: Path | None) -> Sides | None:
        """The same rows, with another file in place of one or both."""
        if watched is None and done is None:
            return None
        one = Features.load(watched).labeled_as(u) if watched else u
        return pair_up(one, Features.load(done).labeled_as(e) if done else e)

    sides = pair_up(u, e)
    blanked, other_camera = pair(None, wanted.blanked), pair(wanted.other_camera, None)
    pixels, path = pair(wanted.pixels, None), pair(None, wanted.path)
    controls = controls_of(
        sides,
        blanked=blanked.e if blanked else None,
        other_camera=other_camera.u if other_camera else None,
        seed=wanted.study.seed,
    )
    stand_ins = stand_ins_of(sides, pixels.u if pixels else None, path.e if path else None)
    return replace(
        sides,
        controls=controls,
        untrained=pair(wanted.untrained_u, wanted.untrained_e),
        stand_ins=stand_ins,
    )
