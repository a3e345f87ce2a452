"""Alignment measures against golden/recognition/metrics (float64)."""

import re
from pathlib import Path

import numpy as np
import pytest

from golden.stored import Stored
from premotor.measure import linear, retrieval, similarity
from premotor.measure.rows import unit_rows

pytestmark = pytest.mark.golden
FLOAT32 = 1e-7
METRICS = Stored("recognition", "metrics")


@pytest.fixture(scope="module")
def values(golden: Path) -> dict[str, float]:
    return METRICS.about["values"]


def told() -> dict[str, float]:
    """The tolerance of the description."""
    return {"rel": METRICS.about["tolerance"]["rel"]}


def numbers(values: dict[str, float], name: str) -> list[str]:
    """What stands behind a measure's name in the file, e.g. the k of `mutual_knn.k{k}`."""
    before, after = name.split("{}")
    pattern = re.compile(re.escape(before) + r"([\d.]+?)" + re.escape(after) + "$")
    found = [match[1] for key in values if (match := pattern.match(key))]
    assert found, f"the golden file has no {name}"
    return found


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in METRICS.tensors.items()}


def test_mutual_knn_equals_the_golden(values, arrays):
    for k in numbers(values, "mutual_knn.k{}"):
        ours = similarity.mutual_knn(arrays["A"], arrays["B"], int(k))
        # The golden value went through float32 (its own tolerance does not hold for itself).
        assert ours == pytest.approx(values[f"mutual_knn.k{k}"], abs=FLOAT32)


def test_cknna_equals_the_golden(values, arrays):
    for k in numbers(values, "cknna.k{}"):
        ours = similarity.cknna(arrays["A"], arrays["B"], int(k))
        # As its linear CKA, the reference adds 1e-6 to the denominator, which is about 1e-2 here.
        assert ours == pytest.approx(values[f"cknna.k{k}"], rel=2e-4)


def test_cka_equals_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    unit = unit_rows(a), unit_rows(b)
    assert similarity.linear_cka(a, b) == pytest.approx(values["cka_linear.exact"], **told())
    raw = values["cka_debiased.raw_features"]
    assert similarity.debiased_cka(a, b) == pytest.approx(raw, **told())
    scaled = values["cka_debiased.unit_features"]
    assert similarity.debiased_cka(*unit) == pytest.approx(scaled, **told())


def test_cca_and_svcca_equal_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    rho = linear.cca_correlations(a, b)
    np.testing.assert_allclose(rho, arrays["cca.correlations"], rtol=told()["rel"])
    assert linear.cca(a, b) == pytest.approx(values["cca.mean_corr"], **told())
    assert np.mean(rho**2) == pytest.approx(values["cca.mean_sq_corr"], **told())
    for share in numbers(values, "svcca.{}.mean_corr"):
        kept = [linear.principal_share(x, float(share)).shape[1] for x in (a, b)]
        assert kept == values[f"svcca.{share}.dims"]
        ours = linear.svcca(a, b, float(share))
        assert ours == pytest.approx(values[f"svcca.{share}.mean_corr"], **told())


def test_ridge_equals_the_golden(values, arrays):
    a, b = arrays["A"], arrays["B"]
    folds = np.where(np.arange(len(a)) < len(a) * 7 // 10, -1, 0)  # learned from the first 70 %
    for alpha in numbers(values, "ridge_A2B.alpha{}.r2_uniform"):
        case, penalty = f"ridge_A2B.alpha{alpha}", [float(alpha)]
        weighted, uniform = values[f"{case}.r2_variance_weighted"], values[f"{case}.r2_uniform"]
        assert linear.ridge_r2(a, b, folds, penalty) == pytest.approx(weighted, **told())
        assert linear.ridge_r2_uniform(a, b, folds, penalty) == pytest.approx(uniform, **told())


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
        assert ours == pytest.approx(golden, **told())


def statistic_of(name: str, a: np.ndarray, b: np.ndarray) -> similarity.Statistic:
    """What a null of this name was drawn of, as a function of the order of rows."""
    kind, _, k = name.partition(".k")
    if kind == "mutual_knn":
        return similarity.shared_neighbors(*similarity.both_nearest(a, b, int(k)))
    known = {
        "cka_linear": similarity.linear_cka_statistic,
        "cka_debiased": similarity.debiased_cka_statistic,
    }
    return known[kind](a, b)


def test_nulls_equal_the_golden_for_the_same_permutations(values, arrays):
    for name, null in values["null"].items():
        of_order = statistic_of(name, arrays["A"], arrays["B"])
        draws = np.array([of_order(order) for order in arrays["null.permutations"]])
        assert draws.mean() == pytest.approx(null["mean"], **told())
        assert draws.std(ddof=1) == pytest.approx(null["std"], **told())
        assert np.quantile(draws, 0.95) == pytest.approx(null["q95"], **told())
    assert values["null"]
