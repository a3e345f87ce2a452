"""The comparison as one self-contained page: the claim first, then all that it rests on.

It reads the records alone: no model, no simulator, no network. What was not kept is said to be so.
"""

import base64
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined

from premotor.comparison_records import Comparison, KeptClip, KeptFilm, Outcome
from premotor.episode.identity import EpisodeId
from premotor.folders import ComparisonFolder
from premotor.records import write_atomically
from premotor.report.comparison import charts, tables
from premotor.report.comparison import words as said
from premotor.report.comparison.films import Kept, Pair, read_kept, strip, within_budget
from premotor.report.comparison.points import KeptFeatures, Pictures, pictures, read_features
from premotor.report.figures import TASK_COLORS
from premotor.report.table import html, percent
from premotor.report.tables import ENDINGS, words

log = logging.getLogger(__name__)

_LEVELS = 65535  # places in the map are whole numbers of 16 bit
_MOST_MAIN = 8  # charts over training that are not folded away


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One co-primary outcome on top of the page."""

    outcome: Outcome
    kind: str  # the verdict in a few words; "" without one
    value: str  # as "+3.2 points"
    limits: str
    strip: charts.Strip | None


@dataclass(frozen=True, kw_only=True)
class Take:
    """One roll-out as the page shows it; the script finds its video by `media`."""

    arm: str
    filmed: bool
    success: bool = False
    ending: str = ""
    strip: str = ""  # data URI
    width: int = 0  # [px] of the strip
    height: int = 0  # [px]
    media: str = ""  # "" where no video is in the page
    seconds: tuple[float, ...] = ()  # at which its key poses were chosen


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The same start, acted in by two arms."""

    name: str
    task: str
    instruction: str
    variation: int
    seed: int
    takes: tuple[Take, ...]
    parting: int  # index of the first key pose that differs; -1 where none does
    parted: str  # the same in words


@dataclass(frozen=True, kw_only=True)
class PointEpisode:
    """What the page tells of one point of the map."""

    task: int  # place among the tasks
    variation: int
    instruction: str
    seed: int  # of the episode; -1 where it is not on record
    clip: str  # media, "" where it was not kept
    scene: str  # of `Scene.name`, "" where it was not filmed
    solved: tuple[bool | None, ...]  # by arm; None where it was not played


def write_page(found: Comparison, records: Path, path: Path) -> Path:
    """Write the page, which needs no other file.

    Args:
        found: Every number.
        records: Folder of a comparison, whose features, films and clips are shown.
        path: Of the page.

    Raises:
        DataError: A file of the records is damaged.
        SystemRefused: It cannot be written; a page that is there stays.
    """
    page = render(found, records)
    write_atomically(path, page.encode())
    log.info("wrote %s, %.1f MB", path, path.stat().st_size / 1e6)
    return path


def render(found: Comparison, records: Path) -> str:
    """The page."""
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["words"] = words
    template = environment.from_string(_resource("comparison/page.html.j2"))
    return template.render(
        found=found,
        style=_resource("page.css") + _resource("comparison/page.css"),
        script=_resource("comparison/page.js"),
        html=html,
        **_told(found),
        **_kept(found, ComparisonFolder(records)),
    )


def _told(found: Comparison) -> dict[str, object]:
    """What the numbers alone give."""
    drawn = charts.training_charts(found)
    return {
        "standing": said.standing(found),
        "headlines": _headlines(found),
        "claims": said.claims(found),
        "cannot": said.cannot(found),
        "tables": tables.tables(found),
        "forest": charts.forest(found),
        "spreads": charts.spreads(found),
        "alignment": charts.alignment_charts(found),
        "training": drawn[:_MOST_MAIN],
        "more_training": drawn[_MOST_MAIN:],
    }


def _kept(found: Comparison, folder: ComparisonFolder) -> dict[str, object]:
    """What features, films and clips give, all of one seed."""
    arms, seed = (found.baseline, found.claim), shown_seed(found, folder)
    kept, left_out = within_budget(read_kept(folder, arms, seed))
    features = read_features(folder, arms, seed, found.judged_steps)
    maps = tuple(pictures(features)) if features else ()
    return {
        "seed": seed,
        "scenes": tuple(_scene(kept, pair) for pair in kept.pairs),
        "left_out": left_out,
        "maps": maps,
        "map_data": _map_data(found, features, maps, kept),
        "media": _media(kept),
    }


def _resource(name: str) -> str:
    return resources.files("premotor.report").joinpath(*name.split("/")).read_text("utf-8")


def shown_seed(found: Comparison, folder: ComparisonFolder) -> int:
    """The seed whose map and films are shown: the first planned one of which both arms kept them.

    It is a rule, so that no seed is shown for its looks.
    """
    arms, seeds = (found.baseline, found.claim), found.seeds_planned
    filmed = [seed for seed in seeds if read_kept(folder, arms, seed).pairs]
    mapped = [
        seed
        for seed in seeds
        if all(folder.unit(arm, seed).features(found.judged_steps[-1]).is_file() for arm in arms)
    ]
    both = [seed for seed in mapped if seed in filmed]
    return next(iter([*both, *mapped, *filmed, *seeds]))


