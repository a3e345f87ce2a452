"""Which of the judgements of a run is shown: the newest that came to its end, and no other with it.

Roll-outs of another step, with other key poses, in another simulator or on episodes of another
seed are another judgement. What is left out is told.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from premotor.episode.identity import EpisodeId
from premotor.records import (
    UNKNOWN_STEP,
    ActingSettings,
    EvalRecord,
    FilmRecord,
    JudgementRecord,
    WatchingSettings,
)

_BEGINNINGS = ("untrained", "started")  # checkpoints that no training of the run has changed


@dataclass(frozen=True)
class Shown:
    """One judgement."""

    acting: ActingSettings | None  # None where nobody acted
    watching: bool  # whether what was recognized and aligned belongs to it
    rollouts: tuple[EvalRecord, ...]
    left_out: tuple[str, ...]  # what there is of others, in words

    def films(self, films: Iterable[FilmRecord]) -> tuple[FilmRecord, ...]:
        """Those of its weights; films of version 0.1.0 do not tell the step."""
        steps = {r.step for r in self.rollouts} | {UNKNOWN_STEP}
        return tuple(f for f in films if f.step in steps) if self.rollouts else ()


def newest(records: Iterable[EvalRecord], judgements: Sequence[JudgementRecord]) -> Shown:
    """The newest judgement that came to its end.

    Where nothing tells of an end (roll-outs of version 0.1.0, or of an ablation), the judgement is
    that of the last roll-out.

    Args:
        records: All roll-outs, older ones first; one done again replaces the earlier one.
        judgements: In the order in which they ended.
    """
    latest = {(_settings(r), r.checkpoint, r.episode): r for r in records}
    every = list(latest.values())
    watched = [j.watching for j in judgements if j.watching is not None]
    ends = [j.acting for j in judgements if j.acting is not None]
    acting = ends[-1] if ends else (_trained(every) if every else None)
    last = judgements[-1].acting or judgements[-1].watching if judgements else acting
    if acting is not None and last is not None and acting.step != last.step:
        acting = None  # of weights of before those that were watched last
    episodes = {e for j in judgements if acting and j.acting == acting for e in j.episodes}
    own = [r for r in every if acting and _belongs(r, acting, episodes)]
    stale = watched[-1] if watched and last and watched[-1].step != last.step else None
    left = _left_out([r for r in every if r not in own], ends)
    return Shown(acting, stale is None, tuple(own), (*left, *_not_watched(stale)))


def _settings(record: EvalRecord) -> ActingSettings:
    """What a record tells of its judgement: all but the seed of the list."""
    return ActingSettings(
        step=record.step, max_key_poses=record.max_key_poses, simulator=record.simulator
    )


def _trained(records: Sequence[EvalRecord]) -> ActingSettings:
    """Settings of the last roll-out of a policy that was trained, else of the last one."""
    trained = [r for r in records if r.checkpoint not in _BEGINNINGS]
    return _settings((trained or records)[-1])


def _belongs(record: EvalRecord, acting: ActingSettings, episodes: set[EpisodeId]) -> bool:
    """Whether a roll-out is one of a judgement; without episodes all with its settings are."""
    begun = record.checkpoint in _BEGINNINGS and record.step in (0, UNKNOWN_STEP)
    found = replace(_settings(record), seed=acting.seed, step=acting.step if begun else record.step)
    return found == acting and (not episodes or record.episode in episodes)


def _left_out(records: Sequence[EvalRecord], ends: Sequence[ActingSettings]) -> list[str]:
    finished = {replace(settings, seed=UNKNOWN_STEP) for settings in ends}
    counts = Counter((r.checkpoint, _settings(r)) for r in records)
    return [
        f"{count} roll-outs of another judgement are left out: {checkpoint}, {described(settings)}"
        f"{'' if settings in finished or not ends or checkpoint in _BEGINNINGS else ', unfinished'}"
        for (checkpoint, settings), count in counts.items()
    ]


def described(settings: ActingSettings) -> str:
    """Settings in words, as "after 10 updates, at most 25 key poses, premotor-mujoco"."""
    step = "step not known" if settings.step == UNKNOWN_STEP else f"after {settings.step} updates"
    seed = "" if settings.seed == UNKNOWN_STEP else f"episodes of seed {settings.seed}, "
    return f"{step}, at most {settings.max_key_poses} key poses, {seed}{settings.simulator}"


def _not_watched(settings: WatchingSettings | None) -> list[str]:
    if settings is None:
        return []
    return [
        f"recognition and alignment of another judgement are left out: after {settings.step} "
        f"updates, split {settings.split}; measure them again with --data"
    ]
