"""Crossed towers, on made-up features in which it is known what is shared and when."""

from pathlib import Path

import numpy as np
import pytest

from premotor.align.config import AlignConfig
from premotor.align.fit import FitConfig
from premotor.errors import ConfigError, DataError
from premotor.evaluate.agreeing.crossing import (
    CrossingConfig,
    FeatureFiles,
    anew,
    crossing,
    sides_in,
)
from premotor.findings import CrossedCurve, CrossingRecord
from premotor.measure.features import Features, save_layers
from premotor.measure.paired import t_interval
from premotor.records import read_json, write_json

FIT = FitConfig(align=AlignConfig(latent_dim=8, temperature=0.1), steps=60, learning_rate=2e-2)
CONFIG = CrossingConfig(fit=FIT, neighbors=5)
SEEDS, STEPS = (0, 1, 2), (0, 10)
WORDS = ("red", "green", "blue", "teal", "rose", "gray")
RNG = np.random.default_rng(0)
ACTIONS, FURNITURE = RNG.normal(size=(12, 6)), RNG.normal(size=(2, 6))


def labels(per_instruction: int) -> dict[str, list[str]]:
    """Two tasks of six instructions of so many episodes."""
    rows = [(t, v, k) for t in range(2) for v in range(6) for k in range(per_instruction)]
    return {
        "task": [("close", "open")[t] for t, _, _ in rows],
        "variation": [str(v) for _, v, _ in rows],
        "episode": [str(i) for i in range(len(rows))],
        "instruction": [f"{('close', 'open')[t]} the {WORDS[v]} jar" for t, v, _ in rows],
    }


def features(seed: int, shared: float, per_instruction: int, split: int) -> dict[str, np.ndarray]:
    """u and e of one training: its own mix of furniture, of the action as far as it is shared."""
    known = labels(per_instruction)
    task = np.array([name == "open" for name in known["task"]], dtype=int)
    action = ACTIONS[6 * task + np.array(known["variation"], dtype=int)]
    told = np.hstack([2.0 * FURNITURE[task], shared * action])
    rng, noise = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2, split])
    return {
        side: told @ rng.normal(size=(12, 10)) + 0.3 * noise.normal(size=(len(task), 10))
        for side in ("u", "e")
    }


def written(folder: Path, seed: int, step: int, shared: float) -> FeatureFiles:
    files = FeatureFiles(folder / f"{seed}_{step}.npz", folder / f"fit_{seed}_{step}.npz")
    for path, count, split in ((files.held_out, 3, 0), (files.fit, 6, 1)):
        save_layers(path, features(seed, shared, count, split), labels(count))
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[tuple[int, int], FeatureFiles]:
    """Untrained towers know the furniture alone; trained ones know the action."""
    folder = tmp_path_factory.mktemp("crossing")
    return {(s, t): written(folder, s, t, 1.0 if t else 0.0) for s in SEEDS for t in STEPS}


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> FeatureFiles:
    """Pixels that show the furniture alone."""
    folder = tmp_path_factory.mktemp("pixels")
    files = FeatureFiles(folder / "pixels.npz", folder / "fit_pixels.npz")
    for path, count, split in ((files.held_out, 3, 0), (files.fit, 6, 1)):
        shown = features(7, 0.0, count, split)["u"]
        save_layers(path, {"pixels": shown}, labels(count))
    return files


@pytest.fixture(scope="module")
def record(files, seen) -> CrossingRecord:
    return crossing(files, CONFIG, seen)


def curve(record: CrossingRecord, measure: str, **wanted: object) -> CrossedCurve:
    asked = {"partners": "episode", "centered": False, "stands": "trained", **wanted}
    (found,) = [
        c
        for c in record.curves
        if c.measure == measure and all(getattr(c, k) == v for k, v in asked.items())
    ]
    return found


def test_every_tower_stands_in_one_pair_and_never_with_its_own_training(record):
    assert record.pairs == ((0, 1), (1, 2), (2, 0))
    assert (record.steps, record.num_fit, record.num_rows) == (STEPS, 72, 36)
    assert record.num_instructions == 12
    assert all(len(p.values) == 3 for c in record.curves for p in c.points)


def test_alignment_that_comes_with_training_is_seen_beyond_the_task(record):
    for partners in ("episode", "instruction"):
        for name in ("bound", "recall_at_1"):
            before, after = curve(record, name, partners=partners).points
            assert after.mean > before.mean
        for name in ("bound", "recall_at_1", "debiased_cka", "debiased_cka_raw"):
            before, after = curve(record, name, partners=partners, centered=True).points
            assert after.mean > before.mean
    untrained = curve(record, "debiased_cka", centered=True).points[0]
    assert abs(untrained.mean) < 0.2  # furniture alone, and that is taken off
    assert curve(record, "debiased_cka").points[0].mean > 0.8


