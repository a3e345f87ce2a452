"""How aligned are two sets of features of the same episodes? No model, no simulator needed."""

import numpy as np

from premotor.measure import nulls, retrieval, similarity

rng = np.random.default_rng(0)
tasks = ["push_buttons"] * 40 + ["open_drawer"] * 40
variations = [i % 2 for i in range(80)]
what = np.repeat(rng.normal(size=(2, 16)), 40, axis=0)  # both sides know the task
how = 0.4 * rng.normal(size=(80, 16))  # and something of the single episode
watched = what + how + 0.4 * rng.normal(size=(80, 16))
done = (what + how) @ rng.normal(size=(16, 16)) + 0.4 * rng.normal(size=(80, 16))

statistic = similarity.debiased_cka_statistic(watched, done)
print(f"debiased CKA {statistic(np.arange(80)):.2f}")
for null in nulls.alignment_nulls(statistic, tasks, variations, rng, count=500):
    print(
        f"  rows permuted within {null.stratum:9s}: {null.null_mean:5.2f} +- {null.null_sd:.2f}"
        f"   z = {null.z_score:4.1f}   p = {null.p_value:.3f}"
    )
recall = retrieval.recall_at_k(watched, done)
print(f"recall@1 between the raw spaces {recall:.2f} (chance {1 / 80:.2f})")
