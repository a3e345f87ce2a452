"""Layers of two models: the best pair is told against the best of shuffled partners."""

import numpy as np
import pytest

from premotor.errors import ConfigError
from premotor.findings import LayerStudy
from premotor.measure.catalog import MeasureConfig
from premotor.measure.layers import Layers, layer_study
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides
from premotor.measure.similarity import debiased_cka
from premotor.measure.study import study

NUM = 32


def noise(seed: int, count: int = 4) -> Layers:
    """So many layers on either side, none of which knows anything of any other."""
    rng = np.random.default_rng(seed)
    u, e = ({f"{s}{i}": rng.normal(size=(NUM, 4)) for i in range(count)} for s in "ue")
    labels = Sides(u["u0"], e["e0"], ("a", "b") * (NUM // 2), ("0",) * NUM)
    return Layers(u, e, labels)


def studied(layers: Layers, measure: str = "debiased_cka", draws: int = 39, k: int = 5):
    config = StudyConfig(permutations=draws, halves=0, measure=MeasureConfig(neighbors=k))
    return layer_study(layers, measure, config)


def p_of(found: LayerStudy) -> dict[str, float]:
    return {null.stratum: null.p for null in found.nulls}


def test_every_pair_has_its_value_and_the_best_is_one_of_them():
    layers = noise(0)
    found = studied(layers)
    assert [(p.layer_u, p.layer_e) for p in found.pairs] == [
        (u, e) for u in layers.u for e in layers.e
    ]
    for pair in found.pairs:
        expected = debiased_cka(layers.u[pair.layer_u], layers.e[pair.layer_e])
        assert pair.value == pytest.approx(expected)
    assert found.best == max(found.pairs, key=lambda pair: pair.value)
    assert (found.measure, found.label, found.num_rows) == ("debiased_cka", "debiased CKA", NUM)


def test_the_best_of_unrelated_layers_is_as_often_good_by_luck_as_the_best_of_shuffled_ones():
    chosen, alone = [], []
    for seed in range(16):
        layers = noise(seed)
        found = studied(layers)
        chosen.append(p_of(found)["all"])
        best = Layers(
            {"u": layers.u[found.best.layer_u]}, {"e": layers.e[found.best.layer_e]}, layers.labels
        )
        alone.append(p_of(studied(best))["all"])
    assert 0.3 < np.mean(chosen) < 0.7
    assert np.mean(alone) < 0.15  # the same pair without allowing for its choice


def test_one_pair_that_is_linked_is_found_among_all():
    layers = noise(1)
    linked = {**layers.e, "e2": layers.u["u3"] @ np.random.default_rng(2).normal(size=(4, 4))}
    found = studied(Layers(layers.u, linked, layers.labels))
    assert (found.best.layer_u, found.best.layer_e) == ("u3", "e2")
    assert p_of(found) == {"all": pytest.approx(1 / 40), "task": pytest.approx(1 / 40)}
    assert found.best.score > 0.5
    assert all(abs(pair.score) < 0.4 for pair in found.pairs if pair != found.best)


def test_a_score_is_zero_at_the_mean_of_shuffled_partners_and_one_at_the_best():
    rows = noise(3).u["u0"]
    same = Layers({"u": rows}, {"e": rows}, Sides(rows, rows))
    assert studied(same, "mutual_knn").best.score == pytest.approx(1.0)


def test_without_tasks_the_null_is_over_all_rows():
    layers = noise(4, 2)
    bare = Layers(layers.u, layers.e, Sides(layers.labels.u, layers.labels.e))
    assert set(p_of(studied(bare))) == {"all"}
    assert set(p_of(studied(layers))) == {"all", "task"}


@pytest.mark.parametrize(
    "measure", ["debiased_cka", "mutual_knn", "ridge_r2_u_to_e", "ridge_r2_u_to_e_new_variation"]
)
def test_one_pair_alone_has_the_nulls_of_a_study(measure):
    rng = np.random.default_rng(5)
    variations = np.repeat(np.arange(16), 2)
    u, e = (rng.normal(size=(16, 3))[variations] + 0.1 * rng.normal(size=(NUM, 3)) for _ in "ue")
    tasks = tuple("ab"[v // 8] for v in variations)
    sides = Sides(u, e, tasks, tuple(map(str, variations)))
    found = studied(Layers({"u": u}, {"e": e}, sides), measure)
    config = StudyConfig(
        permutations=39, halves=0, only=(measure,), measure=MeasureConfig(neighbors=5)
    )
    finding = study(sides, config, checkpoint="trained", space="raw")[0].findings[0]
    assert found.nulls == finding.own.nulls[:2]
    assert found.best.value == finding.own.value
    assert found.best.score == pytest.approx(finding.calibrated)


def test_a_layer_that_does_not_vary_has_no_value_and_stops_nothing():
    layers = noise(6, 2)
    found = studied(Layers({**layers.u, "u1": np.full((NUM, 4), 0.1)}, layers.e, layers.labels))
    assert {(p.layer_u, p.value is None) for p in found.pairs} == {("u0", False), ("u1", True)}
    assert found.best.layer_u == "u0"
    constant = {"u": np.full((NUM, 4), 0.1)}
    with pytest.raises(ConfigError, match=r"no pair of layers .* debiased_cka: all 32 rows"):
        studied(Layers(constant, layers.e, layers.labels))


@pytest.mark.parametrize("measure", ["mutual_nn", "bound", "recall_at_1_u_to_e"])
def test_only_measures_of_two_spaces_compare_layers(measure):
    with pytest.raises(ConfigError, match=f"by one of mutual_knn, cknna, .* got '{measure}'"):
        studied(noise(0, 1), measure)


def test_progress_tells_of_every_draw():
    told: list[tuple[str, int, int]] = []
    config = StudyConfig(permutations=5, halves=0)
    layer_study(
        noise(0, 2),
        "mutual_knn",
        config,
        lambda stage, done, total, remark: told.append((stage, done, total)),
    )
    assert told == [("layers, mutual_knn", i, 10) for i in range(1, 11)]
