"""What a run writes down, as dataclasses that go to JSON and come back.

A run folder holds `manifest.json`, `config.yaml`, `metrics.jsonl` (StepRecord), `probe/` (arrays,
and `rows.json` of ProbeRow), `checkpoints/`, `keyframes.jsonl` (KeyframeRecord) and `evaluation/`
with `rollouts.jsonl` (EvalRecord), `judgements.jsonl` (JudgementRecord), `recognition.json`
(RecognitionRecord), `named.jsonl` (NamedClip), `naming_pairs.json` (NamingPair), `studies.json`
(findings.Study) and `films/` (FilmRecord + images). The ablation's own folder holds `ablation.json`
(AblationRecord). What `premotor align` and `premotor probe` write stands in findings.py.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from premotor.codec import from_json, renamed, restore, to_json
from premotor.episode.identity import EpisodeId, OfEpisode
from premotor.errors import DataError, naming
from premotor.limits import read_bytes
from premotor.paths import check_name
from premotor.temporary import held_file, sweep_beside

Record = TypeVar("Record")
UNKNOWN_STEP = -1  # in records of before they told it


@dataclass(frozen=True, kw_only=True)
class StartRecord:
    """Weights that a run began with."""

    half: str  # "recognizer", "policy" or "run": all of it, trained further
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
    words: tuple[str, ...] = ()  # that the policy was told in training; () in older records


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
    gradients: dict[str, float] = field(default_factory=dict)
    """Of steps that act and watch, where each loss is clipped by itself, before clipping: "P/own",
    norm of the own losses' gradient in part P ("policy", "policy/coarse", ...); "P/align", of the
    weighted alignment's; "P/cosine" of both; "policy/ratio", "recognizer/ratio": alignment's norm
    over the own one's as they were applied. Of steps that act alone and are aligned with a bank,
    the same of policy and maps, as "acting/policy/own". {} in older records"""


@dataclass(frozen=True)
class ProbeRow:
    """Which held-out episode a row of every array in `probe/` is."""

    task: str
    variation: int
    episode: int  # number in its data set


@dataclass(frozen=True, kw_only=True)
class EvalRecord(OfEpisode):
    """One roll-out of a policy on an unseen episode of the embedded simulator."""

    checkpoint: str  # "untrained" ("started" where it began with stored weights) or "trained"
    preset: str
    instruction: str
    success: bool
    strict: bool  # success without any wrong press or other marked mishap on the way
    key_poses: int  # executed
    reason: str  # how it ended: "success", "time_out", "no_path", "out_of_bounds", ...
    seconds: float
    simulator: str
    code_version: str
    step: int = UNKNOWN_STEP  # updates that the policy had learned from
    max_key_poses: int = 25  # it was allowed
    failure: str = (
        ""  # why it failed (evaluate/acting/failures.py); "" for successes and older records
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name(self.checkpoint, "checkpoint")  # films and traces are named by it

    @classmethod
    def of_before(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """As version 0.1.0 wrote it."""
        return renamed(raw, key_poses="steps", max_key_poses="max_steps")

    @property
    def ending(self) -> str:
        """How it ended, as finely as is known: records older than `failure` have `reason` alone."""
        return self.failure or self.reason


@dataclass(frozen=True, kw_only=True)
class ActingSettings:
    """What the roll-outs of one judgement have in common."""

    step: int  # updates that the trained policy had learned from
    max_key_poses: int  # allowed
    simulator: str
    seed: int = UNKNOWN_STEP  # of the list of unseen episodes


@dataclass(frozen=True, kw_only=True)
class WatchingSettings:
    """What recognition and alignment of one judgement were measured with."""

    step: int  # updates that the trained model had learned from
    split: str
    fit_split: str
    class_sets: tuple[str, ...]
    prompts: str
    templates: tuple[str, ...]
    other_camera: str


@dataclass(frozen=True, kw_only=True)
class JudgementRecord:
    """A judgement that came to its end: of acting, or of watching.

    With another value of its settings it is another judgement, and never counted together.
    """

    ended: str  # ISO 8601, UTC
    acting: ActingSettings | None = None
    episodes: tuple[EpisodeId, ...] = ()  # that were acted in
    watching: WatchingSettings | None = None


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
    first_frame_by_axis: dict[str, Interval] = field(default_factory=dict)  # {} in older records
    shuffled_by_axis: dict[str, Interval] = field(default_factory=dict)
    top5: Interval | None = None  # the right class is among the five best; None in older records
    macro: Interval | None = None  # mean over tasks, each counting alike
    task_right: Interval | None = None  # the class named belongs to the right task
    tied: int = 0  # clips for which several classes share the best score
    prompts: str = ""  # which texts spoke for a class, and how they counted together
    confusion: Confusion | None = None


@dataclass(frozen=True, kw_only=True)
class NamedClip(OfEpisode):
    """A held-out clip and the name that one checkpoint gave it."""

    checkpoint: str
    class_set: str
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
class KeyframeRecord(OfEpisode):
    """One held-out keyframe and the policy's word for it, from the expert's true observation."""

    step: int  # updates that the policy had learned from
    keyframe_index: int  # from 0
    position_error: float  # [m]
    rotation_error: float  # [deg] of the rotation that takes one to the other
    gripper_right: bool
    collision_right: bool
    coarse_error: float | None = None  # [m] of the first look alone; None in older records
    decisive: bool | None = None
    """Whether the words choose where it lies (`simulate.task.Task.decisive`). None where that is
    not known: the task is not ours, the keyframes are not one for each of the expert's waypoints,
    or the record is an older one."""


@dataclass(frozen=True, kw_only=True)
class HeldOutRecord:
    """What one checkpoint makes of held-out episodes, without acting (evaluate/held_out_losses.py).

    Every number is a mean over tasks, each counting alike.
    """

    split: str
    rows: int  # key poses that were asked for
    clips: int  # episodes whose clips were named and whose u and e were compared
    execute: dict[str, float]  # [nat] "execute", L_e, and its terms, teacher-forced
    execute_by_task: dict[str, float]  # [nat] L_e
    position: float  # share of key poses within 2 cm, from the expert's true observation
    rotation: float  # share within 15 degrees
    decisive: float | None  # of those at which the words choose, within 2 cm; None: there are none
    text_accuracy: float  # share of clips named rightly among all texts
    text_accuracy_by_task: dict[str, float]
    text_within_task: float  # the same among the texts of the clip's own task
    text_log_p: float  # [nat] log p of the true text among all, at `temperature`
    text_log_p_within_task: float  # [nat] among those of the clip's task, at the same
    temperature: float  # at which log p is largest over the clips of the split `fitted_on`
    fitted_on: str
    neighbor: dict[str, float]
    """Share of episodes whose nearest other one of the task has the same instruction, by "u", "e"
    and "e_without_words"; empty where no task has two instructions of two episodes each"""
    chance: dict[str, float]  # what a guess gets: "text_accuracy", "text_within_task", "neighbor"


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """One training of one variant, and all that was measured of it."""

    variant: str
    seed: int  # of the training
    steps: int  # updates
    rollouts: tuple[EvalRecord, ...]
    keyframes: tuple[KeyframeRecord, ...]


@dataclass(frozen=True, kw_only=True)
class AblationRecord:
    """One measure of one variant, and its difference to the baseline on the same episodes."""

    variant: str
    task: str  # or "all tasks": success with every task counting alike, keyframes all together
    measure: str
    """ "success", "strict"; of keyframes "position" (within 2 cm), "rotation" (within 15 deg), or
    "decisive" (the position of those at which the words choose)."""
    value: Interval  # mean over the seeds
    difference: Interval | None  # None for the baseline itself, or where it lacks a seed
    steps: int  # updates of each training
    seeds: int  # trainings behind it
    simulator: str  # of the roll-outs; "" where none took part
    over: str  # what the intervals are about: "seeds", or "these episodes" of one training
    p_value: float | None  # of the difference over seeds (measure/paired.py:sign_flip)
    least_p: float | None  # the least that so many seeds can reach


@dataclass(frozen=True, kw_only=True)
class FilmRecord(OfEpisode):
    """A recorded roll-out for the report: images with the predicted keyframes drawn in."""

    checkpoint: str
    instruction: str
    success: bool
    reason: str  # as `EvalRecord.ending`
    strip: str  # PNG file name, relative to the folder of this record
    video: str  # MP4 file name, relative; "" where none was made
    step: int = UNKNOWN_STEP  # updates that the policy had learned from

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name(self.strip, "strip")
        if self.video:
            check_name(self.video, "video")


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name, flush to disk, rename; what a crash left of it goes first.

    Raises:
        SystemRefused: The system would not; what was there is there still, and nothing else.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        with held_file(path) as (temporary, file):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a record, or a list of records, as indented JSON."""
    write_atomically(path, to_json(value, indent=1).encode())


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write records as JSON lines (`codec.to_json` gives each), whole file at once."""
    write_atomically(path, "".join(to_json(record) for record in records).encode())


def append_line(file: FileIO, record: Any) -> None:
    """Add a record to a file of JSON lines: whole, or as much as the system took.

    Raises:
        OSError: The system would not take all of it; what it took has no end and does not count.
    """
    rest = to_json(record).encode()
    while rest:
        rest = rest[file.write(rest) :]


def read_json(path: Path, kind: type[Record]) -> Record:
    """Read one record.

    Raises:
        DataError: The file is missing, is not JSON or not that of a `kind`.
    """
    return restore(kind, _load(path), str(path))


def read_list(path: Path, kind: type[Record]) -> list[Record]:
    """Read a list of records written by `write_json`.

    Raises:
        DataError: The file is missing, is not JSON or not a list of a `kind`.
    """
    raw = _load(path)
    if not isinstance(raw, list):
        raise DataError(f"{path}: expected a list of {kind.__name__}, got {type(raw).__name__}")
    return [restore(kind, part, f"{path}[{i}]") for i, part in enumerate(raw)]


def read_lines(path: Path, kind: type[Record]) -> Iterator[Record]:
    """Read JSON lines, none where there is no file; a last line without its end is ignored.

    Such a line was cut off by a crash while it was written.

    Raises:
        DataError: A line is not JSON or not that of a `kind`; file and line are named.
    """
    lines = read_bytes(path).splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, 1):
        source = f"{path}:{number}"
        try:
            raw = from_json(line, source)
        except DataError:
            if line.endswith(b"\n"):
                raise
            return
        yield restore(kind, raw, source)


def _load(path: Path) -> Any:
    try:
        return from_json(read_bytes(path), str(path))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; run the command that makes it first") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
