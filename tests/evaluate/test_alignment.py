import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.evaluate.alignment import Beside, Embeddings, measure_alignment, of_a_report


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


def measured(shared: float, beside: Beside | None = None):
    return measure_alignment(embeddings(shared), beside or Beside(), "trained", of_a_report(0.05))


def by_name(records, space="z"):
    own = (space, "given", "same", "u-e")
    return {r.measure: r for r in records if (r.space, r.instruction, r.episode, r.sides) == own}


def test_episode_level_alignment_beats_the_null_within_the_variation():
    found = by_name(measured(1.0))
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
    found = by_name(measured(0.0))
    nulls = {n.stratum: n for n in found["debiased_cka"].nulls}
    assert nulls["all"].p_value < 0.01
    assert nulls["variation"].p_value > 0.01


def test_the_bound_stays_below_its_ceiling():
    found = by_name(measured(1.0))
    assert 0.0 < found["bound"].value <= found["bound"].reference == pytest.approx(np.log(40))


def test_rows_that_do_not_pair_are_refused():
    ok = embeddings(1.0)
    with pytest.raises(ConfigError, match="one row per episode"):
        Embeddings(ok.u, ok.e, ok.z_u, ok.z_e, ok.tasks[:-1], ok.variations)


def test_controls_untrained_networks_and_stand_ins_stand_beside():
    rng = np.random.default_rng(3)
    stand_ins = {"pixels": rng.normal(size=(40, 12)), "path": rng.normal(size=(40, 9))}
    beside = Beside(blanked=embeddings(0.0, 1), untrained=embeddings(0.0, 2), stand_ins=stand_ins)
    records = measured(1.0, beside)
    cka = [r for r in records if r.measure == "debiased_cka"]
    assert {(r.space, r.instruction, r.episode, r.sides) for r in cka} == {
        *((space, "given", "same", "u-e") for space in ("z", "raw")),
        *((space, "blanked", "same", "u-e") for space in ("z", "raw")),
        *((space, "given", "another", "u-e") for space in ("z", "raw")),
        *(("raw", "given", "same", sides) for sides in ("pixels-e", "u-path", "pixels-path")),
    }
    gain = by_name(records)["recall_at_1_u_to_e"].gain
    assert gain is not None
    assert gain.low > 0.0


def test_too_few_rows_for_an_interval_have_none():
    ok = embeddings(1.0)
    rows = np.r_[0:3, 20:23]
    sides = [x[rows] for x in (ok.u, ok.e, ok.z_u, ok.z_e)]
    few = Embeddings(*sides, tuple(ok.tasks[i] for i in rows), (0,) * 6)
    records = measure_alignment(few, Beside(), "trained", of_a_report(0.05))
    assert records
    assert {r.interval for r in records} == {None}
