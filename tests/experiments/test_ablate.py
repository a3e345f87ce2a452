import dataclasses
from pathlib import Path

import numpy as np
import pytest

import make
from premotor.errors import ConfigError, UnknownName
from premotor.experiments.ablate import (
    AblateConfig,
    TrainingUnit,
    job_of,
    slots_of,
    units_of,
    write,
)
from premotor.experiments.contrast import summarize
from premotor.experiments.variants import (
    BASELINE,
    DECODING,
    VARIANTS,
    Variant,
    parse_variant,
)
from premotor.folders import AblationFolder
from premotor.measure.intervals import paired_difference
from premotor.measure.paired import t_interval
from premotor.presets import train_preset
from premotor.records import (
    AblationRecord,
    EvalRecord,
    Interval,
    KeyframeRecord,
    TrainingRecord,
    read_list,
)
from premotor.represent import Source
from premotor.train.config import differing

CONFIG = AblateConfig(data=Path("d"), out=Path("o"))
CHANGES = {
    "full": {},
    "without_zoom": {"mirror.execute.stages": 1},
    "without_muon": {"optimizer.name": "adamw"},
    "without_table": {"mirror.execute.words.match_by": "pixels"},
    "without_patches": {"mirror.execute.tokens.patch": 0},
    "last_stage_decides": {"mirror.execute.heatmap.coarse_weight": 0.0},
    "without_decay": {"optimizer.matrix_weight_decay": 1e-4},
    "without_qk_norm": {
        "mirror.execute.trunk.qk_norm": False,
        "mirror.execute.tokens.qk_norm": False,
    },
    "without_count": {"mirror.execute.count_to": 0},
    "without_approaches": {"pairing.approaches": 1.0},
    "answers_as_shown": {"pairing.answers": "recorded"},
    "chunk_1": {"mirror.execute.tokens.chunk": 1},
    "lamb": {"optimizer.name": "lamb", "optimizer.learning_rate": 1e-2, "optimizer.eps": 1e-6},
    "lamb_capped": {"optimizer.name": "lamb_capped", "optimizer.learning_rate": 3e-3},
    "released_init": {
        "optimizer.name": "lamb_capped",
        "optimizer.learning_rate": 3e-3,
        "mirror.execute.tokens.modulation_std": 0.0,
    },
    "without_augmentation": {"augment.shift": 0.0, "augment.yaw": 0.0, "augment.color": 0.0},
    "coarse_context": {"mirror.execute.coarse_context": True},
    "one_hot_rotation": {
        "mirror.execute.tokens.label_sigma": 0.0,
        "mirror.execute.tokens.mean_window": 1,
    },
    "wide_zoom": {"mirror.execute.views.zoom": 2.0},
}


def rollout(seed: int, success: bool, task: str = "open_drawer") -> EvalRecord:
    return make.rollout(task=task, seed=seed, success=success, strict=success and seed % 2 == 0)


def keyframe(seed: int, index: int, error: float, task: str = "open_drawer") -> KeyframeRecord:
    made = make.keyframe(task=task, seed=seed, keyframe_index=index, position_error=error)
    return dataclasses.replace(made, rotation_error=1000.0 * error)


def outcome(name: str, wins: int, near: int, seed: int = 0) -> TrainingRecord:
    """20 roll-outs of each of three tasks, the first `wins` of them good; 30 keyframes."""
    tasks = ("open_drawer", "push_buttons", "push_buttons_free")
    rollouts = [rollout(s, s < wins, task) for task in tasks for s in range(20)]
    errors = [(s, k, 0.001 if 3 * s + k < near else 0.1) for s in range(10) for k in range(3)]
    return TrainingRecord(
        variant=name,
        seed=seed,
        steps=CONFIG.steps,
        rollouts=tuple(rollouts),
        keyframes=tuple(keyframe(*e) for e in errors),
    )


def found(records: list[AblationRecord], *key: str) -> AblationRecord:
    (record,) = [r for r in records if (r.variant, r.task, r.measure) == key]
    return record


