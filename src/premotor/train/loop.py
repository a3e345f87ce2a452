"""The loop: batches in, weights, metrics, probes and checkpoints out; stopped and resumed at will.

Exactness: every random draw of a step comes from (seed, step, process), the rows of a batch from
(seed, step), so that weights, optimizer state and the number of updates done are all there is to
restore; on a CPU a resumed run ends bit for bit where an uninterrupted one does.

The engine is Accelerate: it joins the processes, places and autocasts. On GPUs it averages
gradients by DistributedDataParallel; on CPUs, and where the gradient of each loss is clipped by
itself, `optim.average_gradients` does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import nn

from premotor import checkpoint as disk
from premotor.align.bank import Bank, bank_of
from premotor.batch import TrainingBatch
from premotor.data.dataset import BatchStream, pairing_of, training_batches
from premotor.device import chosen_device
from premotor.errors import ConfigError, TrainingDiverged
from premotor.folders import RunFolder
from premotor.mirror import Mirror
from premotor.records import StepRecord
from premotor.represent import Source, open_dataset
from premotor.stopping import StopSignal
from premotor.train.config import TrainConfig
from premotor.train.ema import Judged, judged_by
from premotor.train.gradients import EachLoss, by_loss
from premotor.train.launch import in_worker
from premotor.train.optim import build_optimizer, set_learning_rate
from premotor.train.probe import Probe, choose_probe, write_probe
from premotor.train.run import (
    append_step,
    forget_steps,
    open_probe_dataset,
    tell_enlarged,
    write_manifest,
)
from premotor.train.schedule import learning_rate
from premotor.train.start import begin, take_up_optimizer
from premotor.train.step import Objective, StepPlan, StepResult, step_generator, train_step
from premotor.worklist import available_cores

OnStep = Callable[[StepRecord], None]
BATCH_THREADS = 4  # that keep a GPU fed


@dataclass(frozen=True)
class FitResult:
    """How a training ended."""

    steps_done: int
    finished: bool  # it came to the step that was wanted; False: it was asked to stop before


@dataclass(eq=False)
class _Session:
    """All that one process needs to train."""

    config: TrainConfig
    run: RunFolder
    engine: Accelerator
    mirror: Mirror
    objective: nn.Module  # what the engine made of `Objective(mirror)`
    optimizer: torch.optim.Optimizer
    make_batch: Callable[[int], TrainingBatch]  # on the engine's device already
    probe: Probe | None
    judged: Judged  # which weights are probed and stored
    each: EachLoss | None  # clips the gradient of each loss by itself; None: that of their sum
    bank: Bank | None  # what was watched last, for the steps that act alone

    @property
    def rank(self) -> int:
        return self.engine.process_index

    @property
    def world(self) -> int:
        return self.engine.num_processes


def build_mirror(config: TrainConfig) -> Mirror:
    """The untrained joint network of a run, a function of its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Mirror(config.mirror)


def start_engine(config: TrainConfig) -> Accelerator:
    """Join the other processes, if there are any."""
    on_cpu = chosen_device(config.device) == "cpu"
    # A step without clips leaves the understanding tower unused.
    kwargs = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(cpu=on_cpu, mixed_precision=config.precision, kwargs_handlers=[kwargs])


