import dataclasses

import pytest

from premotor import presets
from premotor.align.rules import RULES, check_rule
from premotor.experiments.comparison.arms import ARMS, INSTRUCTIONS
from premotor.mirror import MirrorConfig
from premotor.simulate.tasks import TASKS
from premotor.train.config import TrainConfig, differing

BASE = presets.train_preset("nano")


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_changes_who_is_matched_and_what_comes_of_it_and_nothing_else(name: str):
    changed = ARMS[name].variant.apply(BASE)
    fields = {field for field, _, _ in differing(BASE, changed)}
    known = {"weight", "moves", "num_labels"}
    assert fields <= {"pairing.partner", *(f"mirror.align.{k}" for k in known)}
    assert (name == "aligned") == (not fields)
    check_rule(changed.pairing.partner, changed.mirror.align, INSTRUCTIONS)


def test_every_rule_is_an_arms():
    assert {arm.variant.apply(BASE).pairing.partner for arm in ARMS.values()} == set(RULES)


def test_there_is_a_code_for_every_text_of_the_tasks():
    texts = {(t, rules.instructions(v)) for t, rules in TASKS.items() for v in rules.variations}
    assert len({said for _, said in texts}) == INSTRUCTIONS


def test_an_arm_that_moves_one_tower_is_judged_by_it_alone():
    judged = {name: arm.judged for name, arm in ARMS.items() if arm.judged != "all"}
    assert judged == {"to_policy": "acting", "to_recognizer": "naming"}
    for name in judged:
        assert ARMS[name].variant.apply(BASE).mirror.align.moves != "both"


def test_arms_hold_for_a_training_of_ones_own():
    config = TrainConfig(mirror=MirrorConfig(), pairing=BASE.pairing)
    changed = ARMS["labels"].variant.apply(dataclasses.replace(config, seed=7))
    assert (changed.seed, changed.mirror.align.num_labels) == (7, INSTRUCTIONS)
