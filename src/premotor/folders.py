"""What lies where in every folder that premotor writes."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from premotor.claims import OutputFolder
from premotor.episode.observation import VIDEO_CAMERA

# Of a data set, as LeRobot's `meta/info.json` tells them.
CHUNK_SIZE = 1000  # episodes per folder
VIDEO_KEY = f"observation.images.{VIDEO_CAMERA}"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def cache_home() -> Path:
    """Where premotor keeps what it can make again: $PREMOTOR_CACHE, else ~/.cache/premotor.

    Without the variable the folder is the one of the XDG base directories ($XDG_CACHE_HOME).
    """
    named, base = os.environ.get("PREMOTOR_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named)
    return (Path(base) if base else Path.home() / ".cache") / "premotor"


def data_caches() -> Path:
    """Where caches of data sets lie that are not in the data sets."""
    return cache_home() / "data"


@dataclass(frozen=True)
class EvaluationFolder(OutputFolder):
    """What `premotor evaluate` and `premotor ablate` measured of a run."""

    kind: ClassVar[str] = "an evaluation"
    marks: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.json", "films", "traces")

    @property
    def rollouts(self) -> Path:
        """JSON lines of EvalRecord."""
        return self.path / "rollouts.jsonl"

    @property
    def judgements(self) -> Path:
        """JSON lines of JudgementRecord: what was measured to its end, the newest last."""
        return self.path / "judgements.jsonl"

    @property
    def traces(self) -> Path:
        """States of the roll-outs that are to be filmed."""
        return self.path / "traces"

    @property
    def films(self) -> Path:
        """Filmstrips and videos, and `films.json` (FilmRecord)."""
        return self.path / "films"

    @property
    def recognition(self) -> Path:
        """List of RecognitionRecord."""
        return self.path / "recognition.json"

    @property
    def named(self) -> Path:
        """JSON lines of NamedClip."""
        return self.path / "named.jsonl"

    @property
    def naming_pairs(self) -> Path:
        """List of NamingPair."""
        return self.path / "naming_pairs.json"

    @property
    def studies(self) -> Path:
        """List of findings.Study."""
        return self.path / "studies.json"


@dataclass(frozen=True)
class RunFolder(OutputFolder):
    """What a training writes, and what is measured of it."""

    kind: ClassVar[str] = "a run"
    marks: ClassVar[tuple[str, ...]] = ("config.yaml",)
    foreign: ClassVar[tuple[str, ...]] = ("evaluation",)  # another process may be measuring

    @property
    def config(self) -> Path:
        """The resolved TrainConfig; `--config` reads it back."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """RunManifest: where the run comes from."""
        return self.path / "manifest.json"

    @property
    def metrics(self) -> Path:
        """JSON lines of StepRecord."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """A folder per checkpoint (checkpoint.py)."""
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The checkpoint after so many updates."""
        return self.checkpoints / f"step_{step:06d}"

    @property
    def probe(self) -> Path:
        """Arrays of the probe episodes, one file per look."""
        return self.path / "probe"

    @property
    def probe_rows(self) -> Path:
        """List of ProbeRow: which episode a row of the arrays is."""
        return self.probe / "rows.json"

    def probe_arrays(self, step: int) -> Path:
        """u, e, z_u and z_e of the probe episodes after so many updates."""
        return self.probe / f"step_{step:06d}.safetensors"

    @property
    def evaluation(self) -> EvaluationFolder:
        """What was measured of the run."""
        return EvaluationFolder(self.path / "evaluation")

    @property
    def keyframes(self) -> Path:
        """JSON lines of KeyframeRecord; beside the evaluation, which is made without them."""
        return self.path / "keyframes.jsonl"

    @property
    def report(self) -> Path:
        """The page that shows it all."""
        return self.path / "report.html"


