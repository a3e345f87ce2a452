"""A made-up comparison: its result and the folder of records that its page reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from premotor.comparison_records import (
    CLIPS,
    FILMS,
    AlignmentCurve,
    AlignmentPoint,
    Comparison,
    Curve,
    Gradient,
    KeptClip,
    KeptFilm,
    KeyPose,
    Outcome,
    Provenance,
    TaskLevel,
    UnitCost,
)
from premotor.episode.benchmark import VARIATIONS
from premotor.folders import ComparedUnitFolder, ComparisonFolder
from premotor.measure.features import save_layers
from premotor.measure.procedure import ClaimRule, cannot_show, claim_verdict, mirror_verdicts
from premotor.measure.seeds import ArmOutcome, SeedContrast, arm_level, seed_contrast
from premotor.records import EvalRecord, Interval, write_json, write_lines
from premotor.store import video

TASKS = tuple(VARIATIONS)[:18]
STEPS = (0, 850, 13600)
OUTCOMES = (
    Outcome(name="success", words="success on unseen episodes", kind="share", role="primary"),
    Outcome(name="text_accuracy", words="instruction named", kind="share", role="primary"),
    Outcome(
        name="execute",
        words="held-out loss L_e",
        kind="nat",
        role="secondary",
        higher_is_better=False,
    ),
    Outcome(name="position", words="key poses within 2 cm", kind="share", role="secondary"),
    Outcome(
        name="neighbor_u", words="nearest neighbor says the same, u", kind="share", role="secondary"
    ),
)
LEVELS = {"success": 0.62, "text_accuracy": 0.55, "execute": 6.0, "position": 0.7}
ANSWERS = {
    "apart": "the baseline",
    "aligned": "does aligning help?",
    "labels": "is it watching, or just the label?",
}


def comparison(
    seeds: int = 3,
    arms: Sequence[str] = ("apart", "aligned"),
    tasks: Sequence[str] = TASKS,
    gain: float = 0.05,
    **changes: Any,
) -> Comparison:
    """Random outcomes, in which all arms but the first are better by `gain`."""
    rng = np.random.default_rng(0)
    planned = tuple(range(seeds))
    outcomes = {
        (arm, o.name): _outcome(rng, arm, o.name, tasks, planned, gain if arm != arms[0] else 0.0)
        for arm in arms
        for o in OUTCOMES
    }
    contrasts = _contrasts(rng, outcomes, arms, planned)
    rule = ClaimRule(seeds=planned, look=0, smallest_effect=0.03)
    primary = [
        c
        for c in contrasts
        if (c.ours, c.theirs) == (arms[1], arms[0]) and c.outcome in ("success", "text_accuracy")
    ]
    verdict = claim_verdict(rule, primary)
    found = Comparison(
        name="apart and aligned, made up",
        counted=True,
        split="test",
        tasks=tuple(tasks),
        arms=tuple(arms),
        answers={arm: ANSWERS.get(arm, "") for arm in arms},
        baseline=arms[0],
        claim=arms[1],
        seeds_planned=planned,
        steps=STEPS[-1],
        judged_steps=STEPS,
        episodes=25,
        smallest_effect=0.03,
        outcomes=OUTCOMES,
        verdict=verdict,
        mirror=mirror_verdicts(verdict, [c for c in contrasts if c.ours == arms[1]]),
        cannot=cannot_show(rule, primary),
        levels=tuple(
            arm_level(o.name, outcomes[arm, o.name], planned) for arm in arms for o in OUTCOMES
        ),
        by_task=tuple(
            level for own in outcomes.items() for level in _by_task(*own[0], own[1], tasks)
        ),
        contrasts=contrasts,
        curves=_curves(rng, arms, planned),
        gradients=_gradients(arms),
        alignment=_alignment(),
        cost=tuple(_cost(arm, seed) for arm in arms for seed in planned),
        missing=(),
        provenance=_PROVENANCE,
    )
    return replace(found, **changes)


_PROVENANCE = Provenance(
    plan="name: apart and aligned, made up\ncounted: true\narms: [apart, aligned]\n",
    plan_digest="0123456789abcdef",
    code_version="0.1.0+0123456789",
    commands=("premotor compare plans/all18.yaml --records records",),
    versions={"torch": "2.11.0", "python": "3.11.9"},
    fingerprints={"train": "aaaa", "val": "bbbb", "test": "cccc"},
    simulator="premotor-mujoco",
)


def _contrasts(
    rng: np.random.Generator,
    outcomes: Mapping[tuple[str, str], ArmOutcome],
    arms: Sequence[str],
    planned: Sequence[int],
) -> tuple[SeedContrast, ...]:
    """Of every arm to the first, and of the second to every other."""
    return tuple(
        seed_contrast(o.name, outcomes[arm, o.name], outcomes[other, o.name], planned, rng)
        for other in arms
        for arm in arms
        if arm != other and (other == arms[0] or arm == arms[1])
        for o in OUTCOMES
    )


def _cost(arm: str, seed: int) -> UnitCost:
    return UnitCost(
        arm=arm,
        seed=seed,
        train_seconds=7200.0,
        judge_seconds=1800.0,
        machine="2 cores",
        ended="2026-11-29T20:00:00+00:00",
    )


def _by_task(arm: str, outcome: str, told: ArmOutcome, tasks: Sequence[str]) -> Iterator[TaskLevel]:
    for task in tasks:
        means = (float(np.mean(list(own[task].values()))) for own in told.runs.values())
        yield TaskLevel(arm=arm, outcome=outcome, task=task, values=tuple(means))


def _outcome(
    rng: np.random.Generator,
    arm: str,
    name: str,
    tasks: Sequence[str],
    seeds: Sequence[int],
    gain: float,
) -> ArmOutcome:
    level = LEVELS.get(name, 0.5) + gain
    runs: dict[int, Mapping[str, Mapping[int, float]]] = {}
    for seed in seeds:
        run = level + rng.normal(0.0, 0.015)
        runs[seed] = {task: _episodes(rng, run, name) for task in tasks}
    return ArmOutcome(arm=arm, runs=runs, broken={})


def _episodes(rng: np.random.Generator, level: float, name: str) -> dict[int, float]:
    own = level + rng.normal(0.0, 0.06)
    if name == "execute":
        return {0: own}
    return {i: float(hit) for i, hit in enumerate(rng.random(25) < own)}


def _curves(
    rng: np.random.Generator, arms: Sequence[str], seeds: Sequence[int]
) -> tuple[Curve, ...]:
    return tuple(
        Curve(
            arm=arm,
            seed=seed,
            measure=name,
            steps=STEPS,
            values=tuple((rng.random(len(STEPS)) * 0.1 + np.linspace(0.1, 0.6, 3)).tolist()),
        )
        for arm in arms
        for seed in seeds
        for name in ("text_accuracy", "execute", "neighbor_u", "losses.align")
    )


def _gradients(arms: Sequence[str]) -> tuple[Gradient, ...]:
    return tuple(
        Gradient(
            arm=arm,
            part=part,
            step=step,
            own=4.2,
            align=0.4,
            cosine=0.05,
            applied=0.1 if part == "policy" else None,
            seeds=3,
        )
        for arm in arms[1:]
        for part in ("policy", "recognizer/video", "policy/coarse", "policy/fine")
        for step in STEPS[1:]
    )


def _alignment() -> tuple[AlignmentCurve, ...]:
    heights = {"trained": 0.6, "untrained": 0.05, "pixels": 0.12, "text": 0.3}
    return tuple(
        AlignmentCurve(
            arm="apart",
            measure="recall_at_1",
            words="Recall@1",
            kind="share",
            pairs="instruction",
            centered=centered,
            side=side,
            points=tuple(
                AlignmentPoint(
                    step=step,
                    mean=height * (i + 1) / 3,
                    interval=Interval(
                        value=height * (i + 1) / 3,
                        low=height * i / 3,
                        high=height * (i + 2) / 3,
                        count=6,
                    ),
                    values=(height * (i + 1) / 3,) * 6,
                )
                for i, step in enumerate(STEPS)
            ),
            chance=0.01,
        )
        for centered in (False, True)
        for side, height in heights.items()
    )


def records(
    folder: Path,
    found: Comparison,
    episodes: int = 25,
    films: int = 2,
    width: int = 32,
    videos: Sequence[bytes] = (),
) -> Path:
    """Features, films and clips of every unit; the first `films` episodes of a task are filmed.

    Args:
        folder: Of the records.
        found: Whose arms, seeds, tasks and steps there are.
        episodes: Per task, whose features are kept.
        films: Of them, per task.
        width: Numbers of a representation.
        videos: What the films show, in turn; made up where there are none.
    """
    shown = list(videos) or [moving(i) for i in range(4)]
    clips = [
        KeptClip(
            task=task,
            variation=i % 5,
            seed=20_000_000 + i,
            episode_index=i * len(found.tasks) + place,
            instruction=f"{task.replace('_', ' ')} number {i % 5}",
            video=f"{task}_{i}.mp4" if i < films else "",
        )
        for place, task in enumerate(found.tasks)
        for i in range(episodes)
    ]
    write_json(folder / "clips" / CLIPS, clips)
    for number, clip in enumerate(clip for clip in clips if clip.video):
        (folder / "clips" / clip.video).write_bytes(shown[number % len(shown)])
    for arm in found.arms:
        for seed in found.seeds_planned:
            unit = ComparisonFolder(folder).unit(arm, seed)
            _write_features(unit, found, clips, width)
            _write_films(unit, arm, [clip for clip in clips if clip.video], shown)
    return folder


def moving(seed: int, size: int = 96, frames: int = 30) -> bytes:
    """A square on its way, as a video."""
    picture = np.full((frames, size, size, 3), 200, dtype=np.uint8)
    for t in range(frames):
        picture[t, 20 : 20 + 16, 2 * t : 2 * t + 16] = (40 * seed, 90, 160)
    return video.encode(picture, 10, quality=28)


def _write_features(
    unit: ComparedUnitFolder, found: Comparison, clips: Sequence[KeptClip], width: int
) -> None:
    """Tasks fall apart as training goes on; then instructions, and sooner in `aligned`."""
    arm, seed = unit.path.parent.name, int(unit.path.name.removeprefix("seed_"))
    rng = np.random.default_rng(seed)
    tasks = {task: rng.normal(size=width) for task in found.tasks}
    kinds = {(t, v): rng.normal(size=width) for t in found.tasks for v in range(5)}
    noise = rng.normal(size=(len(clips), width))
    own = np.random.default_rng([seed, len(arm)])
    labels = {
        "task": [c.task for c in clips],
        "variation": [str(c.variation) for c in clips],
        "episode": [str(c.episode_index) for c in clips],
        "instruction": [c.instruction for c in clips],
    }
    for place, step in enumerate(found.judged_steps):
        part = place / (len(found.judged_steps) - 1)
        words = part * (0.9 if arm == "aligned" else 0.45)
        rows = np.stack(
            [3 * part * tasks[c.task] + 2 * words * kinds[c.task, c.variation] for c in clips]
        )
        layers = {
            name: (rows + noise + 0.2 * own.normal(size=rows.shape)).astype(np.float16)
            for name in ("u", "e", "e_without_words", "z_u", "z_e")
        }
        save_layers(unit.features(step), layers, labels)
        fit = {name: layers[name] for name in ("u", "e")}
        save_layers(unit.fit_features(step), fit, labels)


def _write_films(
    unit: ComparedUnitFolder, arm: str, clips: Sequence[KeptClip], shown: Sequence[bytes]
) -> None:
    folder = unit.films
    folder.mkdir(parents=True, exist_ok=True)
    films: list[KeptFilm] = []
    for number, clip in enumerate(clips):
        success = (number + len(arm)) % 3 > 0
        stem = f"{clip.task}_{clip.variation}_{clip.seed}"
        image = np.full((96, 96 * 4, 3), 180, dtype=np.uint8)
        image[:, ::96] = 255
        Image.fromarray(image).save(folder / f"{stem}.png")
        (folder / f"{stem}.mp4").write_bytes(shown[(number + len(arm)) % len(shown)])
        films.append(
            KeptFilm(
                checkpoint="trained",
                task=clip.task,
                variation=clip.variation,
                seed=clip.seed,
                instruction=clip.instruction,
                success=success,
                reason="success" if success else "wrong_object",
                strip=f"{stem}.png",
                video=f"{stem}.mp4",
                key_poses=key_poses(0.05 if arm == "aligned" and number % 2 == 0 else 0.0),
            )
        )
    write_json(folder / FILMS, films)
    write_lines(
        unit.rollouts,
        [
            EvalRecord(
                **vars(film.episode),
                checkpoint="trained",
                preset="nano",
                instruction=film.instruction,
                success=film.success,
                strict=film.success,
                key_poses=3,
                reason=film.reason,
                seconds=1.0,
                simulator="premotor-mujoco",
                code_version="0",
            )
            for film in films
        ],
    )


def key_poses(apart: float, count: int = 3) -> tuple[KeyPose, ...]:
    """The second one lies so far from where it would else be [m]."""
    return tuple(
        KeyPose(
            second=0.9 * i,
            position=(0.3, apart if i == 1 else 0.0, 1.0),
            quaternion=(1.0, 0.0, 0.0, 0.0),
            gripper_open=i != 2,
        )
        for i in range(count)
    )
