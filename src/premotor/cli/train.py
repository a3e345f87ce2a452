"""`premotor train PRESET --data DIR --out RUN`: both towers, together."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor import presets
from premotor.backbones.frozen_text import read_tower
from premotor.checkpoint import checkpoints
from premotor.cli.progress import StageBars
from premotor.data.dataset import pairing_of
from premotor.device import chosen_device
from premotor.errors import ConfigError
from premotor.progress import Progress
from premotor.records import StepRecord
from premotor.represent import Source, open_dataset
from premotor.train.config import StartConfig, TrainConfig
from premotor.train.launch import (
    INTERRUPTED,
    in_worker,
    launch,
    leave,
    number_of_processes,
    peers_watched,
    prepare_worker,
)
from premotor.train.loop import FitResult, build_mirror, fit
from premotor.train.run import Run, open_probe_dataset, prepare, read_config
from premotor.train.start import begin, sizes_in, stored_sizes, with_sizes

PREPARED = "PREMOTOR_RUN_PREPARED"  # set for the processes we start ourselves
_SHARE = 0.05  # of the newest step in a running mean


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """What is to be trained on what, and where it goes."""

    source: Source
    out: Path
    resume: bool
    overwrite: bool
    train: TrainConfig


def parse(arguments: Sequence[str]) -> TrainCommand:
    """Read `PRESET [options]`, or `--config FILE [options]`.

    Raises:
        UnknownName: No such preset; the nearest are offered.
        ConfigError: Neither preset nor `--config`, or a value that cannot be meant.
        DataError: A folder that the run is to begin with does not hold what it is named for.
    """
    rest = list(arguments)
    if rest and rest[0] in ("-h", "--help"):
        rest = [next(iter(presets.TRAIN)), *rest]
    if not rest or (rest[0].startswith("-") and rest[0] != "--config"):
        raise ConfigError(
            f"name a preset first, one of {', '.join(presets.TRAIN)}, or --config RUN/config.yaml"
        )
    if rest[0] == "--config":
        if len(rest) < 2:
            raise ConfigError("--config needs a file, such as RUN/config.yaml")
        base, rest = read_config(Path(rest[1])), rest[2:]
    else:
        base, rest = presets.train_preset(rest[0]), rest[1:]
    base = _with_stored_sizes(base, rest)

    def build(
        source: Annotated[Source, tyro.conf.arg(name="")],
        out: Path,
        resume: bool = False,
        overwrite: bool = False,
        train: Annotated[TrainConfig, tyro.conf.arg(name="")] = base,
    ) -> TrainCommand:
        """Train both towers together on a data set made by `premotor collect`.

        Args:
            source: The data set.
            out: Folder of the run.
            resume: Go on where the run stopped.
            overwrite: Start anew where there is a run.
            train: The run, field by field.
        """
        return TrainCommand(
            source=source,
            out=out,
            resume=resume,
            overwrite=overwrite,
            train=train,
        )

    return tyro.cli(build, prog="premotor train PRESET", args=rest)


def _with_stored_sizes(base: TrainConfig, options: Sequence[str]) -> TrainConfig:
    """The same defaults, but halves that begin with stored weights have the sizes of these.

    A run that is resumed has them in its config.yaml; the folders may be gone.
    """

    def look(
        out: Path | None = None, resume: bool = False, start: StartConfig = base.start
    ) -> tuple[Path | None, StartConfig]:
        return out if resume else None, start

    known = [option for option in options if option not in ("-h", "--help")]
    (resumed, start), _ = tyro.cli(
        look, prog="premotor train PRESET", args=known, return_unknown_args=True
    )
    if start == base.start:
        return base
    written = None if resumed is None else _written(resumed)
    if written is not None and written.start == start:
        sizes = sizes_in(written.mirror, start)
    else:
        sizes = stored_sizes(start)
    return replace(base, mirror=with_sizes(base.mirror, sizes))


def _written(out: Path) -> TrainConfig | None:
    path = Run(out).config_path
    return read_config(path) if path.is_file() else None


def command(argv: Sequence[str]) -> int:
    """Run `premotor train`."""
    wanted = parse(argv)
    config = wanted.train
    if in_worker():
        prepare_worker()
        if PREPARED not in os.environ and os.environ["RANK"] == "0":
            _prepare(wanted)
        return _train(wanted, argv)
    console = Console(stderr=True)
    sizes = (config.pairing.batch_size, config.pairing.pair_batch_size)
    count = number_of_processes(config.processes, chosen_device(config.device), sizes)
    _prepare(wanted)
    console.print(
        f"training {config.preset}: {config.steps} steps, {sizes[0]} rows a step "
        f"({sizes[1]} where clips are watched) over {count} processes",
        highlight=False,
        soft_wrap=True,
    )
    if count == 1:
        prepare_worker()
        code = _train(wanted, argv)
    else:
        os.environ[PREPARED] = "1"
        code = launch(["train", *argv], count)
    if code == INTERRUPTED:
        console.print(f"stopped; go on with --resume ({wanted.out})", soft_wrap=True)
    return code


def _prepare(wanted: TrainCommand) -> None:
    """All that can be refused at once is refused before anything is started."""
    chosen_device(wanted.train.device)
    execute = wanted.train.mirror.execute
    if execute.frozen_text.weights is not None:
        read_tower(execute.text, execute.frozen_text.weights)
    fingerprint = wanted.source.open().fingerprint()
    if wanted.train.start.folders and not (wanted.resume and checkpoints(wanted.out)):
        _check_start(wanted)
    may_replace = wanted.overwrite and not wanted.resume
    if not may_replace:
        prepare(wanted.out, wanted.train, fingerprint, wanted.resume, wanted.overwrite)
    with StageBars() as bars:
        dataset = open_dataset(wanted.source, "train", wanted.train.mirror, bars)
        open_probe_dataset(wanted.source, wanted.train, bars)
    pairing_of(dataset, wanted.train.seed, wanted.train.pairing)
    if may_replace:  # what is there goes last, when all else is well
        prepare(wanted.out, wanted.train, fingerprint, wanted.resume, wanted.overwrite)


def _check_start(wanted: TrainCommand) -> None:
    start, out = wanted.train.start, wanted.out.resolve()
    for folder in start.folders.values():
        if wanted.overwrite and folder.resolve().is_relative_to(out):
            raise ConfigError(
                f"--overwrite throws away {folder}, which the run is to begin with; "
                "choose another --out"
            )
    begin(build_mirror(wanted.train), start)


def _train(wanted: TrainCommand, argv: Sequence[str]) -> int:
    config = wanted.train
    line = shlex.join(["premotor", "train", *argv])
    with StageBars() as bars, peers_watched():
        steps = _Steps(bars, config.steps)
        result: FitResult = fit(config, Run(wanted.out), wanted.source, steps.show, line)
    code = 0 if result.finished else INTERRUPTED
    if in_worker():
        leave(code)
    return code


class _Steps:
    """Tells how far training is, with the running mean of the loss and the rows per second."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress, self._steps = progress, steps
        self._rate: float | None = None
        self._loss = 0.0

    def show(self, record: StepRecord) -> None:
        """Tell of the step just done."""
        loss = record.losses["execute" if "execute" in record.losses else "understand"]
        what = "acting" if "execute" in record.losses else "watching"
        share = 1.0 if self._rate is None else _SHARE
        rate = self._rate or 0.0
        self._rate = rate + share * (record.samples_per_second - rate)
        self._loss += share * (loss - self._loss)
        remark = f"loss of {what} {self._loss:.2f}, {self._rate:.0f} rows/s"
        self._progress("train", record.step + 1, self._steps, remark)
