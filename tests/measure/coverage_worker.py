"""How often 95 % intervals cover the truth, as JSON by name.

A program of its own: under test the types of every call are checked, and these are tens of
thousands.
"""

import json
import sys
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from premotor.measure.halves import halves, interval_of_halves
from premotor.measure.relation import relation
from premotor.measure.retrieval import information_bound
from premotor.measure.similarity import debiased_cka
from premotor.records import Interval

Measure = Callable[[np.ndarray, np.ndarray], float]


def of_halves(measure: Measure) -> float:
    """For these tasks: their centers stay, the episodes are drawn anew."""
    rng, found = np.random.default_rng(5), list[Interval]()
    tasks = np.repeat(np.arange(4), 15)
    centers = rng.normal(size=(4, 5))[tasks]
    for _ in range(200):
        shared = centers + rng.normal(size=(60, 5))
        u, e = (shared + rng.normal(size=(60, 5)) for _ in "ue")
        draws = [measure(u[rows], e[rows]) for rows in halves(tasks, rng, 20)]
        found.append(interval_of_halves(measure(u, e), np.array(draws), 60))
    return covered(found, float(np.mean([interval.value for interval in found])))


def of_areas(shift: float, sd: float) -> float:
    """The AUC of scores that successes have higher by `shift`; failures' spread is `sd`."""
    rng, found = np.random.default_rng(9), list[Interval]()
    failures = np.repeat([1, 1, 2, 3, 8, 20], 25)
    success = np.tile(np.arange(25), 6) >= failures
    strata = [f"task {i}" for i in np.repeat(np.arange(6), 25)]
    for _ in range(200):
        scores = rng.normal(size=150) * np.where(success, 1.0, sd) + shift * success
        related = relation(scores, success, strata, rng, permutations=2)
        assert related is not None
        found.append(related.auc)
    return covered(found, float(norm.cdf(shift / np.hypot(1.0, sd))))


def covered(found: list[Interval], truth: float) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in found]))


if __name__ == "__main__":
    shares = {
        "halves of debiased CKA": of_halves(debiased_cka),
        "halves of the bound": of_halves(information_bound),
        "areas at chance": of_areas(0.0, 1.0),
        "areas": of_areas(1.2, 1.0),
        "areas of failures that score widely": of_areas(1.2, 2.0),
    }
    json.dump(shares, sys.stdout)
