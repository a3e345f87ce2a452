import dataclasses

import pytest

from premotor.codec import from_yaml, to_yaml
from premotor.errors import ConfigError
from premotor.experiments.comparison.arms import ARMS
from premotor.experiments.comparison.plan import ComparisonPlan, differences, read_plan
from premotor.presets import train_preset
from premotor.train.config import differing

TEXT = """
name: apart and aligned
counted: true
preset: tiny
common: {steps: 1600, pairing.batch_size: 32}
arms: [apart, aligned, labels]
candidates:
  lighter: {arm: aligned, set: {align.weight: 0.1}}
seeds: 10
seeds_of: {labels: 3}
first_seed: 100
look: 6
tasks: [open_drawer, turn_tap]
data: {train: 200}
"""


def plan(extra: str = "", text: str = TEXT) -> ComparisonPlan:
    return from_yaml(ComparisonPlan, text + extra, "the plan")


def test_a_unit_is_the_preset_with_the_common_values_its_arm_and_its_seed_and_nothing_else():
    found = plan()
    changed = {
        name: ours
        for name, _, ours in differing(train_preset("tiny"), found.config("lighter", 103))
    }
    assert changed == {
        "steps": 1600,
        "seed": 103,
        "pairing.batch_size": 32,
        "mirror.align.weight": 0.1,
        "processes": 1,
        "device": "cpu",
        "probe_episodes": 0,
        "eval_every": 0,
        "keep_steps": (0, 100, 200, 400, 800, 1600),
    }


def test_arms_differ_in_what_they_name_alone():
    found = plan()
    for name in found.arms:
        ours, base = (found.config(n, 100) for n in (name, "apart"))
        own = ARMS[name].variant.values.keys() | ARMS["apart"].variant.values.keys()
        assert {field for field, _, _ in differing(base, ours)} <= own


def test_the_checkpoints_that_are_judged_are_kept_by_training():
    found = plan()
    assert found.steps_of("apart") == (0, 100, 200, 400, 800, 1600)
    assert found.config("apart", 100).keep_steps == found.steps_of("apart")


def test_arms_may_have_fewer_seeds_than_the_plan():
    found = plan()
    assert found.seeds_in("labels") == range(100, 103)
    assert found.seeds_in("lighter") == range(100, 110)


def test_a_plan_is_read_back_as_it_was_written():
    found = plan()
    again = from_yaml(ComparisonPlan, to_yaml(found), "the plan")
    assert again == found
    assert again.digest == found.digest
    assert plan("reason: other words\n").digest != found.digest


def test_a_pilot_never_touches_the_split_that_counts():
    pilot = plan(text=TEXT.replace("counted: true", "counted: false"))
    assert pilot.judged_split == "val"
    assert pilot.splits == ("train", "val")
    assert plan().judged_split == "test"
    assert plan().splits == ("train", "val", "test")


def test_differences_of_two_plans_name_the_field_and_both_values():
    found = plan()
    other = dataclasses.replace(found, seeds=12)
    assert differences(found, other) == ["seeds: 10 in the records, 12 now"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("arm: [apart]\n", "unknown arm"),
        ("films: many\n", r"ComparisonPlan\.films"),
        ("baseline: apar\n", "did you mean 'apart'"),
        ("claim: apart\n", "baseline and claim are both"),
        ("without_rollouts: [shuffled]\n", "unknown arm of this plan 'shuffled'"),
        ("judged_at: [0.5, 0.25, 1]\n", "judged_at must rise"),
        ("judged_at: [0, 0.5]\n", "judged_at must rise"),
        ("judged_at: [0.5, 0.50001, 1]\n", "some of them twice"),
        ("smallest_effect: 3\n", "0.03 is 3 points"),
        ("films: 26\n", "films must be 0 to 25"),
        ("feature_episodes: 0\n", "feature_episodes must be >= 1"),
        ("keyframe_rows: -1\n", "keyframe_rows must be >= 0"),
    ],
)
def test_what_a_plan_cannot_say_is_refused_and_named(extra: str, said: str):
    with pytest.raises(ConfigError, match=said):
        plan(extra)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("apart, aligned,", "apart, alined,", "did you mean 'aligned'"),
        ("apart, aligned,", "apart, apart, aligned,", "named once each"),
        ("lighter: {arm: aligned", "lighter: {arm: alined", "arm that candidate lighter is"),
        ("lighter:", "shuffled:", "has the name of an arm"),
        ("lighter:", "a/b:", "name of a candidate"),
        ("align.weight: 0.1", "align.wait: 0.1", "unknown field of mirror.align 'wait'"),
        ("align.weight: 0.1", "align.weight: much", "weight"),
        ("steps: 1600", "seed: 3", "seed follows from seeds and first_seed"),
        ("steps: 1600", "keep_steps: [3]", "keep_steps follows from judged_at"),
        ("labels: 3", "labels: 11", "seeds_of labels must be 1 to 10"),
        ("seeds: 10", "seeds: 21", "seeds must be 1 to 20"),
        ("look: 6", "look: 10", "look must be 0, or 2 to 9"),
        ("turn_tap", "turn_tab", "did you mean 'turn_tap'"),
        ("train: 200", "train: 0", "at least one episode"),
        ("train: 200", "train: 200, fingerprints: {test: a, val: b}", "lacks train"),
        ("train: 200", "train: 200, fingerprints: {tests: a}", "did you mean 'test'"),
        ("preset: tiny", "preset: teeny", "did you mean 'tiny'"),
    ],
)
def test_a_wrong_name_or_value_is_refused_and_named(before: str, after: str, said: str):
    assert before in TEXT
    with pytest.raises(ConfigError, match=said):
        plan(text=TEXT.replace(before, after))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OSError, match="none"):
        read_plan(tmp_path / "none.yaml")
