"""Which episodes are kept, and that the file holds what the towers made of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from premotor import presets
from premotor.align.fit import FitConfig
from premotor.data.dataset import Dataset
from premotor.errors import ConfigError
from premotor.evaluate.agreeing.crossing import CrossingConfig, FeatureFiles, crossing
from premotor.evaluate.agreeing.kept_features import (
    LAYERS,
    PIXELS,
    chosen_transitions,
    keep,
    pixels,
    representations,
)
from premotor.measure.features import Features
from premotor.mirror import Mirror
from premotor.represent import Source, first_transitions, open_dataset, represent
from premotor.store.stand_ins import pixel_features
from premotor.train.loop import build_mirror

CONFIG = presets.train_preset("nano")


@pytest.fixture(scope="module")
def dataset(enough_data: Path) -> Dataset:
    """Nine episodes of three instructions in turn."""
    return open_dataset(Source(enough_data), "test", CONFIG.mirror)


@pytest.fixture(scope="module")
def mirror() -> Mirror:
    return build_mirror(CONFIG).eval()


@pytest.mark.parametrize(
    ("per_task", "kept"),
    [(1, [0]), (2, [0, 3]), (4, [0, 1, 3, 4]), (7, [0, 1, 2, 3, 4, 5, 6]), (99, list(range(9)))],
)
def test_episodes_are_chosen_by_twos_of_one_instruction(dataset, per_task, kept):
    rows = chosen_transitions(dataset, per_task)
    assert dataset.episodes_of(rows).tolist() == kept
    assert set(rows) <= set(first_transitions(dataset))


def test_the_file_holds_what_the_towers_make_of_the_episodes(mirror, dataset, tmp_path):
    keep(tmp_path / "step.npz", representations(mirror, dataset, 4))
    found = Features.load(tmp_path / "step.npz")
    rows = chosen_transitions(dataset, 4)
    given = represent(mirror, dataset, rows)
    given["e_without_words"] = represent(mirror, dataset, rows, blanked=True)["e"]
    assert tuple(found.layers) == LAYERS
    for name in LAYERS:
        assert found.layers[name].dtype == np.float16
        assert np.array_equal(found.layers[name], given[name].half().numpy())
    assert not torch.equal(given["e"], given["e_without_words"])
    assert found.labels == {
        "task": ("push_buttons",) * 4,
        "variation": ("1", "2", "1", "2"),
        "episode": ("0", "1", "3", "4"),
        "instruction": tuple(f"push the button number {k}" for k in (1, 2, 1, 2)),
    }


def test_layers_may_be_left_out_and_others_are_refused(mirror, dataset):
    assert tuple(representations(mirror, dataset, 2, ("u", "e")).layers) == ("u", "e")
    with pytest.raises(ConfigError, match="no layer v; there are u, e, e_without_words"):
        representations(mirror, dataset, 2, ("u", "v"))
    with pytest.raises(ConfigError, match="got 0 episodes per task"):
        representations(mirror, dataset, 0)


def test_pixels_are_those_of_the_same_episodes(dataset):
    found = pixels(dataset, 4)
    assert found.labels["episode"] == ("0", "1", "3", "4")
    assert np.array_equal(found.layers[PIXELS][2], pixel_features(dataset.cache.frames[3]))


def test_kept_files_of_two_trainings_are_all_that_crossing_reads(enough_data, dataset, tmp_path):
    splits = {"held_out": dataset, "fit": open_dataset(Source(enough_data), "train", CONFIG.mirror)}
    files: dict[tuple[int, int], FeatureFiles] = {}
    for seed in (0, 1):
        mirror = build_mirror(replace(CONFIG, seed=seed)).eval()
        paths = {name: tmp_path / f"{name}_{seed}.npz" for name in splits}
        for name, path in paths.items():
            keep(path, representations(mirror, splits[name], 18, ("u", "e")))
        files[seed, 0] = FeatureFiles(**paths)
    seen = {name: tmp_path / f"{name}_pixels.npz" for name in splits}
    for name, path in seen.items():
        keep(path, pixels(splits[name], 18))
    config = CrossingConfig(fit=FitConfig(steps=3), neighbors=3)
    record = crossing(files, config, FeatureFiles(**seen))
    assert (record.pairs, record.num_fit, record.num_rows) == (((0, 1), (1, 0)), 18, 9)
    measured = {c.stands for c in record.curves if c.points[0].mean is not None}
    assert measured == {"trained", "untrained", "pixels", "text"}
    assert {c.partners for c in record.curves} == {"episode"}  # of three instructions
