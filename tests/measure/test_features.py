"""Files of features: what is read, and what is refused by name."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from premotor.errors import DataError
from premotor.measure.features import (
    Features,
    agreed_labels,
    by_episode,
    pair_up,
    save_features,
    save_layers,
)

ROWS = np.random.default_rng(0).normal(size=(12, 3))
TASKS = np.repeat(["reach", "push"], 6)


def save(folder: Path, name: str = "u", **arrays: np.ndarray) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def test_labels_of_either_file_serve_both(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS, task=TASKS))
    e = Features.load(save(tmp_path, "e", features=ROWS, variation=np.arange(12) % 2))
    sides = pair_up(u, e)
    assert sides.tasks == tuple(TASKS)
    assert sides.variations == ("0", "1") * 6


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.int8])
def test_numbers_of_every_kind_are_kept_as_they_are(tmp_path, kind):
    rows = (10 * np.abs(ROWS)).astype(kind)
    found = Features.load(save(tmp_path, features=rows))
    assert found.values.dtype == kind
    assert np.array_equal(found.values, rows)
    assert len(found) == 12


def test_what_is_saved_is_what_is_loaded(tmp_path):
    labels = {"task": TASKS.tolist(), "variation": ["0"] * 12, "episode": list("abcdefghijkl")}
    save_features(tmp_path / "u.npz", ROWS, labels)
    found = Features.load(tmp_path / "u.npz")
    assert np.array_equal(found.values, ROWS)
    assert {name: list(values) for name, values in found.labels.items()} == labels


def test_several_layers_are_saved_each_in_its_own_type(tmp_path):
    layers = {"u": ROWS.astype(np.float16), "e": ROWS[:, :2]}
    labels = {"task": TASKS.tolist(), "instruction": [f"{task} it" for task in TASKS]}
    save_layers(tmp_path / "step.npz", layers, labels)
    found = Features.load(tmp_path / "step.npz")
    assert {name: rows.dtype for name, rows in found.layers.items()} == {
        "u": np.float16,
        "e": np.float64,
    }
    assert all(np.array_equal(found.layers[name], rows) for name, rows in layers.items())
    assert found.labels["instruction"] == ("reach it",) * 6 + ("push it",) * 6
    again = tmp_path / "again.npz"
    save_layers(again, layers, labels)
    assert again.read_bytes() == (tmp_path / "step.npz").read_bytes()


def test_a_collapsed_layer_is_taken_where_that_is_asked_for(tmp_path):
    path = save(tmp_path, features_u=np.ones((12, 3)), features_e=ROWS)
    with pytest.raises(DataError, match="features_u"):
        Features.load(path)
    found = Features.load(path, collapsed=True)
    assert np.array_equal(found.layers["u"], np.ones((12, 3)))
    with pytest.raises(DataError, match="NaN"):
        Features.load(save(tmp_path, features=np.full((12, 3), np.nan)), collapsed=True)


def test_several_layers_stand_in_several_arrays(tmp_path):
    found = Features.load(save(tmp_path, features_3=ROWS, features_last=ROWS[:, :2], task=TASKS))
    assert {name: values.shape for name, values in found.layers.items()} == {
        "3": (12, 3),
        "last": (12, 2),
    }
    assert set(found.labels) == {"task"}
    with pytest.raises(DataError, match="layers 3, last; expected `features` alone"):
        _ = found.values
    with pytest.raises(DataError, match="expected `features` alone"):
        pair_up(found, found)


def test_features_without_a_layers_name_are_a_layer_among_others(tmp_path):
    found = Features.load(save(tmp_path, features=ROWS, features_1=ROWS[:, :2]))
    assert {name: values.shape[1] for name, values in found.layers.items()} == {"": 3, "1": 2}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"feature": ROWS}, r"has the arrays \['feature'\], expected `features`.* np.savez"),
        ({"task": TASKS}, "expected `features`"),
        ({"features": ROWS[:, 0]}, r"features is float64 \(12,\), expected numbers \(rows, width"),
        ({"features": ROWS[None]}, r"float64 \(1, 12, 3\), expected numbers .* average or flatten"),
        ({"features": ROWS[:, :0]}, r"float64 \(12, 0\), expected numbers"),
        ({"features": ROWS[:0]}, r"float64 \(0, 3\), expected numbers"),
        ({"features": TASKS[:, None]}, r"features is <U5 \(12, 1\), expected numbers"),
        ({"features": ROWS > 0}, "bool .* expected numbers"),
        ({"features": ROWS + 1j}, "complex128 .* expected numbers"),
        (
            {"features": np.where(np.arange(12)[:, None] % 5 == 4, np.nan, ROWS)},
            "2 of 12 rows of features hold NaN or infinity, the first is row 4",
        ),
        ({"features": np.where(ROWS[7, 1] == ROWS, np.inf, ROWS)}, "1 of 12 .* first is row 7"),
        ({"features": np.full((12, 3), 0.1)}, "all 12 rows of features in .*u.npz are the same"),
        ({"features": ROWS, "tasks": TASKS}, r"unknown arrays \['tasks'\]; known are features"),
        ({"features": ROWS, "features_": ROWS}, r"unknown arrays \['features_'\]"),
        ({"features": ROWS, "task": TASKS[:5]}, r"task is \(5,\), expected one .* of the 12 rows"),
        ({"features": ROWS, "task": np.array("reach")}, r"task is \(\), expected one entry"),
        ({"features": ROWS, "task": TASKS[:, None]}, r"task is \(12, 1\), expected one entry"),
        (
            {"features_1": ROWS, "features_2": ROWS[1:]},
            "the layers have {'1': 12, '2': 11} rows; row i of all must be the same episode",
        ),
        ({"features_1": ROWS, "features_2": ROWS[:, 0]}, r"features_2 is float64 \(12,\)"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        Features.load(save(tmp_path, **arrays))


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is missing; name an "):
        Features.load(tmp_path / "no.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        Features.load(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", ROWS)
    with pytest.raises(DataError, match="single array, expected an "):
        Features.load(tmp_path / "one.npy")
    with pytest.raises(DataError, match="cannot be read"):
        Features.load(tmp_path)


def test_a_broken_file_is_refused_wherever_it_is_broken(tmp_path):
    np.savez_compressed(tmp_path / "whole.npz", features=ROWS)
    whole = (tmp_path / "whole.npz").read_bytes()
    path, refused = tmp_path / "broken.npz", []
    for place in range(0, len(whole), 5):
        broken = [whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]]
        for content in broken:
            path.write_bytes(content)
            try:
                Features.load(path)  # some bytes mean nothing, as a date
            except DataError as error:
                refused.append(str(error))
    assert len(refused) > len(whole) / 5
    assert all(str(path) in told for told in refused)


class _Trap:
    """Writes a file if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "caught")


