"""Two models enter by one method each, and leave as sides with their controls."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from premotor.align.config import AlignConfig
from premotor.align.models import Episodes, project, sides_of
from premotor.align.projections import Projections
from premotor.errors import ConfigError

NUM = 12  # episodes: of two tasks, three each of two variations


class Watcher:
    def observe(self, clips):
        return np.array([[sum(clip), len(clip), 1.0] for clip in clips])


class Doer:
    def execute(self, scenes, instructions):
        return np.array([[s, len(text)] for s, text in zip(scenes, instructions, strict=True)])


def episodes(**changed) -> Episodes:
    given = {
        "clips": [[float(i), 2.0][: 1 + i % 2] for i in range(NUM)],
        "scenes": [5.0 + i for i in range(NUM)],
        "instructions": ["push", "open it"] * (NUM // 2),
        "tasks": ["a"] * (NUM // 2) + ["b"] * (NUM // 2),
        "variations": ["0", "1"] * (NUM // 2),
    }
    return Episodes(**{**given, **changed})


def test_words_are_withheld_from_the_acting_model_alone():
    sides = sides_of(Watcher(), Doer(), episodes())
    assert sides.u[:2].tolist() == [[0.0, 1.0, 1.0], [3.0, 2.0, 1.0]]
    assert sides.e[:2].tolist() == [[5.0, 4.0], [6.0, 7.0]]
    assert sides.tasks[5:7] == ("a", "b")
    assert sides.variations[:2] == ("0", "1")
    blanked = sides.controls["blanked"]
    assert np.array_equal(blanked.u, sides.u)
    assert blanked.e[:2].tolist() == [[5.0, 0.0], [6.0, 0.0]]


def test_another_episode_is_shown_with_and_without_words():
    sides = sides_of(Watcher(), Doer(), episodes())
    assert set(sides.controls) == {"blanked", "another", "both"}
    another, both = sides.controls["another"], sides.controls["both"]
    assert np.array_equal(another.u, both.u)
    assert not (another.u == sides.u).all(axis=1).any()
    assert np.array_equal(another.e, sides.e)
    assert np.all(both.e[:, 1] == 0.0)


def test_another_episode_is_seen_through_the_other_camera_where_there_is_one():
    clips = [[90.0 + i] for i in range(NUM)]
    sides = sides_of(Watcher(), Doer(), episodes(other_camera=clips))
    assert np.array_equal(sides.controls["blanked"].u, sides.u)
    for name in ("another", "both"):
        shown = sides.controls[name].u[:, 0]
        assert sorted(shown) == [clip[0] for clip in clips]
        assert np.all(shown != np.array(clips)[:, 0])


def test_without_variations_no_other_episode_is_made_up():
    assert set(sides_of(Watcher(), Doer(), episodes(variations=())).controls) == {"blanked"}


def test_every_row_goes_through_its_own_map():
    torch.manual_seed(0)
    maps = Projections(AlignConfig(latent_dim=4), 3, 2)
    sides = sides_of(Watcher(), Doer(), episodes())
    z = project(maps, sides)
    pairs = [(sides, z), *((sides.controls[name], z.controls[name]) for name in z.controls)]
    for given, found in pairs:
        expected = maps(torch.tensor(given.u).float(), torch.tensor(given.e).float())
        np.testing.assert_allclose(found.u, expected.z_u.detach(), atol=1e-6)
        np.testing.assert_allclose(found.e, expected.z_e.detach(), atol=1e-6)
        assert (found.tasks, found.variations) == (given.tasks, given.variations)
    assert list(z.controls) == list(sides.controls)


def test_why_a_control_decides_nothing_is_told_in_the_shared_space_too():
    sides = sides_of(Watcher(), Doer(), episodes())
    blind = replace(sides.controls["another"], void="it sees nothing")
    z = project(Projections(AlignConfig(), 3, 2), replace(sides, controls={"another": blind}))
    assert z.controls["another"].void == "it sees nothing"


def test_lists_that_do_not_pair_up_are_refused():
    with pytest.raises(ConfigError, match="one entry per episode"):
        episodes(scenes=[5.0])
