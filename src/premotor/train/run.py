"""The folder of a run: made once, owned by one training at a time, taken up where it stopped."""

import logging
import platform
from datetime import UTC, datetime
from importlib import metadata

from premotor.backbones.tokenizer import words_of
from premotor.claims import Claim
from premotor.codec import to_yaml
from premotor.data.dataset import Dataset
from premotor.errors import ConfigError, naming
from premotor.folders import RunFolder
from premotor.mirror import Mirror
from premotor.paths import not_linked
from premotor.progress import Progress, no_progress
from premotor.records import (
    RunManifest,
    StepRecord,
    append_line,
    read_json,
    read_lines,
    write_atomically,
    write_json,
    write_lines,
)
from premotor.represent import Source, open_dataset
from premotor.running_code import code_version
from premotor.store.reader import DemoSet
from premotor.train.config import TrainConfig, differing, read_config
from premotor.train.start import origins
from premotor.understand.config import UnderstandConfig

_log = logging.getLogger(__name__)
# No weight depends on these: how often it is looked at and kept. Of `processes` counts how many
# wrote the checkpoint, which is asked when that is loaded.
HARMLESS = ("processes", "eval_every", "checkpoint_every", "keep_checkpoints", "keep_steps")
_PACKAGES = ("torch", "accelerate", "numpy", "safetensors", "mujoco")


def append_step(run: RunFolder, record: StepRecord) -> None:
    """Add a line to the metrics."""
    with (
        naming(run.metrics),
        open(run.metrics, "ab", buffering=0, opener=not_linked) as file,
    ):
        append_line(file, record)


def forget_steps(run: RunFolder, step: int) -> None:
    """Take the steps from `step` on, which are about to be repeated, out of the metrics.

    Raises:
        DataError: A line is damaged; one that a crash cut off is forgotten.
    """
    if run.metrics.exists():
        known = read_lines(run.metrics, StepRecord)
        write_lines(run.metrics, [record for record in known if record.step < step])


def differences(a: TrainConfig, b: TrainConfig) -> list[str]:
    """Fields that matter in which two configurations of one training differ, with both values."""
    return [
        f"{name}: {ours} in the run, {theirs} now"
        for name, ours, theirs in differing(a, b)
        if name not in HARMLESS
    ]


def tell_enlarged(config: UnderstandConfig, dataset: Dataset) -> None:
    """Say so where the video tower takes more pixels than were recorded."""
    height, width = dataset.cache.frames.shape[2:4]
    rows, columns = config.window.rows(height), config.window.columns(width)
    side = max(rows.stop - rows.start, columns.stop - columns.start)
    if config.video.px > side:
        _log.warning(
            "understand.video.px is %d and of the clips %d px are looked at: they are enlarged, "
            "which costs time and shows nothing more; weights made for that size may need it",
            config.video.px,
            side,
        )


def check_run(run: RunFolder, config: TrainConfig, demos: DemoSet, claim: Claim) -> None:
    """Refuse what cannot be trained in a folder, and touch nothing.

    Args:
        run: Where.
        config: The resolved configuration.
        demos: The episodes to train on.
        claim: Whether what is there is gone on with or thrown away.

    Raises:
        OutputExists: It is there and neither resumed nor overwritten, or is no run.
        ConfigError: It is resumed, and was made with another configuration or data set.
    """
    run.check(claim)
    if run.begun and claim.resume:
        _check_same(run, config, demos)


def claim_run(run: RunFolder, config: TrainConfig, claim: Claim) -> None:
    """Make the run's folder with its configuration, or take up the one that is there.

    The configuration is that of the last time: how often a run is looked at may change.

    Raises:
        OutputExists: As `check_run`, or another process is training into it.
    """
    run.claim(claim)
    text = to_yaml(config).encode()
    if not run.config.exists() or run.config.read_bytes() != text:
        write_atomically(run.config, text)


def _check_same(run: RunFolder, config: TrainConfig, demos: DemoSet) -> None:
    if found := differences(read_config(run.config), config):
        lines = "\n  ".join(found)
        raise ConfigError(
            f"{run.path} was made with another configuration:\n  {lines}\n"
            f"resume with --config {run.config}, or choose another --out"
        )
    if run.manifest.exists():
        manifest = read_json(run.manifest, RunManifest)
        if not demos.is_what(manifest.data_fingerprint):
            raise ConfigError(
                f"{run.path} was trained on other data than this: {manifest.data}, "
                f"fingerprint {manifest.data_fingerprint[:12]}, now {demos.fingerprint()[:12]} "
                f"of {demos.folder.path} (files, texts or the choice of episodes differ); "
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
    run: RunFolder, config: TrainConfig, model: Mirror, source: Source, command: str
) -> None:
    """Write down where the run comes from; once, so that resuming changes nothing."""
    if run.manifest.exists():
        return
    demos = source.open()
    count = None if config.pairing.texts == "any" else 1
    texts = {text for info in demos.episodes for text in info.instructions[:count]}
    told = {word for text in texts for word in words_of(text)}
    sizes = {k: sum(p.numel() for p in t.parameters()) for k, t in model.towers.items()}
    manifest = RunManifest(
        preset=config.preset,
        code_version=code_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        versions=package_versions(),
        data=str(source.path),
        data_fingerprint=demos.fingerprint(),
        parameters=sizes,
        start=origins(config.start),
        words=tuple(sorted(told)),
    )
    write_json(run.manifest, manifest)


def package_versions() -> dict[str, str]:
    """Of Python and of the packages that a training depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