def test_nothing_in_a_file_is_run(tmp_path):
    sprung = tmp_path / "sprung"
    trap = np.array([[_Trap(sprung)]] * 12, dtype=object)
    pickle.loads(pickle.dumps(_Trap(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()  # the trap works
    files = [save(tmp_path, "one", features=trap), save(tmp_path, "two", features=ROWS, task=trap)]
    files.append(tmp_path / "three.npz")
    files[-1].write_bytes(pickle.dumps(_Trap(sprung)))
    for path in files:
        with pytest.raises(DataError, match=r"cannot be read as an \.npz of plain arrays"):
            Features.load(path)
    with pytest.raises(DataError, match=r"cannot be read as an \.npz of plain arrays"):
        Features.load(save(tmp_path, features=ROWS)).with_labels(files[1])
    assert not sprung.exists()


def test_rows_of_an_episode_become_one(tmp_path):
    episode = np.repeat(np.arange(8), 2)
    values = np.repeat(np.arange(8), 2)[:, None] + np.tile([-1, 1], 8)[:, None]
    u = Features.load(save(tmp_path, features=values.astype(np.int8), episode=episode))
    sides = pair_up(u, Features.load(save(tmp_path, "e", features=0.5 * values)))
    assert sides.u[:, 0].tolist() == list(range(8))
    assert sides.e[:, 0].tolist() == [0.5 * i for i in range(8)]


def test_episodes_stay_in_the_order_of_the_files_with_their_labels():
    rows, order = ROWS[:, :1], [3, 3, 0, 2, 1, 5, 4, 7, 6, 8, 0, 9]
    labels = {"episode": tuple(map(str, order)), "task": tuple(f"t{i}" for i in order)}
    sides = by_episode(rows, rows, labels)
    assert sides.tasks == ("t3", "t0", "t2", "t1", "t5", "t4", "t7", "t6", "t8", "t9")
    assert sides.u[0, 0] == pytest.approx((rows[0, 0] + rows[1, 0]) / 2)
    assert sides.u[1, 0] == pytest.approx((rows[2, 0] + rows[10, 0]) / 2)
    assert sides.u[2:, 0].tolist() == [rows[i, 0] for i in (3, 4, 5, 6, 7, 8, 9, 11)]


def test_equal_episode_numbers_of_two_tasks_are_two_episodes(tmp_path):
    labels = {"task": np.repeat(["a", "b"], 12), "episode": np.tile(np.repeat(np.arange(6), 2), 2)}
    u = Features.load(save(tmp_path, features=np.vstack([ROWS, ROWS]), **labels))
    assert len(pair_up(u, u)) == 12


def test_labels_that_join_to_the_same_words_are_two_episodes():
    labels = {
        "task": ("lerobot/pusht", "lerobot") * 6,
        "variation": ("a", "pusht/a") * 6,
        "episode": tuple(str(i // 2) for i in range(12)),
    }
    assert len(by_episode(ROWS, ROWS, labels)) == 12


def test_rows_of_single_episodes_are_not_touched():
    sides = by_episode(ROWS, ROWS, {"episode": tuple(map(str, range(12)))})
    assert sides.u is ROWS


def test_rows_that_do_not_pair_up_are_refused(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS, task=TASKS))
    with pytest.raises(DataError, match=r"has 12 rows and .* 11"):
        pair_up(u, Features.load(save(tmp_path, "e", features=ROWS[1:])))
    with pytest.raises(DataError, match=r"row 0: task is reach .* push .*12 rows differ"):
        agreed_labels(u, Features.load(save(tmp_path, "e", features=ROWS, task=TASKS[::-1])))
    few = Features.load(save(tmp_path, features=ROWS[:7]))
    with pytest.raises(DataError, match="7 episodes, need at least 8"):
        pair_up(few, few)
    with pytest.raises(DataError, match="6 episodes, need at least 8"):
        by_episode(ROWS, ROWS, {"episode": tuple(str(i // 2) for i in range(12))})


def test_labels_can_come_from_a_file_of_their_own(tmp_path):
    u = Features.load(save(tmp_path, features=ROWS))
    named = u.with_labels(save(tmp_path, "groups", task=TASKS, variation=np.arange(12)))
    assert set(named.labels) == {"task", "variation"}
    with pytest.raises(DataError, match="unknown arrays"):
        u.with_labels(save(tmp_path, "other", features=ROWS))
    with pytest.raises(DataError, match=r"task is \(11,\), expected one entry"):
        u.with_labels(save(tmp_path, "short", task=TASKS[1:]))


def test_labels_can_come_from_another_file_of_the_same_rows(tmp_path):
    bare = Features.load(save(tmp_path, features=ROWS, task=TASKS))
    full = Features.load(save(tmp_path, "e", features=ROWS, task=TASKS[::-1], episode=TASKS))
    labels = bare.labeled_as(full).labels
    assert (labels["task"], labels["episode"]) == (tuple(TASKS), tuple(TASKS))
    with pytest.raises(DataError, match=r"12 rows and .* 11; row i of all files"):
        bare.labeled_as(Features.load(save(tmp_path, "short", features=ROWS[1:])))
