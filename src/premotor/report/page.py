"""One self-contained page: everything a run recorded, to be read in one go.

It reads the run folder only: no model, no simulator, no network. What was not measured is said
to be so.
"""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Int
from jinja2 import Environment, StrictUndefined
from PIL import Image

from premotor.errors import DataError
from premotor.findings import Study
from premotor.folders import RunFolder
from premotor.records import FilmRecord, write_atomically
from premotor.report import findings, tables, words
from premotor.report.confusion import confusion_picture
from premotor.report.curves import (
    alignment_panels,
    engine_panels,
    gradient_panels,
    loss_panels,
    waiting_share,
)
from premotor.report.embedding import joint_pictures, single_picture
from premotor.report.figures import Cloud, Panel, clouds
from premotor.report.judgements import described
from premotor.report.run import ProbeStep, RunRecords, read_run
from premotor.report.table import ABSENT, html, percent
from premotor.temporary import sweep

log = logging.getLogger(__name__)

MAX_VIDEO_BYTES = 1_500_000  # larger videos stay in the run folder; their strip is shown
MAX_FILMS = 2  # of each outcome per task and checkpoint


@dataclass(frozen=True, kw_only=True)
class Film:
    """A roll-out as the page shows it."""

    checkpoint: str
    success: bool
    caption: str
    ending: str
    strip: str  # data URI
    width: int  # [px]
    height: int  # [px]
    video: str  # data URI, "" where there is none or it is too large


