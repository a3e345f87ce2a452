"""Values of the measures by other people's packages, which test_reference.py compares with.

Run by hand where a measure or an input is added; nothing else needs these packages:

    python3.11 -m venv /tmp/reference
    /tmp/reference/bin/pip install cca-zoo==4.0.1 ckatorch==1.0.3 dcor==0.7 numpy==2.4.6 \
        rsatoolbox==0.3.2 scikit-learn==1.9.1 scipy==1.17.1 statsmodels==0.15.0 torch==2.13.0
    /tmp/reference/bin/python tests/measure/make_reference.py

It writes reference.json beside itself: the inputs, whole numbers, and one line per case with what
each package says, its version, and how closely premotor has to meet it (`rel` or `abs`). premotor
is not imported here. Where no package has a measure as a whole, it is put together from their
parts, and the line names the parts.

CKA has second opinions by two identities. The squared distance of two rows is g_ii + g_jj - 2 g_ij
with their Gram matrix g. Centering takes away what hangs on a row or a column alone, and so does
U-centering, which does not look at the diagonal: centered squared distances are -2 times the
centered Gram matrix. So the squared distance correlation with exponent 2 is linear CKA, and the
bias-corrected one (Szekely & Rizzo 2014) is debiased CKA. And linear CKA is the cosine of the
squared distances whitened by their covariance ("cosine_cov"; Diedrichsen et al. 2021, Neurons,
Behavior, Data analysis, and Theory 5(3)).
"""

import json
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dcor
import numpy as np
import torch
from cca_zoo.linear import CCA
from cca_zoo.metrics import pairwise_correlations
from ckatorch import cka_base, hsic1
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import RDMs, calc_rdm, compare
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax
from scipy.stats import rankdata, spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import coverage_error, r2_score, roc_auc_score, top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import kneighbors_graph
from statsmodels.multivariate.cancorr import CanCorr
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint
from torch.nn.functional import cross_entropy

TARGET = Path(__file__).with_name("reference.json")
K = 3  # neighbors; also the number of folds and of labels: row i has i mod 3
PENALTY = 100.0

Case = dict[str, Any]
Grams = tuple[torch.Tensor, torch.Tensor]  # of a and of b


def by(*uses: str) -> str:
    """Packages, with their versions, and what was used of them."""
    parts = (use.partition(" ") for use in uses)
    return ", ".join(f"{package} {version(package)} {use}" for package, _, use in parts)


