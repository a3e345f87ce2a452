"""Measures that are followed over training: each is the public one, and gaps stay gaps."""

import numpy as np
import pytest

import make
from premotor.measure.catalog import MeasureConfig
from premotor.measure.crossed import CURVES, curve_values
from premotor.measure.retrieval import information_bound, recall_at_k
from premotor.measure.sides import Sides
from premotor.measure.similarity import debiased_cka, mutual_knn

CONFIG = MeasureConfig(neighbors=7, temperature=0.2)


def test_every_measure_is_taken_of_its_own_space():
    both = make.spaces("mirror")
    z, raw = both["z"], both["raw"]
    found = curve_values(both, CONFIG)
    assert found == {
        "recall_at_1": (recall_at_k(z.u, z.e) + recall_at_k(z.e, z.u)) / 2,
        "bound": information_bound(z.u, z.e, 0.2),
        "mutual_knn": mutual_knn(z.u, z.e, 7),
        "debiased_cka": debiased_cka(z.u, z.e),
        "mutual_knn_raw": mutual_knn(raw.u, raw.e, 7),
        "debiased_cka_raw": debiased_cka(raw.u, raw.e),
    }
    assert set(found) == set(CURVES)


def test_task_means_are_taken_off_both_sides():
    both = make.spaces("scene")  # the task is all that is shared beside noise
    plain, off = (curve_values(both, CONFIG, centered=c) for c in (False, True))
    assert plain["debiased_cka_raw"] > 0.5
    assert abs(off["debiased_cka_raw"]) < 0.1
    centered = both["raw"].centered
    assert off["debiased_cka_raw"] == debiased_cka(centered.u, centered.e)


def test_what_cannot_be_measured_is_a_gap():
    rows = np.random.default_rng(0).normal(size=(9, 3))
    one_task = Sides(rows, rows + 0.1, ("a",) * 9)
    both = {"raw": one_task, "z": one_task}
    assert set(curve_values(both, CONFIG, centered=True).values()) == {None}
    found = curve_values(both, MeasureConfig(neighbors=9))
    assert found["mutual_knn"] is None
    assert found["debiased_cka"] == pytest.approx(1.0, abs=0.1)
    still = {**both, "raw": one_task.with_sides(np.ones((9, 3)), rows)}
    assert curve_values(still, CONFIG)["debiased_cka_raw"] is None


def test_chance_and_ceiling_are_those_of_so_many_rows():
    assert CURVES["recall_at_1"].chance(50, CONFIG) == 0.02
    assert CURVES["mutual_knn"].chance(50, CONFIG) == pytest.approx(7 / 49)
    assert CURVES["bound"].ceiling(50) == pytest.approx(np.log(50))
