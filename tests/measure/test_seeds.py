from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from premotor.codec import from_json, restore, to_json
from premotor.errors import ConfigError
from premotor.measure.paired import t_interval
from premotor.measure.seeds import (
    ArmOutcome,
    MissingRun,
    SeedContrast,
    arm_level,
    over_seeds,
    seed_contrast,
)

SEEDS = (3, 4, 5)


def arm(
    name: str,
    runs: Mapping[int, Mapping[str, Sequence[float]]],
    broken: Mapping[int, str] | None = None,
) -> ArmOutcome:
    numbered = {
        seed: {task: dict(enumerate(values)) for task, values in by_task.items()}
        for seed, by_task in runs.items()
    }
    return ArmOutcome(arm=name, runs=numbered, broken=broken or {})


APART = arm(
    "apart",
    {
        3: {"lid": [0.0, 1.0], "tap": [0.0, 0.0, 0.0, 1.0]},
        4: {"lid": [1.0, 1.0], "tap": [0.0, 0.0, 1.0, 1.0]},
        5: {"lid": [0.0, 0.0], "tap": [0.0, 0.0, 0.0, 0.0]},
    },
)
ALIGNED = arm(
    "aligned",
    {
        3: {"lid": [1.0, 1.0], "tap": [0.0, 0.0, 0.0, 1.0]},
        4: {"lid": [1.0, 1.0], "tap": [1.0, 0.0, 1.0, 1.0]},
        5: {"lid": [0.0, 1.0], "tap": [1.0, 1.0, 0.0, 0.0]},
    },
)


def contrast(ours: ArmOutcome, theirs: ArmOutcome, planned: Sequence[int] = SEEDS) -> SeedContrast:
    return seed_contrast("success", ours, theirs, planned, np.random.default_rng(0))


def test_every_task_counts_alike_in_the_difference_at_a_seed():
    found = contrast(ALIGNED, APART)
    expected = ((0.5 + 0.0) / 2, (0.0 + 0.25) / 2, (0.5 + 0.5) / 2)
    assert found.over_seeds.seeds == SEEDS
    assert found.over_seeds.differences == pytest.approx(expected)
    assert found.over_seeds.interval == t_interval(np.array(expected))
    assert found.over_seeds.sd == pytest.approx(np.std(expected, ddof=1))


def test_the_other_way_round_all_signs_turn():
    there, back = contrast(ALIGNED, APART), contrast(APART, ALIGNED)
    assert back.over_seeds.differences == tuple(-d for d in there.over_seeds.differences)
    assert back.over_seeds.p_value == there.over_seeds.p_value
    assert back.over_seeds.sign_flip == there.over_seeds.sign_flip


def test_tasks_have_their_own_differences_and_intervals():
    lid, tap = contrast(ALIGNED, APART).tasks
    assert (lid.task, lid.episodes, lid.differences) == ("lid", 2, (0.5, 0.0, 0.5))
    assert (tap.task, tap.episodes, tap.differences) == ("tap", 4, (0.0, 0.25, 0.5))
    assert tap.interval == t_interval(np.array([0.0, 0.25, 0.5]))


def test_the_p_value_is_that_of_the_t_test():
    values = np.random.default_rng(1).normal(0.02, 0.03, size=8)
    found = over_seeds(dict(enumerate(values.tolist())))
    assert found.p_value == pytest.approx(ttest_1samp(values, 0.0).pvalue)


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.25, 0.0)])
def test_differences_that_are_all_alike_have_a_p_value(value: float, p: float):
    assert over_seeds({0: value, 1: value, 2: value}).p_value == p


def test_one_seed_has_a_difference_and_nothing_about_other_seeds():
    found = contrast(arm_of(ALIGNED, 4), arm_of(APART, 4), (4,))
    assert found.over_seeds.mean == 0.125
    assert (found.over_seeds.interval, found.over_seeds.sd, found.over_seeds.p_value) == (None,) * 3
    assert found.bootstrap is None
    assert found.tasks[0].interval is None


def arm_of(whole: ArmOutcome, *seeds: int, broken: Mapping[int, str] | None = None) -> ArmOutcome:
    runs = {seed: whole.runs[seed] for seed in seeds}
    return ArmOutcome(arm=whole.arm, runs=runs, broken=broken or {})


def test_missing_runs_are_carried_with_their_reason():
    broken = {5: "diverged: loss was nan at update 812"}
    found = contrast(arm_of(ALIGNED, 3, 4, broken=broken), arm_of(APART, 4, 5))
    assert found.over_seeds.seeds == (4,)
    assert found.missing == (
        MissingRun(arm="aligned", seed=5, why=broken[5], broken=True),
        MissingRun(arm="apart", seed=3, why="not finished", broken=False),
    )


