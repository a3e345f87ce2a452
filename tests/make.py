"""Records, studies and run folders for tests, made by the code that makes real ones.

Every builder gives a whole record; a test names what matters to it and leaves out the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from premotor import checkpoint
from premotor.codec import to_yaml
from premotor.episode.provenance import Provenance
from premotor.evaluate.acting.success import SIMULATOR
from premotor.evaluate.agreeing.against_success import against_success
from premotor.evaluate.agreeing.alignment import REPORTED
from premotor.execute.config import ExecuteConfig
from premotor.findings import ProbeRecord, Sight, Study
from premotor.measure.intervals import paired_difference, wilson
from premotor.measure.paired import mcnemar
from premotor.measure.plan import StudyConfig
from premotor.measure.rows import scaled_rows
from premotor.measure.sides import Sides, controls_of, stand_ins_of
from premotor.measure.study import study as measure
from premotor.mirror import Mirror
from premotor.presets import train_preset
from premotor.records import (
    Confusion,
    EvalRecord,
    FilmRecord,
    Interval,
    KeyframeRecord,
    NamingPair,
    ProbeRow,
    RecognitionRecord,
    RunManifest,
    StepRecord,
    write_json,
    write_lines,
)
from premotor.store.layout import ColorStats, EpisodeInfo
from premotor.train.probe import write_probe

TASKS = {  # some instruction of each, and how often the made-up policy succeeds
    "open_drawer": ("open the top drawer", 0.9),
    "push_buttons": ("push the maroon button, then push the green button", 0.97),
    "slide_block_to_color_target": ("slide the block to green target", 0.72),
}
STUDY = "push_buttons_free"
QUICK = StudyConfig(permutations=60, halves=20, only=REPORTED)
COARSE = replace(QUICK, permutations=20, halves=0)  # for tests of what is measured, not how surely
KINDS: dict[str, dict[str, float]] = {  # of verdicts: what the sides of `sides` share
    "none": {"task": 0.0},
    "scene": {},
    "language": {"words": 1.0},
    "mirror": {"action": 1.0},
    "unresolved": {"action": 1.0},  # without controls
    "collapsed": {"action": 1.0},  # u is the same in every row
}


def well_grounded(config: ExecuteConfig) -> ExecuteConfig:
    """A policy with patch prompts and a table match, in which both stages decide."""
    return replace(
        config,
        tokens=replace(config.tokens, patch=3),
        words=replace(config.words, match_by="table"),
        heatmap=replace(config.heatmap, coarse_weight=1.0),
    )


def rollout(**changes: Any) -> EvalRecord:
    """A success unless something else is said; what ends a roll-out follows from that."""
    success = changes.get("success", True)
    record = EvalRecord(
        checkpoint="trained",
        preset="nano",
        task="push_buttons",
        variation=0,
        seed=0,
        instruction="push the red button",
        success=success,
        strict=success,
        key_poses=3,
        reason="success" if success else "time_out",
        seconds=1.0,
        simulator=SIMULATOR,
        code_version="0",
    )
    return replace(record, **changes)


def manifest(**changes: Any) -> RunManifest:
    record = RunManifest(
        preset="nano",
        code_version="0.1.0+abc1234",
        created="2026-11-23T19:00:00+00:00",
        command="premotor train nano --data data/three --out runs/nano",
        versions={"torch": "2.11.0", "mujoco": "3.3.7", "numpy": "2.4.6"},
        data="data/three",
        data_fingerprint="5f2c0c9d1e8a",
        parameters={"understand": 2_800_000, "execute": 1_400_000, "align": 36_000},
    )
    return replace(record, **changes)


def step(number: int = 0, **changes: Any) -> StepRecord:
    record = StepRecord(
        step=number,
        losses={"total": 1.0, "execute": 1.0},
        grad_norm=1.0,
        learning_rate=1e-3,
        samples_per_second=45.0,
        data_seconds=0.004,
        step_seconds=0.35,
    )
    return replace(record, **changes)


def interval(value: float, reach: float = 0.1, count: int = 60) -> Interval:
    return Interval(value=value, low=value - reach, high=value + reach, count=count)


def keyframe(**changes: Any) -> KeyframeRecord:
    record = KeyframeRecord(
        step=1,
        task="push_buttons",
        variation=0,
        seed=0,
        keyframe_index=0,
        position_error=0.01,
        rotation_error=5.0,
        gripper_right=True,
        collision_right=True,
    )
    return replace(record, **changes)


def recognition(
    hits: Sequence[int] = (45, 20, 40), count: int = 100, **changes: Any
) -> RecognitionRecord:
    """Clips named rightly of so many: as they are, by the first frame alone, with frames shuffled.

    A change of `num_classes` brings its chance along.
    """
    whole, first, shuffled = (wilson(hit, count) for hit in hits)
    classes = changes.get("num_classes", 218)
    record = RecognitionRecord(
        checkpoint="trained",
        class_set="text",
        num_classes=classes,
        chance=1 / classes,
        accuracy=whole,
        first_frame_only=first,
        shuffled_frames=shuffled,
    )
    return replace(record, **changes)


def naming_pair(only_ours: int = 4, only_theirs: int = 9, count: int = 100) -> NamingPair:
    """Two checkpoints of which each alone named so many clips rightly."""
    ours = np.arange(count) < only_ours
    theirs = np.arange(count) >= count - only_theirs
    return NamingPair(
        ours="trained",
        theirs="untrained",
        class_set="text",
        only_ours=only_ours,
        only_theirs=only_theirs,
        difference=paired_difference(ours, theirs),
        p_value=mcnemar(ours, theirs).p_value,
    )


def episode(index: int = 0, **changes: Any) -> EpisodeInfo:
    record = EpisodeInfo(
        index=index,
        task="push_buttons",
        variation=0,
        seed=index,
        instructions=("push the red button",),
        num_rows=10,
        keyframe_steps=(3, 9),
        failures=(),
        provenance=Provenance(),
        color=ColorStats((), (), (), ()),
        files=(),
    )
    return replace(record, **changes)


def sides(seed: int = 0, **parts: float) -> Sides:
    """3 tasks of 4 variations of 8 episodes, and what both models share of each, with controls.

    Args:
        seed: Of all numbers.
        parts: How strongly both share each part. task: the furniture (1 where nothing else is
            said). words: the variation, which e has from its instruction alone. action: the
            variation, which e has without words. scene: the single episode. told: the single
            episode, of which e knows nothing without words.
    """
    rng = np.random.default_rng(seed)
    variations = np.repeat(np.arange(12), 8)
    tasks, episodes = variations // 4, np.arange(len(variations))
    codes = {
        "task": tasks,
        "words": variations,
        "action": variations,
        "scene": episodes,
        "told": episodes,
    }
    shared = {name: rng.normal(size=(c.max() + 1, 12))[c] for name, c in codes.items()}
    weights = {"task": 1.0, **parts}

    def side(*left_out: str) -> np.ndarray:
        kept = [weight * shared[n] for n, weight in weights.items() if n not in left_out]
        return np.sum(kept, axis=0) + 0.5 * rng.normal(size=(len(episodes), 12))

    names = list(TASKS)
    labels = tuple(names[t] for t in tasks), tuple(str(v % 4) for v in variations)
    found = Sides(side(), side(), *labels)
    return replace(found, controls=controls_of(found, blanked=side("words", "told"), seed=seed))


def spaces(kind: str, seed: int = 0) -> dict[str, Sides]:
    """Sides of a kind of verdict in both spaces; z_u and z_e have unit norm."""
    raw = sides(seed, **KINDS[kind])
    if kind == "unresolved":
        raw = replace(raw, controls={})
    if kind == "collapsed":
        raw = _with_u(raw, np.ones_like(raw.u))
    return {"z": _scaled(raw), "raw": raw}


def _with_u(found: Sides, u: np.ndarray) -> Sides:
    """The same sides and controls, u being the same everywhere."""
    controls = {n: c.with_sides(u[: len(c)], c.e) for n, c in found.controls.items()}
    return replace(found.with_sides(u, found.e), controls=controls)


def _scaled(found: Sides) -> Sides:
    controls = {name: _scaled(control) for name, control in found.controls.items()}
    z = found.with_sides(scaled_rows(found.u), scaled_rows(found.e))
    return replace(z, controls=controls)


@cache
def studies(kind: str = "mirror") -> tuple[Study, ...]:
    """What `premotor evaluate` writes of a run: before and after training, in both spaces."""
    before, after = spaces("scene", seed=2), spaces(kind)
    rng = np.random.default_rng(2)
    pixels, path = rng.normal(size=(96, 20)), rng.normal(size=(96, 9))
    after["raw"] = replace(after["raw"], stand_ins=stand_ins_of(after["raw"], pixels, path))
    after = {space: replace(after[space], untrained=before[space]) for space in after}
    return tuple(
        found
        for checkpoint, both in (("untrained", before), ("trained", after))
        for space, own in both.items()
        for found in measure(own, QUICK, checkpoint=checkpoint, space=space)
    )


def study(kind: str = "mirror", space: str = "z", checkpoint: str = "trained") -> Study:
    """One of `studies`: of both models themselves."""
    wanted = (checkpoint, space, "u-e")
    (found,) = [s for s in studies(kind) if (s.checkpoint, s.space, s.sides) == wanted]
    return found


@cache
def probe_record(kind: str = "mirror", chance: float = 0.5, better: float = 0.0) -> ProbeRecord:
    """What `premotor probe` writes; roll-outs succeed by chance, and are aligned better so far."""
    both = spaces(kind)
    success = np.random.default_rng(0).random(96) < chance
    z = both["z"].with_sides(both["z"].u, both["z"].e + better * success[:, None] * both["z"].u)
    related = {**both, "z": replace(z, controls=both["z"].controls)}
    return ProbeRecord(
        run_u="runs/u",
        run_e="runs/e",
        step_u=10,
        step_e=10,
        together="",
        fit_split="train",
        num_fit=1800,
        split="test",
        num_rows=96,
        unit="episode",
        sight=Sight(named=wilson(58, 96), first_frame=wilson(20, 96)),
        temperature=0.05,
        studies=studies(kind),
        relations=tuple(against_success(related, None, success, StudyConfig(permutations=200))),
        successes=int(success.sum()),
        rollouts=96,
        simulator=SIMULATOR,
        code_version="0",
    )


def checkpoints(folder: Path, preset: str = "nano", steps: Sequence[int] = (0,)) -> Path:
    """A run that can be loaded: untrained weights, other ones for each step."""
    config = train_preset(preset)
    for number in steps:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            checkpoint.save(folder, number, Mirror(config.mirror))
    write_json(folder / "manifest.json", manifest(preset=preset))
    return folder


def run_folder(
    folder: Path, *, kind: str = "mirror", steps: int = 120, rows: int = 36, films: bool = True
) -> Path:
    """A run that can be reported: every kind of record, made up; it has no weights.

    Args:
        folder: Where.
        kind: Of the verdict on alignment, of `KINDS`.
        steps: Of training; 0 = no record of it.
        rows: Probe episodes; 0 = none.
        films: Whether roll-outs were filmed.
    """
    command = f"premotor train tiny --data data/three --out {folder}"
    write_json(folder / "manifest.json", manifest(preset="tiny", command=command))
    (folder / "config.yaml").write_text(to_yaml(train_preset("tiny")))
    rng = np.random.default_rng(0)
    if steps:
        write_lines(folder / "metrics.jsonl", [_descended(i, steps, rng) for i in range(steps)])
    if rows:
        _write_probe(folder, steps, rows, kind)
    evaluation = folder / "evaluation"
    write_lines(evaluation / "rollouts.jsonl", rollouts(rng))
    write_json(evaluation / "recognition.json", recognitions())
    write_json(evaluation / "naming_pairs.json", [naming_pair(30, 1, 60)])
    write_json(evaluation / "studies.json", studies(kind))
    if films:
        _write_films(evaluation / "films", rng)
    return folder


def _descended(number: int, steps: int, rng: np.random.Generator) -> StepRecord:
    part = number / steps
    names = ("coarse", "fine", "rotation_x", "rotation_y", "rotation_z", "gripper", "collision")
    left = 0.15 + 0.85 * math.exp(-5 * part)
    losses = {n: s * left * float(np.exp(0.1 * rng.normal())) for s, n in enumerate(names, 3)}
    losses["total"] = losses["execute"] = sum(losses.values())
    if number % 5 == 4:
        losses["understand"] = 2.4 * math.exp(-3 * part) + 0.05 * float(rng.random())
        losses["align"] = 2.7 * math.exp(-1.5 * part) + 0.1 * float(rng.random())
    rate = 1e-3 * min(1.0, number / 20) * (0.51 + 0.49 * math.cos(math.pi * part))
    return step(number, losses=losses, learning_rate=rate, grad_norm=math.exp(rng.normal(0.5, 0.3)))


def _write_probe(folder: Path, steps: int, rows: int, kind: str) -> None:
    names = list(TASKS)
    listed = [ProbeRow(names[i % 3], i // 3 % 3, i) for i in range(rows)]
    for number in np.linspace(0, steps, 6).astype(int):
        found = _probed(number / max(1, steps), rows)
        if kind == "collapsed" and number:
            found |= {name: np.ones_like(found[name]) for name in ("u", "z_u")}
        tensors = {name: torch.from_numpy(values).float() for name, values in found.items()}
        write_probe(folder, int(number), listed, tensors)


def _probed(part: float, rows: int) -> dict[str, np.ndarray]:
    """What agrees the better the later it is; the same scenes at every step."""
    rng = np.random.default_rng(1)
    scene = 2.0 * rng.normal(size=(3, 12))[np.arange(rows) % 3] + rng.normal(size=(rows, 12))
    late = 4.0 * (1.0 - part)
    raw = {
        name: scene @ rng.normal(size=(12, width)) + late * rng.normal(size=(rows, width))
        for name, width in (("u", 24), ("e", 32))
    }
    z_u, z_e = (scene + late * rng.normal(size=scene.shape) for _ in range(2))
    return {**raw, "z_u": scaled_rows(z_u + 0.5), "z_e": scaled_rows(z_e - 0.75 * late)}


def rollouts(rng: np.random.Generator) -> list[EvalRecord]:
    """20 of each task and of a study, before and after training."""
    named = {**TASKS, STUDY: ("push the violet button", 0.6)}
    endings = ("time_out", "no_path", "out_of_bounds")
    found: list[EvalRecord] = []
    for name in ("untrained", "trained"):
        for task, (instruction, chance) in named.items():
            for seed in range(20):
                won = bool(rng.random() < (chance if name == "trained" else 0.01))
                record = rollout(checkpoint=name, task=task, success=won, seed=seed)
                reason = record.reason if won else endings[int(rng.integers(3))]
                strict = won and bool(rng.random() < 0.9)
                told = {"instruction": instruction, "variation": seed % 3}
                found.append(replace(record, reason=reason, strict=strict, **told))
    return found


def recognitions() -> list[RecognitionRecord]:
    """Of tasks and of texts, before and after training."""
    drawers = ("open the top drawer", "open the middle drawer", "slide the block to pink target")
    counts = ((0, 0, 11.0), (0, 1, 8.5), (0, 2, 0.5), (1, 1, 20.0), (2, 1, 2.0), (2, 2, 18.0))
    tasks = ((0, 0, 20.0), (1, 1, 19.0), (1, 2, 1.0), (2, 2, 20.0))
    confused = {
        "task": Confusion(labels=tuple(TASKS), counts=tasks),
        "text": Confusion(labels=drawers, counts=counts),
    }
    named = (
        ("trained", "task", 3, (59, 58, 59)),
        ("untrained", "task", 3, (21, 20, 19)),
        ("trained", "text", 26, (31, 12, 24)),
        ("untrained", "text", 26, (2, 3, 2)),
    )
    return [
        recognition(
            hits,
            60,
            checkpoint=name,
            class_set=classes,
            num_classes=number,
            by_task={task: wilson(hits[0] // 3, 20) for task in TASKS},
            by_axis={"placement": wilson(hits[0] // 3, 20), "color": wilson(hits[0] // 2, 40)},
            top5=wilson(min(60, hits[0] + 9), 60),
            macro=wilson(hits[0], 60),
            task_right=wilson(59, 60),
            prompts="all texts, 1 template(s), mean",
            confusion=confused[classes] if name == "trained" else None,
        )
        for name, classes, number, hits in named
    ]


def _write_films(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    films: list[FilmRecord] = []
    for task, (instruction, _) in TASKS.items():
        for success in (True, False):
            strip = f"{task}_{'success' if success else 'failure'}.png"
            image = np.full((256, 256 * 6, 3), 190, dtype=np.uint8)
            image[:, ::256] = 255
            image[60:180, 40:90] = rng.integers(0, 255, 3)
            Image.fromarray(image).save(folder / strip)
            film = FilmRecord(
                checkpoint="trained",
                task=task,
                variation=0,
                seed=3,
                instruction=instruction,
                success=success,
                reason="success" if success else "time_out",
                strip=strip,
                video="",
            )
            films.append(film)
    write_json(folder / "films.json", films)