def test_baselines_have_maps_of_their_own_and_stay_below(record):
    trained = curve(record, "bound", partners="instruction").points[1]
    assert set(trained.above) == {"untrained", "pixels", "text"}
    for stand in ("untrained", "pixels"):
        own = curve(record, "bound", partners="instruction", stands=stand).points[1]
        assert trained.above[stand].value == pytest.approx(trained.mean - own.mean)
        assert trained.above[stand].value > 0.5
        assert own.above == {}
    level = curve(record, "bound", stands="untrained").points
    assert level[0].values == level[1].values == curve(record, "bound").points[0].values
    # words tell the instruction: who is told them is no stranger to e
    told = curve(record, "bound", partners="instruction", stands="text").points
    assert told[1].mean > told[0].mean


def test_intervals_are_over_pairs(record):
    point = curve(record, "mutual_knn").points[1]
    assert point.interval == t_interval(np.array(point.values))
    assert point.interval.count == 3


def test_a_value_is_that_of_maps_fitted_on_other_episodes(files, record):
    load = Features.load
    one, other = files[0, 10], files[1, 10]
    learned = sides_in(load(one.fit), load(other.fit))
    measured = sides_in(load(one.held_out), load(other.held_out))
    z = anew(learned, measured, "episode", FIT, 0)
    right = (z.u @ z.e.T).argmax(1) == np.arange(36)
    back = (z.e @ z.u.T).argmax(1) == np.arange(36)
    expected = (right.mean() + back.mean()) / 2
    assert curve(record, "recall_at_1").points[1].values[0] == pytest.approx(expected)


def test_chance_and_ceiling_follow_the_rows(record):
    assert curve(record, "recall_at_1").chance == pytest.approx(1 / 36)
    by_words = curve(record, "recall_at_1", partners="instruction")
    assert by_words.chance == pytest.approx(1 / 12)
    assert curve(record, "bound", partners="instruction").ceiling == pytest.approx(np.log(12))
    assert curve(record, "mutual_knn").chance == pytest.approx(5 / 35)


def test_the_record_comes_back_from_its_file_and_is_the_same_every_time(
    files, seen, record, tmp_path
):
    write_json(tmp_path / "crossing.json", record)
    assert read_json(tmp_path / "crossing.json", CrossingRecord) == record
    assert crossing(files, CONFIG, seen) == record


def test_a_collapsed_tower_leaves_gaps_and_stops_nothing(files, tmp_path):
    broken = dict(files)
    broken[1, 10] = written(tmp_path, 1, 10, 1.0)
    for path, count in ((broken[1, 10].held_out, 3), (broken[1, 10].fit, 6)):
        own = dict(Features.load(path).layers)
        save_layers(path, own | {"u": np.ones_like(own["u"])}, labels(count))
    found = curve(crossing(broken, CONFIG), "debiased_cka").points[1]
    assert [value is None for value in found.values] == [False, True, False]
    assert found.interval.count == 2


def test_without_twos_only_partners_by_episode_are_measured(tmp_path):
    files = {}
    for seed in SEEDS:
        files[seed, 5] = written(tmp_path, seed, 5, 1.0)
        own = Features.load(files[seed, 5].held_out)
        alone = {**labels(3), "instruction": [str(i) for i in range(36)]}
        save_layers(files[seed, 5].held_out, own.layers, alone)
    found = crossing(files, CONFIG)
    assert {c.partners for c in found.curves} == {"episode"}
    assert {c.stands for c in found.curves} == {"trained", "text"}  # nobody knows step 0
    assert found.num_instructions == 0


def test_seeds_that_are_not_whole_and_other_episodes_are_refused(files, tmp_path):
    with pytest.raises(ConfigError, match="features of 1 seeds"):
        crossing({key: found for key, found in files.items() if key[0] == 0}, CONFIG)
    with pytest.raises(ConfigError, match="no features of 1 of 6 checkpoints, as of seed 2"):
        crossing({key: f for key, f in files.items() if key != (2, 10)}, CONFIG)
    other = written(tmp_path, 2, 10, 1.0)
    own = Features.load(other.held_out)
    moved = {**labels(3), "episode": [str(i + 1) for i in range(36)]}
    save_layers(other.held_out, own.layers, moved)
    with pytest.raises(DataError, match="row 0: episode is"):
        crossing({**files, (2, 10): other}, CONFIG)
    plain = {name: value for name, value in labels(3).items() if name != "instruction"}
    for seed in SEEDS:
        save_layers(tmp_path / f"{seed}.npz", own.layers, plain)
    with pytest.raises(DataError, match="lack instruction"):
        sides_in(Features.load(tmp_path / "0.npz"), Features.load(tmp_path / "1.npz"))
