"""Made-up demonstrations with all splits, and a pilot of two arms that takes seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from premotor.experiments.comparison.compare import CompareConfig
from small_data import write_split

PLAN = """
name: made up
counted: false
preset: nano
common: {steps: 10, checkpoint_every: 2, schedule.warmup: 0}
seeds: 2
tasks: [push_buttons]
data: {train: 18, val: 9, test: 9}
judged_at: [0, 0.5, 1]
episodes: 0
films: 0
feature_episodes: 9
"""


@pytest.fixture(scope="session")
def compared_data(tmp_path_factory: pytest.TempPathFactory, make_demo) -> Path:
    """Three variations of push_buttons: 18 episodes to train on, 9 of each other split."""
    folder = tmp_path_factory.mktemp("compared")
    for split, seeds in (("train", range(18)), ("val", range(100, 109)), ("test", range(200, 209))):
        write_split(folder / split, map(make_demo, seeds))
    return folder


@pytest.fixture
def configure(tmp_path: Path, compared_data: Path) -> Callable[..., CompareConfig]:
    """A command on such a plan, with lines of the plan replaced, in folders of this test."""

    def make_config(*changes: tuple[str, str], **options) -> CompareConfig:
        text = PLAN
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        plan = tmp_path / "plan.yaml"
        plan.write_text(text)
        places = {"work": tmp_path / "work", "data": compared_data, "page": False}
        return CompareConfig(plan=plan, **{**places, **options})

    return make_config
