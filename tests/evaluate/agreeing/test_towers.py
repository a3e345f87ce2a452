"""Maps between two frozen models, fitted anew under each control."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import make
from premotor.align.config import AlignConfig
from premotor.align.fit import LEAST_ROWS, FitConfig
from premotor.evaluate.agreeing.towers import fitted, joined, refitted
from premotor.mirror import Mirror
from premotor.presets import train_preset

FIT = FitConfig(align=AlignConfig(latent_dim=8), steps=40)


def test_a_control_that_too_few_learn_under_is_left_out():
    learned, held_out = make.sides(0, action=1.0), make.sides(1, action=1.0)
    few = learned.controls["both"].take(np.arange(LEAST_ROWS - 1))
    controls = {"another": learned.controls["another"], "both": few}
    found = refitted(held_out.controls, replace(learned, controls=controls), FIT, 0)
    assert list(found) == ["another"]  # none learned without words either
    assert found["another"].u.shape == (len(held_out.controls["another"]), 8)
    assert np.linalg.norm(found["another"].e, axis=1) == pytest.approx(1.0)


def test_maps_that_never_had_the_words_do_not_need_them():
    """Words that only E reads mislead maps that were fitted with them, not maps anew."""
    learned, held_out = (make.sides(seed=0, told=3.0, action=1.0) for _ in range(2))
    found = refitted(held_out.controls, learned, FIT, 0)
    again = refitted(held_out.controls, learned, FIT, 0)
    assert np.array_equal(found["blanked"].u, again["blanked"].u)  # the seed's alone
    own = fitted(learned, FIT, 0)
    assert not np.array_equal(
        found["blanked"].u, own.from_u(torch.from_numpy(held_out.u).float()).numpy()
    )


def test_joined_towers_are_frozen_as_they_were():
    whole = Mirror(train_preset("nano").mirror)
    mirror = joined(whole.understand, whole.execute, AlignConfig(latent_dim=8))
    assert mirror.understand is whole.understand
    assert mirror.execute is whole.execute
    assert mirror.config.align.latent_dim == 8
    assert not mirror.training
    assert not any(p.requires_grad for p in mirror.parameters())
