"""The measures against other people's packages: reference.json, written by make_reference.py."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TABLE = json.loads(Path(__file__).with_name("reference.json").read_text())

Case = dict[str, Any]


def rows(case: Case) -> list[np.ndarray]:
    """Both sides of a case."""
    sides = TABLE["inputs"][case["input"]]
    return [np.array([row.split() for row in sides[name]], dtype=np.float64) for name in "ab"]


def outcomes(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of which both are right, only ours, only theirs, neither."""
    return (
        np.repeat([True, True, False, False], case["of"]),
        np.repeat([True, False, True, False], case["of"]),
    )


def of_two_sides(measure: Callable[..., Any], case: Case) -> Any:
    given = {name: case[name] for name in ("k", "temperature") if name in case}
    return measure(*rows(case), **given)


def purity(measure: Callable[..., float], case: Case) -> float:
    a, _ = rows(case)
    return measure(a, np.arange(len(a)) % 3, case["k"])


def ridge(measure: Callable[..., float], case: Case) -> float:
    a, b = rows(case)
    fold = np.arange(len(a)) % 3
    return measure(a, b, np.where(np.isin(fold, case["held_out"]), fold, -1), [case["penalty"]])


def limits(measure: Callable[..., Any], case: Case) -> list[float]:
    interval = measure(*(outcomes(case) if len(case["of"]) == 4 else case["of"]))
    return [interval.low, interval.high]


def p_value(measure: Callable[..., Any], case: Case) -> float:
    return measure(*outcomes(case)).p_value


def areas(measure: Callable[..., Any], case: Case) -> list[float]:
    given = {name: row.split() for name, row in TABLE["inputs"]["episodes"].items()}
    scores, success = np.array(given["scores"], float), np.array(given["success"]) == "1"
    found = measure(scores, success, given["strata"], np.random.default_rng(0), 2)
    return [area.value for area in (found.auc, *found.by_stratum.values())]


MEASURES: dict[str, tuple[str, Callable[[Callable[..., Any], Case], Any]]] = {
    "linear_cka": ("similarity", of_two_sides),
    "debiased_cka": ("similarity", of_two_sides),
    "mutual_knn": ("similarity", of_two_sides),
    "cknna": ("similarity", of_two_sides),
    "knn_purity": ("neighbors", purity),
    "rsa": ("similarity", of_two_sides),
    "cca": ("linear", of_two_sides),
    "cca_correlations": ("linear", of_two_sides),
    "svcca": ("linear", of_two_sides),
    "ridge_r2": ("linear", ridge),
    "ridge_r2_uniform": ("linear", ridge),
    "recall_at_k": ("retrieval", of_two_sides),
    "median_rank": ("retrieval", of_two_sides),
    "information_bound": ("retrieval", of_two_sides),
    "wilson": ("intervals", limits),
    "paired_difference": ("intervals", limits),
    "mcnemar": ("paired", p_value),
    "relation": ("relation", areas),
}


def named(case: Case) -> str:
    given = {name: case[name] for name in case if name not in ("expected", "rel", "abs")}
    return "-".join(str(value).replace(" ", "") for value in given.values())


@pytest.mark.parametrize("case", TABLE["cases"], ids=named)
def test_other_packages_say_the_same(case: Case):
    module, call = MEASURES[case["measure"]]
    measure = getattr(import_module(f"premotor.measure.{module}"), case["measure"])
    found = call(measure, case)
    for source, expected in case["expected"].items():
        assert found == pytest.approx(
            expected, rel=case.get("rel", 0.0), abs=case.get("abs", 1e-15)
        ), source


def test_every_measure_of_the_table_is_compared():
    assert {case["measure"] for case in TABLE["cases"]} == MEASURES.keys()
