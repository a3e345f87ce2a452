"""Do two models of your own align by themselves? Give each one method, and probe them."""

import numpy as np
import torch

from premotor.align.fit import FitConfig, fit_projections
from premotor.align.models import Episodes, project, sample_of
from premotor.measure.study import Condition, StudyConfig, study
from premotor.measure.verdict import verdict_on

WORDS = ("push left", "push right", "push away", "push near")


class Watcher:
    """Observes: clips (frames, 6) in, u (12) out."""

    weights = np.random.default_rng(1).normal(size=(12, 12))

    def observe(self, clips):
        return np.tanh(np.hstack([clips[:, 0], clips[:, -1] - clips[:, 0]]) @ self.weights)


class Doer:
    """Executes: scenes (10,) and words in, e (16) out."""

    weights = np.random.default_rng(2).normal(size=(14, 16))

    def execute(self, scenes, instructions):
        said = np.array(instructions)[:, None] == np.array(WORDS)
        return np.tanh(np.hstack([scenes, said]) @ self.weights)


def record(count: int, seed: int) -> Episodes:
    """Pushes of two tasks in four directions; a mark in the scene shows which, as do the words."""
    rng = np.random.default_rng(seed)
    task, way = np.arange(count) // 4 % 2, np.arange(count) % 4
    start = 0.5 * np.eye(2, 6)[task] + 0.1 * rng.normal(size=(count, 6))
    return Episodes(
        clips=start[:, None] + np.linspace(0, 1, 5)[:, None] * np.eye(4, 6)[way][:, None],
        scenes=np.hstack([start, np.eye(4)[way]]) + 0.2 * rng.normal(size=(count, 10)),
        instructions=[WORDS[w] for w in way],
        tasks=[("table", "shelf")[t] for t in task],
        variations=[str(w) for w in way],
    )


learned, _ = sample_of(Watcher(), Doer(), record(320, seed=0))
maps = fit_projections(torch.tensor(learned.a), torch.tensor(learned.b), FitConfig(), seed=0)
unseen = project(maps, *sample_of(Watcher(), Doer(), record(96, seed=1)))
records = study(*unseen, Condition(space="z"), StudyConfig(permutations=200, halves=20))
for number in records:
    if number.measure in ("bound", "recall_at_5_u_to_e", "debiased_cka"):
        p = ", ".join(f"{null.stratum} {null.p_value:.3f}" for null in number.nulls)
        seen = f"words {number.instruction}, {number.episode} episode"
        print(f"{number.measure:18s} {seen:32s} {number.value:6.3f}   p: {p}")
print("{0.name}: {0.because}".format(verdict_on(records)))
