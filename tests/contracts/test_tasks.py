"""What every task keeps, whoever adds it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from premotor.episode.discovery import discover_keyframes
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.geometry.poses import Pose
from premotor.simulate.environment import ACTION_HIGH, ACTION_LOW, Environment
from premotor.simulate.tasks import STUDIES, TASKS
from premotor.simulate.verbs import POINTING_DOWN

pytestmark = pytest.mark.sim

ALL = sorted({**TASKS, **STUDIES})
COUNTS = {"open_drawer": 3, "push_buttons": 50, "slide_block_to_color_target": 4}
SEEDS = range(5)


@pytest.fixture(scope="module")
def env() -> Environment:
    return Environment()


def _variation(name: str, seed: int) -> int:
    return seed % len({**TASKS, **STUDIES}[name].variations)


def _arm_touches(env: Environment) -> list[str]:
    model, data = env.world.model, env.world.data
    bodies = [
        {model.body(model.geom_bodyid[geom]).name for geom in data.contact[i].geom}
        for i in range(data.ncon)
    ]
    return [str(pair) for pair in bodies if any("panda" in name for name in pair)]


@pytest.mark.parametrize("name", ALL)
def test_a_task_is_staged_untouched_and_undone(env: Environment, name: str) -> None:
    for seed in SEEDS:
        env.reset(name, _variation(name, seed), seed)
        assert _arm_touches(env) == []
        assert not env.wait(4).success
        assert np.abs(env.world.joint_velocities).max() < 1e-3


@pytest.mark.parametrize("name", ALL)
def test_the_expert_succeeds_without_mishap(env: Environment, name: str) -> None:
    for seed in SEEDS:
        env.reset(name, _variation(name, seed), seed)
        for keyframe in env.waypoints():
            outcome = env.act(keyframe, stop_on_success=False)
        assert outcome.success, f"seed {seed}: {outcome}"
        assert outcome.strict, f"seed {seed}: a mishap on the way"


@pytest.mark.parametrize("name", ALL)
def test_each_waypoint_is_found_again_as_one_keyframe(env: Environment, name: str) -> None:
    for seed in SEEDS:
        env.reset(name, _variation(name, seed), seed)
        rows, ends = [env.proprioception_row()], []

        def record(rows: list[Observation] = rows) -> None:
            rows.append(env.proprioception_row())

        for keyframe in env.waypoints():
            env.act(keyframe, record, stop_on_success=False)
            ends.append(len(rows) - 1)
        velocities = np.stack([row.joint_velocities for row in rows])
        assert discover_keyframes(velocities, [row.gripper_open for row in rows]) == ends


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_is_the_same_episode_whatever_ran_before(env: Environment, name: str) -> None:
    digests = []
    for _ in range(2):
        env.reset(name, 1, 7)
        for keyframe in env.waypoints():
            env.act(keyframe)
        digests.append(hashlib.sha256(env.world.state().tobytes()).hexdigest())
        env.reset("push_buttons", 2, 11)  # something else in between
        env.act(next(env.waypoints()))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ALL)
def test_seeds_are_different_episodes(env: Environment, name: str) -> None:
    poses = []
    for seed in range(3):
        env.reset(name, 0, seed)
        poses.append(next(env.waypoints()).end_effector.position)
    distances = [np.linalg.norm(poses[i] - poses[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(distances) > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_random_actions_do_not_succeed(env: Environment, name: str) -> None:
    rng = np.random.default_rng(0)
    low = ACTION_LOW + np.array([0.3, 0.3, 0.25])
    high = ACTION_HIGH - np.array([0.1, 0.3, 0.5])
    for seed in range(2):
        env.reset(name, _variation(name, seed), seed)
        for _ in range(4):
            pose = Pose.of(rng.uniform(low, high), POINTING_DOWN)
            outcome = env.act(Keyframe(pose, bool(rng.integers(2)), ignore_collisions=False))
            assert not outcome.success
            if outcome.ended:
                break


@pytest.mark.parametrize("name", ALL)
def test_every_variation_says_at_least_three_different_things(name: str) -> None:
    task = {**TASKS, **STUDIES}[name]
    for variation in task.variations:
        texts = task.instructions(variation)
        assert len(set(texts)) == len(texts) >= 3


def test_the_benchmark_numbers_its_variations_as_we_do() -> None:
    assert {name: len(task.variations) for name, task in TASKS.items()} == COUNTS


@pytest.mark.golden
@pytest.mark.parametrize("name", sorted(TASKS))
def test_first_texts_equal_the_stored_ones(golden: Path, name: str) -> None:
    items = json.loads((golden / "recognition" / "tasks.json").read_text())["items"]
    expected = {i["variation"]: i["descriptions"][0] for i in items if i["task"] == name}
    task = TASKS[name]
    said = {i: task.instructions(v)[0] for i, v in enumerate(task.variations)}
    assert said == expected


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_expert_succeeds_in_every_variation(env: Environment, name: str) -> None:
    for variation in range(len(TASKS[name].variations)):
        env.reset(name, variation, 1000 + variation)
        for keyframe in env.waypoints():
            outcome = env.act(keyframe, stop_on_success=False)
        assert outcome.success, f"variation {variation}: {outcome}"
