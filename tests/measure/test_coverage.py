"""95 % intervals cover the truth about as often as they say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shares() -> dict[str, float]:
    worker = Path(__file__).with_name("coverage_worker.py")
    done = subprocess.run([sys.executable, worker], capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.parametrize("measure", ["debiased CKA", "the bound"])
def test_halves_of_fixed_tasks_cover_the_truth_as_often_as_they_say(shares, measure):
    assert 0.90 <= shares[f"halves of {measure}"] <= 0.99


@pytest.mark.parametrize(
    "which", ["areas at chance", "areas", "areas of failures that score widely"]
)
def test_areas_under_the_curve_are_covered_as_often_as_they_say(shares, which):
    assert 0.91 <= shares[which] <= 0.995