@pytest.mark.parametrize("preset", ["nano", "tiny"])
@pytest.mark.parametrize("name", list(VARIANTS))
def test_each_variant_changes_what_it_names_and_nothing_else(name, preset):
    config = dataclasses.replace(CONFIG, preset=preset)

    def configured(variant):
        return job_of(config, TrainingUnit(variant, 3)).config

    changed = {
        field: (type(ours), ours)
        for field, _, ours in differing(configured(BASELINE), configured(VARIANTS[name]))
    }
    assert changed == {field: (type(value), value) for field, value in CHANGES[name].items()}


def test_the_baseline_is_the_preset_acting_only():
    config = dataclasses.replace(CONFIG, processes=2, device="cpu", learn=("turn_tap",))
    job = job_of(config, TrainingUnit(BASELINE, 3))
    changed = {field: ours for field, _, ours in differing(train_preset("tiny"), job.config)}
    assert changed == {
        "seed": 3,
        "steps": 1500,
        "pairing.recognition_every": 0,
        "probe_episodes": 0,
        "eval_every": 0,
        "processes": 2,
        "device": "cpu",
    }
    assert job.source == Source(Path("d"), tasks=("turn_tap",))
    assert job.out == Path("o/full/seed_3")


def test_the_baseline_comes_first_and_every_variant_before_a_second_seed():
    config = dataclasses.replace(CONFIG, only=("wide_zoom", "lamb"), seeds=2)
    order = [unit.key for unit in units_of(config)]
    names = ["full", "lamb", "wide_zoom"]
    assert order == [(name, seed) for seed in (0, 1) for name in names]
    assert len({job_of(config, unit).out for unit in units_of(config)}) == 6
    assert len(units_of(CONFIG)) == len(VARIANTS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"only": ("without_zom",)}, UnknownName, "did you mean 'without_zoom'"),
        ({"tasks": ("push_button",)}, UnknownName, "did you mean 'push_buttons'"),
        ({"preset": "tinny"}, UnknownName, "did you mean 'tiny'"),
        ({"steps": 0}, ConfigError, "steps"),
        ({"seeds": 21}, ConfigError, "<= 20"),
        ({"workers": -1}, ConfigError, "workers"),
        ({"common": ("batch_size",)}, ConfigError, "typed as .field=value., got 'batch_size'"),
        ({"vary": ("no_shift",)}, ConfigError, "name: field=value"),
        ({"vary": ("no_shift: augment.shift",)}, ConfigError, "name: field=value"),
        ({"vary": ("a/b: seed=1",)}, ConfigError, "name of a variant"),
        ({"vary": ("lamb: seed=1",)}, ConfigError, "called 'lamb'"),
        ({"vary": ("mine: seed=1", "mine: seed=2")}, ConfigError, "called 'mine'"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        dataclasses.replace(CONFIG, **change)


def test_differences_are_taken_on_the_same_episodes():
    records = summarize([outcome("full", 18, 27), outcome("without_zoom", 12, 15)])
    ours = found(records, "without_zoom", "open_drawer", "success")
    assert (ours.value.value, ours.value.count, ours.simulator) == (0.6, 20, "premotor-mujoco")
    assert ours.difference is not None
    assert ours.difference.value == pytest.approx(-0.3)
    assert ours.difference.high < 0.0
    near = found(records, "without_zoom", "open_drawer", "position")
    assert near.value.value == pytest.approx(0.5)
    assert near.value.count == 10  # episodes
    assert near.difference is not None
    assert near.difference.value == pytest.approx(-0.4)
    assert found(records, "full", "open_drawer", "success").difference is None
    assert found(records, "full", "open_drawer", "strict").value.value == pytest.approx(0.45)


def test_variants_learn_the_tasks_that_are_named():
    config = dataclasses.replace(CONFIG, learn=("open_drawer", "turn_tap"))
    learned = [job_of(c, units_of(c)[1]).source.tasks for c in (config, CONFIG)]
    assert learned == [("open_drawer", "turn_tap"), ()]


def test_tasks_are_pooled_without_the_studies():
    records = summarize([outcome("full", 18, 27)])
    assert found(records, "full", "all tasks", "success").value.count == 40
    assert found(records, "full", "push_buttons_free", "success").value.count == 20


def test_one_seed_has_intervals_about_these_episodes():
    records = summarize([outcome("full", 18, 27), outcome("lamb", 12, 15)])
    assert {(r.seeds, r.over, r.p_value, r.least_p) for r in records} == {
        (1, "these episodes", None, None)
    }


def test_several_seeds_are_paired_seed_by_seed_and_episodes_not_counted():
    wins = {"full": (12, 10, 12), "lamb": (13, 11, 14)}
    outcomes = [outcome(n, wins[n][s], 20 + s, s) for s in range(3) for n in wins]
    records = summarize(outcomes)
    for task in ("open_drawer", "all tasks", "push_buttons_free"):
        lamb = found(records, "lamb", task, "success")
        assert (lamb.seeds, lamb.over) == (3, "seeds")
        assert lamb.value == t_interval(np.array([0.65, 0.55, 0.7]))
        assert lamb.difference is not None
        expected = t_interval(np.array([0.05, 0.05, 0.1]))  # per seed, not of two means apart
        assert (lamb.difference.low, lamb.difference.high) == pytest.approx(
            (expected.low, expected.high)
        )
        assert (lamb.difference.count, lamb.p_value, lamb.least_p) == (3, 0.25, 0.25)
    near = found(records, "lamb", "open_drawer", "position")
    assert near.value == t_interval(np.array([20, 21, 22]) / 30)
    assert near.difference is not None
    assert (near.difference.low, near.difference.high, near.p_value) == (0.0, 0.0, 1.0)


def test_intervals_over_seeds_stay_within_what_a_rate_can_be():
    outcomes = [outcome(n, w, 20, s) for n, s, w in (("full", 0, 2), ("full", 1, 20))]
    outcomes += [outcome("lamb", w, 20, s) for s, w in ((0, 20), (1, 2))]
    lamb = found(summarize(outcomes), "lamb", "all tasks", "success")
    assert lamb.difference is not None
    assert (lamb.value.low, lamb.value.high) == (0.0, 1.0)
    assert (lamb.difference.low, lamb.difference.high) == (-1.0, 1.0)


def test_until_a_seed_is_repeated_a_variant_keeps_to_its_episodes():
    outcomes = [outcome("full", 18, 20), outcome("lamb", 17, 20), outcome("full", 12, 20, 1)]
    records = summarize(outcomes)
    full, lamb = (found(records, name, "open_drawer", "success") for name in ("full", "lamb"))
    assert (full.over, full.value.value) == ("seeds", pytest.approx(0.75))
    assert (lamb.over, lamb.difference) == (
        "these episodes",
        paired_difference(np.arange(20) < 17, np.arange(20) < 18),  # seed 0 with seed 0
    )


def test_a_variant_without_a_partner_has_no_difference():
    assert all(r.difference is None for r in summarize([outcome("lamb", 18, 20)]))
    unlike = [outcome("full", 18, 20, 0), outcome("lamb", 18, 20, 0), outcome("lamb", 18, 20, 1)]
    assert all(r.difference is None for r in summarize(unlike))


def test_what_is_written_is_read_back(tmp_path):
    records = summarize([outcome("full", 18, 27), outcome("lamb", 12, 15)])
    write(AblationFolder(tmp_path), records, CONFIG.variants)
    assert read_list(tmp_path / "ablation.json", AblationRecord) == records
    assert isinstance(records[0].value, Interval)
    assert "LAMB at 1e-2" in (tmp_path / "ablation.md").read_text()
    assert (tmp_path / "ablation.svg").read_text().startswith("<svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "ablation.json",
        "ablation.md",
        "ablation.svg",
    ]


def typed(text: str) -> dict[str, object]:
    """What a variant that was typed changes of the baseline."""
    config = dataclasses.replace(CONFIG, vary=(text,))
    base, ours = (job_of(config, unit).config for unit in units_of(config))
    return {field: value for field, _, value in differing(base, ours)}


def test_a_variant_of_ones_own_changes_any_fields():
    assert typed("mine: optimizer.learning-rate=1e-3 execute.stages=1") == {
        "optimizer.learning_rate": 1e-3,
        "mirror.execute.stages": 1,
    }
    assert typed("a: precision=bf16 mirror.execute.coarse_context=true augment.shift=0") == {
        "precision": "bf16",
        "mirror.execute.coarse_context": True,
        "augment.shift": 0,
    }


def test_a_variant_of_ones_own_stands_beside_the_baseline_alone():
    config = dataclasses.replace(CONFIG, vary=("mine: pairing.batch_size=64",))
    assert [v.name for v in config.variants] == ["full", "mine"]
    both = dataclasses.replace(config, only=("lamb",))
    assert [v.name for v in both.variants] == ["full", "lamb", "mine"]
    assert config.variants[1].change == "pairing.batch_size=64"


def test_what_all_trainings_have_in_common_is_the_baseline_s_too_and_said():
    common = ("pairing.batch-size=32", "execute.heatmap.mean_window=3")
    config = dataclasses.replace(CONFIG, common=common, only=("lamb",))
    full, lamb = (job_of(config, unit).config for unit in units_of(config))
    assert (full.pairing.batch_size, full.mirror.execute.heatmap.mean_window) == (32, 3)
    assert {field for field, *_ in differing(full, lamb)} == set(CHANGES["lamb"])
    assert [v.name for v in config.variants] == ["full", "lamb"]
    assert config.variants[0].change.endswith("mean_window=3, as all have it")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a: optimizer.nam=lamb", UnknownName, "unknown field of optimizer 'nam'.*'name'"),
        ("a: seed.of=1", UnknownName, "unknown field of seed 'of'"),
        ("a: executes.stages=1", UnknownName, "unknown field of a training 'executes'"),
        ("a: optimizer.name=lam", ConfigError, "variant a.*optimizer.name.*'lam'"),
        ("a: execute.stages=one", ConfigError, "variant a.*stages"),
        ("a: execute.trunk.heads=7", ConfigError, "heads"),
    ],
)
def test_a_variant_that_cannot_be_is_refused_before_anything_is_trained(text, error, message):
    config = dataclasses.replace(CONFIG, vary=(text,))
    with pytest.raises(error, match=message):
        job_of(config, units_of(config)[1])


