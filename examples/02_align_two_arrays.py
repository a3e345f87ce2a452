"""How aligned are two sets of features of the same episodes? No model, no simulator needed."""

import numpy as np

from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides
from premotor.measure.study import study

rng = np.random.default_rng(0)
tasks = ("push_buttons",) * 40 + ("open_drawer",) * 40
variations = tuple(str(i % 2) for i in range(80))
what = np.repeat(rng.normal(size=(2, 16)), 40, axis=0)  # both sides know the task
how = 0.4 * rng.normal(size=(80, 16))  # and something of the single episode
watched = what + how + 0.4 * rng.normal(size=(80, 16))
done = (what + how) @ rng.normal(size=(16, 16)) + 0.4 * rng.normal(size=(80, 16))

config = StudyConfig(permutations=500, only=("debiased_cka", "mutual_knn", "rsa"))
(found,) = study(Sides(watched, done, tasks, variations), config, checkpoint="given", space="raw")
for number in found.findings:
    low, high = number.interval.low, number.interval.high
    print(f"{number.label} {number.own.value:.2f} ({low:.2f} to {high:.2f})")
    for null in number.own.nulls:
        print(
            f"  partners permuted within {null.stratum:9s}: {null.mean:5.2f} +- {null.sd:.2f}"
            f"   z = {null.z:4.1f}   p = {null.p:.3f}"
        )
print(f"{found.verdict.kind}: {found.verdict.because}")
