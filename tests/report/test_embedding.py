"""Pictures of the latent space: same place from step to step, partners together."""

from dataclasses import replace

import numpy as np
import pytest

from premotor.records import ProbeRow
from premotor.report.embedding import joint_pictures, single_picture, spread
from premotor.report.run import ProbeStep

ROWS = tuple(ProbeRow(("a", "b", "c")[i % 3], 0, i) for i in range(24))


def probe_step(step: int, noise: float) -> ProbeStep:
    rng = np.random.default_rng(0)
    scene = 5.0 * np.eye(3)[np.arange(24) % 3] @ rng.normal(size=(3, 6)) + rng.normal(size=(24, 6))
    z_u = scene + noise * rng.normal(size=scene.shape)
    z_e = scene + noise * rng.normal(size=scene.shape)
    return ProbeStep(step, z_u, z_e, z_u, z_e)


def test_first_and_last_are_always_among_the_chosen():
    assert spread(5, 8).tolist() == [0, 1, 2, 3, 4]
    assert spread(100, 4).tolist() == [0, 33, 66, 99]


def test_pictures_lie_in_the_square_and_partners_end_up_together():
    probe = tuple(probe_step(i * 10, noise) for i, noise in enumerate((6.0, 1.0, 0.02)))
    shown, pictures = joint_pictures(probe, ROWS)
    assert len(shown) == 24
    assert [p.step for p in pictures] == [0, 10, 20]
    for picture in pictures:
        both = np.concatenate([picture.watched, picture.done])
        assert both.min() >= 0.0
        assert both.max() <= 1.0
    gap = [float(np.linalg.norm(p.watched - p.done, axis=1).mean()) for p in pictures]
    assert gap[2] < 0.25 * gap[0]
    assert pictures[2].recall == 1.0
    assert pictures[2].purity > pictures[0].purity


def test_a_step_that_changed_nothing_gives_the_same_picture():
    probe = (probe_step(0, 0.1), probe_step(10, 0.1))
    _, (one, two) = joint_pictures(probe, ROWS)
    spread_of_points = one.watched.std()
    assert np.abs(one.watched - two.watched).mean() < 0.5 * spread_of_points


def test_a_handful_of_rows_gives_no_picture():
    assert joint_pictures((probe_step(0, 0.1),), ROWS[:4])[1] == ()


@pytest.mark.parametrize("sides", [("z_u",), ("z_e",), ("z_u", "z_e")])
def test_a_collapsed_representation_is_drawn_and_nothing_is_measured_of_it(sides):
    step = replace(probe_step(0, 0.1), **dict.fromkeys(sides, np.ones((24, 6))))
    _, (picture,) = joint_pictures((step,), ROWS)
    for points in (picture.watched, picture.done):
        assert np.isfinite(points).all()
    assert (picture.purity, picture.recall) == (None, None)


def test_a_representation_alone_is_drawn_in_the_square_collapsed_or_not():
    for x in (probe_step(0, 0.1).u, np.ones((24, 6))):
        points = single_picture(x)
        assert 0.0 <= points.min() < points.max() <= 1.0
