"""What every task keeps, whoever adds it.

Each expert's episode is acted once and looked at by several tests.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from zlib import crc32

import numpy as np
import pytest

from premotor.demonstrate.expert import GRACE_ROWS
from premotor.demonstrate.replay import random_keyframes, replay
from premotor.episode.benchmark import VARIATIONS
from premotor.episode.discovery import discover_keyframes
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.simulate.environment import Environment, Outcome
from premotor.simulate.task import Axis
from premotor.simulate.tasks import ALL_TASKS, STUDIES, TASKS

pytestmark = pytest.mark.sim

ALL = sorted(ALL_TASKS)
COUNTS = {name: n for name, n in VARIATIONS.items() if name not in STUDIES}  # the benchmark's order
SEEDS = range(2)  # of the expert's episodes
STAGED = range(100, 103)  # seeds of episodes that are only staged
RANDOM_ACTIONS = 6  # that have to be carried out
RANDOM_TRIES = 40  # random actions in which they have to be found
TRIES = 3  # seeds on one of which a variation has to succeed


@dataclass(frozen=True)
class Episode:
    """The expert's, as it was acted."""

    rows: Sequence[Observation]
    ends: Sequence[int]  # row at which each waypoint was done
    outcome: Outcome
    digest: str  # of the last state


@dataclass(frozen=True)
class Staging:
    """An episode in which nothing has been done, and a moment later."""

    touches: Sequence[str]  # what touches the arm
    first_waypoint: tuple[float, ...]  # position [m]
    success: bool  # after waiting
    speed: float  # of the fastest joint after waiting [rad/s]


@functools.cache
def _environment() -> Environment:
    return Environment()


def _variation(name: str, seed: int) -> int:
    """Any, but always the same."""
    return crc32(f"{name} {seed}".encode()) % len(ALL_TASKS[name].variations)


@functools.cache
def _acted(name: str, seed: int) -> Episode:
    return _act(name, _variation(name, seed), seed)


def _act(name: str, variation: int, seed: int) -> Episode:
    env = _environment()
    env.reset(EpisodeId(name, variation, seed))
    rows, ends = [env.proprioception_row()], []
    outcome = env.wait(0)
    for keyframe in env.waypoints():
        outcome = env.act(keyframe, lambda: rows.append(env.proprioception_row()), False)
        ends.append(len(rows) - 1)
        if outcome.ended:
            break
    if not outcome.ended:
        outcome = env.wait(GRACE_ROWS, lambda: rows.append(env.proprioception_row()))
    return Episode(rows, ends, outcome, hashlib.sha256(env.world.state().tobytes()).hexdigest())


@functools.cache
def _staged(name: str, seed: int) -> Staging:
    env = _environment()
    env.reset(EpisodeId(name, _variation(name, 0), seed))
    touches = _arm_touches(env)
    position = tuple(next(env.waypoints()).end_effector.position)
    success = env.wait(4).success
    return Staging(touches, position, success, float(np.abs(env.world.joint_velocities).max()))


def _arm_touches(env: Environment) -> list[str]:
    model, data = env.world.model, env.world.data
    bodies = [
        {model.body(model.geom_bodyid[geom]).name for geom in data.contact[i].geom}
        for i in range(data.ncon)
    ]
    return [str(pair) for pair in bodies if any("panda" in name for name in pair)]


def _discovered(episode: Episode) -> list[int]:
    velocities = np.stack([row.joint_velocities for row in episode.rows])
    return discover_keyframes(velocities, [row.gripper_open for row in episode.rows])


@pytest.mark.parametrize("seed", STAGED)
@pytest.mark.parametrize("name", ALL)
def test_a_task_is_staged_untouched_and_undone(name: str, seed: int) -> None:
    staged = _staged(name, seed)
    assert staged.touches == []
    assert not staged.success
    assert staged.speed < 1e-3


@pytest.mark.parametrize("name", ALL)
def test_seeds_are_different_episodes(name: str) -> None:
    a, b, c = (np.array(_staged(name, seed).first_waypoint) for seed in STAGED)
    assert min(np.linalg.norm(x - y) for x, y in ((a, b), (a, c), (b, c))) > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ALL)
