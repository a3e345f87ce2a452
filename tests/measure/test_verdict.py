"""The verdict follows its rules, and on synthetic features finds the structure put into them."""

import numpy as np
import pytest

from premotor.measure.catalog import MeasureConfig
from premotor.measure.sample import Sample
from premotor.measure.study import Condition, Controls, StudyConfig, study
from premotor.measure.verdict import Evidence, Verdict, verdict, verdict_on
from premotor.records import AlignmentRecord, NullRecord

STANDS, FALLS = 0.001, 0.4


def p(task: float, over_all: float = STANDS) -> dict[str, float]:
    return {"all": over_all, "task": task}


@pytest.mark.parametrize(
    ("number", "blanked", "another", "kind"),
    [
        (p(FALLS, FALLS), p(FALLS), p(FALLS), "none"),
        (p(FALLS), p(FALLS), p(FALLS), "scene"),
        (p(STANDS), p(FALLS), p(STANDS), "language"),
        (p(STANDS), p(STANDS), p(FALLS), "scene"),
        (p(STANDS), p(FALLS), p(FALLS), "scene and language"),
        (p(STANDS), p(STANDS), p(STANDS), "mirror"),
        (p(STANDS), {}, p(STANDS), "unresolved"),
        (p(STANDS), p(STANDS), {}, "unresolved"),
        (p(STANDS), p(FALLS), {}, "language"),
        ({"all": STANDS}, p(STANDS), p(STANDS), "unresolved"),
    ],
)
def test_each_rule_decides(number, blanked, another, kind):
    assert verdict(Evidence(number=number, blanked=blanked, another=another)).kind == kind


def test_what_untrained_networks_have_as_well_is_of_the_scene():
    stands = p(STANDS)
    evidence = Evidence(number=stands, blanked=stands, another=stands, beyond_untrained=False)
    assert verdict(evidence).kind == "scene"


def features(**parts: float) -> tuple[Sample, Controls]:
    """3 tasks of 4 variations of 8 episodes; each part says how strongly both sides share it.

    task: the furniture. words: the variation, which e has from its instruction alone. action: the
    variation, which e has without words. scene: the single episode.
    """
    rng = np.random.default_rng(0)
    tasks, variations = np.repeat(np.arange(3), 32), np.tile(np.repeat(np.arange(4), 8), 3)

    def draw(codes: np.ndarray) -> np.ndarray:
        return rng.normal(size=(codes.max() + 1, 12))[codes]

    shared = {
        "task": draw(tasks),
        "words": draw(4 * tasks + variations),
        "action": draw(4 * tasks + variations),
        "scene": draw(np.arange(96)),
    }
    parts = {"task": 1.0, "words": 0.0, "action": 0.0, "scene": 0.0, **parts}

    def side(leave: str = "") -> np.ndarray:
        kept = [weight * shared[n] for n, weight in parts.items() if n != leave]
        return np.sum(kept, axis=0) + 0.5 * rng.normal(size=(96, 12))

    names = tuple(str(t) for t in tasks), tuple(str(v) for v in variations)
    return Sample(side(), side(), *names), Controls(blanked=side("words"))


def judge(sample: Sample, controls: Controls, measure: str) -> Verdict:
    config = StudyConfig(
        permutations=200, halves=0, only=(measure,), measure=MeasureConfig(neighbors=6)
    )
    return verdict_on(study(sample, controls, Condition(), config))


@pytest.mark.parametrize("measure", ["debiased_cka", "mutual_knn"])
@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"task": 0.0}, "none"),
        ({}, "scene"),
        ({"scene": 1.0}, "scene"),
        ({"words": 1.0}, "language"),
        ({"action": 1.0}, "mirror"),
        ({"action": 1.0, "words": 1.0, "scene": 1.0}, "mirror"),
    ],
)
def test_the_structure_of_synthetic_features_is_named(parts, kind, measure):
    assert judge(*features(**parts), measure).kind == kind


def number(measure: str, p_value: float, **changed) -> AlignmentRecord:
    nulls = tuple(
        NullRecord(
            stratum=stratum,
            null_mean=0.0,
            null_sd=0.1,
            null_q95=0.2,
            z_score=0.0,
            p_value=p_value,
            permutations=1000,
        )
        for stratum in ("all", "task")
    )
    given = {"checkpoint": "t", "space": "raw", "instruction": "given", "value": 0.5}
    return AlignmentRecord(
        measure=measure, reference=0.0, num_rows=90, nulls=nulls, **{**given, **changed}
    )


def test_several_measures_are_judged_by_two_chosen_beforehand():
    lucky = [number("svcca", STANDS), number("debiased_cka", FALLS), number("mutual_knn", FALLS)]
    assert verdict_on(lucky).kind == "none"
    once = [number("debiased_cka", 0.03), number("mutual_knn", FALLS)]
    assert verdict_on(once).kind == "none"  # 0.03 twice is too much
    assert verdict_on(once[:1]).kind == "unresolved"


def test_stand_ins_are_no_evidence():
    own, pixels = number("mutual_knn", FALLS), number("mutual_knn", STANDS, sides="pixels-e")
    assert verdict_on([own, pixels]).kind == "none"
