"""The plans of the repository: each can be meant, and says what it should."""

from pathlib import Path

import pytest
import torch

from premotor.experiments.comparison.plan import read_plan
from premotor.mirror import Mirror

PLANS = sorted((Path(__file__).parents[2] / "plans").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_every_arm_of_a_plan_can_be_trained(path: Path):
    plan = read_plan(path)
    with torch.device("meta"):
        for arm in plan.compared:
            Mirror(plan.config(arm, plan.first_seed).mirror)
    assert plan.reason


def test_pilots_have_seeds_of_their_own_and_never_count():
    plans = {path.stem: read_plan(path) for path in PLANS}
    pilots = [plan for name, plan in plans.items() if name.startswith("pilot_")]
    others = [plan for name, plan in plans.items() if not name.startswith("pilot_")]
    assert pilots
    assert others
    assert not any(plan.counted for plan in pilots)
    assert all(plan.counted for plan in others)
    used = {seed for plan in pilots for arm in plan.compared for seed in plan.seeds_in(arm)}
    assert used.isdisjoint(s for plan in others for a in plan.compared for s in plan.seeds_in(a))