def test_the_expert_succeeds_without_mishap(name: str, seed: int) -> None:
    outcome = _acted(name, seed).outcome
    assert outcome.success, outcome
    assert outcome.strict, "a mishap on the way"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ALL)
def test_each_waypoint_is_found_again_as_one_keyframe(name: str, seed: int) -> None:
    episode = _acted(name, seed)
    assert _discovered(episode) == episode.ends


@pytest.mark.parametrize("name", ALL)
def test_the_keyframes_alone_reach_the_goal(name: str) -> None:
    episode = _acted(name, 0)
    found = (episode.rows[step] for step in _discovered(episode))
    keyframes = [Keyframe(r.end_effector, r.gripper_open, r.ignore_collisions) for r in found]
    of = EpisodeId(name, _variation(name, 0), 0)
    outcome = replay(_environment(), of, keyframes)
    assert outcome.success, outcome


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_is_the_same_episode_whatever_ran_before(name: str) -> None:
    before = _acted(name, 0).digest
    env = _environment()
    env.reset(EpisodeId("push_buttons", 2, 11))  # something else in between
    env.act(next(env.waypoints()))
    assert _act(name, _variation(name, 0), 0).digest == before


@pytest.mark.parametrize("name", ALL)
def test_random_actions_do_not_succeed(name: str) -> None:
    env, done, seed = _environment(), 0, 0
    rng = np.random.default_rng(crc32(name.encode()))
    ended = True
    for keyframe in random_keyframes(rng, RANDOM_TRIES):
        if ended:  # by an action that could not be carried out, which says nothing
            seed += 1
            env.reset(EpisodeId(name, _variation(name, seed), seed))
        outcome = env.act(keyframe)
        assert not outcome.success, f"seed {seed}"
        ended = outcome.ended
        done += not ended
        if done == RANDOM_ACTIONS:
            return
    pytest.fail(f"only {done} of {RANDOM_TRIES} random actions could be carried out")


@pytest.mark.parametrize("name", ALL)
def test_every_variation_says_at_least_three_different_things(name: str) -> None:
    task = ALL_TASKS[name]
    for variation in task.variations:
        texts = task.instructions(variation)
        assert len(set(texts)) == len(texts) >= 3


@pytest.mark.parametrize("name", ALL)
def test_a_task_says_what_varies_and_how_long_the_benchmark_s_is(name: str) -> None:
    task = ALL_TASKS[name]
    assert task.name == name
    assert task.axes
    assert set(task.axes) <= set(get_args(Axis))
    assert (task.benchmark_keyframes is None) == (name in STUDIES)
    assert task.benchmark_keyframes is None or 2.0 <= task.benchmark_keyframes <= 25.0


def test_the_benchmark_s_tasks_and_the_studies_are_apart() -> None:
    assert len(ALL_TASKS) == len(TASKS) + len(STUDIES) == 20


def test_the_benchmark_numbers_its_variations_as_we_do() -> None:
    counts = {name: len(task.variations) for name, task in TASKS.items()}
    assert list(counts.items()) == list(COUNTS.items())
    assert sum(counts.values()) == 249


@pytest.mark.golden
@pytest.mark.parametrize("name", sorted(TASKS))
def test_first_texts_equal_the_stored_ones(golden: Path, name: str) -> None:
    items = json.loads((golden / "recognition" / "tasks.json").read_text())["items"]
    expected = {i["variation"]: i["descriptions"][0] for i in items if i["task"] == name}
    task = TASKS[name]
    said = {i: task.instructions(v)[0] for i, v in enumerate(task.variations)}
    assert said == expected


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TASKS)
def test_the_expert_succeeds_in_every_variation(name: str) -> None:
    failed = [
        variation
        for variation in range(len(TASKS[name].variations))
        if not any(_act(name, variation, 1000 + k).outcome.success for k in range(TRIES))
    ]
    assert failed == []