def case(measure: str, expected: dict[str, Any], **given: Any) -> Case:
    """What packages say of one measure, to be met but for the rounding of float64."""
    return {"measure": measure, **given, "expected": expected, "rel": 1e-12}


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Paired rows: many, few, as wide on both sides, and with exact ties of cosines.

    The last column of a in `long` and all but three directions of `wide` hold less than 1 % of the
    variance, so that SVCCA has something to leave out. The rows of `tied` have length 2 and whole
    coordinates: their cosines are multiples of 1/4, without rounding.
    """
    rng = np.random.default_rng(18)
    a = rng.integers(-50, 51, (40, 5)) * [4, 3, 2, 1, 0] + rng.integers(-9, 10, (40, 5))
    b = a[:, :3] @ rng.integers(-2, 3, (3, 4)) + rng.integers(-180, 181, (40, 4))
    hidden = rng.integers(-9, 10, (12, 4))
    left = hidden[:, :3] @ rng.integers(-9, 10, (3, 20)) + rng.integers(-2, 3, (12, 20))
    right = hidden[:, 1:] @ rng.integers(-9, 10, (3, 16)) + rng.integers(-2, 3, (12, 16))
    c = rng.integers(-50, 51, (24, 8))
    d = c + rng.integers(-70, 71, (24, 8))
    signs = np.indices((2, 2, 2, 2)).reshape(4, 16).T * 2 - 1
    points = np.concatenate([signs, 2 * np.eye(4, dtype=np.int64)])
    e = points[rng.integers(0, 20, 12)]
    f = np.where(np.arange(12)[:, None] % 3 > 0, e[:, [1, 0, 2, 3]], np.roll(e, 1, axis=0))
    return {"long": (a, b), "wide": (left, right), "equal": (c, d), "tied": (e, f)}


def episodes() -> dict[str, np.ndarray]:
    """Scores with ties, outcomes and strata; the last stratum has successes alone."""
    rng = np.random.default_rng(19)
    stratum = np.repeat([0, 1, 2, 3], [9, 14, 6, 5])
    success = (rng.random(34) < 0.5) | (stratum == 3)
    scores = rng.integers(0, 12, 34) + 3 * success + 4 * stratum
    return {"scores": scores, "success": success.astype(np.int64), "strata": stratum}


def kernels(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """CKA by Gram matrices, by distances, and by whitened distances."""
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    rdms = [calc_rdm(Dataset(side), "euclidean") for side in (a, b)]
    expected = {
        by("ckatorch cka_base"): cka_base(x, y).item(),
        by("dcor distance_correlation_sqr"): dcor.distance_correlation_sqr(a, b, exponent=2),
        by("rsatoolbox cosine_cov"): compare(*rdms, "cosine_cov").item(),
    }
    yield case("linear_cka", expected)
    found = dcor.u_distance_correlation_sqr(a, b, exponent=2)
    grams = (x @ x.T, y @ y.T)
    expected = {
        by("ckatorch hsic1"): hsic_cosine(grams, grams, grams),
        by("dcor u_distance_correlation_sqr"): found,
    }
    yield case("debiased_cka", expected)


def hsic_cosine(shared: Grams, as_a: Grams, as_b: Grams) -> float:
    """HSIC_u of a and b over the root of those of a and of b; CKNNA masks them differently."""
    both, a, b = (
        hsic1(one[None], two[None]) for one, two in (shared, (as_a[0], as_a[0]), (as_b[1], as_b[1]))
    )
    return (both / (a * b).sqrt()).item()


def canonical(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """Canonical correlations; statsmodels refuses more columns than rows, cca-zoo does not."""
    parts = [PCA(0.99, svd_solver="full").fit_transform(side) for side in (a, b)]
    expected = {
        by("scikit-learn PCA", "statsmodels CanCorr"): CanCorr(*parts).cancorr.mean(),
        by("scikit-learn PCA", "cca-zoo CCA"): zoo_correlations(*parts).mean(),
    }
    yield case("svcca", expected)
    expected = {by("cca-zoo CCA"): zoo_correlations(a, b).mean()}
    if len(a) > max(a.shape[1], b.shape[1]):
        found = CanCorr(a, b).cancorr
        expected[by("statsmodels CanCorr")] = found.mean()
        yield case("cca_correlations", {by("statsmodels CanCorr"): found.tolist()})
    yield case("cca", expected)


def zoo_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    latent = CCA(n_components=min(a.shape[1], b.shape[1])).fit_transform([a, b])
    return pairwise_correlations(latent)[0, 1]


def ridge(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """R^2 with the first fold held out, and with all in turn.

    All: the folds' R^2, each weighted with its squares about its mean, since 1 - R^2 is an error
    per such square.
    """
    fold = np.arange(len(a)) % K
    joint, single, squares = [], [], []
    for k in range(K):
        truth = b[fold == k]
        model = Ridge(alpha=PENALTY, solver="svd").fit(a[fold != k], b[fold != k])
        predicted = model.predict(a[fold == k])
        joint.append(r2_score(truth, predicted, multioutput="variance_weighted"))
        single.append(r2_score(truth, predicted, multioutput="uniform_average"))
        squares.append(truth.var(axis=0).sum() * len(truth))
    source = by("scikit-learn Ridge, r2_score")
    for measure, held_out, found in (
        ("ridge_r2", [0], joint[0]),
        ("ridge_r2", [0, 1, 2], np.average(joint, weights=squares)),
        ("ridge_r2_uniform", [0], single[0]),
    ):
        yield case(measure, {source: found}, held_out=held_out, penalty=PENALTY)


def neighbors(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """k-NN measures of rows whose cosines all differ."""
    cosines = [cosine_similarity(side) for side in (a, b)]
    check_apart(*cosines)
    masks = [kneighbors_graph(side, K, metric="cosine").toarray() for side in (a, b)]
    both, (of_a, of_b) = masks[0] * masks[1], masks
    labels = np.arange(len(a)) % K
    source = by("scikit-learn kneighbors_graph")
    yield case("mutual_knn", {source: both.sum() / of_a.sum()}, k=K)
    pure = of_a * (labels[:, None] == labels)
    yield case("knn_purity", {source: pure.sum() / of_a.sum()}, k=K)
    grams = [tuple(torch.from_numpy(mask * c) for c in cosines) for mask in (both, of_a, of_b)]
    source = by("scikit-learn kneighbors_graph", "ckatorch hsic1")
    yield case("cknna", {source: hsic_cosine(*grams)}, k=K)


def check_apart(*similarities: np.ndarray) -> None:
    """No row has two others at the same distance; packages order those as they please."""
    for similarity in similarities:
        assert np.diff(np.sort(similarity, axis=1), axis=1).min() > 1e-9


def retrieval(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """Recall, ranks and the information bound of rows whose cosines all differ."""
    cosines, rows = cosine_similarity(a, b), np.arange(len(a))
    check_apart(cosines)
    for k in (1, K):
        found = top_k_accuracy_score(rows, cosines, k=k)
        yield case("recall_at_k", {by("scikit-learn top_k_accuracy_score"): found}, k=k)
    ranks = [coverage_error([row], [c]) for row, c in zip(np.eye(len(a)), cosines, strict=True)]
    yield case("median_rank", {by("scikit-learn coverage_error"): np.median(ranks)})
    for temperature in (0.05, 0.5):
        logits = cosines / temperature
        tensor, labels = torch.from_numpy(logits), torch.from_numpy(rows)
        loss = (cross_entropy(tensor, labels) + cross_entropy(tensor.T, labels)).item() / 2
        hits = [np.diag(log_softmax(logits, axis=axis)) for axis in (0, 1)]
        expected = {
            by("torch cross_entropy"): np.log(len(a)) - loss,
            by("scipy log_softmax"): np.log(len(a)) + np.mean(hits),
        }
        yield case("information_bound", expected, temperature=temperature)


def ties(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """Where rows tie for the last of k places, each has its chance in a draw.

    scipy's least and largest rank of a row are the first and the last place of those it ties with.
    """
    alone = np.diag(np.full(len(a), np.inf))
    across, (within_a, within_b) = cdist(a, b, "cosine"), (cdist(x, x, "cosine") for x in (a, b))
    labels = np.arange(len(a)) % K
    source = by("scipy rankdata")
    for k in (2, 4):
        near_a, near_b = chances(within_a + alone, k), chances(within_b + alone, k)
        yield case("mutual_knn", {source: (near_a * near_b).sum() / near_a.sum()}, k=k)
        pure = near_a * (labels[:, None] == labels)
        yield case("knn_purity", {source: pure.sum() / near_a.sum()}, k=k)
        yield case("recall_at_k", {source: np.diag(chances(across, k)).mean()}, k=k)
    yield case("median_rank", {source: np.median(np.diag(rankdata(across, axis=1)))})


def chances(distances: np.ndarray, k: int) -> np.ndarray:
    first, last = (rankdata(distances, method=method, axis=1) for method in ("min", "max"))
    return np.clip((k + 1 - first) / (last + 1 - first), 0.0, 1.0)


def distances(a: np.ndarray, b: np.ndarray) -> Iterator[Case]:
    """Representational similarity: Spearman's correlation of distances, ties share their mean."""
    sides = [pdist(side, "cosine") for side in (a, b)]
    expected = {
        by("scipy spearmanr"): spearmanr(*sides).statistic,
        by("rsatoolbox spearman"): compare(*(RDMs(s[None]) for s in sides), "spearman").item(),
    }
    yield case("rsa", expected)


