"""Alignment measures against golden/recognition/metrics (float64)."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from premotor.measure import retrieval, similarity

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def values(golden: Path) -> dict[str, float]:
    return json.loads((golden / "recognition" / "metrics.json").read_text())["values"]


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    return load_file(golden / "recognition" / "metrics.safetensors")


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_mutual_knn_equals_the_golden(values, arrays, k):
    ours = similarity.mutual_knn(arrays["A"], arrays["B"], k)
    # The golden value went through float32 (its tolerance of 1e-9 does not hold for itself).
    assert ours == pytest.approx(values[f"mutual_knn.k{k}"], abs=1e-7)


@pytest.mark.parametrize("k", [5, 10, 20])
def test_cknna_equals_the_golden(values, arrays, k):
    ours = similarity.cknna(arrays["A"], arrays["B"], k)
    # As its linear CKA, the reference adds 1e-6 to the denominator, which is about 1e-2 here.
    assert ours == pytest.approx(values[f"cknna.k{k}"], rel=2e-4)


def test_cka_equals_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    unit = similarity.unit_rows(a), similarity.unit_rows(b)
    assert similarity.linear_cka(a, b) == pytest.approx(values["cka_linear.exact"], rel=1e-10)
    raw = values["cka_debiased.raw_features"]
    assert similarity.debiased_cka(a, b) == pytest.approx(raw, rel=1e-10)
    scaled = values["cka_debiased.unit_features"]
    assert similarity.debiased_cka(*unit) == pytest.approx(scaled, rel=1e-10)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_recall_equals_the_golden(values, arrays, k):
    a, b = arrays["za"], arrays["zb"]
    assert retrieval.recall_at_k(a, b, k) == pytest.approx(values[f"recall_a2b@{k}"])
    assert retrieval.recall_at_k(b, a, k) == pytest.approx(values[f"recall_b2a@{k}"])


def test_the_median_rank_equals_the_golden(values, arrays):
    ours = retrieval.median_rank(arrays["za"], arrays["zb"])
    assert ours == values["median_rank_a2b(1-based)"]


@pytest.mark.parametrize("tau", [0.05, 0.5, 1.0])
def test_the_bound_is_the_mean_of_both_golden_directions(values, arrays, tau):
    ours = retrieval.information_bound(arrays["za"], arrays["zb"], tau)
    golden = (values[f"infonce_a2b.tau{tau}"] + values[f"infonce_b2a.tau{tau}"]) / 2
    assert ours == pytest.approx(golden, rel=1e-10)


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("mutual_knn.k10", similarity.mutual_knn_statistic),
        ("cka_linear", similarity.linear_cka_statistic),
        ("cka_debiased", similarity.debiased_cka_statistic),
    ],
)
def test_nulls_equal_the_golden_for_the_same_permutations(values, arrays, name, statistic):
    of_order = statistic(arrays["A"], arrays["B"])
    draws = np.array([of_order(order) for order in arrays["null.permutations"]])
    assert draws.mean() == pytest.approx(values["null"][name]["mean"], abs=1e-9)
    assert draws.std(ddof=1) == pytest.approx(values["null"][name]["std"], abs=1e-9)
    assert np.quantile(draws, 0.95) == pytest.approx(values["null"][name]["q95"], abs=1e-9)
