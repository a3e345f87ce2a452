"""Stand-ins say what a frame and a way look like from far, and nothing more."""

import numpy as np
import pytest

from premotor.errors import DataError
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet
from premotor.store.stand_ins import path_features, pixel_features, stand_ins, text_features
from small_data import write_split


def test_pixels_are_cell_means_of_the_first_and_the_last_frame():
    frames = np.zeros((5, 8, 12, 3), dtype=np.uint8)
    frames[0, :4, :6, 0] = 255
    frames[2] = 77  # between, so not looked at
    frames[4, 4:, 6:, 2] = 51
    cells = pixel_features(frames, side=2).reshape(2, 2, 2, 3)
    expected = np.zeros((2, 2, 2, 3))
    expected[0, 0, 0, 0], expected[1, 1, 1, 2] = 1.0, 0.2
    np.testing.assert_allclose(cells, expected)


def test_sides_that_do_not_divide_are_averaged_all_the_same():
    frames = np.full((2, 19, 23, 3), 102, dtype=np.uint8)
    np.testing.assert_allclose(pixel_features(frames), 0.4)
    with pytest.raises(DataError, match="smaller than 8 x 8"):
        pixel_features(frames[:, :5])


def test_a_way_is_the_same_however_many_rows_tell_it():
    def way(rows: int) -> np.ndarray:
        positions = np.linspace([0.0, 0.0, 1.0], [1.0, 2.0, 1.0], rows)
        return path_features(positions, np.tile([1.0, 0.0, 0.0, 0.0], (rows, 1)), stations=5)

    np.testing.assert_allclose(way(9), way(33))
    stations = way(9).reshape(5, 9)
    np.testing.assert_allclose(stations[:, 1], [0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(stations[:, 3:], np.tile([1, 0, 0, 1, 0, 0], (5, 1)))


def test_a_data_set_has_one_row_of_each_per_episode(tmp_path, make_demo):
    demos = [make_demo(seed=i, steps=steps) for i, steps in enumerate([(4, 9, 13), (5, 11)])]
    write_split(tmp_path / "train", demos)
    demo_set = DemoSet.open(tmp_path)
    found = stand_ins(demo_set, EpisodeCache.build_or_open(demo_set, num_frames=4))
    assert found["pixels"].shape == (2, 2 * 8 * 8 * 3)
    assert found["path"].shape == (2, 16 * 9)
    first = demos[0].observations[0].end_effector.position
    np.testing.assert_allclose(found["path"][0, :3], first)


def test_words_and_neighboring_words_are_counted_and_unknown_ones_are_not():
    known = ["push the red button, then the blue button", "Push it"]
    found = text_features(["push the blue button", "then red: red", "nothing"], known)
    # blue, "blue button", button, "button then", it, push, "push it", "push the", red,
    # "red button", the, "the blue", "the red", then, "then the"
    assert found.shape == (3, 15)
    assert found.sum(1).tolist() == [7.0, 3.0, 0.0]
    one, other = text_features(["red then blue", "blue then red"], ["red then blue"])
    assert not np.array_equal(one, other)  # the order of words is told