def rates() -> Iterator[Case]:
    """Limits of one rate, and the exact test of paired outcomes.

    Counts of pairs: both right, only ours, only theirs, neither.
    """
    for of in ([0, 10], [7, 10], [25, 25], [431, 900]):
        found = proportion_confint(*of, 0.05, "wilson")
        yield case("wilson", {by("statsmodels proportion_confint"): found}, of=of)
    for ours, theirs in ((0, 1), (6, 0), (9, 3), (40, 61), (5, 5)):
        found = mcnemar([[17, ours], [theirs, 4]], exact=True).pvalue
        yield case("mcnemar", {by("statsmodels mcnemar"): found}, of=[17, ours, theirs, 4])


def differences() -> Iterator[Case]:
    """Newcombe's paired interval (method 10), which no package for Python has: printed limits."""
    half = {3: 5.01e-4, 4: 5.01e-5}  # of the last digit
    for of, limits, digits, source in (
        ([20, 12, 2, 16], [0.0562, 0.3292], 4, "Newcombe 1998, in the tests of ratesci for R"),
        ([8, 3, 1, 2], [-0.1574, 0.4136], 4, "Tang et al. 2010, in the tests of ratesci for R"),
        ([1, 1, 7, 12], [-0.507, -0.026], 3, "Fagerland et al. 2014, Stat. Med. 33, 2850-2875"),
        ([59, 6, 16, 80], [-0.1186, -0.0046], 4, "tests of contingencytables for R"),
        ([14, 5, 0, 22], [0.011, 0.226], 3, "Altman et al. 2000, Statistics with Confidence, 52"),
    ):
        found = {"measure": "paired_difference", "of": of, "expected": {source: limits}}
        yield {**found, "abs": half[digits]}


