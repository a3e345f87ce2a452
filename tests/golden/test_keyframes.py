import json
from pathlib import Path

import numpy as np
import pytest

from premotor.episode.discovery import discover_keyframes

pytestmark = pytest.mark.golden


def test_discovered_keyframes_equal_the_reference(golden: Path):
    stored = json.loads((golden / "execution" / "keyframes.json").read_text())
    for case in stored["cases"]:
        velocities = np.array(case["joint_velocities"], dtype=np.float64)
        gripper_open = [bool(g) for g in case["gripper_open"]]
        assert discover_keyframes(velocities, gripper_open) == case["keyframes"]
    assert stored["cases"]


def test_keyframe_only_transitions_chain_frame_zero_and_the_keyframes(golden: Path):
    stored = json.loads((golden / "execution" / "keyframes.json").read_text())
    for case in stored["cases"]:
        keyframes = case["keyframes"]
        ours = [list(pair) for pair in zip([0, *keyframes], keyframes, strict=False)]
        assert ours == case["key_to_key_transitions"]
