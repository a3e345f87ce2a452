"""One checkpoint on held-out episodes, without acting: losses, key poses, texts, neighbors.

The same rows for every checkpoint, so that differences are those of the weights. Nothing is drawn
but which rows these are, and every task counts alike (decisions D92).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from premotor.data.dataset import Dataset
from premotor.data.pairing import Answers
from premotor.errors import ConfigError
from premotor.evaluate.acting.keyframes import predict_keyframes
from premotor.evaluate.acting.losses import teacher_forced
from premotor.evaluate.naming.calibration import TextScores, fitted_temperature, text_scores
from premotor.measure.keyframes import located, turned
from premotor.measure.neighbors import NeighborAccuracy, nearest_of_task
from premotor.measure.rows import codes
from premotor.mirror import Mirror
from premotor.progress import Progress, no_progress
from premotor.records import HeldOutRecord, KeyframeRecord
from premotor.represent import first_transitions, represent
from premotor.settings import check_numbers


@dataclass(frozen=True, kw_only=True)
class HeldOutConfig:
    """Which held-out episodes are looked at, and how many."""

    split: str = "test"  # whose episodes are measured, for the record
    fit_split: str = "val"
    """Whose clips the temperature is fitted on; `split` itself where there is no other: then in two
    halves, each measured at the temperature of the other"""
    rows: int = 0  # key poses per task; 0 = all
    clips: int = 0  # episodes per task that are named and compared; 0 = all
    fit_clips: int = 0  # episodes per task that the temperature is fitted on; 0 = all
    seed: int = 0  # of the choice
    answers: Answers = "settled"
    """Which of several right key poses L_e is about; with the settled ones, rows that who acts so
    never meets are left out"""

    def __post_init__(self) -> None:
        if min(self.rows, self.clips, self.fit_clips) < 0:
            raise ConfigError(
                "rows, clips and fit_clips must be >= 0, got "
                f"{self.rows}, {self.clips}, {self.fit_clips}; 0 takes all"
            )
        check_numbers(self)


def measure_held_out(
    mirror: Mirror,
    dataset: Dataset,
    fit_dataset: Dataset | None,
    config: HeldOutConfig,
    progress: Progress = no_progress,
    keyframes: Sequence[KeyframeRecord] | None = None,
) -> HeldOutRecord:
    """Losses, key poses, named texts and nearest neighbors of one checkpoint.

    Args:
        mirror: The checkpoint; is put into evaluation mode meanwhile.
        dataset: Episodes that training has not seen, of tasks that are ours.
        fit_dataset: Others of the same tasks, for the temperature alone; None: `dataset` itself, in
            halves.
        config: How many of them.
        progress: Told how far the slow parts are.
        keyframes: What `key_poses` found of this checkpoint; None: it is asked here.

    Raises:
        ConfigError: A task of `dataset` has no episode in `fit_dataset`.
    """
    rows = _Rows.of(dataset, config.rows, config.seed, _met(dataset, config.answers))
    measured = _Rows.of(dataset, config.clips, config.seed)
    told = None if fit_dataset is None else _Rows.of(fit_dataset, config.fit_clips, config.seed)
    if told is not None:
        _check_tasks(measured, told, config.fit_split)
    was_training = mirror.training
    mirror.eval()
    losses = teacher_forced(mirror, dataset, list(rows.by_task.values()), config.answers)
    by_task = dict(zip(rows.by_task, losses, strict=True))
    if keyframes is None:
        keyframes = key_poses(mirror, dataset, config, 0, progress)
    placed = _Placed.of(keyframes, rows)
    named = _Named.of(mirror, measured, told, config.seed)
    near = _near(mirror, measured, progress)
    mirror.train(was_training)
    return HeldOutRecord(
        split=config.split,
        rows=len(rows),
        clips=len(measured),
        execute={name: _mean([loss[name] for loss in losses]) for name in losses[0]},
        execute_by_task={task: loss["execute"] for task, loss in by_task.items()},
        position=placed.position,
        rotation=placed.rotation,
        decisive=placed.decisive,
        text_accuracy=_mean(list(named.by_task.values())),
        text_accuracy_by_task=named.by_task,
        text_within_task=named.within_task,
        text_log_p=named.log_p,
        text_log_p_within_task=named.log_p_within_task,
        temperature=named.temperature,
        fitted_on=config.fit_split,
        neighbor={name: found.value for name, found in near.items()},
        chance=_chances(named, near),
    )


def _check_tasks(measured: "_Rows", told: "_Rows", split: str) -> None:
    if missing := sorted(set(measured.by_task) - set(told.by_task)):
        raise ConfigError(
            f"split {split} has no episode of {', '.join(missing)}; collect some, so that the "
            "temperature is about the tasks that are measured"
        )


def key_poses(
    mirror: Mirror,
    dataset: Dataset,
    config: HeldOutConfig,
    step: int,
    progress: Progress = no_progress,
) -> list[KeyframeRecord]:
    """What a checkpoint says of the key poses that are measured.

    Args:
        mirror: The checkpoint, in evaluation mode.
        dataset: Episodes that training has not seen.
        config: Which of them.
        step: Updates that it has learned from, for the records.
        progress: Told how many are done.
    """
    rows = _Rows.of(dataset, config.rows, config.seed, _met(dataset, config.answers)).transitions
    found: list[KeyframeRecord] = []
    for record in predict_keyframes(mirror, dataset, step, rows):
        found.append(record)
        progress("key poses", len(found), len(rows), "")
    return found


def _met(dataset: Dataset, answers: Answers) -> Bool[np.ndarray, " m"]:
    """Transitions that begin as an episode of a policy that gives these answers may."""
    if answers == "settled":
        return ~dataset.never_met
    return np.ones(len(dataset.cache.transitions), dtype=bool)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Transitions of a data set that are looked at, by task."""

    dataset: Dataset
    by_task: dict[str, Int[np.ndarray, " _"]]

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        per_task: int,
        seed: int,
        among: Bool[np.ndarray, " m"] | None = None,
    ) -> "_Rows":
        """Up to so many of each task, 0 = all; of first ones where it is not said among which.

        Which they are hangs on the seed and on the task's own episodes alone.
        """
        rows = first_transitions(dataset) if among is None else np.flatnonzero(among)
        infos = dataset.cache.episodes
        tasks = np.array([infos[int(i)].task for i in dataset.episodes_of(rows)])
        found: dict[str, np.ndarray] = {}
        for task in sorted(set(tasks.tolist())):
            own = rows[tasks == task]
            if 0 < per_task < len(own):
                own = np.sort(np.random.default_rng(seed).permutation(own)[:per_task])
            found[task] = own
        return cls(dataset, found)

    def __len__(self) -> int:
        return len(self.transitions)

    @property
    def transitions(self) -> Int[np.ndarray, " n"]:
        return np.concatenate(list(self.by_task.values()))

    @property
    def episodes(self) -> Int[np.ndarray, " n"]:
        """Positions in the cache."""
        return self.dataset.episodes_of(self.transitions)

    @property
    def tasks(self) -> list[str]:
        """Of each row."""
        return [task for task, rows in self.by_task.items() for _ in rows]

    def halves(self, seed: int) -> Bool[np.ndarray, " n"]:
        """Whether each row is of the first half of its task's, which is drawn."""
        sizes = [len(rows) for rows in self.by_task.values()]
        rngs = [np.random.default_rng([seed, task]) for task in range(len(sizes))]
        return np.concatenate([r.permutation(n) % 2 == 0 for r, n in zip(rngs, sizes, strict=True)])

    @property
    def weights(self) -> Float[np.ndarray, " n"]:
        """Of each row, so that every task counts alike; their sum is 1."""
        shares = [np.full(len(r), 1.0 / len(r)) for r in self.by_task.values()]
        return np.concatenate(shares) / len(shares)

    def means(self, values: Float[np.ndarray, " n"]) -> dict[str, float]:
        """Mean of the rows of each task."""
        tasks = np.array(self.tasks)
        return {task: float(values[tasks == task].mean()) for task in self.by_task}

    def mean(self, values: Float[np.ndarray, " n"]) -> float:
        """Mean over tasks, each counting alike."""
        return _mean(list(self.means(values).values()))


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Shares of key poses that are right."""

    position: float
    rotation: float
    decisive: float | None

    @classmethod
    def of(cls, records: Sequence[KeyframeRecord], rows: _Rows) -> "_Placed":
        near = np.array([float(located(record)) for record in records])
        chosen = np.array([record.decisive is True for record in records])
        tasks = np.array(rows.tasks)
        decisive = [near[chosen & (tasks == t)] for t in rows.by_task]
        known = [_mean(values.tolist()) for values in decisive if len(values)]
        return cls(
            position=rows.mean(near),
            rotation=rows.mean(np.array([float(turned(record)) for record in records])),
            decisive=_mean(known) if known else None,
        )


@dataclass(frozen=True, kw_only=True)
class _Named:
    """What the recognizer says of the clips."""

    by_task: dict[str, float]
    within_task: float
    log_p: float
    log_p_within_task: float
    temperature: float
    chance: float
    chance_within_task: float

    @classmethod
    def of(cls, mirror: Mirror, measured: _Rows, told: _Rows | None, seed: int) -> "_Named":
        found = text_scores(mirror.understand, measured.dataset, measured.episodes)
        if told is None:
            temperature = _crosswise(found, measured, measured.halves(seed))
        else:
            others = text_scores(mirror.understand, told.dataset, told.episodes)
            temperature = np.full(len(measured), fitted_temperature(others, told.weights))

        def log_p(within_task: bool) -> float:
            return measured.mean(found.log_p(torch.from_numpy(temperature), within_task).numpy())

        return cls(
            by_task=measured.means(found.right().double().numpy()),
            within_task=measured.mean(found.right(within_task=True).double().numpy()),
            log_p=log_p(within_task=False),
            log_p_within_task=log_p(within_task=True),
            temperature=float(np.exp(np.log(temperature).mean())),
            chance=1.0 / found.scores.shape[1],
            chance_within_task=measured.mean(found.chance_within.double().numpy()),
        )


def _crosswise(
    found: TextScores, rows: _Rows, first: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """A temperature for each clip, fitted on the half of them that it is not of."""
    fitted = [fitted_temperature(found.only(half), rows.weights[half]) for half in (~first, first)]
    return np.where(first, *fitted)


def _near(mirror: Mirror, rows: _Rows, progress: Progress) -> dict[str, NeighborAccuracy]:
    """How often the nearest episode of the task has the same instruction, by representation."""
    given = represent(mirror, rows.dataset, rows.transitions, progress=progress)
    blanked = represent(mirror, rows.dataset, rows.transitions, blanked=True, progress=progress)
    shown = {"u": given["u"], "e": given["e"], "e_without_words": blanked["e"]}
    infos = [rows.dataset.cache.episodes[int(i)] for i in rows.episodes]
    tasks, said = codes(rows.tasks), _numbered([info.instructions for info in infos])
    found = {name: nearest_of_task(x.numpy(), tasks, said) for name, x in shown.items()}
    return {name: accuracy for name, accuracy in found.items() if accuracy is not None}


def _chances(named: _Named, near: Mapping[str, NeighborAccuracy]) -> dict[str, float]:
    """What a guess gets; the rows compared are the same whatever represents them."""
    found = {"text_accuracy": named.chance, "text_within_task": named.chance_within_task}
    return found | ({"neighbor": near["u"].chance} if near else {})


def _numbered(lists: Sequence[tuple[str, ...]]) -> Int[np.ndarray, " n"]:
    """One number per distinct list of texts: variations with the same words are one instruction."""
    known: dict[tuple[str, ...], int] = {}
    return np.array([known.setdefault(texts, len(known)) for texts in lists])
