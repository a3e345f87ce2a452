"""Everything a run folder tells, read once; what is missing stays empty and is never invented."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file

from premotor.codec import Excerpt, read_yaml
from premotor.errors import DataError
from premotor.findings import Study
from premotor.folders import EvaluationFolder, RunFolder
from premotor.limits import CONFIG, check_file, read_bytes
from premotor.records import (
    EvalRecord,
    FilmRecord,
    JudgementRecord,
    NamingPair,
    ProbeRow,
    RecognitionRecord,
    RunManifest,
    StepRecord,
    read_json,
    read_lines,
    read_list,
)
from premotor.report.judgements import Shown, newest

Record = TypeVar("Record")
_OLD = "alignment.json"  # where version 0.1 kept alignment, before there were studies


@dataclass(frozen=True, kw_only=True)
class _Align(Excerpt):
    temperature: float = 0.05  # tau, where a run does not say (decisions D66)


@dataclass(frozen=True, kw_only=True)
class _Mirror(Excerpt):
    align: _Align = _Align()


@dataclass(frozen=True, kw_only=True)
class _Pairing(Excerpt):
    pair_batch_size: int = 0  # rows of a paired step; 0 = not known


@dataclass(frozen=True, kw_only=True)
class Training(Excerpt):
    """What the report tells of config.yaml (train/config.py has all of it)."""

    mirror: _Mirror = _Mirror()
    pairing: _Pairing = _Pairing()


@dataclass(frozen=True, eq=False)
class ProbeStep:
    """Both sides of the probe episodes after one training step."""

    step: int
    u: Float[np.ndarray, "n du"]
    e: Float[np.ndarray, "n de"]
    z_u: Float[np.ndarray, "n dz"]
    z_e: Float[np.ndarray, "n dz"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RunRecords:
    """The contents of a run folder."""

    path: Path
    manifest: RunManifest | None
    config: str  # config.yaml as it is; "" where none was written
    training: Training  # what is read of it
    steps: tuple[StepRecord, ...]
    judged: Shown  # the judgement that is shown, with its roll-outs
    recognition: tuple[RecognitionRecord, ...]
    pairs: tuple[NamingPair, ...]
    studies: tuple[Study, ...]  # of alignment
    outdated: bool  # alignment was measured in the form of version 0.1 alone, which is not read
    films: tuple[FilmRecord, ...]
    probe: tuple[ProbeStep, ...]
    rows: tuple[ProbeRow, ...]

    @property
    def rollouts(self) -> tuple[EvalRecord, ...]:
        """Those of the judgement that is shown."""
        return self.judged.rollouts


def read_run(path: Path) -> RunRecords:
    """Read a run folder as records.py lays it out.

    Raises:
        DataError: There is no such folder, it holds nothing of a run, or a file is corrupted.
        ConfigError: Its config.yaml is.
    """
    if not path.is_dir():
        raise DataError(f"no run folder at {path}; name the folder given to `premotor train --out`")
    folder = RunFolder(path)
    evaluation = folder.evaluation
    known = (folder.manifest, folder.metrics, folder.probe, evaluation.path)
    if not any(part.exists() for part in known):
        names = ", ".join(part.name for part in known)
        raise DataError(f"{path} is not a run folder: none of {names} is in it")
    text = (
        read_bytes(folder.config, CONFIG).decode(errors="replace") if folder.config.exists() else ""
    )
    rows = _list(folder.probe_rows, ProbeRow)
    judged = judged_of(evaluation)
    return RunRecords(
        path=path,
        manifest=read_json(folder.manifest, RunManifest) if folder.manifest.exists() else None,
        config=text,
        training=read_yaml(Training, folder.config) if text else Training(),
        steps=tuple(read_lines(folder.metrics, StepRecord)),
        judged=judged,
        recognition=_list(evaluation.recognition, RecognitionRecord) if judged.watching else (),
        pairs=_list(evaluation.naming_pairs, NamingPair) if judged.watching else (),
        studies=_list(evaluation.studies, Study) if judged.watching else (),
        outdated=(evaluation.path / _OLD).exists() and not evaluation.studies.exists(),
        films=judged.films(_films(evaluation.films)),
        probe=_probe_steps(folder.probe, len(rows)) if rows else (),
        rows=rows,
    )


def _list(path: Path, kind: type[Record]) -> tuple[Record, ...]:
    return tuple(read_list(path, kind)) if path.exists() else ()


def judged_of(folder: EvaluationFolder) -> Shown:
    """The judgement of a run that is to be shown.

    Raises:
        DataError: A record is damaged.
    """
    records = read_lines(folder.rollouts, EvalRecord)
    return newest(records, list(read_lines(folder.judgements, JudgementRecord)))


def _films(folder: Path) -> tuple[FilmRecord, ...]:
    """Records of all JSON files in the folder, each one record or a list of them."""
    films: list[FilmRecord] = []
    for path in sorted(folder.glob("*.json")):
        is_list = read_bytes(path).lstrip().startswith(b"[")
        films += read_list(path, FilmRecord) if is_list else [read_json(path, FilmRecord)]
    return tuple(films)


def _probe_steps(folder: Path, num_rows: int) -> tuple[ProbeStep, ...]:
    steps: list[ProbeStep] = []
    for path in sorted(folder.glob("step_*.safetensors")):
        try:
            check_file(path)
            arrays = load_file(path)
            sides = {k: arrays[k].astype(np.float64) for k in ("u", "e", "z_u", "z_e")}
            number = int(path.stem.removeprefix("step_"))
        except (SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"{path}: expected u, e, z_u, z_e by row: {error!r}") from error
        if any(len(side) != num_rows for side in sides.values()):
            raise DataError(f"{path}: row count differs from the {num_rows} rows of rows.json")
        if all(np.isfinite(side).all() for side in sides.values()):
            steps.append(ProbeStep(number, **sides))
    return tuple(sorted(steps, key=lambda s: s.step))