def test_arms_without_a_common_seed_have_no_difference():
    found = contrast(arm_of(ALIGNED, 3), arm_of(APART, 4))
    assert (found.over_seeds.mean, found.over_seeds.sign_flip, found.tasks) == (None, None, ())
    assert len(found.missing) == 4


def test_an_arm_by_itself_has_its_level_and_its_missing_runs():
    level = arm_level("success", arm_of(APART, 3, 4, broken={5: "diverged"}), SEEDS)
    assert level.values == pytest.approx(((0.5 + 0.25) / 2, (1.0 + 0.5) / 2))
    assert level.interval == t_interval(np.array(level.values))
    assert [(run.seed, run.broken) for run in level.missing] == [(5, True)]


def test_an_arm_without_a_run_has_no_level():
    level = arm_level("success", arm_of(APART), SEEDS)
    assert (level.mean, level.interval) == (None, None)
    assert [run.seed for run in level.missing] == list(SEEDS)


def test_runs_of_one_arm_on_other_episodes_are_refused():
    other = {seed: APART.runs[seed] for seed in (3, 4)} | {5: {"lid": APART.runs[5]["lid"]}}
    with pytest.raises(ConfigError, match="not judged on the same episodes of tap"):
        arm_level("success", ArmOutcome(arm="apart", runs=other, broken={}), SEEDS)


def test_a_loss_of_one_number_per_task_has_no_bootstrap():
    ours = arm("aligned", {s: {"lid": [1.0 + s], "tap": [2.0]} for s in SEEDS})
    theirs = arm("apart", {s: {"lid": [1.5], "tap": [2.0 * s]} for s in SEEDS})
    found = contrast(ours, theirs)
    assert found.over_seeds.differences == pytest.approx(
        [(s - 0.5 + 2.0 - 2 * s) / 2 for s in SEEDS]
    )
    assert found.bootstrap is None


def test_the_bootstrap_redraws_seeds_and_episodes():
    rng = np.random.default_rng(0)
    shifts, effects = rng.normal(0.0, 0.1, 8), rng.normal(0.0, 0.5, (3, 40))

    def runs(of: float) -> dict[int, dict[str, list[float]]]:
        return {
            s: {str(t): (of * (shifts[s] + effects[t])).tolist() for t in range(3)}
            for s in range(8)
        }

    found = contrast(arm("aligned", runs(1.0)), arm("apart", runs(0.0)), range(8)).bootstrap
    assert found is not None
    assert found.value == pytest.approx(shifts.mean() + effects.mean())
    variance = shifts.var() / 8 + (effects.var(1) / 40).sum() / 9  # what both draws add up to
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.1)


def test_the_same_source_gives_the_same_bootstrap():
    assert contrast(ALIGNED, APART) == contrast(ALIGNED, APART)


def test_other_episodes_are_refused():
    other = arm("aligned", {3: {"lid": [1.0, 1.0], "tap": [1.0, 1.0, 0.0]}})
    with pytest.raises(ConfigError, match="not judged on the same episodes of tap"):
        contrast(other, APART)


def test_a_task_that_one_run_lacks_is_refused():
    runs = {seed: ALIGNED.runs[seed] for seed in (3, 4)} | {5: {"lid": ALIGNED.runs[5]["lid"]}}
    with pytest.raises(ConfigError, match=r"aligned with seed 5 and .* same episodes of tap"):
        contrast(ArmOutcome(arm="aligned", runs=runs, broken={}), APART)


def test_seeds_that_were_not_planned_are_refused():
    with pytest.raises(ConfigError, match=r"runs with seeds \[5\]; planned are \[3, 4\]"):
        contrast(ALIGNED, APART, (3, 4))


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"lid": [float("nan")]}, "on lid has a number that is none"),
        ({"lid": []}, "on lid has no episode"),
        ({}, "no task"),
    ],
)
def test_a_run_without_numbers_is_refused(tasks: dict[str, list[float]], message: str):
    with pytest.raises(ConfigError, match=message):
        contrast(arm("aligned", {3: tasks}), APART)


def test_a_contrast_is_read_back_as_it_was_written():
    found = contrast(arm_of(ALIGNED, 3, 4, broken={5: "diverged"}), APART)
    read = restore(SeedContrast, from_json(to_json(found).encode(), "here"), "here")
    assert asdict(read) == asdict(found)
