"""Scores of episodes against how the policy fared in them."""

import dataclasses

import numpy as np

from premotor.evaluate.against_success import against_success
from premotor.evaluate.alignment import Beside, Embeddings
from premotor.evaluate.held_out import Agreement
from premotor.measure.study import StudyConfig


def _embeddings(z_u: np.ndarray, z_e: np.ndarray) -> Embeddings:
    n = len(z_u)
    return Embeddings(z_u, z_e, z_u, z_e, ("tap",) * n, tuple(i % 2 for i in range(n)))


def test_success_is_held_against_each_clip_that_u_saw():
    rng = np.random.default_rng(0)
    success = np.arange(24) % 3 > 0
    axis = np.eye(4)[np.zeros(24, dtype=int)]
    lucky = axis + np.where(success, 0.1, 2.0)[:, None] * np.eye(4)[1]
    lucky /= np.linalg.norm(lucky, axis=1, keepdims=True)
    noise = rng.normal(size=(24, 4))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    agreed = Agreement(_embeddings(axis, lucky), Beside(blanked=_embeddings(axis, noise)), ())
    study = StudyConfig(permutations=200)
    found = {
        (r.watched, r.instruction, r.within): r
        for r in against_success(agreed, None, success, study)
    }
    assert found["expert", "given", "task"].auc.value == 1.0
    assert found["expert", "given", "task"].p_value < 0.01
    assert found["expert", "blanked", "task"].auc.low < 0.5
    assert found["another", "given", "variation"].auc.value == 1.0
    assert not any(watched == "own" for watched, _, _ in found)
    own = dataclasses.replace(agreed.given, z_u=lucky)
    watched = [r.watched for r in against_success(agreed, own, success, study)]
    assert "own" in watched
    assert list(against_success(agreed, None, np.ones(24, dtype=bool), study)) == []
