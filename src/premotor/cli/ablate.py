"""`premotor ablate --data DIR`: what each part of the policy is worth, one change at a time."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
import tyro
from rich.console import Console

from premotor.cli.findings import show_tables
from premotor.cli.progress import StageBars
from premotor.errors import OutputExists
from premotor.experiments.ablate import (
    AblateConfig,
    AblationRun,
    Outcome,
    episodes_of,
    measure,
    runs,
    summarize,
    write,
)
from premotor.experiments.variants import VARIANTS
from premotor.report.ablation import tables
from premotor.train import run as train_run
from premotor.train.job import train
from premotor.train.launch import INTERRUPTED
from premotor.worklist import available_cores

_ABOUT = "\n\n".join(
    (
        "Train a preset with one change at a time, acting only, and compare on the same episodes.",
        *(f"{variant.name}: {variant.change}" for variant in VARIANTS.values()),
    )
)


def command(argv: Sequence[str]) -> int:
    """Run `premotor ablate`."""
    config = tyro.cli(AblateConfig, prog="premotor ablate", description=_ABOUT, args=list(argv))
    console = Console(stderr=True)
    check(config)
    try:
        code = _work(config, console, shlex.join(["premotor", "ablate", *argv]))
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        console.print(f"ablation stopped; go on with --resume ({config.out})", soft_wrap=True)
    return code


def check(config: AblateConfig) -> None:
    """Refuse what can be refused before anything is trained.

    Raises:
        OutputExists: The folder is there and `--resume` is not, or it holds no run.
        ConfigError: A run in it has another configuration or data set.
        UnknownName: A task of the data set cannot be rolled out.
        DataError: A split is missing or damaged.
    """
    fingerprint = config.source.open().fingerprint()
    episodes_of(config)
    if not config.resume and config.out.exists() and any(config.out.iterdir()):
        raise OutputExists(
            f"{config.out} is there; add --resume to go on with it, or choose another --out"
        )
    for run in runs(config):
        job = run.job  # refuses what the preset cannot be changed to
        if run.path.exists():
            train_run.prepare(run.path, job.config, fingerprint, resume=True, overwrite=False)


def _work(config: AblateConfig, console: Console, command: str) -> int:
    workers = config.workers or available_cores()
    todo, outcomes = runs(config), list[Outcome]()
    seconds: list[float] = []  # of each run that was trained, evaluation included
    for done, run in enumerate(todo):
        left = sum(not later.trained for later in todo[done:])
        _announce(console, run, (done, len(todo)), _remaining(seconds, left))
        begun, was_trained = time.monotonic(), run.trained
        if not was_trained:
            job = replace(run.job, command=command)
            with StageBars() as bars:
                finished = train(job, resume=True, overwrite=False, progress=bars)
            if not finished:
                return INTERRUPTED
        torch.set_num_threads(workers)
        with StageBars() as bars:
            outcomes.append(measure(run, workers, bars))
        write(config, summarize(outcomes))  # what is known so far, should this be stopped
        if not was_trained:
            seconds.append(time.monotonic() - begun)
    show_tables(tables(summarize(outcomes)))
    console.print(f"written: {config.out}/ablation.json, .md, .svg", soft_wrap=True)
    return 0


def _remaining(seconds: Sequence[float], left: int) -> str:
    if not seconds or not left:
        return ""
    return f"about {left * sum(seconds) / len(seconds) / 60:.0f} min left"


def _announce(console: Console, run: AblationRun, place: tuple[int, int], left: str) -> None:
    """How far the variants are; the bars of training and measuring follow below it."""
    done, total = place
    console.rule(f"{run.variant.name}, seed {run.seed}: {run.variant.change}", align="left")
    with StageBars() as bars:
        bars("variants", done, total, left)
