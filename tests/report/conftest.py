"""A made-up run folder with every kind of record, for tests of the report."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from premotor.measure import nulls, retrieval, similarity
from premotor.measure.intervals import wilson
from premotor.records import (
    AlignmentRecord,
    Confusion,
    EvalRecord,
    FilmRecord,
    Interval,
    NamingPair,
    RecognitionRecord,
    RunManifest,
    StepRecord,
    write_json,
    write_lines,
)

TASKS = {
    "open_drawer": (3, "open the top drawer", 0.9),
    "push_buttons": (5, "push the maroon button, then push the green button", 0.97),
    "slide_block_to_color_target": (4, "slide the block to green target", 0.72),
}
CODE = "0.1.0+abc1234"


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    return write_run


def write_run(folder: Path, steps: int = 400, rows: int = 36, films: bool = True) -> Path:
    """Write all records of a made-up run; nothing in it was measured."""
    rng = np.random.default_rng(0)
    manifest = RunManifest(
        preset="tiny",
        code_version=CODE,
        created="2026-11-23T19:00:00+00:00",
        command=f"premotor train tiny --data data/three --out {folder}",
        versions={"torch": "2.11.0", "mujoco": "3.3.7", "numpy": "2.4.6"},
        data="data/three",
        data_fingerprint="5f2c0c9d1e8a",
        parameters={"understand": 2_800_000, "execute": 1_400_000, "align": 36_000},
    )
    write_json(folder / "manifest.json", manifest)
    config = "preset: tiny\nmirror:\n  align:\n    latent_dim: 128\n    temperature: 0.05\n"
    (folder / "config.yaml").write_text(config + "pairing:\n  pair_batch_size: 16\n")
    write_lines(folder / "metrics.jsonl", [_step(i, steps, rng) for i in range(steps)])
    _write_probe(folder, steps, rows, rng)
    _write_evaluation(folder, rng)
    if films:
        _write_films(folder / "evaluation" / "films", rng)
    return folder


def _step(step: int, steps: int, rng: np.random.Generator) -> StepRecord:
    part = step / steps
    names = ("coarse", "fine", "rotation_x", "rotation_y", "rotation_z", "gripper", "collision")
    ends = {
        n: s * (0.15 + 0.85 * math.exp(-5 * part))
        for n, s in zip(names, range(9, 2, -1), strict=True)
    }
    losses = {n: v * float(np.exp(0.1 * rng.normal())) for n, v in ends.items()}
    losses["total"] = losses["execute"] = sum(losses.values())
    if step % 5 == 4:
        losses["understand"] = 2.4 * math.exp(-3 * part) + 0.05 * float(rng.random())
        losses["align"] = 2.7 * math.exp(-1.5 * part) + 0.1 * float(rng.random())
    return StepRecord(
        step=step,
        losses=losses,
        grad_norm=float(np.exp(rng.normal(0.5, 0.3))),
        learning_rate=1e-3 * min(1.0, step / 20) * (0.51 + 0.49 * math.cos(math.pi * part)),
        samples_per_second=45 + float(rng.normal()),
        data_seconds=0.004,
        step_seconds=0.35,
    )


def _sides(part: float, rows: int) -> dict[str, np.ndarray]:
    """u and e that agree the better the later it is; the same scenes at every step."""
    rng = np.random.default_rng(1)
    tasks = np.arange(rows) % 3
    scene = 2.0 * np.eye(3)[tasks] @ rng.normal(size=(3, 12)) + rng.normal(size=(rows, 12))
    u = scene @ rng.normal(size=(12, 24)) + 4 * (1 - part) * rng.normal(size=(rows, 24))
    e = scene @ rng.normal(size=(12, 32)) + 4 * (1 - part) * rng.normal(size=(rows, 32))
    z_u = scene + 4.0 * (1 - part) * rng.normal(size=scene.shape) + 0.5
    z_e = scene + 4.0 * (1 - part) * rng.normal(size=scene.shape) - 3 * (1 - part)
    sides = {"u": u, "e": e, "z_u": similarity.unit_rows(z_u), "z_e": similarity.unit_rows(z_e)}
    return {k: v.astype(np.float32) for k, v in sides.items()}


def _write_probe(folder: Path, steps: int, rows: int, rng: np.random.Generator) -> None:
    (folder / "probe").mkdir(parents=True, exist_ok=True)
    names = list(TASKS)
    listed = [{"task": names[i % 3], "variation": (i // 3) % 3, "episode": i} for i in range(rows)]
    (folder / "probe" / "rows.json").write_text(json.dumps(listed))
    for step in np.linspace(0, steps, 6).astype(int):
        save_file(_sides(step / steps, rows), folder / "probe" / f"step_{step:06d}.safetensors")
    records = [
        record
        for checkpoint, part in (("untrained", 0.0), ("trained", 1.0))
        for instruction, loss in (("given", 0.0), ("blanked", 0.35))
        for record in _alignment(checkpoint, instruction, _sides(part - loss * part, rows), listed)
    ]
    write_json(folder / "evaluation" / "alignment.json", records)


def _alignment(
    checkpoint: str, instruction: str, sides: dict[str, np.ndarray], rows: list[dict]
) -> list[AlignmentRecord]:
    z = sides["z_u"], sides["z_e"]
    n = len(rows)
    statistics = {
        ("z", "recall_at_1_u_to_e"): (retrieval.recall_statistic(*z), 1 / n),
        ("z", "recall_at_1_e_to_u"): (retrieval.recall_statistic(*reversed(z)), 1 / n),
        ("z", "mutual_knn"): (similarity.mutual_knn_statistic(*z, 5), 5 / (n - 1)),
        ("z", "debiased_cka"): (similarity.debiased_cka_statistic(*z), 0.0),
        ("z", "bound"): (retrieval.bound_statistic(*z), math.log(n)),
        ("raw", "debiased_cka"): (
            similarity.debiased_cka_statistic(sides["u"], sides["e"]),
            0.0,
        ),
    }
    tasks, variations = [r["task"] for r in rows], [r["variation"] for r in rows]
    rng = np.random.default_rng(2)
    return [
        AlignmentRecord(
            checkpoint=checkpoint,
            measure=measure,
            space=space,
            instruction=instruction,
            value=statistic(np.arange(n)),
            reference=reference,
            num_rows=n,
            nulls=nulls.alignment_nulls(statistic, tasks, variations, rng, 200),
        )
        for (space, measure), (statistic, reference) in statistics.items()
    ]


def _write_evaluation(folder: Path, rng: np.random.Generator) -> None:
    names = {**TASKS, "push_buttons_free": (9, "push the violet button", 0.6)}
    rollouts = [
        _rollout(checkpoint, task, seed, chance if checkpoint == "trained" else 0.01, rng)
        for checkpoint in ("untrained", "trained")
        for task, (_, _, chance) in names.items()
        for seed in range(20)
    ]
    write_lines(folder / "evaluation" / "rollouts.jsonl", rollouts)
    recognition = [
        RecognitionRecord(
            checkpoint=checkpoint,
            class_set=class_set,
            num_classes=classes,
            chance=1 / classes,
            accuracy=wilson(hits[0], 60),
            first_frame_only=wilson(hits[1], 60),
            shuffled_frames=wilson(hits[2], 60),
            by_task={t: wilson(hits[0] // 3, 20) for t in TASKS},
            by_axis={"placement": wilson(hits[0] // 3, 20), "color": wilson(hits[0] // 2, 40)},
            top5=wilson(min(60, hits[0] + 9), 60),
            macro=wilson(hits[0], 60),
            task_right=wilson(59, 60),
            prompts="all texts, 1 template(s), mean",
            confusion=_confusion(class_set, checkpoint),
        )
        for checkpoint, class_set, classes, hits in (
            ("trained", "task", 3, (59, 58, 59)),
            ("untrained", "task", 3, (21, 20, 19)),
            ("trained", "text", 26, (31, 12, 24)),
            ("untrained", "text", 26, (2, 3, 2)),
        )
    ]
    write_json(folder / "evaluation" / "recognition.json", recognition)
    pair = NamingPair(
        ours="trained",
        theirs="untrained",
        class_set="text",
        only_ours=30,
        only_theirs=1,
        difference=Interval(value=29 / 60, low=0.33, high=0.6, count=60),
        p_value=3e-8,
    )
    write_json(folder / "evaluation" / "naming_pairs.json", [pair])


def _confusion(class_set: str, checkpoint: str) -> Confusion | None:
    if checkpoint == "untrained":
        return None
    if class_set == "task":
        counts = ((0, 0, 20.0), (1, 1, 19.0), (1, 2, 1.0), (2, 2, 20.0))
        return Confusion(labels=tuple(TASKS), counts=counts)
    labels = ("open the top drawer", "open the middle drawer", "slide the block to pink target")
    counts = ((0, 0, 11.0), (0, 1, 8.5), (0, 2, 0.5), (1, 1, 20.0), (2, 1, 2.0), (2, 2, 18.0))
    return Confusion(labels=labels, counts=counts)


def _rollout(
    checkpoint: str, task: str, seed: int, chance: float, rng: np.random.Generator
) -> EvalRecord:
    success = bool(rng.random() < chance)
    failure = ("time_out", "no_path", "out_of_bounds")[int(rng.integers(3))]
    return EvalRecord(
        checkpoint=checkpoint,
        preset="tiny",
        task=task,
        variation=seed % 3,
        seed=seed,
        instruction=TASKS.get(task, (0, "push the violet button", 0.0))[1],
        success=success,
        strict=success and bool(rng.random() < 0.9),
        steps=int(rng.integers(3, 8)),
        reason="success" if success else failure,
        seconds=3.0,
        simulator="premotor embedded (MuJoCo 3.3.7)",
        code_version=CODE,
    )


def _write_films(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    films = []
    for task, (_, instruction, _) in TASKS.items():
        for success in (True, False):
            strip = f"{task}_{'success' if success else 'failure'}.png"
            row = np.linspace(90, 225, 256 * 6).astype(np.uint8)
            image = np.broadcast_to(row[None, :, None], (256, 256 * 6, 3)).copy()
            image[:, ::256] = 255
            image[60:180, 40:90] = rng.integers(0, 255, 3)
            Image.fromarray(image).save(folder / strip)
            films.append(
                FilmRecord(
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
            )
    write_json(folder / "films.json", films)
