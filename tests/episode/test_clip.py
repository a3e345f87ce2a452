import numpy as np
import pytest

from premotor.episode.clip import middle_frames, random_frames
from premotor.errors import ConfigError


def test_random_frames_stay_in_their_segments_and_reach_every_frame():
    rng = np.random.default_rng(0)
    draws = np.array([random_frames(16, 8, rng) for _ in range(200)])
    assert (draws // 2 == np.arange(8)).all()
    assert set(draws.ravel()) == set(range(16))


def test_a_short_clip_repeats_its_last_frame():
    assert middle_frames(3, 5).tolist() == [0, 1, 2, 2, 2]


def test_an_empty_clip_is_refused():
    with pytest.raises(ConfigError, match="0"):
        random_frames(0, 0, np.random.default_rng(0))
