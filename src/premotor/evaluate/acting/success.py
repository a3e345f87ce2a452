"""Many roll-outs over processes, each an idempotent unit; what they come to: report/tables.py."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from premotor.actor import Actor
from premotor.campaign import Campaign, Ledger, Results
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.errors import ConfigError, PlacementFailed
from premotor.evaluate.acting.films import keeping, pruning
from premotor.evaluate.acting.own_video import clip_path, write_clip
from premotor.evaluate.acting.rollout import Acts, RolloutResult, roll_out
from premotor.evaluate.acting.server import PolicyFailed, PolicyServer
from premotor.evaluate.acting.traces import Trace, trace_path
from premotor.folders import RunFolder
from premotor.progress import Progress, no_progress
from premotor.records import EvalRecord, RunManifest, read_json
from premotor.running_code import code_version
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment
from premotor.worklist import Crew

Key = tuple[str, int, int, EpisodeId]  # checkpoint, its updates, key poses allowed, episode
Actors = Callable[[str, int], Acts]  # run folder, step -> its policy; see `policies`

SIMULATOR = "premotor-mujoco"  # stands beside every success rate: these are no RLBench numbers


@dataclass(frozen=True)
class Weights:
    """A policy that acts, and what it is called."""

    run: str  # folder
    step: int  # updates
    checkpoint: str  # "untrained", "started" or "trained"
    preset: str

    @classmethod
    def of(cls, run: Path, step: int, checkpoint: str) -> "Weights":
        """Those of a run after so many updates.

        Raises:
            DataError: The run has no manifest.
        """
        preset = read_json(RunFolder(run).manifest, RunManifest).preset
        return cls(str(run), step, checkpoint, preset)


@dataclass(frozen=True)
class RolloutUnit:
    """One roll-out: which weights, which episode."""

    weights: Weights
    slot: EpisodeSlot  # the first candidate that has an admissible layout is the episode
    max_key_poses: int = EPISODE_KEY_POSES

    def __str__(self) -> str:
        return f"{self.weights.checkpoint}: {self.slot}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """The records that would be this unit's."""
        own = self.weights.checkpoint, self.weights.step, self.max_key_poses
        return tuple((*own, episode) for episode in self.slot.candidates)


@lru_cache(maxsize=2)
def actor_of(run: str, step: int, device: str = "cpu") -> Actor:
    """The policy of a checkpoint, loaded once per process."""
    torch.set_num_threads(1)
    return Actor.load(Path(run), step, device)


@contextmanager
def policies(device: str) -> Iterator[Actors]:
    """What gives simulator processes the policy of a run after so many updates.

    On a CPU each process has a policy of its own, in one thread: speed grows with the cores, and a
    roll-out comes out bit for bit the same however many run beside it.
    On a GPU there is one policy, in this process, for all that wait at a time.
    """
    if device == "cpu":
        yield actor_of
    else:
        with PolicyServer(partial(actor_of, device=device)) as actors:
            yield actors


@lru_cache(maxsize=1)
def shared_environment() -> Environment:
    """One simulator per process."""
    return Environment()


