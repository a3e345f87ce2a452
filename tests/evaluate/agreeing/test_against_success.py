"""Scores of episodes against how the policy fared in them."""

from dataclasses import replace

import numpy as np
import pytest

import make
from premotor.evaluate.agreeing.against_success import SCORE, against_success
from premotor.evaluate.agreeing.alignment import Spaces
from premotor.measure.plan import StudyConfig
from premotor.measure.rows import scaled_rows
from premotor.measure.sides import another_episode, controls_of

STUDY = StudyConfig(permutations=200)
SUCCESS = np.arange(96) % 3 > 0


@pytest.fixture(scope="module")
def spaces() -> Spaces:
    return make.spaces("mirror")


def aligned_where(spaces: Spaces, wins: np.ndarray) -> Spaces:
    """U sees what E does where `wins`, and something else elsewhere."""
    e = spaces["z"].e
    other = np.random.default_rng(0).normal(size=e.shape)
    u = scaled_rows(np.where(wins[:, None], e, other))
    z = replace(spaces["z"].with_sides(u, e), controls=spaces["z"].controls)
    return {**spaces, "z": z}


def found(spaces: Spaces, own: Spaces | None, success: np.ndarray = SUCCESS):
    relations = against_success(spaces, own, success, STUDY)
    return {(r.watched, r.words, r.within): r for r in relations}


def test_each_clip_that_u_saw_is_held_against_success_within_task_and_variation_and_pooled(spaces):
    own = aligned_where(spaces, ~SUCCESS)
    relations = found(aligned_where(spaces, SUCCESS), own)
    assert list(relations) == [
        (watched, words, within)
        for watched, words in (
            ("expert", True),
            ("own", True),
            ("expert", False),
            ("another", True),
        )
        for within in ("task", "variation", "all")
    ]
    for within in ("task", "variation", "all"):
        seen = relations["expert", True, within].relation
        assert (seen.auc.value, seen.auc.count, seen.draws) == (1.0, 96, 200)
        assert seen.p < 0.01
        assert relations["own", True, within].relation.auc.value == 0.0
        for control in (("expert", False), ("another", True)):
            low, high = (
                getattr(relations[*control, within].relation.auc, e) for e in ("low", "high")
            )
            assert low < 0.5 < high
    assert {relation.score for relation in relations.values()} == {SCORE}
    assert set(relations["expert", True, "task"].relation.by_stratum) == set(make.TASKS)
    assert len(relations["expert", True, "variation"].relation.by_stratum) == 12
    assert relations["expert", True, "all"].relation.num_pairs == 64 * 32


def test_another_episode_is_held_against_the_success_of_the_episode_that_was_acted_in(spaces):
    """The control draws other clips, and leaves out an episode that is alone in its variation."""
    alone = ("alone", *spaces["z"].variations[1:])
    z = replace(spaces["z"], variations=alone)
    z = replace(z, controls=controls_of(z, seed=STUDY.seed))
    rows, _ = another_episode(z.groups, np.random.default_rng(STUDY.seed))
    assert rows.tolist() == list(range(1, 96))
    scores = np.sum(z.controls["another"].u * z.controls["another"].e, axis=1)
    success = np.zeros(96, dtype=bool)
    success[rows[scores > np.median(scores)]] = True
    related = found({**spaces, "z": z}, None, success)["another", True, "all"].relation
    assert related.auc.value == pytest.approx(1)
    assert related.auc.count == 95


def test_what_was_not_recorded_or_withheld_has_no_relation(spaces):
    bare = {space: replace(sides, controls={}) for space, sides in spaces.items()}
    assert {key[:2] for key in found(bare, None)} == {("expert", True)}
    assert {key[:2] for key in found(bare, spaces)} == {("expert", True), ("own", True)}


@pytest.mark.parametrize("outcome", [True, False])
def test_where_every_roll_out_ended_alike_nothing_can_be_said(spaces, outcome):
    assert found(spaces, spaces, np.full(96, outcome)) == {}


def test_a_collapsed_recognizer_is_no_better_than_chance():
    relation = found(make.spaces("collapsed"), None)["expert", True, "task"].relation
    assert relation.auc.low < 0.5 < relation.auc.high
