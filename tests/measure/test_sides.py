"""Sides of the same episodes: whose rows may trade, and what each control takes away."""

import numpy as np
import pytest

from premotor.errors import ConfigError, NoVariation
from premotor.measure.rows import varied
from premotor.measure.sides import (
    CONTROLS,
    Sides,
    another_episode,
    controls_of,
    stand_ins_of,
    with_another_episode,
)

NUM = 12
TASKS = ("a",) * 6 + ("b",) * 6
VARIATIONS = ("0", "0", "0", "1", "1", "1") * 2


def sides(**changed) -> Sides:
    rng = np.random.default_rng(0)
    given = {
        "u": rng.normal(size=(NUM, 3)),
        "e": rng.normal(size=(NUM, 2)),
        "tasks": TASKS,
        "variations": VARIATIONS,
    }
    return Sides(**{**given, **changed})


def test_labels_that_join_to_the_same_words_are_not_the_same():
    labels = {"tasks": ("lerobot/pusht", "lerobot") * 6, "variations": ("a", "pusht/a") * 6}
    strata = sides(**labels).strata
    assert strata["task"].tolist() == strata["variation"].tolist() == [0, 1] * 6
    assert len(set(sides(**labels).groups)) == 2


def test_equal_variations_of_two_tasks_are_two():
    assert sides().strata["variation"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert sides(tasks=()).strata["variation"].tolist() == [0, 0, 0, 1, 1, 1] * 2


def test_only_strata_whose_labels_are_known_are_there():
    assert set(sides().strata) == {"all", "task", "variation"}
    assert set(sides(variations=()).strata) == {"all", "task"}
    assert set(sides(tasks=(), variations=()).strata) == {"all"}
    assert sides(variations=()).groups.tolist() == list(range(NUM))


def test_taken_rows_keep_their_labels_and_untrained_rows():
    given = sides(untrained=sides(u=np.arange(NUM * 3.0).reshape(NUM, 3)))
    rows = np.array([7, 2])
    some = given.take(rows)
    assert np.array_equal(some.u, given.u[rows])
    assert np.array_equal(some.e, given.e[rows])
    assert (some.tasks, some.variations) == (("b", "a"), ("0", "0"))
    assert some.untrained is not None
    assert some.untrained.u[:, 0].tolist() == [21.0, 6.0]


def test_centering_takes_each_tasks_mean_off_both_sides():
    given = sides(u=np.arange(NUM * 3).reshape(NUM, 3))
    centered = given.centered
    assert centered is not None
    for side, before in ((centered.u, given.u), (centered.e, given.e)):
        for rows in (slice(0, 6), slice(6, 12)):
            assert side[rows].mean(axis=0) == pytest.approx(0.0, abs=1e-12)
            np.testing.assert_allclose(
                side[rows] - side[rows][0], before[rows] - before[rows][0], atol=1e-12
            )
    assert (centered.tasks, centered.variations) == (TASKS, VARIATIONS)


def test_what_only_knows_the_task_is_nothing_once_its_mean_is_off():
    by_task = np.array([0.1, 0.7, 0.3])[[0] * 7 + [1] * 3 + [2] * 2]  # whose means are rounded
    tasks = ("a",) * 7 + ("b",) * 3 + ("c",) * 2
    centered = sides(e=by_task[:, None], tasks=tasks).centered
    assert centered is not None
    with pytest.raises(NoVariation):
        varied(centered.e, "a side")


@pytest.mark.parametrize("tasks", [(), ("a",) * NUM, tuple("abcdefghijkl")])
def test_without_several_tasks_of_several_episodes_nothing_is_centered(tasks):
    assert sides(tasks=tasks).centered is None


def test_another_episode_is_another_and_of_the_same_variation():
    groups = np.array([0, 0, 0, 1, 2, 2])
    rows, partners = another_episode(groups, np.random.default_rng(0))
    assert rows.tolist() == [0, 1, 2, 4, 5]  # the only one of variation 1 has no other
    assert np.all(groups[rows] == groups[partners])
    assert np.all(rows != partners)
    assert sorted(partners) == rows.tolist()


def test_another_episode_is_watched_while_each_is_done_as_it_was():
    given = sides(u=np.arange(NUM * 3.0).reshape(NUM, 3))
    other = with_another_episode(given, np.random.default_rng(0))
    assert other is not None
    assert np.array_equal(other.e, given.e)
    shown = (other.u[:, 0] / 3).astype(int)
    assert sorted(shown) == list(range(NUM))
    assert np.all(shown != np.arange(NUM))
    assert np.array_equal(given.groups[shown], given.groups)


def test_too_few_variations_of_several_episodes_have_no_such_control():
    lonely = ("0", "0", "1", "2", "3", "4", "0", "0", "1", "2", "3", "4")
    assert with_another_episode(sides(variations=lonely), np.random.default_rng(0)) is None
    assert (
        with_another_episode(sides(variations=lonely), np.random.default_rng(0), least=4)
        is not None
    )
    assert with_another_episode(sides(variations=()), np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, {"another"}),
        ({"blanked": np.ones((NUM, 2))}, set(CONTROLS)),
        ({"blanked": np.ones((NUM, 2)), "variations": ()}, {"blanked"}),
        ({"variations": ()}, set()),
    ],
)
def test_both_controls_at_once_are_there_where_each_is(given, names):
    labels = {k: v for k, v in given.items() if k == "variations"}
    blanked = given.get("blanked")
    assert set(controls_of(sides(**labels), blanked=blanked)) == names


def test_both_at_once_is_the_same_other_episode_without_words():
    blanked = np.random.default_rng(1).normal(size=(NUM, 2))
    found = controls_of(sides(), blanked=blanked, seed=3)
    assert np.array_equal(found["both"].u, found["another"].u)
    assert np.array_equal(found["both"].e, blanked)
    assert np.array_equal(found["blanked"].e, blanked)
    assert np.array_equal(found["blanked"].u, sides().u)
    assert not np.array_equal(controls_of(sides(), seed=4)["another"].u, found["another"].u)


def test_through_another_camera_the_other_episode_is_seen_and_may_decide_nothing():
    camera = 100.0 + np.arange(NUM * 3.0).reshape(NUM, 3)
    found = controls_of(
        sides(), blanked=np.ones((NUM, 2)), other_camera=camera, void="U sees nothing"
    )
    assert np.array_equal(np.sort(found["another"].u, axis=0), camera)
    assert {name: control.void for name, control in found.items()} == {
        "blanked": "",
        "another": "U sees nothing",
        "both": "U sees nothing",
    }


def test_stand_ins_take_the_place_of_one_network_or_of_both():
    pixels, path = np.random.default_rng(2).normal(size=(NUM, 9)), np.ones((NUM, 4))
    found = stand_ins_of(sides(), pixels, path)
    assert set(found) == {"pixels-e", "u-path", "pixels-path"}
    assert found["pixels-e"].u is found["pixels-path"].u is pixels
    assert found["u-path"].e is path
    assert found["u-path"].tasks == TASKS
    assert set(stand_ins_of(sides(), None, path)) == {"u-path"}
    assert stand_ins_of(sides(), None, None) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"e": np.ones((NUM - 1, 2))},
        {"tasks": TASKS[:-1]},
        {"variations": VARIATIONS[:-1]},
        {"untrained": Sides(np.ones((3, 2)), np.ones((3, 2)))},
    ],
)
def test_sides_of_other_lengths_are_refused(wrong):
    with pytest.raises(ConfigError, match="one row per episode each"):
        sides(**wrong)