@dataclass(frozen=True, kw_only=True)
class RollOuts:
    """How roll-outs are done, and what is kept of them: the same for all that let policies act."""

    ledger: Path  # JSON lines of EvalRecord; those of other policies stay
    clips: Path | None = None
    """Folder for the roll-outs' own videos, if they are wanted (`own_video.clip_path`); a clip is
    named by its episode alone, so every policy needs a folder of its own."""
    traces: Path | None = None  # folder for what films are drawn from, if they are wanted
    filmed: frozenset[EpisodeId] | None = None
    """Whose traces are kept; None = of those that `films.choose` may take."""
    device: str = "cpu"  # of the policies
    workers: int = 1  # simulator processes
    progress: Progress = no_progress

    def of(self, units: Sequence[RolloutUnit]) -> Results[RolloutUnit, EvalRecord]:
        """Do the units that have no record yet.

        Where clips are wanted, a roll-out whose clip is not there has none. A unit whose simulator
        crashed, or that has no layout, stops no other.

        Args:
            units: Those of the checkpoint whose successes are told, and whose films are wanted
                first, last.

        Raises:
            ConfigError: Clips of several policies would lie in one folder.
            PolicyFailed: The policy that all units share cannot go on.
            Stopped: It was asked to stop; what was under way is done and kept.
        """
        if not units:
            return Results({}, {})
        self._check(units)
        last = units[-1].weights.checkpoint

        def remark(results: Results[RolloutUnit, EvalRecord]) -> str:
            wins = sum(r.success for r in results.records.values() if r.checkpoint == last)
            return f"{wins} successes, {last}"

        with policies(self.device) as actors:
            return self.campaign(actors, last).run(units, remark=remark)

    def campaign(self, actors: Actors, last: str = "") -> Campaign[RolloutUnit, EvalRecord]:
        """The campaign that does it.

        Args:
            actors: Gives the policies.
            last: Checkpoint whose films are wanted first.
        """
        return Campaign(
            stage="roll out",
            work=partial(roll_out_unit, actors, self.clips, self.traces),
            ledger=Ledger(self.ledger, EvalRecord),
            keys=lambda unit: unit.keys,
            key_of=_key,
            holds=lambda _, record: record.simulator == SIMULATOR and self._has_clip(record),
            fatal=(PolicyFailed,),
            on_record=self._on_record(last),
            crew=Crew(workers=self.workers),
            progress=self.progress,
        )

    def _on_record(self, last: str) -> Callable[[EvalRecord], None]:
        """Remove the traces that no film will need."""
        if self.traces is None:
            return _nothing
        if self.filmed is None:
            return pruning(self.traces, last)
        return keeping(self.traces, self.filmed)

    def _check(self, units: Sequence[RolloutUnit]) -> None:
        made_by = sorted({(unit.weights.run, unit.weights.step) for unit in units})
        if self.clips is not None and len(made_by) > 1:
            raise ConfigError(
                f"{self.clips} would get clips of {len(made_by)} policies, {made_by}; give each a "
                "folder of its own"
            )

    def _has_clip(self, record: EvalRecord) -> bool:
        return self.clips is None or clip_path(self.clips, record.episode).is_file()


def _key(record: EvalRecord) -> Key:
    return record.checkpoint, record.step, record.max_key_poses, record.episode


def _nothing(_record: EvalRecord) -> None:
    return


def roll_out_unit(
    actors: Actors, clips: Path | None, traces: Path | None, unit: RolloutUnit
) -> EvalRecord:
    """Do one unit in this process.

    Args:
        actors: Gives the policies.
        clips: See `RollOuts`.
        traces: See `RollOuts`.
        unit: What to roll out.

    Raises:
        PlacementFailed: None of the candidates has an admissible layout.
    """
    environment = shared_environment()
    actor = actors(unit.weights.run, unit.weights.step)
    for episode in unit.slot.candidates:
        trace = Trace()
        try:
            result = roll_out(environment, actor, episode, unit.max_key_poses, trace)
        except PlacementFailed:
            continue
        record = _record(unit, episode, result)
        if traces is not None:
            trace.write(trace_path(traces, record))
        if clips is not None:
            write_clip(environment, trace, clip_path(clips, episode))
        return record
    raise PlacementFailed(
        f"no admissible layout for {unit.slot.task} variation {unit.slot.variation} on seeds "
        f"{unit.slot.seeds}; choose another --seed"
    )


def _record(unit: RolloutUnit, episode: EpisodeId, result: RolloutResult) -> EvalRecord:
    return EvalRecord(
        checkpoint=unit.weights.checkpoint,
        preset=unit.weights.preset,
        **vars(episode),
        instruction=result.instruction,
        success=result.success,
        strict=result.strict,
        key_poses=result.key_poses,
        reason=result.reason,
        failure=result.failure,
        seconds=result.seconds,
        simulator=SIMULATOR,
        code_version=code_version(),
        step=unit.weights.step,
        max_key_poses=unit.max_key_poses,
    )
