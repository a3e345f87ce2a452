import json
from pathlib import Path

import numpy as np
import pytest

from premotor.episode.clip import middle_frames, random_frames

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def reference(golden: Path) -> dict:
    return json.loads((golden / "recognition" / "frames.json").read_text())


def test_middle_frames_equal_the_reference(reference):
    for item in reference["items"]:
        chosen = middle_frames(item["vlen"], item["num_frames"]).tolist()
        assert chosen == item["middle"], item


def test_random_frames_stay_in_the_reference_segments_and_reach_their_ends(reference):
    rng = np.random.default_rng(0)
    reached = 0
    for item, segments in zip(reference["items"], reference["intervals"], strict=True):
        if item["vlen"] < item["num_frames"]:
            continue
        low, high = np.array(segments).T
        draws = np.array([random_frames(item["vlen"], len(low), rng) for _ in range(40)])
        assert (draws >= low).all()
        assert (draws < high).all()
        reached += int((draws == high - 1).any())
    assert reached > len(reference["items"]) / 4
