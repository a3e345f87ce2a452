"""A whole training by one call: what `premotor train` does, without a command line.

    job = TrainJob(presets.train_preset("tiny"), Source(Path("data/three")), Path("runs/three"))
    finished = train(job, Claim(resume=True))

The call chooses the number of processes; each of several reads the job from a file
(`premotor.train.worker`), so that a script needs no guard around its main part.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from premotor.align.rules import check_rule
from premotor.backbones.frozen_text import read_tower
from premotor.checkpoint import checkpoints
from premotor.claims import Claim
from premotor.data.dataset import pairing_of
from premotor.device import chosen_device
from premotor.errors import ConfigError
from premotor.folders import RunFolder
from premotor.progress import Progress, no_progress
from premotor.records import write_json
from premotor.represent import Source, open_dataset
from premotor.temporary import held_folder
from premotor.train.config import TrainConfig
from premotor.train.follow import StepProgress, followed
from premotor.train.launch import (
    in_worker,
    launch,
    number_of_processes,
    peers_watched,
    prepare_worker,
)
from premotor.train.loop import build_mirror, fit
from premotor.train.optim import build_optimizer
from premotor.train.run import check_run, claim_run, open_probe_dataset
from premotor.train.start import begin, take_up_optimizer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainJob:
    """What is to be trained on what, and where it goes."""

    config: TrainConfig
    source: Source
    out: Path  # folder of the run
    command: str = ""  # command line that asked for it, for the manifest
    until: int | None = None
    """Updates after which it ends with a checkpoint, to be gone on with; None = the last. The
    schedule is that of the whole run, and so are the weights."""

    @property
    def num_processes(self) -> int:
        """How many processes train together, on this machine.

        Raises:
            ConfigError: The batches do not split over as many as are wanted, or there is no GPU.
        """
        config = self.config
        device, sizes = chosen_device(config.device), config.pairing.sizes
        return number_of_processes(config.processes, device, sizes)


def train(job: TrainJob, claim: Claim, progress: Progress = no_progress) -> bool:
    """Train to the last step, or the job's, or until Ctrl-C or SIGTERM asks for a stop.

    To be called from the main thread, which the signals come to. Under torchrun it joins the other
    processes; end such a program with `launch.leave`.

    Args:
        job: What is to be trained.
        claim: Whether a run that is there is gone on with, or thrown away when all else is well.
        progress: Told of each step, and of data that is made ready; where several processes are
            launched, from a thread.

    Returns:
        Whether it finished; False: it was asked to stop, and a checkpoint is there.

    Raises:
        ConfigError: Something in the job cannot be meant, or does not fit the run that is there.
        DataError: The data set, or a folder to begin with, is missing or damaged.
        OutputExists: The folder is there and neither resumed nor overwritten, or is being used.
        CheckpointMismatch: Stored weights do not fit.
        TrainingDiverged: A loss or gradient is not finite.
        ProcessLost: One of several processes was killed or crashed.
        SystemRefused: The disk is full or the like; what was there is whole.
    """
    prepare_worker()
    if in_worker():
        if os.environ["RANK"] == "0":
            _prepare(job, claim, progress)
        return join(job, progress)
    count = job.num_processes
    _prepare(job, claim, progress)
    if count == 1:
        return join(job, progress)
    with _stored(job) as file, followed(RunFolder(job.out), _steps(job, progress).show):
        return launch(file, count)


def join(job: TrainJob, progress: Progress = no_progress) -> bool:
    """Train in this process, the only one or one of several, on a run that was prepared.

    Raises:
        PremotorError: As `train`.
    """
    with peers_watched():
        show = _steps(job, progress).show
        run = RunFolder(job.out)
        return fit(job.config, run, job.source, show, job.command, job.until).finished


def _steps(job: TrainJob, progress: Progress) -> StepProgress:
    return StepProgress(progress, job.config.steps)


@contextmanager
def _stored(job: TrainJob) -> Iterator[Path]:
    """The job as a file, in a folder of its own that is swept with the run's other leftovers."""
    with held_folder(job.out / "job") as folder:
        file = folder.absolute() / "job.json"
        write_json(file, job)
        yield file


def _prepare(job: TrainJob, claim: Claim, progress: Progress) -> None:
    """All that can be refused at once is refused before anything is started."""
    config, source, run = job.config, job.source, RunFolder(job.out)
    chosen_device(config.device)
    execute = config.mirror.execute
    if execute.frozen_text.weights is not None:
        read_tower(execute.text, execute.frozen_text.weights)
    demos = source.open()
    if config.start.folders and not (claim.resume and checkpoints(job.out)):
        _check_start(job, claim)
    check_run(run, config, demos, claim)
    dataset = open_dataset(source, "train", config.mirror, progress)
    open_probe_dataset(source, config, progress)
    pairing_of(dataset, config.seed, config.pairing)
    check_rule(config.pairing.partner, config.mirror.align, dataset.num_instructions)
    _say_what_cannot_be_judged(source)
    claim_run(run, config, claim)  # last of all: what is there may go by that


def _say_what_cannot_be_judged(source: Source) -> None:
    """Before hours of training, not after them."""
    split = source.path / "test"
    if not split.is_dir():
        _log.warning(
            "no split test in %s: `premotor evaluate --data` will have nothing to name and align; "
            "make it with `premotor collect --split test`",
            source.path,
        )


def _check_start(job: TrainJob, claim: Claim) -> None:
    start, out = job.config.start, job.out.resolve()
    for folder in start.folders.values():
        if claim.overwrite and folder.resolve().is_relative_to(out):
            raise ConfigError(
                f"--overwrite throws away {folder}, which the run is to begin with; "
                "choose another --out"
            )
    mirror = build_mirror(job.config)
    begin(mirror, start)
    take_up_optimizer(build_optimizer(mirror.towers, job.config.optimizer), job.config)
