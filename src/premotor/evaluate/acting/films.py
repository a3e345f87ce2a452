"""Roll-outs to look at: a filmstrip and a video with the predicted key poses drawn in.

They are drawn from the traces that roll-outs leave, of which only those that are needed are kept.
"""

import io
import logging
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.errors import ConfigError, DataError
from premotor.evaluate.acting.traces import EVERY, Trace, trace_path
from premotor.folders import EvaluationFolder
from premotor.geometry import rotations
from premotor.geometry.cameras import project
from premotor.progress import Progress, no_progress
from premotor.records import (
    UNKNOWN_STEP,
    EvalRecord,
    FilmRecord,
    read_list,
    write_atomically,
    write_json,
)
from premotor.simulate.environment import Environment
from premotor.simulate.filming import replayed
from premotor.store import video

_log = logging.getLogger(__name__)

SIZE = 288  # [px] side of a picture
FPS = 10
MAX_PICTURES = 6  # of a strip
CAMERA = "front"
_APPROACH = (236, 88, 64)  # the way the gripper comes
_FINGERS = {True: (72, 190, 120), False: (70, 130, 230)}  # open, closed
_RECORDS = "films.json"
_GAP = 6  # [px] between the pictures of a strip


def draw_keyframe(
    picture: UInt8[np.ndarray, "h w 3"],
    keyframe: Keyframe,
    intrinsics: Float[np.ndarray, "3 3"],
    world_from_camera: Float[np.ndarray, "4 4"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a key pose: a line along the approach, a bar along the fingers, a dot at the tip."""
    tip, matrix = (
        keyframe.end_effector.position,
        rotations.to_matrix(keyframe.end_effector.quaternion),
    )
    half = 0.04 if keyframe.gripper_open else 0.015  # [m] half opening of the bar
    points = np.stack(
        [tip, tip - 0.09 * matrix[:, 2], tip + half * matrix[:, 1], tip - half * matrix[:, 1]]
    )
    pixels = [(float(u), float(v)) for u, v, _ in project(points, intrinsics, world_from_camera)]
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    width = max(2, picture.shape[0] // 96)
    pen.line([pixels[1], pixels[0]], fill=_APPROACH, width=width)
    pen.line([pixels[2], pixels[3]], fill=_FINGERS[keyframe.gripper_open], width=width + 1)
    x, y = pixels[0]
    pen.ellipse([x - width, y - width, x + width, y + width], fill=(255, 255, 255))
    return np.asarray(image)


def film_strip(stills: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Image.Image:
    """Pictures side by side, at most `MAX_PICTURES`, first and last included."""
    count = min(len(stills), MAX_PICTURES)
    chosen = np.round(np.linspace(0, len(stills) - 1, count)).astype(int)
    height, width = stills[0].shape[:2]
    strip = Image.new("RGB", (count * width + (count - 1) * _GAP, height), (255, 255, 255))
    for place, index in enumerate(chosen):
        strip.paste(Image.fromarray(stills[int(index)]), (place * (width + _GAP), 0))
    return strip


def choose(records: Iterable[EvalRecord], checkpoint: str) -> list[EvalRecord]:
    """For each task the first success and the first failure of a checkpoint.

    Where it never failed, the first failure of any other checkpoint stands in: what it was before.
    Which comes first does not depend on the order of the records.
    """
    chosen: dict[tuple[str, bool], EvalRecord] = {}
    for record in sorted(records, key=partial(_precedence, checkpoint)):
        if record.checkpoint == checkpoint or not record.success:
            chosen.setdefault((record.task, record.success), record)
    return sorted(chosen.values(), key=lambda r: (r.task, not r.success))


def _precedence(checkpoint: str, record: EvalRecord) -> tuple[bool, str, int, int, str]:
    own = record.checkpoint == checkpoint
    return not own, record.task, record.seed, record.variation, record.checkpoint


def pruning(folder: Path, checkpoint: str) -> Callable[[EvalRecord], None]:
    """What, told of each roll-out of an evaluation, keeps only the traces that films may need.

    `choose` takes the first of a kind. So what it passes over among some of the records comes after
    another one of its kind, which is there among all of them too: it is passed over at the end as
    well, and its trace may go. Traces without a record are of roll-outs under way, and stay.
    """
    standing: list[EvalRecord] = []

    def told(record: EvalRecord) -> None:
        told_of = [*standing, record]
        standing[:] = choose(told_of, checkpoint)
        for passed in told_of:
            if passed not in standing:
                trace_path(folder, passed).unlink(missing_ok=True)

    return told


def keeping(folder: Path, episodes: Container[EpisodeId]) -> Callable[[EvalRecord], None]:
    """What, told of each roll-out, keeps only the traces of these episodes."""

    def told(record: EvalRecord) -> None:
        if record.episode not in episodes:
            trace_path(folder, record).unlink(missing_ok=True)

    return told


def film_all(
    records: Sequence[EvalRecord],
    checkpoint: str,
    folder: EvaluationFolder,
    environment: Environment,
    progress: Progress = no_progress,
) -> list[FilmRecord]:
    """Film what `choose` takes of the roll-outs of an evaluation, from their traces.

    A roll-out without a trace (it was done by a version before, or without films) keeps the film
    that it has; where it has none, it is not filmed.

    Args:
        records: Of all roll-outs.
        checkpoint: Whose roll-outs are filmed first.
        folder: Holds the traces; is given the films and `films.json`.
        environment: Is reset to each of the episodes.
        progress: Told of each film, and of those that cannot be made.
    """
    chosen, films = choose(records, checkpoint), list[FilmRecord]()
    former = _former(folder.films)

    def tell(count: int, task: str) -> None:
        lost = count - len(films)
        said = [f"{lost} not filmed, their states were not kept"] if lost else []
        progress("film", count, len(chosen), ", ".join(filter(None, [task, *said])))

    for count, record in enumerate(chosen):
        tell(count, record.task)
        made = _from_trace(record, folder, environment)
        films += [made] if made else [f for f in former if _shows(f, record)]
    write_json(folder.films / _RECORDS, films)
    kept = {trace_path(folder.traces, record) for record in chosen}
    for path in set(folder.traces.glob("*.npz")) - kept:
        path.unlink()
    tell(len(chosen), "")
    return films


def film(
    environment: Environment, record: EvalRecord, trace: Trace, folder: Path, name: str = ""
) -> FilmRecord:
    """Draw a roll-out from its states: a strip of what each key pose began with, and a video.

    Args:
        environment: Is reset to the episode.
        record: Of the roll-out.
        trace: Of the same roll-out.
        folder: For the files.
        name: Of the files; "" = checkpoint, task and outcome.
    """
    environment.reset(record.episode)
    world, rows = environment.world, trace.rows_of_a_film
    stills: list[UInt8[np.ndarray, "h w 3"]] = []
    frames: list[UInt8[np.ndarray, "h w 3"]] = []
    states = [trace.states[row] for row in rows]
    for row, rig in zip(rows, replayed(world, states, SIZE, SIZE, shadows=True), strict=True):
        shot = _Shot(
            rig.picture(world.data, CAMERA),
            rig.intrinsics(CAMERA),
            rig.world_from_camera(world.data, CAMERA),
        )
        stills += [shot.with_target(c.keyframe) for c in trace.choices if c.row == row]
        if row > 0 and row % EVERY == 0:
            frames.append(shot.with_target(trace.target(row)))
    ending = "success" if record.success else "failure"
    stem = name or f"{record.checkpoint}_{record.task}_{ending}"
    strip = io.BytesIO()
    film_strip(stills).save(strip, "PNG", optimize=True)
    write_atomically(folder / f"{stem}.png", strip.getvalue())
    frames += [stills[-1]] * FPS  # rest on the last one
    write_atomically(folder / f"{stem}.mp4", video.encode(np.stack(frames), FPS, quality=23))
    return FilmRecord(
        checkpoint=record.checkpoint,
        step=record.step,
        **vars(record.episode),
        instruction=record.instruction,
        success=record.success,
        reason=record.ending,
        strip=f"{stem}.png",
        video=f"{stem}.mp4",
    )


@dataclass(frozen=True, eq=False)
class _Shot:
    """A picture, and where its camera stood."""

    picture: UInt8[np.ndarray, "h w 3"]
    intrinsics: Float[np.ndarray, "3 3"]
    world_from_camera: Float[np.ndarray, "4 4"]

    def with_target(self, keyframe: Keyframe | None) -> UInt8[np.ndarray, "h w 3"]:
        """The picture with a key pose drawn in, if there is one."""
        if keyframe is None:
            return self.picture
        return draw_keyframe(self.picture, keyframe, self.intrinsics, self.world_from_camera)


def _from_trace(
    record: EvalRecord, folder: EvaluationFolder, environment: Environment
) -> FilmRecord | None:
    path = trace_path(folder.traces, record)
    if not path.is_file():
        return None
    try:
        return film(environment, record, Trace.read(path), folder.films)
    except (DataError, ConfigError) as error:  # damaged, or of another version's scene
        _log.warning("%s is not filmed anew: %s", record.episode, error)
        return None


def _former(folder: Path) -> list[FilmRecord]:
    """The films that are there."""
    path = folder / _RECORDS
    films = read_list(path, FilmRecord) if path.is_file() else []
    return [film for film in films if (folder / film.strip).is_file()]


def _shows(film: FilmRecord, record: EvalRecord) -> bool:
    """Whether a film is of a roll-out; those of version 0.1.0 do not tell the weights."""
    ours, theirs = ((r.checkpoint, r.episode, r.success, r.step) for r in (record, film))
    return theirs in (ours, (*ours[:-1], UNKNOWN_STEP))