def areas() -> Iterator[Case]:
    """AUC joined over strata with van Elteren's weights, and of each with both outcomes."""
    given = episodes()
    success, strata = given["success"], given["strata"]
    alone, weights = [], []
    for stratum in range(3):
        rows = strata == stratum
        right, count = success[rows].sum(), rows.sum()
        alone.append(roc_auc_score(success[rows], given["scores"][rows]))
        weights.append(right * (count - right) / (count + 1))
    found = [np.average(alone, weights=weights), *alone]
    yield case("relation", {by("scikit-learn roc_auc_score"): found})


def of_pairs() -> Iterator[Case]:
    for name, sides in pairs().items():
        a, b = (side.astype(np.float64) for side in sides)
        cases = [*distances(a, b)]
        if name == "tied":
            cases += ties(a, b)
        else:
            cases += [*kernels(a, b), *canonical(a, b), *neighbors(a, b)]
        cases += retrieval(a, b) if name == "equal" else []
        cases += ridge(a, b) if name in ("long", "wide") else []
        for found in cases:
            yield {"measure": found.pop("measure"), "input": name, **found}


def lines(rows: np.ndarray) -> list[str]:
    return [" ".join(str(value) for value in row) for row in rows]


def main() -> None:
    inputs = {name: {"a": lines(a), "b": lines(b)} for name, (a, b) in pairs().items()}
    inputs["episodes"] = {name: lines(row[None])[0] for name, row in episodes().items()}
    cases = [*of_pairs(), *rates(), *differences(), *areas()]
    cases = ",\n  ".join(json.dumps(found) for found in cases)
    inputs = json.dumps(inputs, indent=1).replace("\n", "\n ")
    TARGET.write_text(f'{{\n "inputs": {inputs},\n "cases": [\n  {cases}\n ]\n}}\n')


if __name__ == "__main__":
    warnings.filterwarnings("ignore", module="dcor")  # of exponent 2, which is meant
    main()
