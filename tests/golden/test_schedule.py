import json
from pathlib import Path

import pytest

from premotor.train.schedule import warmup_cosine

pytestmark = pytest.mark.golden


def test_the_reference_schedule_is_reproduced(golden: Path):
    stored = json.loads((golden / "execution" / "lr_schedule.json").read_text())
    for case in stored["cases"]:
        for step, expected in case["lr_used_by_update"].items():
            ours = warmup_cosine(
                int(step),
                peak=case["base_lr"],
                warmup=case["warmup_steps"],
                horizon=case["cosine_T_max"],
                floor=case.get("floor", 0.01),  # "base/100", as its description says
            )
            assert ours == pytest.approx(expected, rel=stored["tolerance"]["rtol"])
    assert stored["cases"]
