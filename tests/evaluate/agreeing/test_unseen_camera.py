"""Clips can be rendered anew from the recorded states, from any camera of the rig."""

import numpy as np
import pytest

from premotor.cli import collect
from premotor.data.dataset import Dataset, Format
from premotor.errors import UnknownName
from premotor.evaluate.agreeing.unseen_camera import UNSEEN, seen_from
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet

pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seen") / "data"
    collect.command(["push_buttons", "--episodes", "2", "--split", "test", "--out", str(folder)])
    demos = DemoSet.open(folder, "test")
    cache = EpisodeCache.build_or_open(demos, num_frames=3)
    form = Format(num_frames=2, caption_context=28, instruction_context=24)
    return demos, Dataset(cache, form)


def test_the_recorded_camera_gives_the_recorded_clips(recorded):
    demos, dataset = recorded
    again = seen_from(demos, dataset, "front").cache.frames
    assert again.shape == dataset.cache.frames.shape
    difference = np.abs(again.astype(int) - dataset.cache.frames.astype(int))
    assert difference.mean() < 4.0  # what the video lost


def test_an_unseen_camera_shows_the_same_episodes_otherwise(recorded):
    demos, dataset = recorded
    told: list[tuple[str, int, int, str]] = []
    other = seen_from(demos, dataset, UNSEEN, lambda *news: told.append(news))
    difference = np.abs(other.cache.frames.astype(int) - dataset.cache.frames.astype(int))
    assert difference.mean() > 10.0
    assert told == [(f"clips from {UNSEEN}", done, 2, "") for done in (1, 2)]
    assert (
        other.observed(np.array([0])).frames.shape == dataset.observed(np.array([0])).frames.shape
    )
    with pytest.raises(UnknownName, match="camera"):
        seen_from(demos, dataset, "overheat")