@dataclass(frozen=True)
class SplitFolder(OutputFolder):
    """One split of a data set; docs/data_format.md says what its files hold."""

    kind: ClassVar[str] = "a data set"
    marks: ClassVar[tuple[str, ...]] = ("worklist.json",)
    foreign: ClassVar[tuple[str, ...]] = ("cache",)  # a training may be building one

    @property
    def name(self) -> str:
        """Of the split, as "train"."""
        return self.path.name

    @property
    def plan(self) -> Path:
        """DataPlan: which episodes the split is to hold."""
        return self.path / "worklist.json"

    @property
    def records(self) -> Path:
        """JSON lines of EpisodeInfo, one per episode."""
        return self.path / "episodes.jsonl"

    @property
    def former_records(self) -> Path:
        """Where version 0.1.0 kept the records, one file per episode."""
        return self.path / "episodes"

    def data(self, index: int) -> Path:
        """LeRobot's rows of an episode."""
        return self.path / DATA_PATH.format(**_place(index))

    def video(self, index: int) -> Path:
        """The front camera's video of an episode."""
        return self.path / VIDEO_PATH.format(video_key=VIDEO_KEY, **_place(index))

    def keyframes(self, index: int) -> Path:
        """RGB-D views of frame 0 and of the keyframes of an episode."""
        return self.path / f"keyframes/episode_{index:06d}.parquet"

    def states(self, index: int) -> Path:
        """Exact rows and simulator states of an episode."""
        return self.path / f"states/episode_{index:06d}.parquet"

    def relative(self, path: Path) -> str:
        """The name of one of these files in its episode's record."""
        return path.relative_to(self.path).as_posix()

    @property
    def info(self) -> Path:
        """LeRobot's description; written last of all, it marks the split whole."""
        return self.path / "meta/info.json"

    @property
    def stats(self) -> Path:
        """LeRobot's statistics of every feature."""
        return self.path / "meta/stats.json"

    @property
    def instructions(self) -> Path:
        """LeRobot's table of tasks, which are sentences there."""
        return self.path / "meta/tasks.parquet"

    @property
    def places(self) -> Path:
        """LeRobot's table of where each episode lies, and how long it is."""
        return self.path / "meta/episodes/chunk-000/file-000.parquet"

    @property
    def cache(self) -> Path:
        """What training reads, derived from the rest: a CacheFolder each."""
        return self.path / "cache"

    def caches_in(self, folder: Path) -> Path:
        """The same in a folder that many data sets share: named by where the split lies."""
        place = self.path.resolve()
        name = hashlib.sha256(str(place).encode()).hexdigest()[:8]
        return folder / f"{place.parent.name}-{place.name}-{name}"


@dataclass(frozen=True)
class CacheFolder:
    """Arrays that training reads, of one choice of a split's episodes."""

    path: Path

    @property
    def record(self) -> Path:
        """CacheRecord: what the arrays were made of, and what they are."""
        return self.path / "cache.json"

    @property
    def stamps(self) -> Path:
        """How the disk told of each file when its contents were last looked at: StampRecord."""
        return self.path / "stamps.json"

    @property
    def lock(self) -> Path:
        """Held, by several at a time, by those that read the arrays."""
        return self.path / ".lock"

    def array(self, name: str) -> Path:
        """One of the arrays."""
        return self.path / f"{name}.npy"

    def array_record(self, name: str) -> Path:
        """FileInfo of an array that was added later."""
        return self.path / f"{name}.json"


