"""Two models enter by one method each, and leave as rows with their controls."""

import numpy as np
import pytest
import torch

from premotor.align.config import AlignConfig
from premotor.align.models import Episodes, project, sample_of
from premotor.align.projections import Projections
from premotor.errors import ConfigError


class Watcher:
    def observe(self, clips):
        return np.array([[sum(clip), len(clip), 1.0] for clip in clips])


class Doer:
    def execute(self, scenes, instructions):
        return np.array([[s, len(text)] for s, text in zip(scenes, instructions, strict=True)])


def episodes(**changed) -> Episodes:
    given = {
        "clips": [[1.0, 2.0], [3.0]],
        "scenes": [5.0, 6.0],
        "instructions": ["push", "open it"],
        "tasks": ["a", "b"],
        "variations": ["0", "1"],
    }
    return Episodes(**{**given, **changed})


def test_words_are_withheld_from_the_acting_model_alone():
    sample, controls = sample_of(Watcher(), Doer(), episodes())
    assert sample.a.tolist() == [[3.0, 2.0, 1.0], [3.0, 1.0, 1.0]]
    assert sample.b.tolist() == [[5.0, 4.0], [6.0, 7.0]]
    assert (sample.tasks, sample.variations) == (("a", "b"), ("0", "1"))
    assert controls.blanked is not None
    assert controls.blanked.tolist() == [[5.0, 0.0], [6.0, 0.0]]
    assert controls.elsewhere is None


def test_clips_of_another_camera_become_a_control():
    _, controls = sample_of(Watcher(), Doer(), episodes(elsewhere=[[9.0], [8.0]]))
    assert controls.elsewhere is not None
    assert controls.elsewhere[:, 0].tolist() == [9.0, 8.0]


def test_every_row_goes_through_its_own_map():
    torch.manual_seed(0)
    maps = Projections(AlignConfig(latent_dim=4), 3, 2)
    sample, controls = sample_of(Watcher(), Doer(), episodes(elsewhere=[[9.0], [8.0]]))
    z, beside = project(maps, sample, controls)
    expected = maps(torch.tensor(sample.a).float(), torch.tensor(sample.b).float())
    np.testing.assert_allclose(z.a, expected.z_u.detach(), atol=1e-6)
    np.testing.assert_allclose(z.b, expected.z_e.detach(), atol=1e-6)
    assert beside.blanked is not None
    assert beside.elsewhere is not None
    assert beside.blanked.shape == beside.elsewhere.shape == (2, 4)


def test_lists_that_do_not_pair_up_are_refused():
    with pytest.raises(ConfigError, match="one entry per episode"):
        episodes(scenes=[5.0])
