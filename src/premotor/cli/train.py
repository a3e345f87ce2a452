"""`premotor train PRESET --data DIR --out RUN`: both towers, together."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from premotor import presets
from premotor.claims import Claim
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.errors import ConfigError
from premotor.folders import RunFolder
from premotor.represent import Source
from premotor.stopping import STOPPED, Stopped
from premotor.train.config import StartConfig, TrainConfig, read_config
from premotor.train.job import TrainJob, train
from premotor.train.launch import in_worker, leave
from premotor.train.start import sizes_in, stored_sizes, with_sizes

_UNASKED = Claim()


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """What is to be trained, and what becomes of a run that is there."""

    job: TrainJob
    claim: Claim


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
        claim: Annotated[Claim, tyro.conf.arg(name="")] = _UNASKED,
        config: Annotated[TrainConfig, tyro.conf.arg(name="")] = base,
    ) -> TrainCommand:
        """Train both towers together on a data set made by `premotor collect`.

        Args:
            source: The data set.
            out: Folder of the run.
            claim: What becomes of a run that is there.
            config: The run, field by field.
        """
        job = TrainJob(config, source, out, shlex.join(["premotor", "train", *arguments]))
        return TrainCommand(job=job, claim=claim)

    return parsed(build, "train PRESET", rest)


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
    path = RunFolder(out).config
    return read_config(path) if path.is_file() else None


def command(argv: Sequence[str]) -> int:
    """Run `premotor train`."""
    wanted = parse(argv)
    console = Console(stderr=True)
    if not in_worker():
        _announce(wanted.job, console)
    with StageBars() as bars:
        finished = train(wanted.job, wanted.claim, bars)
    if in_worker():
        leave(0 if finished else STOPPED)
    if not finished:
        raise Stopped(f"train: stopped; go on with --resume ({wanted.job.out})")
    return 0


def _announce(job: TrainJob, console: Console) -> None:
    config = job.config
    console.print(
        f"training {config.preset}: {config.steps} steps, {config.pairing.batch_size} rows a step "
        f"({config.pairing.pair_batch_size} where clips are watched) "
        f"over {job.num_processes} processes",
        highlight=False,
        soft_wrap=True,
    )
