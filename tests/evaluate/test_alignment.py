import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.evaluate.alignment import Embeddings, measure_alignment


def embeddings(shared: float, seed: int = 0) -> Embeddings:
    """40 episodes of two tasks with two variations; `shared` is what both sides know of each."""
    rng = np.random.default_rng(seed)
    tasks = ["push_buttons"] * 20 + ["open_drawer"] * 20
    variations = [i % 2 for i in range(40)]
    task = np.repeat(rng.normal(size=(2, 8)), 20, axis=0)
    own = shared * rng.normal(size=(40, 8))
    watched = task + own + 0.1 * rng.normal(size=(40, 8))
    done = task + own + 0.1 * rng.normal(size=(40, 8))
    return Embeddings(watched, done, watched, done, tuple(tasks), tuple(variations))


def by_name(records, space="z"):
    return {r.measure: r for r in records if r.space == space}


def test_episode_level_alignment_beats_the_null_within_the_variation():
    found = by_name(measure_alignment(embeddings(1.0), "trained", "given", 0.05))
    recall = found["recall_at_1_u_to_e"]
    assert recall.value > 0.9
    assert recall.reference == pytest.approx(1 / 40)
    assert {n.stratum: n.p_value < 0.01 for n in recall.nulls} == {
        "all": True,
        "task": True,
        "variation": True,
    }
    assert found["recall_at_1_u_to_e_within_variation"].reference == pytest.approx(4 / 40)


def test_alignment_by_task_alone_does_not():
    found = by_name(measure_alignment(embeddings(0.0), "trained", "given", 0.05))
    nulls = {n.stratum: n for n in found["debiased_cka"].nulls}
    assert nulls["all"].p_value < 0.01
    assert nulls["variation"].p_value > 0.01


def test_the_bound_stays_below_its_ceiling():
    found = by_name(measure_alignment(embeddings(1.0), "trained", "given", 0.05))
    assert 0.0 < found["bound"].value <= found["bound"].reference == pytest.approx(np.log(40))


def test_rows_that_do_not_pair_are_refused():
    ok = embeddings(1.0)
    with pytest.raises(ConfigError, match="one row per episode"):
        Embeddings(ok.u, ok.e, ok.z_u, ok.z_e, ok.tasks[:-1], ok.variations)