def batch_threads(engine: Accelerator) -> int:
    """How many threads make batches: one where the processes share the cores, more for a GPU."""
    if engine.device.type == "cpu":
        return 1
    return max(1, min(BATCH_THREADS, available_cores() // engine.num_processes))


def fit(
    config: TrainConfig,
    run: RunFolder,
    source: Source,
    on_step: OnStep,
    command: str,
    until: int | None = None,
) -> FitResult:
    """Train until the last step or the one that is wanted, or until asked to stop.

    Args:
        config: The resolved configuration; `run` was prepared with it.
        run: Taken up at its last checkpoint where it has one.
        source: The data set.
        on_step: Called after every update, in the first process only.
        command: The command line, for the manifest.
        until: Updates after which it ends with a checkpoint, to be gone on with; None = the last.

    Raises:
        TrainingDiverged: A loss or gradient is not finite.
        CheckpointMismatch: The checkpoint is of another network.
    """
    engine = start_engine(config)
    last = config.steps if until is None else min(until, config.steps)
    if not engine.is_main_process:
        return _fit(_open(config, run, source, engine), last, None)
    with run.owned():
        _prune(config, run)
        mirror = build_mirror(config)
        write_manifest(run, config, mirror, source, command)
        return _fit(_open(config, run, source, engine), last, on_step)


def _prune(config: TrainConfig, run: RunFolder) -> None:
    """Remove the checkpoints that a run does not keep."""
    disk.prune(run.path, config.keep_checkpoints, config.checkpoint_every, config.keep_steps)


def _fit(session: _Session, last: int, on_step: OnStep | None) -> FitResult:
    """From the last checkpoint on, until `last` updates are done."""
    done = _restore(session)
    session.engine.wait_for_everyone()
    try:
        with torch.random.fork_rng(devices=[]), StopSignal() as stop:
            return _train(session, range(done, last), stop, on_step)
    finally:
        session.engine.end_training()
        if dist.is_initialized() and not in_worker():  # a worker leaves by `leave`
            dist.destroy_process_group()


def _averages(engine: Accelerator, config: TrainConfig) -> bool:
    """Whether gradients are averaged by ourselves: the engine does it for one backward pass."""
    return engine.device.type == "cpu" or config.optimizer.clip == "each"


def _open(config: TrainConfig, run: RunFolder, source: Source, engine: Accelerator) -> _Session:
    dataset = open_dataset(source, "train", config.mirror)
    if engine.is_main_process and config.pairing.clips_every:
        tell_enlarged(config.mirror.understand, dataset)
    probed = open_probe_dataset(source, config)
    mirror = build_mirror(config).to(engine.device)
    if config.compile:
        mirror.execute.compile_dense()
    averaged = _averages(engine, config)  # evaluation_mode: no DistributedDataParallel around it
    bank = bank_of(mirror.align, config.pairing.partner)
    objective = Objective(mirror, config.augment, bank)
    pairing = pairing_of(dataset, config.seed, config.pairing)
    make_batch = training_batches(
        dataset, pairing, config.seed, engine.process_index, engine.num_processes
    )
    return _Session(
        config=config,
        run=run,
        engine=engine,
        mirror=mirror,
        objective=engine.prepare_model(objective, evaluation_mode=averaged),
        optimizer=build_optimizer(mirror.towers, config.optimizer),
        make_batch=lambda step: make_batch(step).to(engine.device),
        probe=None if probed is None else choose_probe(probed, config.probe_episodes),
        judged=judged_by(mirror, lambda: build_mirror(config).to(engine.device), config.ema),
        each=by_loss(mirror, config.optimizer),
        bank=bank,
    )


def _restore(session: _Session) -> int:
    """Take up the last checkpoint, or the weights the run begins with; returns the updates done.

    Raises:
        ConfigError: It was written by another number of processes.
    """
    known = disk.checkpoints(session.run.path)
    if not known:
        _begin(session)
        return 0
    last = known[-1]
    state = disk.load_state(last)
    if state["world"] != session.world:
        raise ConfigError(
            f"{last.path} was written by {state['world']} processes, now there are "
            f"{session.world}; resume with --processes {state['world']}"
        )
    session.judged.restore(last, state)
    session.optimizer.load_state_dict(state["optimizer"])
    if session.bank is not None:
        session.bank.restore(state)
    return last.step


def _begin(session: _Session) -> None:
    """Load the weights a run begins with; one process reads, so that all have the same."""
    start = session.config.start
    if not start.folders:
        return
    if session.engine.is_main_process:
        begin(session.mirror, start)
    if session.world > 1:
        for tensor in session.mirror.state_dict().values():
            dist.broadcast(tensor, 0)
    take_up_optimizer(session.optimizer, session.config)
    session.judged.begin(start.run)


def _save(session: _Session, done: int) -> None:
    if session.engine.is_main_process:
        state = {"optimizer": session.optimizer.state_dict(), "world": session.world}
        state |= session.judged.state() | ({} if session.bank is None else session.bank.state())
        disk.save(session.run.path, done, session.judged.shown, state)
        _prune(session.config, session.run)


def _measure(session: _Session, done: int) -> None:
    if session.probe is None:
        return
    found = session.probe.measure(session.judged.shown, session.rank, session.world)
    if session.engine.is_main_process:
        write_probe(session.run.path, done, session.probe.rows, found)


def _train(session: _Session, steps: range, stop: StopSignal, on_step: OnStep | None) -> FitResult:
    config, run, done = session.config, session.run, steps.start
    if on_step is not None:
        forget_steps(run, done)
    if done == 0:
        _measure(session, 0)
        _save(session, 0)
    session.objective.train()
    threads = batch_threads(session.engine)
    with BatchStream(session.make_batch, steps, threads=threads) as batches:
        start = time.perf_counter()
        for batch in batches:
            rate, result = _update(session, batch, done, stop)
            session.judged.follow()
            seconds = time.perf_counter() - start
            done += 1
            if on_step is not None:
                rows = len(batch) * session.world
                waited = batches.waited
                record = _record(done - 1, rate, result, rows=rows, waited=waited, seconds=seconds)
                append_step(run, record)
                on_step(record)
            if config.measured_at(done):
                _measure(session, done)
            if config.saved_at(done) or result.stop or done == steps.stop:
                _save(session, done)
            if result.stop:
                return FitResult(done, done == steps.stop)
            start = time.perf_counter()
    return FitResult(done, True)


def _update(
    session: _Session, batch: TrainingBatch, step: int, stop: StopSignal
) -> tuple[float, StepResult]:
    config = session.config
    rate = learning_rate(step, config.steps, config.optimizer.learning_rate, config.schedule)
    set_learning_rate(session.optimizer, rate)
    generator = step_generator(config.seed, step, session.rank)
    # Dropout takes no generator: its draws, too, must depend on nothing but the step.
    torch.manual_seed(generator.initial_seed())
    plan = StepPlan(
        step=step,
        mask_ratio=config.mask_ratio(step),
        max_grad_norm=config.optimizer.max_grad_norm,
        generator=generator,
        stop=stop.received,
        average=session.world > 1 and _averages(session.engine, config),
        each=session.each,
    )
    try:
        return rate, train_step(session.objective, session.optimizer, batch, plan)
    except TrainingDiverged as error:
        if session.engine.is_main_process:
            raise
        raise SystemExit(error.exit_code) from None  # one message is enough


def _record(
    step: int, rate: float, result: StepResult, *, rows: int, waited: float, seconds: float
) -> StepRecord:
    return StepRecord(
        step=step,
        losses=result.losses,
        grad_norm=result.grad_norm,
        learning_rate=rate,
        samples_per_second=rows / seconds,
        data_seconds=waited,
        step_seconds=seconds,
        gradients=result.gradients,
    )
