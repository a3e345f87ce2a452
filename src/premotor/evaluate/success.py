"""Many roll-outs over processes, each an idempotent unit; what they come to: report/tables.py."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from premotor.actor import Actor
from premotor.codec import to_json
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.errors import ConfigError, PlacementFailed
from premotor.evaluate.own_video import OwnVideo, clip_path
from premotor.evaluate.rollout import Acts, RolloutResult, roll_out
from premotor.evaluate.server import PolicyFailed, PolicyServer
from premotor.records import EvalRecord, code_version, read_lines, write_lines
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment
from premotor.worklist import Crew, Done, run_units

Key = tuple[str, EpisodeId]  # checkpoint, episode

SIMULATOR = "premotor-mujoco"  # stands beside every success rate: these are no RLBench numbers


@dataclass(frozen=True)
class RolloutUnit:
    """One roll-out: which weights, which episode."""

    run: str
    step: int
    checkpoint: str  # "untrained", "started" or "trained"
    preset: str
    slot: EpisodeSlot  # the first candidate that has an admissible layout is the episode
    max_key_poses: int = EPISODE_KEY_POSES

    def __str__(self) -> str:
        return f"{self.checkpoint}: {self.slot}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """The records that would be this unit's."""
        return tuple((self.checkpoint, episode) for episode in self.slot.candidates)

    def made(self, record: EvalRecord) -> bool:
        """Whether a record is of these weights, allowed as many key poses."""
        return (record.step, record.max_key_poses) == (self.step, self.max_key_poses)


@lru_cache(maxsize=2)
def actor_of(run: str, step: int, device: str = "cpu") -> Actor:
    """The policy of a checkpoint, loaded once per process."""
    torch.set_num_threads(1)
    return Actor.load(Path(run), step, device)


@contextmanager
def policies(device: str) -> Iterator[Callable[[str, int], Acts]]:
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


def roll_out_unit(
    actors: Callable[[str, int], Acts], unit: RolloutUnit, clips: Path | None = None
) -> EvalRecord:
    """Do one unit in this process; what `run_units` calls in its workers.

    Args:
        actors: Gives the policies; see `policies`.
        unit: What to roll out.
        clips: Where to keep the roll-out's own video (`own_video.clip_path`), if anywhere.
    """
    result, episode = _roll_out(actors(unit.run, unit.step), unit, clips)
    return EvalRecord(
        checkpoint=unit.checkpoint,
        preset=unit.preset,
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
        step=unit.step,
        max_key_poses=unit.max_key_poses,
    )


def _roll_out(
    actor: Acts, unit: RolloutUnit, clips: Path | None
) -> tuple[RolloutResult, EpisodeId]:
    """Roll out on the first of the unit's seeds that has a layout at all."""
    environment = shared_environment()
    for episode in unit.slot.candidates:
        video = OwnVideo() if clips is not None else None
        try:
            result = roll_out(environment, actor, episode, unit.max_key_poses, video)
        except PlacementFailed:
            continue
        if clips is not None and video is not None:
            video.write(environment, clip_path(clips, episode))
        return result, episode
    raise PlacementFailed(
        f"no admissible layout for {unit.slot.task} variation {unit.slot.variation} on seeds "
        f"{unit.slot.seeds}; choose another --seed"
    )


def done_before(
    units: Sequence[RolloutUnit], path: Path, clips: Path | None = None
) -> tuple[list[EvalRecord], list[RolloutUnit]]:
    """Records of the units that `path` (JSON lines of `EvalRecord`) holds, and the other units.

    A last line that a crash cut off is removed from the file. Where clips are wanted, a roll-out
    whose clip is not in their folder is one of the others.
    """
    found = {(r.checkpoint, r.episode): r for r in read_lines(path, EvalRecord)}
    records: list[EvalRecord] = []
    todo: list[RolloutUnit] = []
    for unit in units:
        known = [
            found[key]
            for key in unit.keys
            if key in found and unit.made(found[key]) and _has_clip(found[key], clips)
        ]
        if known:
            records.append(known[0])
        else:
            todo.append(unit)
    write_lines(path, found.values())
    return records, todo


def _has_clip(record: EvalRecord, clips: Path | None) -> bool:
    return clips is None or clip_path(clips, record.episode).is_file()


def roll_out_all(
    units: Sequence[RolloutUnit],
    path: Path,
    actors: Callable[[str, int], Acts],
    workers: int,
    on_done: Callable[[Done[RolloutUnit, EvalRecord]], None],
    clips: Path | None = None,
) -> None:
    """Do units, appending the record of each to `path` as it ends.

    Args:
        units: What to roll out.
        path: JSON lines of `EvalRecord`.
        actors: Gives the policies, in any process; see `policies`.
        workers: Processes.
        on_done: Called in this process for each unit, when its record is written. A unit whose
            simulator crashed, or that has no layout, brings an error instead and stops no other.
        clips: Folder for the roll-outs' own videos, if they are wanted (`own_video.clip_path`). A
            clip is named by its episode alone, so every policy needs a folder of its own.

    Raises:
        ConfigError: Clips of several policies would lie in one folder.
        PolicyFailed: The policy that all units share cannot go on.
    """
    made_by = sorted({(unit.run, unit.step) for unit in units})
    if clips is not None and len(made_by) > 1:
        raise ConfigError(
            f"{clips} would get clips of {len(made_by)} policies, {made_by}; give each a folder of "
            "its own"
        )
    with path.open("a") as file:

        def append(done: Done[RolloutUnit, EvalRecord]) -> None:
            if isinstance(done.error, PolicyFailed):
                raise done.error
            if done.error is None:
                file.write(to_json(done.unwrap()))
                file.flush()
                os.fsync(file.fileno())
            on_done(done)

        run_units(partial(roll_out_unit, actors, clips=clips), units, Crew(workers=workers), append)
