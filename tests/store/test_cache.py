import shutil

import numpy as np
import pytest

from premotor.episode.observation import cloud_from_views
from premotor.errors import ConfigError, DataError
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet
from small_data import as_in_0_1_0, write_split


@pytest.fixture
def demos(tmp_path, make_demo):
    lengths = [(4, 9, 13), (5, 11)]
    write_split(tmp_path / "train", (make_demo(i, steps=s) for i, s in enumerate(lengths)))
    return DemoSet.open(tmp_path)


def test_clouds_are_the_views_cropped_to_the_bounds(demos):
    cache = EpisodeCache.build_or_open(demos)
    assert len(cache.offsets) - 1 == 5
    observation = demos.observations(1)[1]
    points, colors = cloud_from_views(observation.views, cache.low, cache.high)
    got_points, got_colors = cache.cloud(4)
    assert 0 < len(points) <= 4 * 32 * 32
    assert got_points.dtype == np.float32
    assert np.abs(got_points - points).max() < 1e-5
    assert np.array_equal(got_colors, colors)


def test_clouds_side_by_side_are_each_cloud_to_the_bit(demos):
    cache = EpisodeCache.build_or_open(demos, bounds=((0.2, -0.5, 0.6), (0.7, 0.5, 0.8)))
    points, shares = cache.clouds(np.array([4, 0, 4]))
    assert points.dtype == shares.dtype == np.float32
    for row, observation in enumerate((4, 0, 4)):
        own, colors = cache.cloud(observation)
        assert np.array_equal(points[row, : len(own)], own)
        assert np.array_equal(shares[row, : len(own)], colors * np.float32(1.0 / 255.0))
        assert np.isnan(points[row, len(own) :]).all()
        assert not shares[row, len(own) :].any()
    assert np.isnan(points).any()  # one is shorter than another


def test_points_outside_the_bounds_are_dropped(demos):
    whole = EpisodeCache.build_or_open(demos)
    tight = EpisodeCache.build_or_open(demos, bounds=((0.2, -0.5, 0.6), (0.7, 0.5, 1.6)))
    points, _ = tight.cloud(0)
    assert (points[:, 0] >= 0.2).all()
    assert 0 < len(points) < len(whole.cloud(0)[0])


def test_each_keyframe_is_the_target_of_the_one_before_it(demos):
    t = EpisodeCache.build_or_open(demos).transitions
    assert t.episode.tolist() == [0, 0, 0, 1, 1]
    assert t.keyframe_index.tolist() == [0, 1, 2, 0, 1]
    assert t.observation_index.tolist() == [0, 1, 2, 3, 4]
    for row in range(len(t)):
        episode, k = t.episode[row], t.keyframe_index[row]
        target, seen = demos.keyframes(episode)[k], demos.observations(episode)[k]
        assert np.allclose(t.position[row], target.end_effector.position, atol=1e-6)
        assert np.allclose(t.quaternion[row], target.end_effector.quaternion, atol=1e-6)
        assert t.gripper_open[row] == target.gripper_open
        assert t.ignore_collisions[row] == target.ignore_collisions
        assert np.array_equal(t.proprioception[row], seen.proprioception)


def test_kept_frames_run_from_the_first_row_to_the_last(demos):
    cache = EpisodeCache.build_or_open(demos, num_frames=4)
    assert cache.frames.shape == (2, 4, 32, 32, 3)
    clip = demos.clip(0).frames
    assert np.array_equal(cache.frames[0, 0], clip[0])
    assert np.array_equal(cache.frames[0, -1], clip[-1])


def test_a_second_opening_builds_nothing(demos):
    calls = []
    first = EpisodeCache.build_or_open(demos, progress=lambda *told: calls.append(told))
    again = EpisodeCache.build_or_open(demos, progress=lambda *told: calls.append(told))
    assert [told[:3] for told in calls] == [("cache of train", done, 2) for done in range(3)]
    assert first.folder == again.folder
    assert np.array_equal(first.cloud(3)[0], again.cloud(3)[0])


def test_the_loser_of_a_race_uses_the_winners_arrays(demos):
    winner = []

    def overtake(_stage, done, total, _remark):
        if done == total:  # the other process builds the same cache and renames first
            winner.append(EpisodeCache.build_or_open(demos))

    loser = EpisodeCache.build_or_open(demos, progress=overtake)
    assert winner[0].folder == loser.folder
    assert np.array_equal(winner[0].cloud(2)[0], loser.cloud(2)[0])
    assert [p.name for p in demos.folder.cache.iterdir()] == [loser.folder.name]


def test_training_reads_the_same_of_a_data_set_of_version_0_1_0(demos):
    before = EpisodeCache.build_or_open(demos)
    arrays = {path.name: path.read_bytes() for path in before.folder.glob("*.npy")}
    as_in_0_1_0(demos.folder)
    former = DemoSet.open(demos.folder.path.parent)
    assert EpisodeCache.build_or_open(former).folder == before.folder  # it need not be built anew
    shutil.rmtree(demos.folder.cache)
    again = EpisodeCache.build_or_open(former)
    assert again.episodes == before.episodes
    assert {path.name: path.read_bytes() for path in again.folder.glob("*.npy")} == arrays


def test_a_damaged_episode_is_named_and_leaves_no_half_built_cache(demos):
    path = demos.folder.video(1)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="episode 1"):
        EpisodeCache.build_or_open(demos)
    assert not list(demos.folder.cache.iterdir())


def test_nonsense_is_refused(demos):
    with pytest.raises(ConfigError, match="num_frames"):
        EpisodeCache.build_or_open(demos, num_frames=1)
