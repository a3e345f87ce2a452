"""Alignment measures against golden/recognition/metrics (float64)."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from premotor.measure import linear, retrieval, similarity
from premotor.measure.rows import unit_rows

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def values(golden: Path) -> dict[str, float]:
    return json.loads((golden / "recognition" / "metrics.json").read_text())["values"]


def numbers(values: dict[str, float], name: str) -> list[str]:
    """What stands behind a measure's name in the file, e.g. the k of `mutual_knn.k{k}`."""
    before, after = name.split("{}")
    pattern = re.compile(re.escape(before) + r"([\d.]+?)" + re.escape(after) + "$")
    found = [match[1] for key in values if (match := pattern.match(key))]
    assert found, f"the golden file has no {name}"
    return found


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    return load_file(golden / "recognition" / "metrics.safetensors")


def test_mutual_knn_equals_the_golden(values, arrays):
    for k in numbers(values, "mutual_knn.k{}"):
        ours = similarity.mutual_knn(arrays["A"], arrays["B"], int(k))
        # The golden value went through float32 (its tolerance of 1e-9 does not hold for itself).
        assert ours == pytest.approx(values[f"mutual_knn.k{k}"], abs=1e-7)


def test_cknna_equals_the_golden(values, arrays):
    for k in numbers(values, "cknna.k{}"):
        ours = similarity.cknna(arrays["A"], arrays["B"], int(k))
        # As its linear CKA, the reference adds 1e-6 to the denominator, which is about 1e-2 here.
        assert ours == pytest.approx(values[f"cknna.k{k}"], rel=2e-4)


def test_cka_equals_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    unit = unit_rows(a), unit_rows(b)
    assert similarity.linear_cka(a, b) == pytest.approx(values["cka_linear.exact"], rel=1e-10)
    raw = values["cka_debiased.raw_features"]
    assert similarity.debiased_cka(a, b) == pytest.approx(raw, rel=1e-10)
    scaled = values["cka_debiased.unit_features"]
    assert similarity.debiased_cka(*unit) == pytest.approx(scaled, rel=1e-10)


def test_cca_and_svcca_equal_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    rho = linear.cca_correlations(a, b)
    np.testing.assert_allclose(rho, arrays["cca.correlations"], rtol=1e-8)
    assert linear.cca(a, b) == pytest.approx(values["cca.mean_corr"], rel=1e-9)
    assert np.mean(rho**2) == pytest.approx(values["cca.mean_sq_corr"], rel=1e-9)
    for share in numbers(values, "svcca.{}.mean_corr"):
        kept = [linear.principal_share(x, float(share)).shape[1] for x in (a, b)]
        assert kept == values[f"svcca.{share}.dims"]
        ours = linear.svcca(a, b, float(share))
        assert ours == pytest.approx(values[f"svcca.{share}.mean_corr"], rel=1e-9)


def test_ridge_equals_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    folds = np.where(np.arange(len(a)) < len(a) * 7 // 10, -1, 0)  # learned from the first 70 %
    for alpha in numbers(values, "ridge_A2B.alpha{}.r2_uniform"):
        case, penalty = f"ridge_A2B.alpha{alpha}", [float(alpha)]
        weighted, uniform = values[f"{case}.r2_variance_weighted"], values[f"{case}.r2_uniform"]
        assert linear.ridge_r2(a, b, folds, penalty) == pytest.approx(weighted, rel=1e-9)
        assert linear.ridge_r2_uniform(a, b, folds, penalty) == pytest.approx(uniform, rel=1e-9)


def test_recall_equals_the_golden(values, arrays):
    a, b = arrays["za"], arrays["zb"]
    for k in numbers(values, "recall_a2b@{}"):
        assert retrieval.recall_at_k(a, b, int(k)) == pytest.approx(values[f"recall_a2b@{k}"])
        assert retrieval.recall_at_k(b, a, int(k)) == pytest.approx(values[f"recall_b2a@{k}"])


def test_the_median_rank_equals_the_golden(values, arrays):
    ours = retrieval.median_rank(arrays["za"], arrays["zb"])
    assert ours == values["median_rank_a2b(1-based)"]


def test_the_bound_is_the_mean_of_both_golden_directions(values, arrays):
    for tau in numbers(values, "infonce_a2b.tau{}"):
        ours = retrieval.information_bound(arrays["za"], arrays["zb"], float(tau))
        golden = (values[f"infonce_a2b.tau{tau}"] + values[f"infonce_b2a.tau{tau}"]) / 2
        assert ours == pytest.approx(golden, rel=1e-10)


def mutual_10nn(a: np.ndarray, b: np.ndarray) -> similarity.Statistic:
    return similarity.shared_neighbors(*similarity.both_nearest(a, b, 10))


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("mutual_knn.k10", mutual_10nn),
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