def _place(index: int) -> dict[str, int]:
    return {"chunk_index": index // CHUNK_SIZE, "file_index": index % CHUNK_SIZE}


@dataclass(frozen=True)
class SurveyFolder(OutputFolder):
    """How well the experts do."""

    kind: ClassVar[str] = "a survey"
    marks: ClassVar[tuple[str, ...]] = ("experts.jsonl",)

    @property
    def records(self) -> Path:
        """JSON lines of SurveyRecord."""
        return self.path / "experts.jsonl"

    @property
    def table(self) -> Path:
        """What the records come to."""
        return self.path / "experts.md"


@dataclass(frozen=True)
class ProbeFolder(OutputFolder):
    """Whether two models align by themselves."""

    kind: ClassVar[str] = "a probe"
    marks: ClassVar[tuple[str, ...]] = ("rollouts.jsonl", "probe.json")

    @property
    def rollouts(self) -> Path:
        """JSON lines of EvalRecord."""
        return self.path / "rollouts.jsonl"

    def clips(self, step: int) -> Path:
        """Videos of the roll-outs of the policy after so many updates, for U to watch."""
        return self.path / "clips" / f"step_{step:06d}"

    @property
    def record(self) -> Path:
        """ProbeRecord."""
        return self.path / "probe.json"

    @property
    def page(self) -> Path:
        """The record in words and tables."""
        return self.path / "probe.md"

    @property
    def figure(self) -> Path:
        """The record as a figure."""
        return self.path / "probe.svg"

    def features(self, name: str) -> Path:
        """Features of a side, for `premotor align`."""
        return self.path / "features" / f"{name}.npz"


@dataclass(frozen=True)
class AblationFolder(OutputFolder):
    """What each part of the policy is worth."""

    kind: ClassVar[str] = "an ablation"
    marks: ClassVar[tuple[str, ...]] = ("trainings.jsonl", "ablation.json")

    @property
    def trainings(self) -> Path:
        """JSON lines of TrainingRecord, one per training."""
        return self.path / "trainings.jsonl"

    def run(self, variant: str, seed: int) -> RunFolder:
        """The run of one training."""
        return RunFolder(self.path / variant / f"seed_{seed}")

    @property
    def record(self) -> Path:
        """List of AblationRecord."""
        return self.path / "ablation.json"

    @property
    def page(self) -> Path:
        """The records as a table."""
        return self.path / "ablation.md"

    @property
    def figure(self) -> Path:
        """The records as a figure."""
        return self.path / "ablation.svg"


@dataclass(frozen=True)
class ComparedUnitFolder(OutputFolder):
    """The records of one arm with one seed of a comparison."""

    kind: ClassVar[str] = "the records of a unit"
    marks: ClassVar[tuple[str, ...]] = ("*.json", "*.jsonl", "features", "films")

    @property
    def record(self) -> Path:
        """UnitRecord; written last of all."""
        return self.path / "unit.json"

    @property
    def legs(self) -> Path:
        """JSON lines of LegRecord, one per judged step."""
        return self.path / "legs.jsonl"

    @property
    def named(self) -> Path:
        """JSON lines of NamedClip: how the last checkpoint named the judged clips."""
        return self.path / "named.jsonl"

    @property
    def keyframes(self) -> Path:
        """JSON lines of KeyframeRecord of the last checkpoint."""
        return self.path / "keyframes.jsonl"

    @property
    def rollouts(self) -> Path:
        """JSON lines of EvalRecord of the last checkpoint."""
        return self.path / "rollouts.jsonl"

    def features(self, step: int) -> Path:
        """u, e and z of judged episodes after so many updates."""
        return self.path / "features" / f"step_{step:06d}.npz"

    def fit_features(self, step: int) -> Path:
        """The same of episodes of split train, on which maps are fitted anew."""
        return self.path / "features" / f"fit_step_{step:06d}.npz"

    @property
    def films(self) -> Path:
        """Filmstrips and videos, and `films.json` (KeptFilm)."""
        return self.path / "films"


@dataclass(frozen=True)
class ComparisonFolder(OutputFolder):
    """The records of a comparison: small, no weights, made to be committed."""

    kind: ClassVar[str] = "the records of a comparison"
    marks: ClassVar[tuple[str, ...]] = ("plan.yaml",)
    foreign: ClassVar[tuple[str, ...]] = ("units",)  # other processes may be at work in them

    @property
    def plan(self) -> Path:
        """The ComparisonPlan that everything in it was made by."""
        return self.path / "plan.yaml"

    @property
    def beginning(self) -> Path:
        """BegunRecord: the code and the data that it was begun with."""
        return self.path / "begun.json"

    def unit(self, arm: str, seed: int) -> ComparedUnitFolder:
        """The records of one arm with one seed."""
        return ComparedUnitFolder(self.path / "units" / arm / f"seed_{seed}")

    @property
    def pixels(self) -> Path:
        """What pixels alone tell of the judged episodes whose u and e are kept."""
        return self.path / "features" / "pixels.npz"

    @property
    def fit_pixels(self) -> Path:
        """The same of episodes of split train."""
        return self.path / "features" / "fit_pixels.npz"

    @property
    def clips(self) -> Path:
        """Videos of the judged episodes that are filmed, and `clips.json` (KeptClip)."""
        return self.path / "clips"

    @property
    def record(self) -> Path:
        """The Comparison: every number of the tables and of the page."""
        return self.path / "compare.json"

    @property
    def tables(self) -> Path:
        """The comparison in words and tables."""
        return self.path / "compare.md"

    @property
    def page(self) -> Path:
        """The comparison as one page that needs no network."""
        return self.path / "compare.html"
