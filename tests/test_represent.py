"""What a mirror makes of held-out episodes, whole or segment by segment."""

from pathlib import Path

import numpy as np
import pytest
import torch

from premotor import presets
from premotor.data.dataset import Dataset
from premotor.mirror import Mirror
from premotor.represent import Source, first_transitions, open_dataset, represent, settled

CONFIG = presets.train_preset("nano").mirror


@pytest.fixture(scope="module")
def dataset(made_up_data: Path) -> Dataset:
    return open_dataset(Source(made_up_data), "val", CONFIG)


@pytest.fixture(scope="module")
def mirror() -> Mirror:
    torch.manual_seed(0)
    return Mirror(CONFIG).train()


def test_segment_by_segment_every_transition_has_its_own_u(mirror: Mirror, dataset: Dataset):
    every = np.arange(len(dataset.cache.transitions))
    whole = represent(mirror, dataset, every)
    parts = represent(mirror, dataset, every, unit="segment")
    assert {len(value) for value in parts.values()} == {len(every)}
    assert torch.equal(parts["e"], whole["e"])  # what is done is the same
    first, second = every[:2]
    assert torch.equal(whole["u"][first], whole["u"][second])
    assert not torch.allclose(parts["u"][first], parts["u"][second])
    shown = dataset.observed_segments(every[:2]).frames
    with torch.inference_mode():
        expected = mirror.eval().understand.vision_encoder(shown).u
    torch.testing.assert_close(parts["u"][:2], expected, atol=1e-5, rtol=1e-5)


def test_whole_episodes_are_measured_unless_segments_are_asked_for(
    mirror: Mirror, dataset: Dataset
):
    rows = first_transitions(dataset)
    assert dataset.cache.transitions.keyframe_index[rows].tolist() == [0] * 4
    plain, asked = (
        represent(mirror, dataset, rows),
        represent(mirror, dataset, rows, unit="episode"),
    )
    assert all(torch.equal(plain[name], asked[name]) for name in plain)


def test_a_network_that_collapsed_gives_rows_that_are_the_same(dataset: Dataset):
    torch.manual_seed(0)
    mirror = Mirror(CONFIG)
    with torch.no_grad():
        mirror.understand.vision_encoder.tower.conv1.weight.zero_()
    found = represent(mirror, dataset, np.arange(len(dataset.cache.transitions)))
    for name in ("u", "z_u"):
        assert len(found[name].unique(dim=0)) == 1
    assert len(found["e"].unique(dim=0)) == len(found["e"])


def test_rows_that_differ_by_more_than_rounding_stay_as_they_are():
    x = torch.ones(9, 4)
    x[3] += 1e-7  # float32 knows about 1e-7 of 1
    assert torch.equal(settled(x), torch.ones(9, 4))
    x[3, 0] += 1e-4
    assert settled(x) is x
    x[3, 0] = torch.nan
    assert settled(x) is x  # to be refused where it is measured
