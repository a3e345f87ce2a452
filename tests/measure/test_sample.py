"""Files of features: what is read, and what is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from premotor.errors import DataError
from premotor.measure.sample import Features, pair_up

ROWS = np.random.default_rng(0).normal(size=(12, 3))
TASKS = np.repeat(["reach", "push"], 6)


def save(folder: Path, name: str = "u", **arrays: np.ndarray) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def test_labels_of_either_file_serve_both(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS.astype(np.float32), task=TASKS))
    e = Features.load(save(tmp_path, "e", features=ROWS, variation=np.arange(12) % 2))
    sample = pair_up(u, e)
    assert sample.tasks == tuple(TASKS)
    assert sample.variations == ("0", "1") * 6
    assert sample.a.dtype == np.float64


def test_rows_of_an_episode_become_one(tmp_path):
    episode = np.repeat(np.arange(8), 2)
    values = np.repeat(np.arange(8.0), 2)[:, None] + np.tile([-0.5, 0.5], 8)[:, None]
    u = Features.load(save(tmp_path, features=values, episode=episode))
    sample = pair_up(u, Features.load(save(tmp_path, "e", features=values)))
    assert sample.a[:, 0].tolist() == list(range(8))


def test_equal_episode_numbers_of_two_tasks_are_two_episodes(tmp_path):
    labels = {"task": np.repeat(["a", "b"], 12), "episode": np.tile(np.repeat(np.arange(6), 2), 2)}
    u = Features.load(save(tmp_path, features=np.ones((24, 2)), **labels))
    assert len(pair_up(u, u)) == 12


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"feature": ROWS}, "expected `features`"),
        ({"features": ROWS[:, 0]}, r"expected numbers \(rows, width\)"),
        ({"features": np.where(np.arange(12)[:, None] == 4, np.nan, ROWS)}, "first is row 4"),
        ({"features": ROWS, "tasks": TASKS}, r"unknown arrays \['tasks'\]; known are"),
        ({"features": ROWS, "task": TASKS[:5]}, "one entry for each of the 12 rows"),
        ({"features": TASKS[:, None]}, "expected numbers"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        Features.load(save(tmp_path, **arrays))


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        Features.load(tmp_path / "no.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        Features.load(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", ROWS)
    with pytest.raises(DataError, match="single array"):
        Features.load(tmp_path / "one.npy")
    with pytest.raises(DataError, match="cannot be read"):  # pickled objects are never opened
        Features.load(save(tmp_path, features=np.array([object()])))


def test_rows_that_do_not_pair_up_are_refused(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS, task=TASKS))
    with pytest.raises(DataError, match=r"has 12 rows and .* 11"):
        pair_up(u, Features.load(save(tmp_path, "e", features=ROWS[1:])))
    with pytest.raises(DataError, match=r"row 0: task is reach .* push .*12 rows differ"):
        pair_up(u, Features.load(save(tmp_path, "e", features=ROWS, task=TASKS[::-1])))
    few = Features.load(save(tmp_path, features=ROWS[:5]))
    with pytest.raises(DataError, match="5 episodes, need at least 8"):
        pair_up(few, few)


def test_labels_can_come_from_a_file_of_their_own(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS))
    named = u.with_labels(save(tmp_path, "groups", task=TASKS, variation=np.arange(12)))
    assert set(named.labels) == {"task", "variation"}
    with pytest.raises(DataError, match="unknown arrays"):
        u.with_labels(save(tmp_path, "other", features=ROWS))
