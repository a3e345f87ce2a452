"""What a run writes down, as dataclasses that go to JSON and come back.

A run folder holds `manifest.json`, `config.yaml`, `metrics.jsonl` (StepRecord), `probe/`,
`checkpoints/`, and `evaluation/` with `rollouts.jsonl` (EvalRecord), `recognition.json`
(RecognitionRecord), `named.jsonl` (NamedClip), `naming_pairs.json` (NamingPair), `alignment.json`
(AlignmentRecord), `films/` (FilmRecord + images) and, in an ablation, `keyframes.jsonl`
(KeyframeRecord). The ablation's own folder holds `ablation.json`
(AblationRecord). `premotor align` writes one StudyRecord, `premotor probe` one ProbeRecord.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from premotor import __version__
from premotor.errors import DataError

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class StartRecord:
    """Weights that a run began with."""

    half: str  # "recognizer" or "policy"
    folder: str
    step: int | None  # updates done in the run they come from; None for a half alone
    sha256: str  # of the file that holds them


@dataclass(frozen=True, kw_only=True)
class RunManifest:
    """Where a run comes from."""

    preset: str
    code_version: str  # package version and git commit
    created: str  # ISO 8601, UTC
    command: str
    versions: dict[str, str]  # of the packages that matter
    data: str  # path of the data set
    data_fingerprint: str
    parameters: dict[str, int]  # number of parameters of understand, execute, align
    start: tuple[StartRecord, ...] = ()  # halves that did not begin untrained


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One training step: every loss term and where the time went."""

    step: int
    losses: dict[str, float]  # term name -> value; "total" among them
    grad_norm: float
    learning_rate: float
    samples_per_second: float
    data_seconds: float  # waited for data in this step [s]
    step_seconds: float  # the whole step [s]