def test_what_only_decodes_otherwise_is_known():
    texts = (
        "a: execute.heatmap.mean_window=1",
        "a: execute.heatmap.mean_window=1 execute.tokens.mean_window=3",
        "a: execute.heatmap.mean_window=1 seed=1",
        "a: optimizer.eps=1e-6",
    )
    assert [parse_variant(text).decodes_only for text in texts] == [True, True, False, False]
    assert [v.name for v in VARIANTS.values() if v.decodes_only] == ["last_stage_decides"]
    for name in DECODING:  # a field that is gone would be trained for nothing
        Variant(name="a", change="", values={name: 1}).apply(train_preset("nano"))


def test_decisive_keyframes_are_a_measure_of_their_own():
    def training(name, near):
        made = [
            dataclasses.replace(keyframe(s, k, 0.001 if s < near else 0.1), decisive=k == 0)
            for s in range(10)
            for k in range(3)
        ]
        return TrainingRecord(
            variant=name, seed=0, steps=1, rollouts=(), keyframes=(*made, keyframe(10, 0, 0.1))
        )

    records = summarize([training("full", 8), training("lamb", 5)])
    assert {r.measure for r in records} == {"position", "rotation", "decisive"}
    lamb = found(records, "lamb", "open_drawer", "decisive")
    assert (lamb.value.value, lamb.value.count) == (0.5, 10)  # the unknown one is left out
    assert lamb.difference is not None
    assert lamb.difference.value == pytest.approx(-0.3)
    assert found(records, "lamb", "open_drawer", "position").value.value == pytest.approx(15 / 31)


def test_without_roll_outs_no_task_needs_a_simulator(made_up_data):
    config = AblateConfig(data=made_up_data, out=Path("o"), episodes=0)
    assert slots_of(config) == []
    assert len(slots_of(dataclasses.replace(config, episodes=2))) == 2


def test_the_table_of_variants_is_keyed_by_name():
    assert all(variant.name == name for name, variant in VARIANTS.items())
    assert next(iter(VARIANTS)) == "full"
