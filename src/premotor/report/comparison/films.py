"""What was filmed of two arms from the same starts, and where their key poses first differ."""

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from premotor.comparison_records import CLIPS, FILMS, KeptClip, KeptFilm, KeyPose
from premotor.episode.identity import EpisodeId
from premotor.errors import DataError
from premotor.folders import ComparisonFolder
from premotor.geometry.rotations import angle_between
from premotor.records import EvalRecord, read_lines, read_list

WITHIN = 0.02  # [m] two positions that count as one, as of held-out key poses
TURNED = 15.0  # [deg] likewise two rotations
BUDGET = 14_000_000  # [bytes] of all videos of a page, which base64 makes a third larger
STRIP_HEIGHT = 96  # [px]


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first key pose at which two roll-outs from the same start differ."""

    index: int  # from 0
    said: str  # how they differ


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same start, acted in by two arms."""

    episode: EpisodeId
    films: tuple[KeptFilm | None, ...]  # by arm; None where it was not filmed
    parting: Parting | None  # None where their key poses are alike to the end, or one is not there


@dataclass(frozen=True, kw_only=True)
class Kept:
    """All that lies beside the numbers of one seed."""

    folder: ComparisonFolder
    arms: tuple[str, ...]
    seed: int
    clips: tuple[KeptClip, ...]  # of every episode whose features are kept
    pairs: tuple[Pair, ...]
    solved: dict[EpisodeId, tuple[bool | None, ...]]  # by arm; None where it was not played

    def film_file(self, arm: str, name: str) -> Path:
        """A file of the films of an arm."""
        return self.folder.unit(arm, self.seed).films / name

    def clip_file(self, name: str) -> Path:
        """A file of the clips."""
        return self.folder.clips / name


def read_kept(folder: ComparisonFolder, arms: Sequence[str], seed: int) -> Kept:
    """Films, clips and outcomes of some arms at one seed; what is not there is left out.

    Raises:
        DataError: A record is damaged.
    """
    clips, units = folder.clips / CLIPS, [folder.unit(arm, seed) for arm in arms]
    films = [_films(unit.films) for unit in units]
    episodes = sorted({episode for own in films for episode in own})
    played = [
        {r.episode: r.success for r in read_lines(unit.rollouts, EvalRecord)} for unit in units
    ]
    return Kept(
        folder=folder,
        arms=tuple(arms),
        seed=seed,
        clips=tuple(read_list(clips, KeptClip)) if clips.is_file() else (),
        pairs=tuple(_pair(episode, [own.get(episode) for own in films]) for episode in episodes),
        solved={
            episode: tuple(own.get(episode) for own in played)
            for episode in sorted({episode for own in played for episode in own})
        },
    )


def _films(folder: Path) -> dict[EpisodeId, KeptFilm]:
    path = folder / FILMS
    return {film.episode: film for film in read_list(path, KeptFilm)} if path.is_file() else {}


def _pair(episode: EpisodeId, films: Sequence[KeptFilm | None]) -> Pair:
    chosen = [film.key_poses for film in films if film]
    alone = len(chosen) < len(films)
    return Pair(
        episode=episode,
        films=tuple(films),
        parting=None if alone else parting(chosen[0], chosen[-1]),
    )


def parting(first: Sequence[KeyPose], second: Sequence[KeyPose]) -> Parting | None:
    """The first key pose in which two roll-outs differ; None where all are alike.

    Two key poses are alike within 2 cm and 15 degrees, with the fingers the same way. Where one
    roll-out ends before the other, they differ at the first key pose that only one has.
    """
    for index, (one, other) in enumerate(zip_longest(first, second)):
        if one is None or other is None:
            return Parting(index=index, said="only one goes on")
        if said := ", ".join(_differences(one, other)):
            return Parting(index=index, said=said)
    return None


def _differences(one: KeyPose, other: KeyPose) -> list[str]:
    apart = float(np.linalg.norm(np.subtract(one.position, other.position)))
    turned = math.degrees(angle_between(np.array(one.quaternion), np.array(other.quaternion)))
    said = [f"{100 * apart:.1f} cm apart"] if apart > WITHIN else []
    said += [f"turned by {turned:.0f}\u00b0"] if turned > TURNED else []
    return said + (["fingers the other way"] if one.gripper_open != other.gripper_open else [])


def within_budget(kept: Kept, budget: int = BUDGET) -> tuple[Kept, int]:
    """The same with only so many videos as a page can hold, and how many were left out.

    Tasks take turns, the two films of a start and its clip together, so that no task is without.
    """
    chosen: set[Path] = set()
    every: set[Path] = set()
    for pair in _in_turns(kept.pairs):
        files = [file for file in _videos(kept, pair) if file.is_file()]
        every.update(files)
        if _size([*chosen, *files]) <= budget:
            chosen.update(files)

    def left(film: KeptFilm | None, arm: str) -> KeptFilm | None:
        if film is None or kept.film_file(arm, film.video) in chosen:
            return film
        return replace(film, video="")

    pairs = tuple(
        replace(pair, films=tuple(map(left, pair.films, kept.arms))) for pair in kept.pairs
    )
    clips = tuple(
        clip if kept.clip_file(clip.video) in chosen else replace(clip, video="")
        for clip in kept.clips
    )
    return replace(kept, pairs=pairs, clips=clips), len(every - chosen)


def _videos(kept: Kept, pair: Pair) -> list[Path]:
    """Of one start: the films, and the recognizer's clip."""
    films = zip(kept.arms, pair.films, strict=True)
    clips = (clip for clip in kept.clips if clip.episode == pair.episode)
    return [
        *(kept.film_file(arm, film.video) for arm, film in films if film and film.video),
        *(kept.clip_file(clip.video) for clip in clips if clip.video),
    ]


def _in_turns(pairs: Iterable[Pair]) -> list[Pair]:
    """The first of each task, then the second of each."""
    turns: dict[str, int] = {}
    ranked: list[tuple[int, Pair]] = []
    for pair in pairs:
        turn = turns.setdefault(pair.episode.task, 0)
        turns[pair.episode.task] += 1
        ranked.append((turn, pair))
    return [pair for _, pair in sorted(ranked, key=lambda r: (r[0], r[1].episode))]


def _size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def strip(path: Path) -> tuple[bytes, int, int]:
    """A filmstrip as a small WebP, its width and height [px].

    Raises:
        DataError: It cannot be read.
    """
    try:
        with Image.open(path) as image:
            width = round(image.width * STRIP_HEIGHT / image.height)
            small = image.convert("RGB").resize((width, STRIP_HEIGHT), Image.Resampling.LANCZOS)
    except OSError as error:
        raise DataError(f"cannot read film strip {path}: {error}; film the unit again") from error
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4)
    return buffer.getvalue(), width, STRIP_HEIGHT