@dataclass(frozen=True, kw_only=True)
class EvalRecord:
    """One roll-out of a policy on an unseen episode of the embedded simulator."""

    checkpoint: str  # "untrained" ("started" where it began with stored weights) or "trained"
    preset: str
    task: str
    variation: int
    seed: int
    instruction: str
    success: bool
    strict: bool  # success without any wrong press or other marked mishap on the way
    steps: int  # key poses executed
    reason: str  # how it ended: "success", "time_out", "no_path", "out_of_bounds", ...
    seconds: float
    simulator: str
    code_version: str
    step: int = -1  # updates that the policy had learned from
    max_steps: int = 25  # key poses it was allowed
    failure: str = ""  # why it failed (evaluate/failures.py); "" for successes and older records

    @property
    def ending(self) -> str:
        """How it ended, as finely as is known: records older than `failure` have `reason` alone."""
        return self.failure or self.reason


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float
    count: int  # observations behind it


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often clips of each class were given each name."""

    labels: tuple[str, ...]  # of the classes that occur, as truth or as answer
    counts: tuple[tuple[int, int, float], ...]  # truth, answer, clips; pairs that never occur not


@dataclass(frozen=True, kw_only=True)
class RecognitionRecord:
    """Zero-shot recognition on held-out episodes."""

    checkpoint: str
    class_set: str  # "task", "text" or "variation"
    num_classes: int
    chance: float
    accuracy: Interval  # the clip as it is
    first_frame_only: Interval  # every frame replaced by the first: furniture alone
    shuffled_frames: Interval  # frames in random order: no direction of time
    by_task: dict[str, Interval] = field(default_factory=dict)
    by_axis: dict[str, Interval] = field(default_factory=dict)  # by what a task's variations vary
    top5: Interval | None = None  # the right class is among the five best; None in older records
    macro: Interval | None = None  # mean over tasks, each counting alike
    task_right: Interval | None = None  # the class named belongs to the right task
    tied: int = 0  # clips for which several classes share the best score
    prompts: str = ""  # which texts spoke for a class, and how they counted together
    confusion: Confusion | None = None


@dataclass(frozen=True, kw_only=True)
class NamedClip:
    """A held-out clip and the name that one checkpoint gave it."""

    checkpoint: str
    class_set: str
    task: str
    variation: int
    seed: int  # of the episode
    truth: str  # label of its class
    answer: str  # label of the best class, the first one where several tie
    hit: float  # 1.0 if right, or its chance where the best classes tie


@dataclass(frozen=True, kw_only=True)
class NamingPair:
    """Two checkpoints that named the same clips (measure/paired.py)."""

    ours: str
    theirs: str
    class_set: str
    only_ours: int  # clips that ours alone named rightly
    only_theirs: int
    difference: Interval  # of the two accuracies
    p_value: float  # McNemar's, exact, two-sided


@dataclass(frozen=True, kw_only=True)
class NullRecord:
    """A measure against its permutation null."""

    stratum: str  # rows are permuted over "all" rows, within the "task" or the "variation"
    null_mean: float
    null_sd: float
    null_q95: float
    z_score: float
    p_value: float
    permutations: int


@dataclass(frozen=True, kw_only=True)
class AlignmentRecord:
    """One measure of alignment between z_u and z_e (or u and e) over paired episodes."""

    checkpoint: str
    measure: str  # recall_at_1_{u_to_e,e_to_u}[_within_variation], mutual_knn, ..., bound
    space: str  # "z" (projected) or "raw" (u, e)
    instruction: str  # "given" or "blanked" (the words withheld from E)
    value: float
    reference: float  # chance for recall, log B [nat] for the bound, null mean otherwise
    num_rows: int
    nulls: tuple[NullRecord, ...] = ()
    episode: str = "same"  # or "another" of the same variation, seen by U
    sides: str = "u-e"  # or with stand-ins that need no network: "pixels-e", "u-path", ...
    interval: Interval | None = None  # of the value, over episodes
    gain: Interval | None = None  # over the untrained networks, on the same episodes


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """Features of two models over the same episodes, and what kind of alignment they have."""

    features_u: str  # files
    features_e: str
    num_rows: int  # episodes
    num_averaged: int  # rows in the files, where those of an episode were averaged
    verdict: str  # "mirror", "language", "scene", "scene and language", "none", "unresolved"
    because: str
    temperature: float  # tau of the bound
    measures: tuple[AlignmentRecord, ...]  # the numbers and their controls


@dataclass(frozen=True, kw_only=True)
class RelationRecord:
    """Whether the roll-outs that score high are those that succeed (measure/relation.py)."""

    score: str  # what is held against success, as "cosine of z_u and z_e"
    watched: str  # clip that U saw: "expert", "own" (the roll-out's), "another" of the variation
    instruction: str  # "given" or "blanked"
    within: str  # successes and failures compared are of one "task", one "variation", or of "all"
    auc: Interval  # P(score of a success > score of a failure), ties 1/2; count = episodes
    p_value: float  # outcomes permuted within the strata, two-sided
    permutations: int
    num_pairs: int  # of a success and a failure
    by_stratum: dict[str, Interval] = field(default_factory=dict)  # AUC of each task, within tasks


@dataclass(frozen=True, kw_only=True)
class ProbeRecord:
    """Two frozen towers with maps fitted between them, measured on held-out episodes."""

    run_u: str
    run_e: str
    step_u: int  # updates behind each tower; -1: not known
    step_e: int
    together: str  # why the two were not trained apart; "" where they were
    fit_split: str  # whose episodes the maps learned from
    num_fit: int  # episodes
    split: str  # whose episodes are measured
    num_rows: int  # episodes
    unit: str  # what is watched: the "episode", or one "segment" of each
    named: Interval  # clips that U names rightly among all texts
    other_camera: str  # through which U sees another episode; "": the data set's
    named_elsewhere: Interval | None  # the same clips through that camera
    temperature: float  # tau of the maps and of the bound
    measures: tuple[
        AlignmentRecord, ...
    ]  # checkpoints "untrained", where both are known, "trained"
    relations: tuple[RelationRecord, ...]  # empty where every roll-out ended alike
    successes: int  # of the roll-outs
    rollouts: int
    simulator: str
    code_version: str


@dataclass(frozen=True, kw_only=True)
class KeyframeRecord:
    """One held-out keyframe and the policy's word for it, from the expert's true observation."""

    step: int  # updates that the policy had learned from
    task: str
    variation: int
    seed: int  # of the episode
    keyframe_index: int  # from 0
    position_error: float  # [m]
    rotation_error: float  # [deg] of the rotation that takes one to the other
    gripper_right: bool
    collision_right: bool


@dataclass(frozen=True, kw_only=True)
class AblationRecord:
    """One measure of one variant, and its difference to the baseline on the same episodes."""

    variant: str
    task: str  # or "all tasks": success with every task counting alike, keyframes all together
    measure: str  # "success", "strict", "position" (within 2 cm) or "rotation" (within 15 deg)
    value: Interval  # mean over the seeds
    difference: Interval | None  # None for the baseline itself, or where it lacks a seed
    steps: int  # updates of each training
    seeds: int  # trainings behind it
    simulator: str  # of the roll-outs; "" where none took part
    over: str  # what the intervals are about: "seeds", or "these episodes" of one training
    p_value: float | None  # of the difference over seeds (measure/paired.py:sign_flip)
    least_p: float | None  # the least that so many seeds can reach


@dataclass(frozen=True, kw_only=True)
class FilmRecord:
    """A recorded roll-out for the report: images with the predicted keyframes drawn in."""

    checkpoint: str
    task: str
    variation: int
    seed: int
    instruction: str
    success: bool
    reason: str  # as `EvalRecord.ending`
    strip: str  # PNG file name, relative to the folder of this record
    video: str  # MP4 file name, relative; "" where none was made


@lru_cache(maxsize=1)
def code_version() -> str:
    """Version of the package, and the commit it was run from where there is one."""
    place = Path(__file__).parent
    command = ["git", "-C", str(place), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{found.stdout.strip()}"


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a record, or a list of records, as indented JSON."""
    plain = [asdict(v) for v in value] if isinstance(value, list | tuple) else asdict(value)
    write_atomically(path, (json.dumps(plain, indent=1) + "\n").encode())


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write records as JSON lines, whole file at once."""
    text = "".join(json.dumps(asdict(r)) + "\n" for r in records)
    write_atomically(path, text.encode())


def _restore(kind: type[Record], raw: dict[str, Any], path: Path) -> Record:
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if extra := set(raw) - names:
        raise DataError(f"{path}: unknown fields {sorted(extra)} for {kind.__name__}")
    try:
        return kind(**{k: _value(k, v) for k, v in raw.items()})
    except TypeError as error:
        raise DataError(f"{path}: not a {kind.__name__}: {error}") from error


_LISTED: dict[str, Any] = {  # fields that hold several records
    "nulls": NullRecord,
    "start": StartRecord,
    "measures": AlignmentRecord,
    "relations": RelationRecord,
}


def _value(name: str, value: Any) -> Any:
    if name in ("by_task", "by_axis", "by_stratum"):
        return {k: Interval(**v) for k, v in value.items()}
    if name == "confusion" and isinstance(value, dict):
        counts = tuple((int(t), int(a), float(n)) for t, a, n in value["counts"])
        return Confusion(labels=tuple(value["labels"]), counts=counts)
    if name in _LISTED:
        kind = _LISTED[name]
        return tuple(kind(**{k: _value(k, v) for k, v in record.items()}) for record in value)
    if isinstance(value, dict) and set(value) == {"value", "low", "high", "count"}:
        return Interval(**value)
    return value


def read_json(path: Path, kind: type[Record]) -> Record:
    """Read one record.

    Raises:
        DataError: The file is missing, is not JSON or has other fields.
    """
    return _restore(kind, _load(path), path)


def read_list(path: Path, kind: type[Record]) -> list[Record]:
    """Read a list of records written by `write_json`."""
    return [_restore(kind, raw, path) for raw in _load(path)]


def read_lines(path: Path, kind: type[Record]) -> Iterator[Record]:
    """Read JSON lines; a last line cut off by a crash is ignored."""
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            raw = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                return
            raise DataError(f"{path}:{number}: not a JSON record: {error}") from error
        yield _restore(kind, raw, path)


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; run the command that makes it first") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
