from pathlib import Path

import pytest

from compared import made_leg, made_plan, records_of
from premotor.codec import to_yaml
from premotor.experiments.comparison.compare import CompareConfig
from premotor.experiments.comparison.estimate import estimate, told
from premotor.experiments.comparison.setting import Unit
from premotor.progress import no_progress
from premotor.records import write_lines

PLAN = made_plan(seeds=3, arms=("apart", "aligned", "to_recognizer"), episodes=5)


@pytest.fixture
def config(tmp_path: Path) -> CompareConfig:
    """A comparison of which `aligned` with seed 2 has come to half of its updates."""
    (tmp_path / "plan.yaml").write_text(to_yaml(PLAN))
    folder = records_of(tmp_path / "plan", PLAN)
    own = folder.unit("aligned", 2)
    for path in (own.record, own.rollouts):
        path.unlink()
    write_lines(own.legs, [made_leg(Unit("aligned", 2), 0)])
    return CompareConfig(plan=tmp_path / "plan.yaml", work=tmp_path / "work")


def test_what_has_no_record_is_counted(config: CompareConfig):
    found = estimate(config, no_progress)
    assert (found.units, found.left) == (9, 1)
    assert (found.updates, found.looks, found.rollouts) == (20, 1, 15)
    assert found.clips == 4 * 4  # every fifth of 20 steps has 4 rows with clips
    assert found.rows == 20 * 4


def test_rates_are_those_of_the_legs_on_record(config: CompareConfig):
    found = estimate(config, no_progress)
    assert found.rates is not None
    assert found.rates.trained == "measured of finished legs"
    legs = 8 * 2 + 1  # of 2 s each for training
    assert found.rates.update == pytest.approx(legs * 2.0 / (8 * 20))
    assert found.rates.look == pytest.approx(1.0)
    assert found.hours["training"] == pytest.approx(20 * found.rates.update / 3600)
    assert "measured of finished legs" in told(found)[-1]


def test_an_arm_that_is_never_acted_with_has_no_rollouts(config: CompareConfig, tmp_path: Path):
    other = CompareConfig(
        plan=config.plan,
        work=config.work,
        records=tmp_path / "none",
        only=("to_recognizer", "aligned/0"),
    )
    found = estimate(other, no_progress)
    assert (found.left, found.rollouts) == (4, 15)
    assert found.rates is None
    assert "cannot be said" in told(found)[-1]