@dataclass(frozen=True, kw_only=True)
class Reel:
    """The films of one task."""

    task: str
    films: tuple[Film, ...]
    missing: str  # which outcome was not filmed, in words; "" where both are there


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One step of the joint embedding as the page shows it."""

    step: int
    purity: str
    recall: str
    clouds: tuple[Cloud, ...]
    points: tuple[tuple[int, int, int, int], ...]  # watched x, y, done x, y per episode


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """The scatter pictures of a page."""

    tasks: tuple[str, ...]  # of the episodes shown
    frames: tuple[Frame, ...]
    alone: tuple[tuple[str, tuple[Cloud, ...]], ...]  # u alone and e alone, last step


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The charts of a page."""

    losses: tuple[Panel, ...]
    alignment: tuple[Panel, ...]
    engine: tuple[Panel, ...]
    waiting: str


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder.

    Args:
        run: Folder that `premotor train` and `premotor evaluate` have written.

    Returns:
        Path of the page, which needs no other file.

    Raises:
        DataError: The folder is not a run or one of its files is corrupted.
        SystemRefused: It cannot be written; a page that is there stays.
    """
    path = RunFolder(run).report
    page = render(read_run(run))
    sweep(run)
    write_atomically(path, page.encode())
    log.info("wrote %s, %.1f MB", path, path.stat().st_size / 1e6)
    return path


def render(run: RunRecords) -> str:
    """The page of a run."""
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["words"] = tables.words
    template = environment.from_string(_resource("page.html.j2"))
    return template.render(
        run=run,
        style=_resource("page.css"),
        script=_resource("page.js"),
        html=html,
        success=tables.success_tables(run.rollouts),
        success_words=words.success_words(run.rollouts),
        success_share=words.success_share(run.rollouts),
        judged="" if run.judged.acting is None else described(run.judged.acting),
        simulators=sorted({r.simulator for r in run.rollouts}),
        recognition=tables.recognition_tables(run.recognition, run.pairs),
        recognition_words=words.recognition_words(run.recognition),
        confusion=_confusion(run),
        **_alignment(run.studies),
        headline=_headline(run),
        embeddings=_embeddings(run),
        curves=_curves(run),
        reels=_reels(run),
    )


def _resource(name: str) -> str:
    return resources.files("premotor.report").joinpath(name).read_text(encoding="utf-8")


def _alignment(studies: Sequence[Study]) -> dict[str, object]:
    """The verdict, what it means and the tables of the main checkpoint, as on the terminal."""
    main = tables.main_checkpoint(study.checkpoint for study in studies)
    judged = findings.headline(studies, main) if main else None
    return {
        "kind": "" if judged is None else findings.kind_of(judged),
        "sentences": findings.all_sentences(studies, main) if main else (),
        "alignment": findings.tables(studies, main) if main else (),
    }


def _headline(run: RunRecords) -> dict[str, str]:
    """The three numbers on top: recognition per class set and retrieval, "" if not measured."""
    main = tables.main_checkpoint(r.checkpoint for r in run.recognition)
    found = {"task": "", "text": "", "text_chance": "", "recall": "", "rows": ""}
    for record in run.recognition:
        if record.checkpoint == main and record.class_set in ("task", "text"):
            found[record.class_set] = percent(record.accuracy.value)
            if record.class_set == "text":
                found["text_chance"] = percent(record.chance)
    main = tables.main_checkpoint(study.checkpoint for study in run.studies)
    judged = findings.headline(run.studies, main) if main else None
    if judged is not None:
        ways = [judged.finding(f"recall_at_1_{way}") for way in ("u_to_e", "e_to_u")]
        values = [way.own.value for way in ways if way is not None and way.own.value is not None]
        if values:
            found["recall"] = percent(sum(values) / len(values))
            found["rows"] = str(judged.num_rows)
    return found


def _confusion(run: RunRecords) -> Panel | None:
    found = tables.main_confusion(run.recognition, "task")
    if found is None:
        return None
    note = "percent of each task's clips by the task they were named as"
    return confusion_picture(found, "Which task is taken for which", note)


def _curves(run: RunRecords) -> Curves:
    waiting = waiting_share(run.steps)
    return Curves(
        losses=loss_panels(run),
        alignment=alignment_panels(run),
        engine=(*gradient_panels(run), *engine_panels(run)),
        waiting="" if waiting is None else percent(waiting),
    )


def _embeddings(run: RunRecords) -> Embeddings:
    shown, pictures = joint_pictures(run.probe, run.rows)
    tasks = tuple(run.rows[i].task for i in shown)
    frames = tuple(
        Frame(
            step=p.step,
            purity=ABSENT if p.purity is None else percent(p.purity),
            recall=ABSENT if p.recall is None else percent(p.recall),
            clouds=clouds(p.watched, p.done, tasks),
            points=tuple(
                (round(a * 1000), round(1000 - b * 1000), round(c * 1000), round(1000 - d * 1000))
                for (a, b), (c, d) in zip(p.watched.tolist(), p.done.tolist(), strict=True)
            ),
        )
        for p in pictures
    )
    alone = _alone(run.probe[-1], shown, tasks) if frames else ()
    return Embeddings(tasks=tasks, frames=frames, alone=alone)


def _alone(
    step: ProbeStep, shown: Int[np.ndarray, " n"], tasks: Sequence[str]
) -> tuple[tuple[str, tuple[Cloud, ...]], ...]:
    u, e = single_picture(step.u[shown]), single_picture(step.e[shown])
    return ("u", clouds(u, u, tasks)), ("e", clouds(e, e, tasks))


def _reels(run: RunRecords) -> tuple[Reel, ...]:
    main = tables.main_checkpoint(f.checkpoint for f in run.films)
    reels: list[Reel] = []
    for task in sorted({f.task for f in run.films}):
        own = [f for f in run.films if f.task == task]
        own.sort(key=lambda f: (f.checkpoint == tables.UNTRAINED, not f.success))
        films: list[Film] = []
        count: dict[tuple[str, bool], int] = {}
        for record in own:
            key = record.checkpoint, record.success
            count[key] = count.get(key, 0) + 1
            if count[key] <= MAX_FILMS:
                films.append(_film(RunFolder(run.path).evaluation.films, record))
        reels.append(Reel(task=task, films=tuple(films), missing=_missing(own, main)))
    return tuple(reels)


def _missing(films: Sequence[FilmRecord], main: str | None) -> str:
    outcomes = {f.success for f in films if f.checkpoint == main}
    if outcomes == {True}:
        return "No failure of the trained policy was filmed."
    if outcomes == {False}:
        return "No success of the trained policy was filmed."
    return "" if outcomes else "The trained policy was not filmed."


def _film(folder: Path, record: FilmRecord) -> Film:
    uri, width, height = _picture(folder / record.strip)
    video = folder / record.video if record.video else None
    return Film(
        checkpoint=record.checkpoint,
        success=record.success,
        caption=record.instruction,
        ending=tables.ENDINGS.get(record.reason, tables.words(record.reason)),
        strip=uri,
        width=width,
        height=height,
        video=_video(video) if video else "",
    )


def _picture(path: Path) -> tuple[str, int, int]:
    """Data URI of an image as WebP, which is a quarter of the PNG, and its size."""
    try:
        with Image.open(path) as image:
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "WEBP", quality=90, method=4)
            return _uri("image/webp", buffer.getvalue()), image.width, image.height
    except OSError as error:
        raise DataError(
            f"cannot read film strip {path}: {error}; run `premotor evaluate` again"
        ) from error


def _video(path: Path) -> str:
    if not path.exists() or path.stat().st_size > MAX_VIDEO_BYTES:
        return ""
    return _uri("video/mp4", path.read_bytes())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
