"""Do two models of your own align by themselves? Give each one method, and probe them."""

import numpy as np
import torch

from premotor.align.fit import FitConfig, fit_projections
from premotor.align.models import Episodes, project, sides_of
from premotor.measure.plan import StudyConfig
from premotor.measure.study import study

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


learned = sides_of(Watcher(), Doer(), record(320, seed=0))
maps = fit_projections(torch.tensor(learned.u), torch.tensor(learned.e), FitConfig(), seed=0)
unseen = project(maps, sides_of(Watcher(), Doer(), record(96, seed=1)))
config = StudyConfig(permutations=200, halves=20)
(found,) = study(unseen, config, checkpoint="given", space="z")
for name in ("bound", "recall_at_5_u_to_e", "debiased_cka"):
    number = found.finding(name)
    p = ", ".join(f"{null.stratum} {null.p:.3f}" for null in number.own.nulls)
    print(f"{number.label:24s} {number.own.value:6.3f}   p: {p}")
    for control in number.controls:
        reading = control.reading
        print(f"  {control.name:22s} {reading.value:6.3f}   p: {reading.deciding.p:.3f}")
print(f"{found.verdict.kind}: {found.verdict.because}")