def _headlines(found: Comparison) -> tuple[Headline, ...]:
    kinds, strips = said.headline(found), charts.claim_strips(found)
    headlines: list[Headline] = []
    for outcome in tables.primary(found):
        value, _, limits = said.difference(found, outcome.name).partition(" (")
        headlines.append(
            Headline(
                outcome=outcome,
                kind=kinds[outcome.name],
                value=value,
                limits=f"({limits}" if limits else "",
                strip=strips.get(outcome.name),
            )
        )
    return tuple(headlines)


def _scene(kept: Kept, pair: Pair) -> Scene:
    takes = tuple(_take(kept, arm, film) for arm, film in zip(kept.arms, pair.films, strict=True))
    filmed = next(film for film in pair.films if film)
    both = all(take.filmed for take in takes)
    alike = "Key poses alike to the end." if both else "Only one of the two was filmed."
    parting = pair.parting
    return Scene(
        name=_key(pair.episode),
        **asdict(pair.episode),
        instruction=filmed.instruction,
        takes=takes,
        parting=-1 if parting is None else parting.index,
        parted=alike
        if parting is None
        else f"First differs at key pose {parting.index + 1}: {parting.said}.",
    )


def _take(kept: Kept, arm: str, film: KeptFilm | None) -> Take:
    if film is None:
        return Take(arm=arm, filmed=False)
    data, width, height = strip(kept.film_file(arm, film.strip))
    return Take(
        arm=arm,
        filmed=True,
        success=film.success,
        ending=ENDINGS.get(film.reason, words(film.reason)),
        strip=f"data:image/webp;base64,{base64.b64encode(data).decode()}",
        width=width,
        height=height,
        media=_film_key(arm, film) if film.video else "",
        seconds=tuple(round(pose.second, 2) for pose in film.key_poses),
    )


def _key(episode: EpisodeId) -> str:
    return f"{episode.task}-{episode.variation}-{episode.seed}"


def _film_key(arm: str, film: KeptFilm) -> str:
    return f"film-{arm}-{_key(film.episode)}"


def _media(kept: Kept) -> dict[str, str]:
    """All videos of the page in base64, each once."""
    files = {
        _film_key(arm, film): kept.film_file(arm, film.video)
        for pair in kept.pairs
        for arm, film in zip(kept.arms, pair.films, strict=True)
        if film and film.video
    }
    files |= {_clip_key(clip): kept.clip_file(clip.video) for clip in kept.clips if clip.video}
    return {key: base64.b64encode(file.read_bytes()).decode() for key, file in files.items()}


def _clip_key(clip: KeptClip) -> str:
    return f"clip-{_key(clip.episode)}" if clip.video else ""


def _map_data(
    found: Comparison, features: KeptFeatures | None, maps: Sequence[Pictures], kept: Kept
) -> dict[str, object]:
    """What the script of the map reads."""
    if features is None:
        return {}
    names = sorted({episode.task for episode in features.episodes})
    return {
        "arms": features.arms,
        "steps": features.steps,
        "tasks": [words(name) for name in names],
        "colors": [TASK_COLORS[i % len(TASK_COLORS)] for i in range(len(names))],
        "episodes": [asdict(e) for e in _point_episodes(features, names, kept)],
        "spaces": [
            {
                "name": drawn.space.name,
                "sides": len(drawn.space.layers),
                "places": _packed(drawn.places),
                "notes": _notes(found, features, drawn.space.name),
            }
            for drawn in maps
        ],
    }


def _packed(places: np.ndarray) -> str:
    whole = np.clip(np.round(places * _LEVELS), 0, _LEVELS).astype("<u2")
    return base64.b64encode(whole.tobytes()).decode()


def _notes(found: Comparison, features: KeptFeatures, space: str) -> list[list[str]]:
    """By step and arm: how often the nearest other episode of the task has the same instruction."""
    measured = {
        (curve.arm, step): value
        for curve in found.curves
        if curve.seed == features.seed and curve.measure == f"neighbor_{space}"
        for step, value in zip(curve.steps, curve.values, strict=True)
    }
    return [
        [
            f"nearest neighbor has the same instruction: {percent(measured[arm, step])}"
            if (arm, step) in measured
            else ""
            for arm in features.arms
        ]
        for step in features.steps
    ]


def _point_episodes(features: KeptFeatures, names: Sequence[str], kept: Kept) -> list[PointEpisode]:
    clips = {(clip.task, clip.episode_index): clip for clip in kept.clips}
    filmed = {pair.episode for pair in kept.pairs}
    told: list[PointEpisode] = []
    for own in features.episodes:
        clip = clips.get((own.task, own.number))
        episode = clip.episode if clip else None
        told.append(
            PointEpisode(
                task=names.index(own.task),
                variation=own.variation,
                instruction=own.instruction,
                seed=episode.seed if episode else -1,
                clip=_clip_key(clip) if clip else "",
                scene=_key(episode) if episode in filmed and episode else "",
                solved=kept.solved.get(episode, ()) if episode else (),
            )
        )
    return told
