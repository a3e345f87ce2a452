"""The folder of a run: made once, owned by one training at a time, taken up where it stopped."""

import fcntl
import logging
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from premotor.codec import from_yaml, to_json, to_yaml
from premotor.data.dataset import Dataset
from premotor.errors import ConfigError, DataError, OutputExists, refuse_both
from premotor.mirror import Mirror
from premotor.progress import Progress, no_progress
from premotor.records import (
    RunManifest,
    StepRecord,
    code_version,
    read_json,
    read_lines,
    write_atomically,
    write_json,
    write_lines,
)
from premotor.represent import Source, open_dataset
from premotor.train.config import TrainConfig, differing
from premotor.train.start import origins

_log = logging.getLogger(__name__)
_CHECKED_LATER = ("processes",)  # what counts is how many wrote the checkpoint
_PACKAGES = ("torch", "accelerate", "numpy", "safetensors", "mujoco")


@dataclass(frozen=True)
class Run:
    """Where a run keeps what it writes down."""

    path: Path

    @property
    def config_path(self) -> Path:
        """The resolved configuration; `--config` reads it back."""
        return self.path / "config.yaml"

    @property
    def metrics_path(self) -> Path:
        """One StepRecord per line."""
        return self.path / "metrics.jsonl"

    @property
    def manifest_path(self) -> Path:
        """Where the run comes from."""
        return self.path / "manifest.json"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the run's lock, which the system frees however this process ends.

        Raises:
            OutputExists: Another process is training into this run.
        """
        with (self.path / ".lock").open("w") as file:
            for attempt in range(100):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if attempt == 99:
                        raise OutputExists(
                            f"another process is training into {self.path}; wait or stop it"
                        ) from None
                    time.sleep(0.1)
            yield

    def append(self, record: StepRecord) -> None:
        """Add a line to the metrics."""
        with self.metrics_path.open("a") as file:
            file.write(to_json(record))

    def truncate_metrics(self, step: int) -> None:
        """Forget the steps from `step` on, which are about to be repeated.

        Raises:
            DataError: A line is damaged; one that a crash cut off is forgotten.
        """
        if not self.metrics_path.exists():
            return
        known = read_lines(self.metrics_path, StepRecord)
        write_lines(self.metrics_path, [record for record in known if record.step < step])


def differences(a: TrainConfig, b: TrainConfig) -> list[str]:
    """Fields in which two configurations of one training differ, with both values."""
    return [
        f"{name}: {ours} in the run, {theirs} now"
        for name, ours, theirs in differing(a, b)
        if name not in _CHECKED_LATER
    ]


def read_config(path: Path) -> TrainConfig:
    """The configuration of a run, from its `config.yaml`.

    Raises:
        DataError: The file is missing.
        ConfigError: It holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; expected the config.yaml of a run")
    return from_yaml(TrainConfig, path.read_text(), str(path))


def prepare(
    path: Path, config: TrainConfig, fingerprint: str, resume: bool, overwrite: bool
) -> Run:
    """Make the run's folder, or take up the one that is there.

    Raises:
        OutputExists: It is there and neither resumed nor overwritten, or is no run.
        ConfigError: It was made with another configuration or data set.
    """
    refuse_both(resume, overwrite)
    run = Run(path)
    if path.exists() and any(path.iterdir()):
        if not run.config_path.is_file():
            raise OutputExists(f"{path} is there and is not a run; choose another --out")
        if resume:
            _check_same(run, config, fingerprint)
            return run
        if not overwrite:
            raise OutputExists(
                f"{path} is there; add --resume to go on with it, --overwrite to start anew, "
                "or choose another --out"
            )
        with run.owned():
            shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    write_atomically(run.config_path, to_yaml(config).encode())
    return run


def _check_same(run: Run, config: TrainConfig, fingerprint: str) -> None:
    if found := differences(read_config(run.config_path), config):
        lines = "\n  ".join(found)
        raise ConfigError(
            f"{run.path} was made with another configuration:\n  {lines}\n"
            f"resume with --config {run.config_path}, or choose another --out"
        )
    if run.manifest_path.exists():
        manifest = read_json(run.manifest_path, RunManifest)
        if manifest.data_fingerprint != fingerprint:
            raise ConfigError(
                f"{run.path} was trained on other data than this: {manifest.data}, "
                f"fingerprint {manifest.data_fingerprint[:12]}, now {fingerprint[:12]}; "
                "resume with the same --data, or choose another --out"
            )


def open_probe_dataset(
    source: Source, config: TrainConfig, progress: Progress = no_progress
) -> Dataset | None:
    """The split of the probe set, or None with a warning where it was not collected."""
    if config.probe_episodes < 1:
        return None
    if not (source.path / config.probe_split).is_dir():
        _log.warning(
            "no probe set: %s is missing; make it with `premotor collect --split %s`",
            source.path / config.probe_split,
            config.probe_split,
        )
        return None
    return open_dataset(source, config.probe_split, config.mirror, progress)


def write_manifest(
    run: Run, config: TrainConfig, model: Mirror, source: Source, command: str
) -> None:
    """Write down where the run comes from; once, so that resuming changes nothing."""
    if run.manifest_path.exists():
        return
    sizes = {k: sum(p.numel() for p in t.parameters()) for k, t in model.towers.items()}
    manifest = RunManifest(
        preset=config.preset,
        code_version=code_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        versions={"python": platform.python_version()} | _versions(),
        data=str(source.path),
        data_fingerprint=source.open().fingerprint(),
        parameters=sizes,
        start=origins(config.start),
    )
    write_json(run.manifest_path, manifest)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
